"""Of two models' times on the same decisions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from features.progress import Silent
from features.stores.protocol import LoggedDecision
from models.first_draws import Choice
from tests.checks.store_examples import decision
from training.offpolicy.logged import Draw
from training.pace import FEWEST, TIMED, TimedModel, over, paced
from training.promotion import NotEvaluable, Paced

_times = st.lists(st.tuples(st.integers(1_000, 10**9), st.integers(1_000, 10**9)), min_size=FEWEST, max_size=3 * FEWEST)


def named(times: list[int]) -> dict[str, int]:
    return {f"d{number}": time for number, time in enumerate(times)}


@given(times=_times, factor=st.integers(2, 9))
def test_however_busy_the_machine_was_at_each_decision_the_ratio_is_the_models(
    times: list[tuple[int, int]], factor: int
) -> None:
    """Whatever slows both alike at one decision says nothing."""
    theirs = named([time for time, _ in times])
    ours = {name: factor * time for name, time in theirs.items()}
    found = over(list(theirs), ours, theirs)
    assert isinstance(found, Paced)
    assert (found.ratio, found.decisions) == (factor, len(times))
    assert found.challenger == pytest.approx(factor * found.champion)


@given(times=_times)
def test_the_median_is_between_the_extremes_and_order_does_not_matter(times: list[tuple[int, int]]) -> None:
    ours, theirs = named([one for one, _ in times]), named([other for _, other in times])
    found = over(list(theirs), ours, theirs)
    assert found == over(list(reversed(theirs)), ours, theirs)
    assert isinstance(found, Paced)
    ratios = [one / other for one, other in times]
    assert min(ratios) <= found.ratio <= max(ratios)


def test_what_only_one_could_decide_anew_is_not_timed() -> None:
    theirs = named([10] * (2 * FEWEST))
    ours = named([10] * (FEWEST - 1))
    found = over(list(theirs), ours, theirs)
    assert isinstance(found, NotEvaluable)
    assert found.why == f"{FEWEST - 1} logged decisions could be decided anew by both; {FEWEST} are needed"


@dataclass
class Slower:
    """One that is `times` as slow as another, and slower by half when it is the first to see a decision."""

    times: int
    seen: list[tuple[str, int]]
    took: dict[str, int] = field(default_factory=dict)

    def __call__(self, logged: LoggedDecision, taken: Sequence[Sequence[Choice]]) -> None:  # noqa: ARG002
        name = logged.decision_id
        first = not any(one == name for one, _ in self.seen)
        self.seen.append((name, self.times))
        self.took[name] = self.times * (1_500 if first else 1_000)


def drawn(name: str, slate: int) -> Draw:
    return Draw(decision(name), slate, ((), ()), ("web",), "web", None, 0.5, 0.5, 0.0, False, False)


@given(decisions=st.integers(FEWEST, 2 * TIMED), slates=st.integers(1, 3), seed=st.integers(0, 2**32))
def test_both_are_first_equally_often_however_many_draws_a_decision_has(decisions: int, slates: int, seed: int) -> None:
    seen: list[tuple[str, int]] = []
    ours, theirs = Slower(2, seen), Slower(1, seen)
    models: tuple[TimedModel, TimedModel] = (ours, theirs)
    draws = [drawn(f"d{number}", slate) for number in range(decisions) for slate in range(slates)]
    found = paced(*models, draws, np.random.default_rng(seed), Silent())
    assert isinstance(found, Paced)
    assert found.decisions == min(decisions, TIMED) == len(seen) // 2 == len({name for name, _ in seen})
    began = [times for _, times in seen[::2]]
    assert abs(began.count(1) - began.count(2)) <= 1
    assert 2 / 1.5 <= found.ratio <= 2 * 1.5
