"""A challenger and a champion on the same logged draws, whatever policy drew them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from features.progress import Progress
from features.vocabulary import Vocabulary
from training.errors import InvalidFeedback
from training.offpolicy.diagnostics import diagnose
from training.offpolicy.estimators import SelfNormalisedIPS
from training.offpolicy.feedback import Evaluation
from training.offpolicy.intervals import LEVEL, Interval, bootstrapped_difference
from training.offpolicy.logged import CREDITED, Draw, Reward, sampled
from training.offpolicy.redrawn import SAME, Redraw, Redrawn, redrawn
from training.promotion import Compared, NotEvaluable


@dataclass(frozen=True, slots=True)
class Policies:
    """How each decides in the place of a logged draw. logging: as it was drawn. champion_until: ms UTC, what the
    champion learned from."""

    logging: Redraw
    champion: Redraw
    challenger: Redraw
    champion_until: int


@dataclass(frozen=True, slots=True, eq=False)
class Pair:
    """Both on the same draws. draws: the rows of challenger and champion. logging: float64[m], the logging policy's
    chances. lost: the share of what was to be compared by that could not be. certain: draws left out, for nothing was
    left to chance in them."""

    draws: tuple[Draw, ...]
    challenger: Evaluation
    champion: Evaluation
    logging: NDArray[np.float64]
    lost: float
    certain: int


def paired(
    draws: Sequence[Draw],
    policies: Policies,
    vocabulary: Vocabulary,
    progress: Progress,
    reward: Reward,
    rng: np.random.Generator,
    sample: int,
) -> Pair | NotEvaluable:
    """draws: from none of which the challenger learned. sample: so many of them at most, of those that left something
    to chance; any other tells nothing of another policy. Not evaluable where either ranks by incremental value: that is
    not what a draw is known to have earned."""
    explored = [one for one in draws if one.propensity <= 1.0 - SAME]
    if not draws:
        return NotEvaluable("no matured draw is logged")
    if not explored:
        return NotEvaluable(f"{len(draws):,} matured draws are logged, and none left anything to chance")
    chosen = sampled(explored, sample, rng)
    try:
        theirs = redrawn(chosen, policies.logging, policies.champion, vocabulary, progress, reward)
        ours = redrawn(theirs.draws, policies.logging, policies.challenger, vocabulary, progress, reward)
    except InvalidFeedback as error:
        return NotEvaluable(f"the log cannot be judged by ({error})")
    for whose, made in (("champion", theirs), ("challenger", ours)):
        if made.incremental:
            ranked = f"the {whose} ranks {made.incremental:,} of {len(made.draws):,} draws by incremental value"
            return NotEvaluable(f"{ranked}; {CREDITED}")
    return Pair(
        draws=ours.draws,
        challenger=Evaluation(ours.feedback, ours.target),
        champion=Evaluation(theirs.feedback, theirs.target).take(_shared(theirs, ours)),
        logging=ours.logging,
        lost=1.0 - len(ours.draws) / len(chosen),
        certain=len(draws) - len(explored),
    )


def compared(
    draws: Sequence[Draw],
    policies: Policies,
    vocabulary: Vocabulary,
    progress: Progress,
    reward: Reward,
    rng: np.random.Generator,
    sample: int,
) -> Compared | NotEvaluable:
    """As in `paired`, over all of the draws."""
    found = paired(draws, policies, vocabulary, progress, reward, rng, sample)
    return found if isinstance(found, NotEvaluable) else over_all(found, policies.champion_until, rng)


def over_all(pair: Pair, champion_until: int, rng: np.random.Generator) -> Compared | NotEvaluable:
    """champion_until: ms UTC, what the champion learned from."""
    try:
        difference, champion = ahead(pair.challenger, pair.champion, rng)
        found, theirs = diagnose(pair.challenger, pair.logging), diagnose(pair.champion)
    except InvalidFeedback as error:
        return NotEvaluable(f"the log cannot be judged by ({error})")
    return Compared(
        difference=difference,
        champion=champion,
        draws=found.rows,
        people=found.people,
        effective_people=min(found.effective_people, theirs.effective_people),
        unsupported=found.unsupported or 0.0,
        lost=pair.lost,
        certain=pair.certain,
        champion_saw=sum(one.decision.decided_at <= champion_until for one in pair.draws),
    )


def ahead(
    challenger: Evaluation, champion: Evaluation, rng: np.random.Generator, level: float = LEVEL
) -> tuple[Interval, float]:
    """By how much the challenger earns more per draw of the same rows, and what the champion earns. Raises
    InvalidFeedback."""
    estimator = SelfNormalisedIPS()
    terms, their_terms = estimator.terms(challenger), estimator.terms(champion)
    person = challenger.feedback.person
    return bootstrapped_difference(terms, their_terms, person, rng, level), their_terms.value


def _shared(theirs: Redrawn, ours: Redrawn) -> NDArray[np.intp]:
    """The rows of `theirs` that `ours` has too."""
    kept = {(one.decision.decision_id, one.slate) for one in ours.draws}
    return np.flatnonzero([(one.decision.decision_id, one.slate) in kept for one in theirs.draws])
