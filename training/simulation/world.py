"""The SYNTHETIC people from day to day: they look, buy, call, fall into trouble and answer what they are offered.

The dice of a day depend on the seed and the day alone, so that two policies meet the same luck.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final

import numpy as np
from numpy.typing import NDArray

from training.simulation.events import PAGE as SEEN
from training.simulation.events import Happening
from training.simulation.goods import (
    BEGIN,
    CATEGORIES,
    CHANNEL,
    CHANNELS,
    DAY,
    REASONS,
    SERVICE,
    TIERS,
    item_id,
    price_of,
)
from training.simulation.truth import PRESSURE_DAYS, WORN_DAYS, Floats, State, Truth, first_state

MINUTE: Final = 60_000
DECIDED_AT: Final = 17 * 60 * MINUTE
"""Of a day: what people do of their own happens before, and decisions are asked for then."""

_LOOKS_DAYS: Final = 10.0
_SEVERITIES: Final = (2, 4)
_TAKEN: Final = 10.0
"""What taking a card or an app wears it by: nobody wants it again soon."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What became of one choice, known to the simulator at once and told when it happens. success_in: days, None when
    it fails. opened, rejected, left: whether a message was read, the choice refused, the channel's consent
    withdrawn."""

    person: int
    action: int
    channel: int
    success_in: int | None
    opened: bool
    rejected: bool
    left: bool


@dataclass(frozen=True, slots=True)
class Success:
    """One that happens on a later day or this. told_as: how the choice is named when it is reported."""

    person: int
    action: int
    channel: int
    told_as: str


@dataclass(frozen=True, slots=True)
class Day:
    """happenings: what people did of their own. visits: bool[P, H], who came by where."""

    happenings: list[Happening]
    visits: NDArray[np.bool_]


@dataclass(slots=True)
class World:
    """day: the latest that was lived. orders: how many there were, for their numbers."""

    truth: Truth
    seed: int
    day: int
    orders: int = 0
    state: State = field(init=False)
    _due: dict[int, list[Success]] = field(default_factory=dict)
    _upset: dict[int, list[int]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.state = first_state(self.truth, self.day, self.seed)

    def step(self) -> Day:
        """The next day, until decisions are asked for."""
        self.day += 1
        rng, state = self.dice(4), self.state
        np.multiply(state.pressure, 0.5 ** (1 / PRESSURE_DAYS), out=state.pressure)
        np.multiply(state.worn, 0.5 ** (1 / WORN_DAYS), out=state.worn)
        self._begin_to_look(rng)
        visits = self._visits(rng)
        interest = self.truth.interest(state, np.arange(self.truth.people), self.day)
        happened = [*self._calls(visits, rng), *self._looks(visits, interest, rng)]
        happened += [*self._buys(interest, rng), *self._trouble(rng)]
        return Day(happened, visits)

    def dice(self, stream: int) -> np.random.Generator:
        return np.random.default_rng([self.seed, stream, self.day + 10_000])

    def _begin_to_look(self, rng: np.random.Generator) -> None:
        slow = np.array([one.interval is None or one.interval >= 100 for one in CATEGORIES])
        chance = slow * np.exp(0.5 * self.truth.taste) / 220.0
        begins = rng.random(chance.shape) < chance
        self.state.seeks_until[begins] = self.day + _LOOKS_DAYS

    def _visits(self, rng: np.random.Generator) -> NDArray[np.bool_]:
        seeks = self.state.seeks_until >= self.day
        eager = np.where(seeks.any(axis=1), 2.5, 1.0)
        return rng.random(self.truth.comes.shape) < self.truth.comes * eager[:, None]

    def _at(self, rng: np.random.Generator) -> int:
        return int(self._moments(rng, 1)[0])

    def _moments(self, rng: np.random.Generator, count: int) -> NDArray[np.int64]:
        """ms UTC of today, before decisions are asked for."""
        return BEGIN + self.day * DAY + rng.integers(7 * 60, 16 * 60, count) * MINUTE

    def _looks(self, visits: NDArray[np.bool_], interest: Floats, rng: np.random.Generator) -> Iterator[Happening]:
        for channel in ("web", "app", "store"):
            who = np.flatnonzero(visits[:, CHANNEL[channel]])
            at = self._moments(rng, len(who))
            name = "Store Visited" if channel == "store" else SEEN
            yield from (
                Happening(person, then, name, channel) for person, then in zip(who.tolist(), at.tolist(), strict=True)
            )
            if channel != "store":
                often = 1 + rng.poisson(1.0, len(who))
                yield from self._views(channel, np.repeat(who, often), np.repeat(at, often), interest, rng)

    def _views(
        self, channel: str, who: NDArray[np.intp], at: NDArray[np.int64], interest: Floats, rng: np.random.Generator
    ) -> Iterator[Happening]:
        """One each: the likelier the more it interests."""
        thing = (interest[who] + rng.gumbel(size=(len(who), len(CATEGORIES)))).argmax(axis=1)
        tier = rng.integers(len(TIERS), size=len(who))
        for number, person in enumerate(who.tolist()):
            what = (int(thing[number]), int(tier[number]))
            then = int(at[number]) + (number % 5 + 1) * MINUTE
            yield Happening(person, then, "Product Viewed", channel, item=item_id(*what), amount=price_of(*what))

    def _calls(self, visits: NDArray[np.bool_], rng: np.random.Generator) -> Iterator[Happening]:
        for channel in ("ivr", "agent"):
            for person in np.flatnonzero(visits[:, CHANNEL[channel]]).tolist():
                reason = REASONS[0] if self.state.trouble[person] else REASONS[int(rng.integers(len(REASONS)))]
                yield from _call(person, self._at(rng), channel, reason)

    def _buys(self, interest: Floats, rng: np.random.Generator) -> Iterator[Happening]:
        durable = np.array([one.interval is None for one in CATEGORIES])
        chance = np.where(durable, 0.02, 0.2) / (1.0 + np.exp(2.5 - interest))
        for person, thing in np.argwhere(rng.random(chance.shape) < chance).tolist():
            where = ("web", "app", "store")
            likely = self.truth.comes[person, [CHANNEL[one] for one in where]]
            channel = where[int(rng.choice(3, p=likely / likely.sum()))]
            yield self.order(person, thing, channel, self._at(rng), int(rng.integers(len(TIERS))))
            if channel != "store" and rng.random() < 0.03:
                self._upset.setdefault(self.day + 2, []).append(person)

    def order(self, person: int, thing: int, channel: str, at: int, tier: int) -> Happening:
        """From here on they have it."""
        self.orders += 1
        self.state.last_bought[person, thing] = self.day
        self.state.seeks_until[person, thing] = min(self.state.seeks_until[person, thing], self.day - 1.0)
        number = f"sim-{self.seed}-{self.orders}"
        return Happening(
            person,
            at,
            "Order Completed",
            channel,
            item=item_id(thing, tier),
            order=number,
            amount=price_of(thing, tier),
        )

    def _trouble(self, rng: np.random.Generator) -> Iterator[Happening]:
        mended = (self.state.trouble > 0) & (rng.random(self.truth.people) < 0.18)
        for person in np.flatnonzero(mended).tolist():
            self.state.trouble[person] = 0
            yield _case("Case Closed", person, self._at(rng), 0)
        for person in self._upset.pop(self.day, []):
            if self.state.trouble[person]:
                continue
            severity, at = _SEVERITIES[int(rng.integers(len(_SEVERITIES)))], self._at(rng)
            self.state.trouble[person] = severity
            yield Happening(person, at, "Delivery Delayed", "web")
            yield from _call(person, at + 30 * MINUTE, "agent", REASONS[0])
            yield _case("Case Opened", person, at + 31 * MINUTE, severity)

    def answers(self, person: Sequence[int], channel: Sequence[int], action: Sequence[int]) -> list[Answer]:
        """What becomes of these choices of today, at most one a person; each is a contact from now on."""
        who, where, what = (np.array(one, np.intp) for one in (person, channel, action))
        if not len(who):
            return []
        chance = self.truth.probability(self.state, who, where, self.day)[np.arange(len(who)), what]
        luck = self.dice(5).random((self.truth.people, 5))[who]
        leaves = 0.003 * (1.0 + 4.0 * self.truth.patience[who] * self.state.pressure[who])
        outbound = np.array([one.outbound for one in CHANNELS])[where]
        asked = np.array([one.consented < 1.0 for one in CHANNELS])[where]
        made = luck[:, 0] < chance
        slow = np.where(outbound, np.where(where == CHANNEL["mail"], 5, 3), 1)
        self.state.pressure[who] += np.where(outbound, 1.0, 0.3)
        self.state.worn[who, what] += 1.0
        return [
            Answer(
                int(who[n]), int(what[n]), int(where[n]), int(slow[n] * luck[n, 1]) if made[n] else None,
                opened=bool(outbound[n] and (made[n] or luck[n, 2] < 0.2)),
                rejected=bool(not outbound[n] and not made[n] and luck[n, 3] < 0.05),
                left=bool(asked[n] and not made[n] and luck[n, 4] < leaves[n]),
            )
            for n in range(len(who))
        ]  # fmt: skip

    def leave(self, person: int, channel: int) -> None:
        self.state.consent[person, channel] = False

    def promise(self, answer: Answer, told_as: str) -> None:
        """It will succeed when its day comes."""
        if answer.success_in is not None:
            one = Success(answer.person, answer.action, answer.channel, told_as)
            self._due.setdefault(self.day + answer.success_in, []).append(one)

    def successes(self) -> list[tuple[Success, Happening | None]]:
        """Those of today, and the order that each is, if it is one."""
        rng = self.dice(6)
        return [(one, self._taken(one, rng)) for one in self._due.pop(self.day, [])]

    def _taken(self, one: Success, rng: np.random.Generator) -> Happening | None:
        action = self.truth.actions[one.action]
        if action.category == SERVICE:
            self.state.worn[one.person, one.action] += _TAKEN
            return None
        if action.success != "converted":
            self.state.seeks_until[one.person, action.category] = self.day + _LOOKS_DAYS / 2
            return None
        own = CHANNELS[one.channel].id
        channel = own if own in ("web", "app", "store") else "web"
        at = BEGIN + self.day * DAY + DECIDED_AT + 30 * MINUTE
        return self.order(one.person, action.category, channel, at, int(rng.integers(len(TIERS))))


def _call(person: int, at: int, channel: str, reason: str) -> Iterator[Happening]:
    told = (("reason", reason), ("agent_id", "sim-agent"))
    yield Happening(person, at, "IVR Menu Selected", "ivr", told=(("option", reason),))
    yield Happening(person, at + MINUTE, "Call Started", channel, told=told)
    yield Happening(person, at + 8 * MINUTE, "Call Ended", channel, told=told)


def _case(name: str, person: int, at: int, severity: int) -> Happening:
    told = (("case_id", f"sim-case-{person}"), ("reason", REASONS[0]))
    return Happening(person, at, name, "agent", severity=severity, told=told)
