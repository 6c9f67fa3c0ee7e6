"""What the simulator's scientist makes of a verdict."""

from __future__ import annotations

import msgspec
import pytest

from tests.training.test_promotion import BOTH, CLEAN, EQUAL, FINE, LIMITS, PACE, interval
from training.promotion import Compared, Figures, Holdout, NotEvaluable, Paced, Replayed, Skewed, verdict
from training.promotion_text import as_json
from training.simulation.retraining import Told

TOO_EARLY = NotEvaluable("none of the 900 matured draws is later")
WORSE = Compared(interval(-0.9, -0.8, -0.7), 1.0, 1_000, 400, 300.0, 0.0, 0.0, 0, 0)
BADLY_CALIBRATED = Holdout(Figures(0.8, 0.9), Figures(0.8, 0.1), "on 500 contacts")


@pytest.mark.parametrize(
    ("compared", "holdout", "replayed", "skew", "pace", "too_early"),
    [
        (TOO_EARLY, BOTH, FINE, CLEAN, PACE, True),
        (TOO_EARLY, BADLY_CALIBRATED, FINE, CLEAN, PACE, False),
        (TOO_EARLY, BOTH, Replayed(100, ("a bought thing",)), CLEAN, PACE, False),
        (TOO_EARLY, BOTH, FINE, Skewed(0.5, "half of the rows"), PACE, False),
        (TOO_EARLY, BOTH, FINE, CLEAN, Paced(4.0, 200, 8.0, 2.0), False),
        (EQUAL, BOTH, FINE, CLEAN, PACE, False),
        (WORSE, BOTH, FINE, CLEAN, PACE, False),
    ],
)
def test_force_is_for_what_is_only_too_early_to_tell(
    compared: Compared | NotEvaluable, holdout: Holdout, replayed: Replayed, skew: Skewed, pace: Paced, too_early: bool
) -> None:
    made = verdict("8", "7", compared, holdout, replayed, LIMITS, skew, pace)
    told = msgspec.json.decode(as_json(made), type=Told)
    assert told.only_too_early == too_early
    assert told.promoted == (compared is EQUAL)
