"""What was promised to customers and nobody has kept yet, what is overdue first: the signed-in agent's, and for a team
lead everybody's, by who gave it."""

from __future__ import annotations

import asyncio
import datetime as dt
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from starlette.responses import Response

from features.identity import customer_identifier
from features.stores.people import LoggedEvent
from features.stores.protocol import AmbiguousIdentifier, Store
from serving.console.answering import page
from serving.console.customer import note_views
from serving.console.naming import Named
from serving.console.visit import Visit, new_token
from serving.console.wording import date_at, day_of
from serving.context_parts import notes
from serving.know_answers import NoteAnswer

READ: Final = 2_000
"""The newest notes of an account that hold its promises, or say that one was kept."""
SHOWN: Final = 100
TEAM: Final = 300
"""Promises of all that are shown to a team lead, and of so many agents at most: the first by name."""


@dataclass(frozen=True, slots=True)
class Promise:
    """One that is open. name: of the customer, "" unknown. left: days until it is due, below 0 when it is overdue; None
    where it was not said by which day."""

    customer_id: str
    name: str
    note: NoteAnswer
    left: int | None

    @property
    def when(self) -> str:
        """In words, "" where nothing was said."""
        if self.left is None:
            return self.note.due or ""
        if self.left < -1:
            return f"{-self.left} days overdue"
        near = {-1: "overdue since yesterday", 0: "today", 1: "tomorrow"}
        return near.get(self.left, f"in {self.left} days")


@dataclass(frozen=True, slots=True)
class Giver:
    """agent: whose promises they are. promises: the most pressing first. open, overdue: how many there are, also of
    those that are not shown."""

    agent: str
    promises: tuple[Promise, ...]
    open: int
    overdue: int


@dataclass(frozen=True, slots=True)
class Team:
    """givers: first whose promises are the most pressing. left_out: whether there are agents beyond TEAM, of whom
    nothing is looked at."""

    givers: tuple[Giver, ...]
    left_out: bool


async def show(visit: Visit) -> Response:
    runtime = visit.runtime
    present = runtime.in_force.clock.present(None)
    found = await asyncio.to_thread(open_promises, runtime.store, visit.who.name, date_at(present, visit.zone))
    await note_views(visit, "listed", *dict.fromkeys(one.customer_id for one in found))
    return page("promises.html", visit, promises=found, most=SHOWN, present=present, once=new_token()[:22])


async def show_team(visit: Visit) -> Response:
    runtime = visit.runtime
    present = runtime.in_force.clock.present(None)
    found = await asyncio.to_thread(of_team, runtime.store, date_at(present, visit.zone))
    promised = [one for giver in found.givers for one in giver.promises]
    await note_views(visit, "listed", *dict.fromkeys(one.customer_id for one in promised))
    shown = len(promised)
    return page("team.html", visit, team=found, shown=shown, most=TEAM, present=present, once=new_token()[:22])


def open_promises(store: Store, account: str, today: dt.date) -> list[Promise]:
    """The SHOWN most pressing; those without a day are the last, the oldest of them first."""
    return _most_pressing(store, [(account, *one) for one in waiting(store, account)], today, SHOWN)[account]


def of_team(store: Store, today: dt.date) -> Team:
    """The TEAM most pressing of all, by who gave them."""
    agents = store.promisers(TEAM + 1)
    told = {agent: waiting(store, agent) for agent in agents[:TEAM]}
    every = [(agent, *one) for agent, open_ in told.items() for one in open_]
    pressing = _most_pressing(store, every, today, TEAM)
    givers = (
        Giver(agent, tuple(found), len(told[agent]), overdue(told[agent], today)) for agent, found in pressing.items()
    )
    return Team(tuple(givers), len(agents) > TEAM)


def _most_pressing(
    store: Store, open_: Sequence[tuple[str, str, NoteAnswer]], today: dt.date, most: int
) -> defaultdict[str, list[Promise]]:
    """Of (agent, customer, note): by agent, in the order in which each has the most pressing."""
    found = [(*one, _left(one[2], today)) for one in open_]
    pressing = sorted(found, key=lambda one: (one[3] is None, one[3] or 0, int(one[2].at)))[:most]
    names = {customer: _name(store, customer) for customer in {one[1] for one in pressing}}
    by_agent = defaultdict[str, list[Promise]](list)
    for agent, customer, note, left in pressing:
        by_agent[agent].append(Promise(customer, names[customer], note, left))
    return by_agent


def waiting(store: Store, account: str) -> list[tuple[str, NoteAnswer]]:
    """(customer, note) of every promise that is open."""
    by_customer: dict[str, list[LoggedEvent]] = {}
    for customer, one in store.promises(account, READ):
        by_customer.setdefault(customer, []).append(one)
    return [
        (customer, note)
        for customer, told in by_customer.items()
        for note in notes(told)
        if note.promised and note.kept_at is None
    ]


def overdue(open_: list[tuple[str, NoteAnswer]], today: dt.date) -> int:
    return sum((_left(note, today) or 0) < 0 for _, note in open_)


def _left(note: NoteAnswer, today: dt.date) -> int | None:
    day = None if note.due is None else day_of(note.due)
    return None if day is None else (day - today).days


def _name(store: Store, customer_id: str) -> str:
    try:
        return Named.of(store.read(customer_identifier(customer_id)).traits).whole
    except AmbiguousIdentifier:
        return ""
