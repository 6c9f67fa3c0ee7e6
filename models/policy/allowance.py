"""How many more contacts each limit allows at the moment of delivery, and what is left of that while a slate is drawn.

`days: N` are N days of the customer's calendar, the last of them the day of delivery; `hours` the span (t - w, t]. What
lies after the moment of delivery counts too: a contact that was made while this one waited is there when it arrives.
Within one decision everything that it chose counts as made, also on inbound channels, where it may be displayed
together. Actions that are owed are bound by nothing, but are contacts like others.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from models.contact_limits import ContactLimits
from models.local_time import start_of_day
from models.policy.contacts import Contacts, contacts
from models.policy.situation import Situation


@dataclass(frozen=True, slots=True)
class Standing:
    """made: the person's n contacts. counts: bool[L, n], whether each limit counts them at the moment of delivery."""

    made: Contacts
    counts: NDArray[np.bool_]

    @property
    def used(self) -> NDArray[np.int64]:
        """int64[L]."""
        return np.asarray(self.counts.sum(axis=1), np.int64)


def standing(situation: Situation) -> Standing:
    rules = situation.compiled.limits
    made = contacts(situation.customer.page, situation.moment)
    if not len(made) or not len(rules):
        return Standing(made, np.zeros((len(rules), len(made)), np.bool_))
    begins = np.array([_begin(situation, days, span) for days, span in rules.windows], np.int64)[rules.window]
    return Standing(made, rules.counted(rules.keys(made.action, made.channel)) & (made.at[None, :] > begins[:, None]))


def _begin(situation: Situation, days: int | None, span: int | None) -> int:
    """ms UTC of the last moment before the window."""
    moment = situation.request.deliver_at
    if days is None:
        return moment - (span or 0)
    return _day(situation, moment, 1 - days) - 1


def permitted_from(situation: Situation, limit: int, made: NDArray[np.int64]) -> int | None:
    """ms UTC from when on a limit allows one more, if nothing else happens; None for never. made: the moments of the
    contacts that it counts."""
    rule = situation.compiled.limits.limits[limit]
    if rule.contacts == 0:
        return None
    last = int(np.sort(made)[-rule.contacts])
    return _day(situation, last, rule.days) if rule.days is not None else last + (rule.span or 0)


def _day(situation: Situation, moment: int, days: int) -> int:
    return start_of_day(situation.customer.time_zone, situation.compiled.catalogue.time_zone, moment, days)


def keys_of(situation: Situation, places: NDArray[np.intp]) -> NDArray[np.int32]:
    """int32[4, places] of the situation's candidates."""
    columns = situation.candidates.candidates
    return situation.compiled.limits.keys(columns.action[places], columns.channel[places])


@dataclass(slots=True)
class Allowance:
    """For a slate being drawn. binds: bool[L, e], the limits of each of the e candidates. cost: int64[L, e], what each
    takes of a limit once it is taken. left: int64[L]. dearest: int64[L], the most that one takes."""

    binds: NDArray[np.bool_]
    cost: NDArray[np.int64]
    left: NDArray[np.int64]
    dearest: NDArray[np.int64] = field(init=False)

    def __post_init__(self) -> None:
        self.dearest = self.cost.max(axis=1, initial=0)

    def within(self, pool: NDArray[np.intp]) -> NDArray[np.intp]:
        """Those of the pool that are `allowed`; the pool itself where nothing can bind."""
        return pool[self.allowed(pool)] if len(self.left) else pool

    def allowed(self, pool: NDArray[np.intp]) -> NDArray[np.bool_]:
        """bool[pool]: whether one more contact with each is within every limit that binds it."""
        tight = self.left < self.dearest
        if not tight.any():
            return np.ones(len(pool), np.bool_)
        here = np.ix_(tight, pool)
        dear = self.binds[here] & (self.cost[here] > self.left[tight, None])
        return np.asarray(~dear.any(axis=0), np.bool_)

    def take(self, candidate: int) -> None:
        if len(self.left):
            self.left = self.left - self.cost[:, candidate]

    def beside(self, other: Allowance) -> Allowance:
        """Both, for the same candidates."""
        if not len(other.left):
            return self
        if not len(self.left):
            return other
        return Allowance(
            np.concatenate([self.binds, other.binds]),
            np.concatenate([self.cost, other.cost]),
            np.concatenate([self.left, other.left]),
        )


def per_slate(situation: Situation, places: NDArray[np.intp]) -> Allowance:
    """What each channel's slate may have of each group, for the candidates at `places` of the situation, as numbers
    from 0. Actions that are owed are bound by nothing, but count for the others."""
    if situation.request.limit == 1 or not len(places):
        return nothing(places)
    candidates, columns = situation.candidates, situation.compiled.policy
    action = candidates.action[places]
    crowd = candidates.channel[places] * len(situation.compiled.groups) + candidates.candidates.group[places]
    several, first, count = np.unique(crowd, return_index=True, return_counts=True)
    most = columns.per_slate[action[first]]
    tight = (count > most) & (most < situation.request.limit)  # a slate ends before a wider rule can bind
    taken = several[tight, None] == crowd[None, :]
    return Allowance(taken & ~columns.owed[action], taken.astype(np.int64), most[tight])


def allowance(situation: Situation, places: NDArray[np.intp]) -> Allowance:
    """For the candidates at `places` of the situation, as numbers from 0."""
    rules: ContactLimits = situation.compiled.limits
    if not len(rules) or not len(places):
        return nothing(places)
    counted = rules.counted(keys_of(situation, places))
    binds = counted & ~rules.owed[situation.candidates.action[places]]
    return Allowance(binds, counted.astype(np.int64), rules.most - standing(situation).used)


def nothing(places: NDArray[np.intp]) -> Allowance:
    """That binds. One for all of as many places, for nothing is ever taken from it."""
    return _nothing(len(places))


@lru_cache(maxsize=256)
def _nothing(count: int) -> Allowance:
    return Allowance(np.zeros((0, count), np.bool_), np.zeros((0, count), np.int64), np.zeros(0, np.int64))
