"""Who the SYNTHETIC people are and what they would do: the truth that no model is ever shown.

Pure: the state of the world, the day and the dice are arguments. Nothing here knows how nextbest sees people.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from training.simulation.goods import AFTER, CATEGORIES, CHANNELS, DEPARTMENTS, SERVICE, Action

Floats = NDArray[np.float64]
Places = NDArray[np.intp]

ZONES: Final = ("Europe/London", "Europe/Berlin", "Europe/Athens")
NEVER: Final = -1e6
"""The day of what has not happened."""

_BASE: Final = {"offer": -3.0, "message": -2.4, "service": -6.0}
_DURABLE: Final = -2.2
_OWNED: Final = -6.0
_GROWN_OLD: Final = 1_500.0
_SEEKS: Final = 3.0
_MISSES: Final = 1.4
_MISSES_DAYS: Final = 45.0
_TROUBLED: Final = -3.5
_HELPED: Final = 5.5
_SEASON: Final = 0.7


@dataclass(frozen=True, slots=True)
class State:
    """What has happened to P people by now; days are of goods.BEGIN; the world writes into the arrays. last_bought:
    float64[P, C] day, NEVER. seeks_until: float64[P, C], the day until which somebody looks for it. pressure:
    float64[P], contacts of late, halved in PRESSURE_DAYS. worn: float64[P, A], the same of each action, halved in
    WORN_DAYS. trouble: int64[P], severity of the open case, 0 none. consent: bool[P, H]."""

    last_bought: Floats
    seeks_until: Floats
    pressure: Floats
    worn: Floats
    trouble: NDArray[np.int64]
    consent: NDArray[np.bool_]


PRESSURE_DAYS: Final = 7.0
WORN_DAYS: Final = 14.0


@dataclass(frozen=True, slots=True)
class Truth:
    """P people, C categories, H channels, A actions; log odds unless said otherwise. taste: float64[P, C]. habit:
    float64[P, H], how readily they answer there. comes: float64[P, H], the chance of a visit on a day. thrift:
    float64[P], what a share taken off the price adds. patience: float64[P], what each unit of pressure takes. pace:
    float64[P], a factor of intervals. appeal: float64[A]. age: int64[P] years. household: int64[P]. zone: int64[P],
    place in ZONES."""

    actions: tuple[Action, ...]
    taste: Floats
    habit: Floats
    comes: Floats
    thrift: Floats
    patience: Floats
    pace: Floats
    appeal: Floats
    age: NDArray[np.int64]
    household: NDArray[np.int64]
    zone: NDArray[np.int64]
    category: Places
    allowed: NDArray[np.bool_]
    value: Floats
    cost: Floats

    @property
    def people(self) -> int:
        return len(self.taste)

    def probability(self, state: State, person: Places, channel: Places, day: int) -> Floats:
        """float64[n, A]: how likely each action succeeds with each of n people on their channel; 0 where it has no
        treatment there or has not begun. person, channel: intp[n]."""
        thing = np.maximum(self.category, 0)
        promotes = self.category >= 0
        wanted = self._wanted(state, person, day)[:, thing] * promotes
        odds = (
            self._fixed()
            + wanted
            + np.array([one.ease for one in CHANNELS])[channel, None]
            + self.habit[person, channel][:, None]
            + self.thrift[person, None] * np.array([one.bargain for one in self.actions])
            - (self.patience[person] * state.pressure[person])[:, None]
            - 0.5 * state.worn[person]
            + self._trouble(state.trouble[person])
        )
        return np.where(self.allowed[channel] & self.begun(day), 1.0 / (1.0 + np.exp(-odds)), 0.0)

    def net_value(self, state: State, person: Places, channel: Places, day: int) -> Floats:
        """float64[n, A]: what each choice is worth on average in the currency, the contact's cost taken off. Only what
        comes of the choice itself: what it spoils for later ones is not in it."""
        return self.probability(state, person, channel, day) * self.value - self.cost[channel, None]

    def begun(self, day: int) -> NDArray[np.bool_]:
        """bool[A]"""
        return np.array([one.from_day is None or one.from_day <= day for one in self.actions])

    def interest(self, state: State, person: Places, day: int) -> Floats:
        """float64[n, C]: log odds with which they look at a category, whatever is offered."""
        return self._wanted(state, person, day)

    def _fixed(self) -> Floats:
        """float64[A]"""
        durable = [one.category != SERVICE and CATEGORIES[one.category].interval is None for one in self.actions]
        looks = np.array(
            [_DURABLE if is_ and one.kind == "offer" else 0.0 for is_, one in zip(durable, self.actions, strict=True)]
        )
        base = np.array([_BASE[one.kind] for one in self.actions])
        return np.asarray(base + looks + self.appeal, np.float64)

    def _wanted(self, state: State, person: Places, day: int) -> Floats:
        """float64[n, C]: taste, season, what is due, what is looked for, what is owned, what something new lacks."""
        peak = np.array([one.peak for one in CATEGORIES])
        season = _SEASON * np.cos(2 * np.pi * (day % 365 - peak) / 365)
        since = day - state.last_bought[person]
        usual = np.array([np.inf if one.interval is None else one.interval for one in CATEGORIES])
        ripe = np.minimum(since / (usual * self.pace[person, None]), 1.6)
        need = np.where(np.isinf(usual), np.where(since < _GROWN_OLD, _OWNED, 0.0), 2.2 * (ripe - 1.0))
        looking = _SEEKS * (state.seeks_until[person] >= day)
        after = np.array(AFTER)
        lacks = _MISSES * ((after >= 0) & (since[:, after] < _MISSES_DAYS) & (since[:, after] < since))
        return np.asarray(self.taste[person] + season + need + looking * (since > 30) + lacks, np.float64)

    def _trouble(self, severity: NDArray[np.int64]) -> Floats:
        """float64[n, A]: nobody in trouble wants to be sold to; help is wanted by nobody else."""
        helps = np.array([one.kind == "service" for one in self.actions])
        return np.where((severity > 0)[:, None], np.where(helps, _HELPED, _TROUBLED), 0.0)


def truth(people: int, actions: Sequence[Action], seed: int) -> Truth:
    """The same people, actions and seed are the same truth; more people do not change those there are."""
    rng = np.random.default_rng([seed, 1])
    appeal = rng.normal(0.0, 0.35, len(actions))
    leaning = rng.normal(0.0, 1.0, (len(DEPARTMENTS), 2))
    drawn = np.stack([_person(seed, number) for number in range(people)])
    age_z, household_z, mood = drawn[:, 0], drawn[:, 1], drawn[:, 2:7]
    own = drawn[:, 7 : 7 + len(CATEGORIES)]
    habit = drawn[:, 30 : 30 + len(CHANNELS)]
    department = np.array([DEPARTMENTS.index(one.department) for one in CATEGORIES])
    shared = 0.45 * (np.stack([age_z, household_z], axis=1) @ leaning.T) + 0.35 * drawn[:, 45 : 45 + len(DEPARTMENTS)]
    comes = np.array([one.visits for one in CHANNELS])
    return Truth(
        actions=tuple(actions),
        taste=shared[:, department] + 0.8 * own,
        habit=0.8 * habit,
        comes=np.clip(comes * np.exp(0.7 * habit + 0.3 * mood[:, [0]]), 0.0, 0.9),
        thrift=np.exp(1.2 + 0.6 * mood[:, 1]),
        patience=0.12 * np.exp(0.5 * mood[:, 2]),
        pace=np.exp(0.3 * mood[:, 3]),
        appeal=appeal,
        age=np.clip(47 + 15 * age_z, 18, 95).astype(np.int64),
        household=np.clip(np.round(2.4 + 1.2 * household_z), 1, 7).astype(np.int64),
        zone=(mood[:, 4] > 0.8).astype(np.int64) + (mood[:, 4] > 1.6),
        category=np.array([one.category for one in actions], np.intp),
        allowed=np.array([[channel.id in one.channels for one in actions] for channel in CHANNELS]),
        value=np.array([one.value for one in actions]),
        cost=np.array([channel.cost for channel in CHANNELS]),
    )


def _person(seed: int, number: int) -> Floats:
    """float64[64], standard normal, their own whoever else there is."""
    return np.random.default_rng([seed, 2, number]).normal(size=64)


def first_state(truth: Truth, day: int, seed: int) -> State:
    """As people come to us on `day`: some own durables already, some of the rest was bought somewhere of late."""
    rng = np.random.default_rng([seed, 3])
    shape = (truth.people, len(CATEGORIES))
    usual = np.array([np.nan if one.interval is None else one.interval for one in CATEGORIES])
    used = day - np.nan_to_num(usual) * truth.pace[:, None] * rng.uniform(0.0, 1.2, shape)
    owned = np.where(rng.random(shape) < 0.35, day - rng.uniform(100.0, 1_000.0, shape), NEVER)
    consented = np.array([channel.consented for channel in CHANNELS])
    return State(
        last_bought=np.where(np.isnan(usual), owned, used),
        seeks_until=np.full(shape, NEVER),
        pressure=np.zeros(truth.people),
        worn=np.zeros((truth.people, len(truth.actions))),
        trouble=np.zeros(truth.people, np.int64),
        consent=rng.random((truth.people, len(CHANNELS))) < consented,
    )
