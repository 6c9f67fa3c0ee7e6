"""What every explorer promises. An explorer joins by one line: class TestMine(ExplorerContract): explorer = Mine()."""

from __future__ import annotations

import random
from dataclasses import dataclass

import numpy as np
from hypothesis import HealthCheck, assume, example, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from models.policy.exploration import Explorer
from models.policy_rules import Exploration

MANY = settings(
    max_examples=100,
    deadline=None,
    database=None,  # one law, many explorers: an example kept for one would be replayed for another
    suppress_health_check=[HealthCheck.differing_executors],
)
PRIORITIES = (
    st.sampled_from([0.0, 1e-9, 0.25, 1.0, 1.0, 2.5, 40.0, -0.5])
    | st.floats(0.0, 1e6, allow_subnormal=False)
    | st.floats(-1e6, 0.0, allow_subnormal=False)
)
EXPLORATIONS = st.builds(
    Exploration,
    st.sampled_from([0.0, 0.05, 0.5, 1.0]) | st.floats(0.0, 1.0),
    st.sampled_from([1e-3, 1.0, 100.0, 1e9]),
)


@dataclass(frozen=True, slots=True)
class Choice:
    """priority: float64[n]. tie: intp[n]."""

    priority: NDArray[np.float64]
    tie: NDArray[np.intp]
    exploration: Exploration | None

    def chances(self, explorer: Explorer) -> NDArray[np.float64]:
        return explorer.probabilities(self.priority, self.tie, self.exploration)

    @property
    def best(self) -> int:
        """Slow and obvious; no action, the last, where everything is worse than that."""
        rewards, ties = [*self.priority.tolist(), 0.0], [*self.tie.tolist(), len(self.tie)]
        return min(range(len(rewards)), key=lambda place: (-rewards[place], ties[place]))

    def at(self, order: NDArray[np.intp]) -> Choice:
        return Choice(self.priority[order], self.tie[order], self.exploration)

    def times(self, factor: float) -> Choice:
        return Choice(self.priority * factor, self.tie, self.exploration)


@st.composite
def choices(draw: st.DrawFn, least: int = 0) -> Choice:
    priority = np.array(draw(st.lists(PRIORITIES, min_size=least, max_size=7)), np.float64)
    tie = np.array(draw(st.permutations(range(len(priority)))), np.intp)
    return Choice(priority, tie, draw(st.none() | EXPLORATIONS))


class ExplorerContract:
    explorer: Explorer

    @MANY
    @given(choice=choices())
    def test_chances_are_of_every_candidate_and_no_action_and_sum_to_one(self, choice: Choice) -> None:
        before = choice.priority.tobytes(), choice.tie.tobytes()
        chances = choice.chances(self.explorer)
        assert (chances.dtype, chances.shape) == (np.float64, (len(choice.priority) + 1,))
        assert ((chances >= 0.0) & (chances <= 1.0)).all()
        assert abs(chances.sum() - 1.0) <= 1e-15 * len(chances)
        assert (choice.priority.tobytes(), choice.tie.tobytes()) == before

    def test_with_nothing_there_it_is_no_action(self) -> None:
        nothing = Choice(np.zeros(0), np.zeros(0, np.intp), Exploration(0.5, 1.0))
        assert nothing.chances(self.explorer).tolist() == [1.0]

    @MANY
    @example(choice=Choice(np.array([3e-308, -1e6]), np.arange(2), Exploration(0.05, 1.0)))
    @example(choice=Choice(np.array([1.0, 0.5, 0.25]), np.arange(3), Exploration(5e-324, 100.0)))
    @given(choice=choices(1))
    def test_either_all_have_a_chance_or_the_best_alone(self, choice: Choice) -> None:
        chances = choice.chances(self.explorer)
        assert chances[choice.best] > 0.0
        assert np.count_nonzero(chances) in (1, len(chances))

    @MANY
    @given(choice=choices(1))
    def test_more_priority_is_never_less_chance_and_no_action_has_a_priority_of_zero(self, choice: Choice) -> None:
        chances = choice.chances(self.explorer)
        rewards, ties = np.append(choice.priority, 0.0), np.append(choice.tie, len(choice.tie))
        assert (np.diff(chances[np.lexsort((-ties, rewards))]) >= -1e-15).all()

    @MANY
    @given(choice=choices(1))
    def test_of_equals_only_the_best_by_tie_may_have_more(self, choice: Choice) -> None:
        chances = choice.chances(self.explorer)
        for priority in set(choice.priority.tolist()):
            equal = [place for place in np.flatnonzero(choice.priority == priority) if place != choice.best]
            assert len({float(chances[place]) for place in equal}) <= 1

    @MANY
    @given(choice=choices(1), shuffle=st.randoms(use_true_random=False))
    def test_the_order_of_candidates_does_not_matter(self, choice: Choice, shuffle: random.Random) -> None:
        places = list(range(len(choice.priority)))
        shuffle.shuffle(places)
        order = np.array(places, np.intp)
        chances = choice.chances(self.explorer)
        np.testing.assert_allclose(choice.at(order).chances(self.explorer)[:-1], chances[order], rtol=1e-13)

    @MANY
    @given(choice=choices(1), power=st.integers(-20, 20), factor=st.floats(1e-3, 1e3))
    def test_the_scale_of_priorities_does_not_matter(self, choice: Choice, power: int, factor: float) -> None:
        chances = choice.chances(self.explorer)
        told = choice.priority[choice.priority != 0.0]
        assume((np.abs(told) * min(2.0**power, factor) >= np.finfo(np.float64).tiny).all())  # else they lose digits
        assert choice.times(2.0**power).chances(self.explorer).tolist() == chances.tolist()
        if choice.times(factor).best == choice.best:  # rounding may make two that differed by a bit equal
            np.testing.assert_allclose(choice.times(factor).chances(self.explorer), chances, rtol=1e-6)

    def test_it_has_a_name_and_a_revision(self) -> None:
        assert self.explorer.name.isidentifier()
        assert self.explorer.revision >= 1
