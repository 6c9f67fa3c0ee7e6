"""The closed loop on SYNTHETIC people: their days are told to the service, it decides, and hears what became of it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Final, Protocol

import numpy as np
from numpy.typing import NDArray

from features.instants import render_instant
from training.simulation.client import Client, Decided, Report
from training.simulation.events import Happening, customer_id
from training.simulation.goods import BEGIN, CHANNELS, DAY
from training.simulation.judged import NOTHING, Choices, Log, best
from training.simulation.world import DECIDED_AT, MINUTE, Answer, Day, Success, World

_INBOUND: Final = 0.6
"""Of a day's opportunities, at most, where people come to us."""
_OPENED: Final = {"email": "Email Opened", "sms": "SMS Read"}
_DIGITAL: Final = ("email", "sms", "push", "web", "app")


@dataclass(frozen=True, slots=True)
class Opportunity:
    """Somebody may be told something on a channel. Places."""

    person: int
    channel: int


@dataclass(frozen=True, slots=True)
class Choice:
    """action: place, or NOTHING. eligible: bool[A], what the service's gates let through. token: how the choice is
    reported; "" where it was not the service's own."""

    action: int
    eligible: NDArray[np.bool_]
    token: str


class Chooser(Protocol):
    """Whoever decides in the loop."""

    def choose(self, world: World, opportunities: Sequence[Opportunity]) -> list[Choice]:
        """In their order."""

    def hear(self, opportunity: Opportunity, choice: Choice, reward: float) -> None:
        """What a choice will have earned, the contact's cost taken off."""

    def live(self, happenings: Sequence[Happening]) -> None:
        """What people do of their own, before the day's choices, and what they buy after."""


@dataclass(frozen=True, slots=True)
class Asking:
    """Which actions the gates of the service let through, and what it chose."""

    client: Client
    dry_run: bool

    def asked(self, world: World, opportunities: Sequence[Opportunity]) -> list[Choice]:
        """In their order."""
        found: dict[Opportunity, Choice] = {}
        for number, channel in enumerate(CHANNELS):
            some = [one for one in opportunities if one.channel == number]
            if some:
                people = [customer_id(one.person) for one in some]
                decided = self.client.recommend(people, channel.id, dry_run=self.dry_run)
                found |= {one: _choice(world, number, answer) for one, answer in zip(some, decided, strict=True)}
        return [found[one] for one in opportunities]


def _choice(world: World, channel: int, decided: Decided) -> Choice:
    """Raises ValueError when what is told of the gates does not add up."""
    slate, actions = decided.channels[0], world.truth.actions
    place = {action.id: number for number, action in enumerate(actions)}
    eligible = world.truth.allowed[channel].copy()
    eligible[[place[one.action_id] for one in slate.refused]] = False
    if int(eligible.sum()) != slate.funnel["eligible"]:
        raise ValueError(
            f"eligible are {slate.funnel['eligible']} of {decided.customer_id}; {eligible.sum()} not refused"
        )
    if not slate.actions:
        return Choice(NOTHING, eligible, "")
    first = slate.actions[0]
    return Choice(place[first.action_id], eligible, first.token or "")


@dataclass(frozen=True, slots=True)
class ByService:
    """The service decides, and logs it."""

    client: Client

    def choose(self, world: World, opportunities: Sequence[Opportunity]) -> list[Choice]:
        return Asking(self.client, dry_run=False).asked(world, opportunities)

    def hear(self, opportunity: Opportunity, choice: Choice, reward: float) -> None:
        """It hears by /feedback."""

    def live(self, happenings: Sequence[Happening]) -> None:
        """It hears by /v1/batch."""


@dataclass(slots=True)
class Loop:
    """One world, one service, one who chooses. log: of all that was chosen."""

    world: World
    client: Client
    chooser: Chooser
    log: Log = field(default_factory=Log)

    def round(self, number: int, days: int, decisions: int, advance: Callable[[float], None]) -> None:
        """So many days with so many decisions in all. advance: told of each day. Raises ServiceRefused."""
        for day in range(days):
            wanted = decisions * (day + 1) // days - decisions * day // days
            self._live(number, wanted)
            advance(wanted)

    def _live(self, number: int, wanted: int) -> None:
        day = self.world.step()
        self.client.present = BEGIN + self.world.day * DAY + DECIDED_AT
        self.client.tell(sorted(day.happenings, key=lambda one: one.at))
        self.chooser.live(day.happenings)
        chances = opportunities(self.world, day, wanted)
        choices = self.chooser.choose(self.world, chances)
        answers = self._answers(number, chances, choices)
        self.client.present += 10 * MINUTE
        self._report([(one, chances[place], choices[place]) for place, one in answers])
        self._succeed()

    def _answers(
        self, number: int, chances: Sequence[Opportunity], choices: Sequence[Choice]
    ) -> list[tuple[int, Answer]]:
        """Of what was chosen, with its place among the choices; judged and logged."""
        if not chances:
            return []
        truth, actions = self.world.truth, len(self.world.truth.actions)
        person, channel = (
            np.array(one, np.intp) for one in zip(*[(one.person, one.channel) for one in chances], strict=True)
        )
        net = truth.net_value(self.world.state, person, channel, self.world.day)
        action = np.array([one.action for one in choices], np.intp)
        made = np.flatnonzero(action >= 0)
        answers = self.world.answers(person[made].tolist(), channel[made].tolist(), action[made].tolist())
        earned = [truth.value[one.action] * (one.success_in is not None) - truth.cost[one.channel] for one in answers]
        realised = np.zeros(len(action))
        realised[made] = earned
        eligible = np.stack([one.eligible for one in choices])
        popular = best(np.tile(self.log.successes(actions) + 1.0, (len(action), 1)), eligible)
        self.log.days.append(Choices(number, person, channel, action, eligible, net, realised, popular))
        for one, choice, reward in zip(chances, choices, realised.tolist(), strict=True):
            self.chooser.hear(one, choice, reward)
        return list(zip(made.tolist(), answers, strict=True))

    def _report(self, found: Sequence[tuple[Answer, Opportunity, Choice]]) -> None:
        """Contacts, and what follows at once."""
        told: list[tuple[Answer, str, str]] = []
        others: list[Happening] = []
        for answer, chance, choice in found:
            channel = CHANNELS[chance.channel]
            told.append((answer, choice.token, "sent" if channel.outbound else "displayed"))
            if answer.opened and channel.id in _OPENED:
                action = self.world.truth.actions[answer.action].id
                name = _OPENED[channel.id]
                others.append(Happening(answer.person, self.client.present, name, channel.id, action=action))
            if answer.rejected:
                told.append((answer, choice.token, "rejected"))
            if answer.left:
                self.world.leave(answer.person, chance.channel)
                others.append(_withdrawal(answer.person, self.client.present, channel.id))
            self.world.promise(answer, choice.token)
        self._tell(told, others)

    def _succeed(self) -> None:
        """What succeeds today, of choices of today and before."""
        self.client.present += 40 * MINUTE
        told: list[tuple[Success, str, str]] = []
        orders: list[Happening] = []
        for success, order in self.world.successes():
            outcome = self.world.truth.actions[success.action].success
            if outcome == "converted" and CHANNELS[success.channel].id in _DIGITAL:
                told.append((success, success.told_as, "clicked"))
            told.append((success, success.told_as, outcome))
            if order is not None:
                orders.append(order)
        self._tell(told, orders)
        self.chooser.live(orders)

    def _tell(self, told: Sequence[tuple[Answer | Success, str, str]], others: Sequence[Happening]) -> None:
        """The service's own choices by /feedback, all else as events."""
        reports, events, present = [], list(others), self.client.present
        for one, token, outcome in told:
            if token:
                reports.append(Report(token, outcome, render_instant(present)))
                continue
            action, channel = self.world.truth.actions[one.action].id, CHANNELS[one.channel].id
            name = f"Action {outcome.capitalize()}"
            events.append(Happening(one.person, present, name, channel, action=action))
        self.client.tell(events)
        self.client.report(reports)


def _withdrawal(person: int, at: int, channel: str) -> Happening:
    told = (("status", "UNSUBSCRIBED"),)
    return Happening(person, at, "Channel Subscription Updated", channel, told=told)


def opportunities(world: World, day: Day, wanted: int) -> list[Opportunity]:
    """At most one a person: those who came by, on one of the channels that they came to, then others on an outbound
    channel on which they may be written to. Chosen by dice that know nothing of anybody."""
    rng = world.dice(7)
    order, favourite = rng.permutation(world.truth.people), rng.random((world.truth.people, len(CHANNELS)))
    outbound = np.array([one.outbound for one in CHANNELS])
    come = np.where(day.visits & ~outbound, favourite, -1.0)
    inbound = [Opportunity(int(one), int(come[one].argmax())) for one in order if come[one].max() >= 0]
    inbound = inbound[: int(wanted * _INBOUND)]
    taken = {one.person for one in inbound}
    write = np.where(world.state.consent & outbound, favourite, -1.0)
    rest = [one for one in order.tolist() if one not in taken and write[one].max() >= 0]
    return inbound + [Opportunity(one, int(write[one].argmax())) for one in rest[: wanted - len(inbound)]]
