"""What was promised to customers and nobody has kept yet, what is overdue first: the signed-in agent's, and for a team
lead everybody's, by who gave it."""

from __future__ import annotations

import asyncio
import datetime as dt
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from starlette.responses import JSONResponse, Response

from features.identity import customer_identifier
from features.stores.people import LoggedEvent
from features.stores.protocol import AmbiguousIdentifier, Store
from serving.console.answering import page
from serving.console.customer import note_views
from serving.console.naming import Named
from serving.console.roles import May
from serving.console.visit import Visit, new_token
from serving.console.wording import date_at, day_of
from serving.context_parts import notes
from serving.errors import forbidden
from serving.know_answers import NoteAnswer

READ: Final = 2_000
"""The newest notes of an account that hold its promises, or say that one was kept."""
SHOWN: Final = 100
TEAM: Final = 300
"""Promises of all that are shown to a team lead."""
TEAM_READ: Final = 50_000
"""The newest notes of all that such promises are looked for in."""


Open = tuple[str, str, NoteAnswer]
"""Whose promise it is, of which customer, and its note."""


@dataclass(frozen=True, slots=True)
class Promise:
    """One that is open. name: of the customer, "" unknown. left: days until it is due, below 0 when it is overdue; None
    where it was not said by which day."""

    customer_id: str
    name: str
    note: NoteAnswer
    left: int | None

    @property
    def is_due(self) -> bool:
        """Today, or since then."""
        return self.left is not None and self.left <= 0

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
    """givers: first whose promises are the most pressing. left_out: whether there are notes beyond TEAM_READ, which are
    not looked at."""

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
    return page(
        "team.html",
        visit,
        team=found,
        shown=shown,
        most=TEAM,
        read=TEAM_READ,
        present=present,
        once=new_token()[:22],
    )


async def due(visit: Visit) -> Response:
    """For an open page, which asks now and then: how many promises of whoever is signed in are due by today, and which
    are of the list that it shows (`whose`: "team" of everybody's). Names nobody, and so is no look at a record."""
    runtime, team = visit.runtime, visit.request.query_params.get("whose") == "team"
    if team and May.TEAM not in visit.who.pages:
        raise forbidden("account", visit.who.name, f"may not see {May.TEAM}", "ask whoever runs nextbest")
    today = date_at(runtime.in_force.clock.present(None), visit.zone)
    mine = _due(await asyncio.to_thread(_own, runtime.store, visit.who.name), today, SHOWN)
    listed = _due((await asyncio.to_thread(_of_all, runtime.store))[0], today, TEAM) if team else mine
    return JSONResponse({"mine": len(mine), "listed": listed})


def _due(open_: Sequence[Open], today: dt.date, most: int) -> list[str]:
    """Ids of the notes, of those that a list of `most` shows."""
    return [note.note_id for _, _, note, left in _first(open_, today, most) if left is not None and left <= 0]


def open_promises(store: Store, account: str, today: dt.date) -> list[Promise]:
    """The SHOWN most pressing; those without a day are the last, the oldest of them first."""
    return _most_pressing(store, _own(store, account), today, SHOWN)[account]


def of_team(store: Store, today: dt.date) -> Team:
    """The TEAM most pressing of all, by who gave them."""
    every, left_out = _of_all(store)
    of = defaultdict[str, list[tuple[str, NoteAnswer]]](list)
    for agent, customer, note in every:
        of[agent].append((customer, note))
    pressing = _most_pressing(store, every, today, TEAM)
    givers = (
        Giver(agent, tuple(found), len(of[agent]), overdue(of[agent], today)) for agent, found in pressing.items()
    )
    return Team(tuple(givers), left_out)


def _of_all(store: Store) -> tuple[list[Open], bool]:
    """And whether there are notes beyond TEAM_READ."""
    told = store.promises(None, TEAM_READ + 1)
    whose = {(customer, one.event.message_id): one.event.decision or "" for customer, one in told}
    return [(whose[one, note.note_id], one, note) for one, note in _open(told[:TEAM_READ])], len(told) > TEAM_READ


def _own(store: Store, account: str) -> list[Open]:
    return [(account, *one) for one in waiting(store, account)]


def _first(open_: Sequence[Open], today: dt.date, most: int) -> list[tuple[str, str, NoteAnswer, int | None]]:
    """The most pressing, with the days that are left."""
    found = [(*one, _left(one[2], today)) for one in open_]
    return sorted(found, key=lambda one: (one[3] is None, one[3] or 0, int(one[2].at)))[:most]


def _most_pressing(store: Store, open_: Sequence[Open], today: dt.date, most: int) -> defaultdict[str, list[Promise]]:
    """By agent, in the order in which each has the most pressing."""
    pressing = _first(open_, today, most)
    names = {customer: _name(store, customer) for customer in {one[1] for one in pressing}}
    by_agent = defaultdict[str, list[Promise]](list)
    for agent, customer, note, left in pressing:
        by_agent[agent].append(Promise(customer, names[customer], note, left))
    return by_agent


def waiting(store: Store, account: str) -> list[tuple[str, NoteAnswer]]:
    """(customer, note) of every promise that is open."""
    return _open(store.promises(account, READ))


def _open(told: Sequence[tuple[str, LoggedEvent]]) -> list[tuple[str, NoteAnswer]]:
    by_customer: dict[str, list[LoggedEvent]] = {}
    for customer, one in told:
        by_customer.setdefault(customer, []).append(one)
    return [(customer, note) for customer, found in by_customer.items() for note in notes(found, 0)]


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
