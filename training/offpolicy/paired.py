"""A challenger and a champion on the same logged draws, whatever policy drew them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from features.progress import Progress
from features.vocabulary import Vocabulary
from training.errors import InvalidFeedback
from training.offpolicy.diagnostics import diagnose
from training.offpolicy.estimators import SelfNormalisedIPS
from training.offpolicy.feedback import Evaluation
from training.offpolicy.intervals import bootstrapped_difference
from training.offpolicy.logged import Draw, Reward, sampled
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


def compared(
    draws: Sequence[Draw],
    policies: Policies,
    vocabulary: Vocabulary,
    progress: Progress,
    reward: Reward,
    rng: np.random.Generator,
    sample: int,
) -> Compared | NotEvaluable:
    """draws: from none of which the challenger learned. sample: so many of them at most, of those that left something
    to chance; any other tells nothing of another policy."""
    explored = [one for one in draws if one.propensity <= 1.0 - SAME]
    if not draws:
        return NotEvaluable("no matured draw is logged")
    if not explored:
        return NotEvaluable(f"{len(draws):,} matured draws are logged, and none left anything to chance")
    chosen = sampled(explored, sample, rng)
    try:
        theirs = redrawn(chosen, policies.logging, policies.champion, vocabulary, progress, reward)
        ours = redrawn(theirs.draws, policies.logging, policies.challenger, vocabulary, progress, reward)
        champion = Evaluation(theirs.feedback, theirs.target).take(_shared(theirs, ours))
        found = _compared(ours, champion, rng)
    except InvalidFeedback as error:
        return NotEvaluable(f"the log cannot be judged by ({error})")
    return replace(
        found,
        lost=1.0 - len(ours.draws) / len(chosen),
        certain=len(draws) - len(explored),
        champion_saw=sum(one.decision.decided_at <= policies.champion_until for one in ours.draws),
    )


def _shared(theirs: Redrawn, ours: Redrawn) -> np.ndarray[tuple[int], np.dtype[np.intp]]:
    """The rows of `theirs` that `ours` has too."""
    kept = {(one.decision.decision_id, one.slate) for one in ours.draws}
    return np.flatnonzero([(one.decision.decision_id, one.slate) in kept for one in theirs.draws])


def _compared(ours: Redrawn, champion: Evaluation, rng: np.random.Generator) -> Compared:
    challenger, estimator, person = Evaluation(ours.feedback, ours.target), SelfNormalisedIPS(), ours.feedback.person
    terms, their_terms = estimator.terms(challenger), estimator.terms(champion)
    difference = bootstrapped_difference(terms, their_terms, person, rng)
    found, their_found = diagnose(challenger, ours.logging), diagnose(champion)
    return Compared(
        difference=difference,
        champion=their_terms.value,
        draws=found.rows,
        people=found.people,
        effective_people=min(found.effective_people, their_found.effective_people),
        unsupported=found.unsupported or 0.0,
        lost=0.0,
        certain=0,
        champion_saw=0,
    )
