"""Which side of a trial somebody is on: a lot that is drawn once."""

from __future__ import annotations

import math

from hypothesis import given
from hypothesis import strategies as st

from models.policy.arms import point
from models.policy.sides import takes

NAMES = st.text(max_size=30)
SHARES = st.floats(0.0, 1.0)
PEOPLE = [f"c-{number}" for number in range(4_000)]


@given(NAMES, NAMES, SHARES, SHARES)
def test_who_is_in_a_share_is_in_every_larger_one(trial: str, subject: str, one: float, other: float) -> None:
    small, large = sorted((one, other))
    assert takes(trial, subject, small) <= takes(trial, subject, large)
    assert not takes(trial, subject, 0.0)
    assert takes(trial, subject, 1.0)


def test_a_share_is_that_share_of_people_and_of_those_of_any_other_trial_and_arm() -> None:
    """Within four standard errors; the lots are fixed, so this never changes."""
    share = 0.3
    ours = [takes("t-1", person, share) for person in PEOPLE]
    for among in (
        [True] * len(PEOPLE),
        [takes("t-2", person, 0.5) for person in PEOPLE],
        [point(person, 0) < 0.5 for person in PEOPLE],
    ):
        inside = [side for side, counted in zip(ours, among, strict=True) if counted]
        error = math.sqrt(share * (1.0 - share) / len(inside))
        assert abs(sum(inside) / len(inside) - share) < 4.0 * error
