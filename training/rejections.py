"""Who was contacted again after they had rejected: the contacts that tell how long a rejection is felt.

A contact with an action that the person has rejected before tells of that action, by the days since the last time. One
with another action of a group of which they have rejected something, but never this, tells of the group. Contacts of
people who have rejected nothing of the group before them tell what is usual. A contact was rejected when that was told
of inside its channel's reward window; each rejection is credited once, as successes are (training.contacts).
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from features.event import NO_CODE, Kind
from features.history import Records, as_of
from features.vocabulary import Vocabulary
from models.columns import CompiledCatalogue
from models.cool_off import LONGEST_DAYS
from models.policy_rules import DAY
from training.contacts import RewardRules, contacts, reward_rules
from training.shrinking import Ratios, alone, best_hold, held_towards
from training.table import Dataset

EDGES = np.array(
    [
        0,
        1,
        2,
        3,
        5,
        7,
        10,
        14,
        21,
        28,
        35,
        42,
        49,
        56,
        63,
        70,
        84,
        98,
        112,
        140,
        168,
        196,
        224,
        252,
        280,
        322,
        LONGEST_DAYS,
    ]
)
"""Days since a rejection at which bins begin, and the end of the last; what is longer ago tells nothing here."""

BINS = len(EDGES) - 1


@dataclass(frozen=True, slots=True)
class Followed:
    """n contacts after a rejection. person: int32[n]. action, group: intp[n], places in the catalogue's actions and in
    CompiledCatalogue.groups. bin: intp[n] of EDGES. rejected: bool[n], again. usual: float64[n], the chance of that by
    people who have rejected nothing of the group."""

    person: NDArray[np.int32]
    action: NDArray[np.intp]
    group: NDArray[np.intp]
    bin: NDArray[np.intp]
    rejected: NDArray[np.bool_]
    usual: NDArray[np.float64]

    def __len__(self) -> int:
        return len(self.person)


@dataclass(frozen=True, slots=True)
class Usual:
    """Of contacts before any rejection. chance: float64[actions], of a rejection. of_action, of_group: float64, the
    rejections that the chances of an action, and of a group's actions together, come from; of_all likewise."""

    chance: NDArray[np.float64]
    of_action: NDArray[np.float64]
    of_group: NDArray[np.float64]
    of_all: float


@dataclass(frozen=True, slots=True)
class Rejections:
    """own: contacts with the rejected action; shared: with others of its group. rejections: how many were told of.
    people: by how many."""

    own: Followed
    shared: Followed
    usual: Usual
    rejections: int
    people: int


_AGED = np.dtype(
    [("person", "<i4"), ("action", "<i8"), ("own", "<f8"), ("shared", "<f8"), ("rejected", "?")],
)
"""A contact of somebody who rejects. own, shared: days since they last rejected it, or another of its group; NaN."""


def rejections(dataset: Dataset, vocabulary: Vocabulary) -> Rejections:
    """As was recorded by dataset.known_at."""
    compiled = dataset.compiled
    rules = reward_rules(compiled, vocabulary)
    rules = replace(rules, success=np.where(rules.success >= 0, int(Kind.REJECTED), -1).astype(np.int16))
    told = [_rejected(records, dataset.known_at) for records in dataset.histories]
    who = [person for person, found in enumerate(told) if len(found)]
    parts = [_aged(person, dataset, told[person], rules) for person in who]
    every = np.concatenate([np.zeros(0, _AGED), *parts])
    groups = _groups(compiled)
    usual = _usual(every, _of_others(dataset, who), groups, len(compiled.groups))
    own, shared = ~np.isnan(every["own"]), np.isnan(every["own"]) & ~np.isnan(every["shared"])
    return Rejections(
        own=_followed(every[own], "own", groups, usual),
        shared=_followed(every[shared], "shared", groups, usual),
        usual=usual,
        rejections=sum(len(told[person]) for person in who),
        people=len(who),
    )


def _rejected(records: Records, known_at: int) -> Records:
    seen = as_of(records, known_at)
    told: Records = seen[(seen["kind"] == Kind.REJECTED) & (seen["action"] >= 0)]
    return told


def _aged(person: int, dataset: Dataset, told: Records, rules: RewardRules) -> Records:
    """The person's contacts, of actions that the catalogue has on the channel."""
    compiled = dataset.compiled
    found = contacts(dataset.histories[person], rules, dataset.known_at)
    row = compiled.candidate_indices(np.ascontiguousarray(found["action"]), np.ascontiguousarray(found["channel"]))
    found, row = found[row >= 0], row[row >= 0]
    codes, group_of = told["action"], compiled.facts.action_group
    group = np.where(codes < len(group_of), group_of[np.minimum(codes, len(group_of) - 1)], NO_CODE)
    same = found["action"][:, None] == codes
    related = (group_of[found["action"]][:, None] == group) & ~same
    aged = np.zeros(len(found), _AGED)
    aged["person"], aged["action"], aged["rejected"] = person, compiled.action[row], found["success"]
    aged["own"], aged["shared"] = (_days_since(found, told, counts) for counts in (same, related))
    return aged


def _days_since(found: Records, told: Records, counts: NDArray[np.bool_]) -> NDArray[np.float64]:
    """float64[contacts]: since the newest rejection before each of those that count, bool[contacts, rejections]."""
    gap = (found["at"][:, None] - told["occurred_at"]) / DAY
    newest = np.where(counts & (gap > 0.0), gap, np.inf).min(axis=1, initial=np.inf)
    return np.where(np.isinf(newest), np.nan, newest)


def _of_others(dataset: Dataset, who: list[int]) -> NDArray[np.intp]:
    """intp[actions]: contacts of all but `who`."""
    pairs = dataset.exposures.pairs
    chosen = dataset.compiled.action[pairs.candidate[~np.isin(pairs.person, who)]]
    return np.bincount(chosen, minlength=len(dataset.compiled.catalogue.actions))


def _groups(compiled: CompiledCatalogue) -> NDArray[np.intp]:
    """intp[actions]."""
    return np.array([compiled.groups.index(action.group) for action in compiled.catalogue.actions], np.intp)


def _usual(every: Records, others: NDArray[np.intp], groups: NDArray[np.intp], count: int) -> Usual:
    """others: contacts, none of them rejected, of people who have rejected nothing at all."""
    before = every[np.isnan(every["own"]) & np.isnan(every["shared"])]
    contacted = others + np.bincount(before["action"], minlength=len(others))
    rejected = np.asarray(np.bincount(before["action"], before["rejected"], len(others)), np.float64)
    in_group = np.bincount(groups, contacted, count)
    of_group = np.asarray(np.bincount(groups, rejected, count), np.float64)
    whole = alone(np.array([of_group.sum()]), np.array([in_group.sum()], np.float64))
    typical = _held(of_group, in_group, whole.of(np.zeros(count, np.intp)))
    own = _held(rejected, contacted, typical.of(groups))
    return Usual(own.ratio, own.strength, typical.strength, float(whole.strength[0]))


def _held(rejected: NDArray[np.float64], contacted: NDArray[np.intp], above: Ratios) -> Ratios:
    expected = contacted.astype(np.float64)
    return held_towards(rejected, expected, above, best_hold(rejected, expected, above))


def _followed(aged: Records, since: str, groups: NDArray[np.intp], usual: Usual) -> Followed:
    aged = aged[aged[since] < EDGES[-1]]
    action = np.ascontiguousarray(aged["action"]).astype(np.intp)
    return Followed(
        person=np.ascontiguousarray(aged["person"]),
        action=action,
        group=groups[action],
        bin=np.searchsorted(EDGES, aged[since], side="right") - 1,
        rejected=np.ascontiguousarray(aged["rejected"]),
        usual=usual.chance[action],
    )
