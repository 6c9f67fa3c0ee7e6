"""Learns how long what was rejected should rest, by action and by group (see models.cool_off for what that means)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from features.progress import Progress
from features.vocabulary import Vocabulary
from models.cool_off import WORSE, CoolOffModel, Rest
from training.cool_off_rates import FEWEST_PEOPLE, Tally, curve, rest, tally
from training.rejections import Followed, Rejections, Usual, rejections
from training.shrinking import Ratios, alone, best_hold, held_towards
from training.table import Dataset

FEWEST_REJECTIONS = 50
"""In all, without which nothing is learned."""

SEED = 6
ALL = "all together"


@dataclass(frozen=True, slots=True)
class Line:
    """What was found of one thing, for people. whose: its id, or in words. curve: float64[3, BINS], see
    training.cool_off_rates. rest: None: it goes by its kind."""

    whose: str
    people: int
    curve: NDArray[np.float64]
    rest: Rest | None


@dataclass(frozen=True, slots=True)
class CoolOffs:
    """model: what serves. own, shared: lines of rejected actions, and of the others of their groups; all together
    first. held_actions, held_groups: see held_towards."""

    model: CoolOffModel
    own: tuple[Line, ...]
    shared: tuple[Line, ...]
    held_actions: float
    held_groups: float


@dataclass(frozen=True, slots=True)
class Learned:
    """remark: one line for people. cool_offs: None when too little was rejected to learn from."""

    remark: str
    cool_offs: CoolOffs | None = None


def learn(dataset: Dataset, vocabulary: Vocabulary, progress: Progress) -> Learned:
    """Deterministic for the dataset. vocabulary: of the store that it was read from."""
    with progress.step("Learn how long rejections are felt", total=None):
        found = rejections(dataset, vocabulary)
        if found.rejections < FEWEST_REJECTIONS or found.people < FEWEST_PEOPLE:
            return Learned(_shortage(found))
        learned = fit(found, *_names(dataset), dataset.known_at)
    return Learned(_remark(learned), learned)


def fit(
    found: Rejections, actions: Sequence[str], groups: Sequence[str], group_of: NDArray[np.intp], as_of: int
) -> CoolOffs:
    """actions, groups: what the codes in `found` are called. group_of: intp[actions]. as_of: ms UTC."""
    usual, rng = found.usual, np.random.default_rng(SEED)
    whole, in_group, held_groups = _by_group(found.own, usual)
    held, single = _within(tally(found.own, found.own.action, len(actions)), in_group, group_of, usual.of_action)
    others, shared, _ = _by_group(found.shared, usual)
    any_action, any_group = (_line(kind, 0, ALL, rng) for kind in (whole, others))
    of_groups, of_actions, of_shared = (
        _lines(kind, names, rng) for kind, names in ((in_group, groups), (single, actions), (shared, groups))
    )
    model = CoolOffModel(
        as_of=as_of,
        worse=WORSE,
        actions=_known(of_actions),
        in_group=_known(of_groups),
        groups=_known(of_shared),
        any_action=any_action.rest,
        any_group=any_group.rest,
    )
    return CoolOffs(model, (any_action, *of_actions), (any_group, *of_shared), held, held_groups)


@dataclass(frozen=True, slots=True)
class _Kind:
    """ratios: [things, BINS]. usual: float64[things], see Usual."""

    counted: Tally
    ratios: Ratios
    usual: NDArray[np.float64]


def _by_group(followed: Followed, usual: Usual) -> tuple[_Kind, _Kind, float]:
    """All together, each group, and how strongly those are held towards that."""
    counted, groups = tally(followed, np.zeros(len(followed), np.intp), 1), len(usual.of_group)
    whole = _Kind(counted, alone(counted.observed, counted.expected), np.array([usual.of_all]))
    counted = tally(followed, followed.group, groups)
    held, each = _within(counted, whole, np.zeros(groups, np.intp), usual.of_group)
    return whole, each, held


def _within(counted: Tally, above: _Kind, kind: NDArray[np.intp], usual: NDArray[np.float64]) -> tuple[float, _Kind]:
    """How strongly they are held towards their kinds, and they. kind: intp[things], places in `above`."""
    prior = above.ratios.of(kind)
    held = best_hold(counted.observed, counted.expected, prior)
    return held, _Kind(counted, held_towards(counted.observed, counted.expected, prior, held), usual)


def _lines(kind: _Kind, names: Sequence[str], rng: np.random.Generator) -> tuple[Line, ...]:
    """Of what somebody was contacted with again."""
    return tuple(_line(kind, thing, names[thing], rng) for thing in np.flatnonzero(kind.counted.people).tolist())


def _line(kind: _Kind, thing: int, whose: str, rng: np.random.Generator) -> Line:
    found = Ratios(kind.ratios.ratio[thing], kind.ratios.strength[thing])
    ends, youngest = curve(found, float(kind.usual[thing]), rng), kind.counted.youngest[thing]
    return Line(whose, int(youngest.sum()), ends, rest(ends, youngest))


def _known(lines: Sequence[Line]) -> dict[str, Rest]:
    return {line.whose: line.rest for line in lines if line.rest is not None}


def _names(dataset: Dataset) -> tuple[list[str], tuple[str, ...], NDArray[np.intp]]:
    actions, groups = dataset.compiled.catalogue.actions, dataset.compiled.groups
    return [one.id for one in actions], groups, np.array([groups.index(one.group) for one in actions], np.intp)


def _shortage(found: Rejections) -> str:
    return (
        f"cool-offs are not learned, `learned` falls back to its days: {found.rejections:,} rejections by "
        f"{found.people:,} people; {FEWEST_REJECTIONS} by {FEWEST_PEOPLE} are needed; report more `Action Rejected`"
    )


def _remark(learned: CoolOffs) -> str:
    own, shared, model = learned.own[0], learned.shared[0], learned.model
    return (
        f"cool-offs: of {len(model.actions):,} actions and {len(model.groups):,} groups; what was rejected rests "
        f"{in_words(own.rest)} (from {own.people:,} people who were contacted with it again), others of its group "
        f"{in_words(shared.rest)} (from {shared.people:,}): until rejected at most {WORSE:g} times as often as usual"
    )


def in_words(rest: Rest | None) -> str:
    if rest is None:
        return "as the catalogue falls back to"
    return f"{'at least ' if rest.at_least else ''}{rest.days:.0f} days"
