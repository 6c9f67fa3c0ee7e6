"""A challenger and a champion on the same logged draws, whatever policy drew them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from features.progress import Progress
from features.vocabulary import Vocabulary
from training.errors import InvalidFeedback
from training.offpolicy.diagnostics import diagnose
from training.offpolicy.estimators import SelfNormalisedIPS
from training.offpolicy.feedback import Evaluation
from training.offpolicy.intervals import bootstrapped_difference
from training.offpolicy.logged import Draw, Reward
from training.offpolicy.redrawn import SAME, Redraw, Redrawn, redrawn
from training.promotion import Compared, NotEvaluable


def is_certain(draw: Draw) -> bool:
    """Nothing was left to chance: of any other policy such a draw tells nothing."""
    return draw.propensity > 1.0 - SAME


def compared(
    draws: Sequence[Draw],
    certain: int,
    logging: Redraw,
    champion: Redraw,
    challenger: Redraw,
    vocabulary: Vocabulary,
    progress: Progress,
    reward: Reward,
    rng: np.random.Generator,
) -> Compared | NotEvaluable:
    """draws: none that is certain; of those there were `certain` more."""
    if not draws:
        return NotEvaluable(
            f"{certain:,} matured draws are logged, and none left anything to chance"
            if certain
            else "no matured draw is logged"
        )
    try:
        theirs = redrawn(draws, logging, champion, vocabulary, progress, reward)
        ours = redrawn(theirs.draws, logging, challenger, vocabulary, progress, reward)
        lost = 1.0 - len(ours.draws) / len(draws)
        return _compared(
            ours, Evaluation(theirs.feedback, theirs.target).take(_shared(theirs, ours)), lost, certain, rng
        )
    except InvalidFeedback as error:
        return NotEvaluable(f"the log cannot be judged by ({error})")


def _shared(theirs: Redrawn, ours: Redrawn) -> np.ndarray[tuple[int], np.dtype[np.intp]]:
    """The rows of `theirs` that `ours` has too."""
    kept = {(one.decision.decision_id, one.slate) for one in ours.draws}
    return np.flatnonzero([(one.decision.decision_id, one.slate) in kept for one in theirs.draws])


def _compared(ours: Redrawn, champion: Evaluation, lost: float, certain: int, rng: np.random.Generator) -> Compared:
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
        lost=lost,
        certain=certain,
    )
