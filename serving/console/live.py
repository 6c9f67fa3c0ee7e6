"""Telling an open page that something new is known of its customer (server-sent events), within a second or so.

A page is told that there is something, and asks for it: so what it shows is always read as of then, with its rights.
What may be said can change for everybody too: by another catalogue (a notice, a pause), or because something of it has
begun or ended.
"""

from __future__ import annotations

import asyncio
from bisect import bisect_right
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Final

import msgspec
from starlette.responses import Response, StreamingResponse

from features.history import CustomerRecord
from features.stores.desk import KeptAnswer
from features.stores.protocol import StoreError
from models.catalogue import Catalogue
from serving.console.said import conversation_of, whose_of
from serving.console.visit import Visit, person_of
from serving.console.wording import date_at
from serving.errors import Refusal
from serving.person import Known
from serving.runtime import Runtime

LOOK_EVERY: Final = 0.8
"""Seconds between two looks into the store, in the event loop. One at which nothing has changed costs about a hundred
microseconds, most of them three reads of the store; one at which something has, some five hundred."""
_TIME_PASSES: Final = 10_000
"""ms after which what was answered is made out anew though nothing was told: with time a conversation ends."""
_AGAIN_AFTER: Final = 1_000
"""ms after which a browser asks again when the stream has ended."""
_LOOKS = 400
"""Then the page asks again, and whether it may is looked at anew; sooner where the session is over."""


def running(catalogue: Catalogue, moment: int) -> str:
    """What may be said, as a page compares it: "12.3", the version, and how many of its beginnings and ends have passed
    by `moment` (ms UTC); of two the later is greater, number by number."""
    return f"{catalogue.version}.{bisect_right(_bounds.of(catalogue), moment)}"


class _Bounds:
    """Of the catalogue that was asked about last: one is in force, and every open page asks for it at every look."""

    def __init__(self) -> None:
        self._last: tuple[Catalogue | None, tuple[int, ...]] = (None, ())

    def of(self, catalogue: Catalogue) -> tuple[int, ...]:
        """When its actions begin and end, ms UTC, ascending."""
        asked, found = self._last
        if asked is not catalogue:
            told = (one for action in catalogue.actions for one in (action.starts_at, action.ends_at))
            found = tuple(sorted(one for one in told if one is not None))
            self._last = catalogue, found
        return found


_bounds: Final = _Bounds()


async def live(visit: Visit, known: Known) -> Response:
    query = visit.request.query_params
    last = visit.request.headers.get("last-event-id") or query.get("since", "")
    since = _number(last) or 0
    headers = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
    looks = Looks(visit.runtime, known, _number(query.get("person", "")))
    return StreamingResponse(_told(visit, looks, since), media_type="text/event-stream", headers=headers)


def _number(told: str) -> int | None:
    return int(told) if told.isascii() and told.isdecimal() and len(told) < 19 else None


@dataclass(frozen=True, slots=True)
class Look:
    """newest: what was told last. version: of what decisions read. said: what was answered to which suggestion. gone:
    whoever the page shows was erased; the rest says nothing then."""

    newest: int
    version: int
    said: bytes
    gone: bool = False


async def _told(visit: Visit, looking: Looks, since: int) -> AsyncIterator[bytes]:
    runtime, said, told, today = visit.runtime, b"", "", ""
    yield f"retry: {_AGAIN_AFTER}\n\n".encode()
    for looks in range(_LOOKS):
        if runtime.leaving.is_set() or (looks % 40 == 39 and person_of(runtime, visit.request) is None):
            return
        look = looking.look()
        if look is not None and look.gone:
            yield b"event: gone\ndata: erased\n\n"
            return
        if look is not None and look.said != said:
            said = look.said
            yield b"event: answered\ndata: " + said + b"\n\n"
        present = _present(runtime)
        may_be_said = _running(runtime, present, told)
        if may_be_said != told:
            told = may_be_said
            yield f"event: running\ndata: {told}\n\n".encode()
        day = today if present is None else date_at(present, visit.zone).isoformat()
        if day != today:
            today = day
            yield f"event: day\ndata: {today}\n\n".encode()
        if look is not None and look.newest > since:
            since = look.newest
            yield f"id: {since}\nevent: changed\ndata: {look.version}\n\n".encode()
        elif looks % 20 == 19:
            yield b": still here\n\n"
        await asyncio.sleep(LOOK_EVERY)


def _present(runtime: Runtime) -> int | None:
    """None of a store that is away for a moment."""
    try:
        return runtime.in_force.clock.present(None)
    except StoreError:
        return None


def _running(runtime: Runtime, present: int | None, otherwise: str) -> str:
    """While there is no catalogue, or no present, nothing new."""
    compiled = runtime.in_force.catalogue
    return otherwise if compiled is None or present is None else running(compiled.catalogue, present)


@dataclass(frozen=True, slots=True)
class _Basis:
    """All that the answers of a conversation depend on. told: the newest. span: the time, by _TIME_PASSES."""

    told: int
    version: int
    person: int
    span: int
    kept: tuple[KeptAnswer, ...]
    catalogue: Catalogue
    sizes: tuple[int, int]


class Looks:
    """Of one open page. What was answered is made out again only when something that it depends on is another."""

    def __init__(self, runtime: Runtime, known: Known, person: int | None = None) -> None:
        """person: whom the page shows, by number; None for whoever it is now."""
        self._runtime, self._identifier = runtime, known.identifier
        self._person = known.record.person if person is None else person
        self._basis: _Basis | None = None
        self._said = b""
        self._whose: tuple[tuple[int, int], tuple[str, ...]] = (0, 0), ()

    def look(self) -> Look | None:
        """None of a store that is away for a moment, and while there is no catalogue."""
        runtime = self._runtime
        try:
            told = runtime.store.newest_told(self._identifier)  # first: what comes between is told with the next look
            record = runtime.store.read(self._identifier)
            if self._is_gone(record):
                return Look(told, record.version, b"", gone=True)
            known = Known(self._identifier, record, runtime.in_force.clock.present(None))
            basis = self._basis_of(known, told)
            if basis != self._basis:
                # The basis first: what is answered between makes the next look's another.
                self._said = msgspec.json.encode(conversation_of(runtime, known).all())
                self._basis = basis
            return Look(max(told, record.version), record.version, self._said)
        except (StoreError, Refusal):
            return None

    def _is_gone(self, record: CustomerRecord) -> bool:
        """Erased; also where something was told under the same name since, which is of somebody new. Whoever was found
        to be one with another keeps their number beside that one's."""
        if not record.known:
            return True
        return record.person != self._person and not self._runtime.store.numbers_of(self._person)

    def _basis_of(self, known: Known, told: int) -> _Basis:
        """Raises Refusal."""
        store, record = self._runtime.store, known.record
        if self._whose[0] != (record.person, record.version):  # whoever is joined or parted has another version
            self._whose = (record.person, record.version), whose_of(self._runtime, record)
        return _Basis(
            told=told,
            version=record.version,
            person=record.person,
            span=known.moment // _TIME_PASSES,
            kept=store.answers(*self._whose[1]),
            catalogue=self._runtime.catalogue().catalogue,
            sizes=(store.vocabulary.size("action"), store.vocabulary.size("channel")),
        )
