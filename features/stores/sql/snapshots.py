"""What was published when decisions were made, kept under a number: equal contents once, whoever published them.

Contents are cut into parts, a part is kept once by its digest, and a snapshot lists its parts. So an action that is
contacted, or an item that comes back, writes a part of many and the list. Nothing of it is of a person, and nothing is
ever changed or deleted.
"""

from __future__ import annotations

import hashlib
import zlib
from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from operator import attrgetter
from typing import TypeVar

import msgspec

from features.live_response import NO_LIFTS, Lift, Lifts
from features.published import NOTHING, Published
from features.spending import Spent
from features.stores.protocol import LogDecision
from features.stores.sql.session import Session, columns, table, value

T = TypeVar("T")

_SNAPSHOT_ROWS = table(
    "snapshot",
    number="integer",
    digest="bytes",
    day="integer",
    spent="bytes",
    unavailable="bytes",
    model="text",
    lifts="bytes",
    prices="integer",
)
_PART_ROWS = table("snapshot_part", digest="bytes", snapshot="integer", content="bytes")
_DIGEST = columns(digest="bytes")
_PARTS = "FROM wanted w CROSS JOIN snapshot_part p WHERE p.digest = w.digest"

_SIZE = 16
"""Bytes of a part's digest."""
_REMEMBERED = 16
"""Snapshots of late; a worker has a few in force at a time."""
_AT_A_TIME = 500

_Parts = Mapping[bytes, bytes]
"""Contents by digest, in order."""
_Amounts = tuple[int, int, int, int]
"""As in Spent."""
_amounts = attrgetter("contacts_today", "contacts_ever", "money_today", "money_ever")


@dataclass(frozen=True, slots=True)
class _Form:
    """As it is stored: the same for the same contents. spent, unavailable, lifts: the digests of their parts, one after
    another. model, lifts: None where there are no lifts, as in what was kept before there were any; prices likewise."""

    day: int
    spent: bytes
    unavailable: bytes
    model: str | None
    lifts: bytes | None
    prices: int | None
    parts: _Parts

    @property
    def digest(self) -> bytes:
        return _digest_of(self.day, self.spent, self.unavailable, self.model, self.lifts, self.prices)


def _form(published: Published) -> _Form:
    spent = _parts({action: _amounts(one) for action, one in published.spent.items()})
    unavailable = _parts_of_items(published.unavailable)
    lifts = _parts({_joint(*one): lift for one, lift in published.lifts.by.items()}) if published.lifts else {}
    model, lifted = (published.lifts.model, b"".join(lifts)) if lifts else (None, None)
    parts = {**spent, **unavailable, **lifts}
    prices = published.prices or None
    return _Form(published.day, b"".join(spent), b"".join(unavailable), model, lifted, prices, parts)


def _joint(action: str, channel: str) -> str:
    """One name of the two, neither of which has a NUL."""
    return f"{action}\0{channel}"


@lru_cache(4)
def _parts_of_items(items: frozenset[str]) -> _Parts:
    """They change seldom, beside what is spent."""
    return _parts(dict.fromkeys(items, 0))


def _parts(entries: Mapping[str, object]) -> dict[bytes, bytes]:
    """About as many parts as a part has entries; an entry's part is told by its name."""
    cut: list[dict[str, object]] = [{} for _ in range(1 << (len(entries).bit_length() // 2))]
    for name in sorted(entries):
        cut[zlib.crc32(name.encode()) % len(cut)][name] = entries[name]
    contents = (msgspec.json.encode(part) for part in cut if part)
    return {_digest(content): content for content in contents}


def _digest(content: bytes) -> bytes:
    return hashlib.sha256(content).digest()[:_SIZE]


def _digest_of(
    day: int, spent: bytes, unavailable: bytes, model: str | None, lifts: bytes | None, prices: int | None
) -> bytes:
    whole = hashlib.sha256(b"%d %d " % (day, len(spent)) + spent + unavailable)
    if model is not None and lifts is not None:
        whole.update(b" %d " % len(lifts) + lifts + model.encode())
    return whole.digest() if prices is None else hashlib.sha256(b"%d %b" % (prices, whole.digest())).digest()


class KeptSnapshots:
    """The numbers of those that this process has kept of late. For the writer's thread."""

    def __init__(self) -> None:
        self._numbers: deque[tuple[Published, int]] = deque(maxlen=_REMEMBERED)

    def number(self, published: Published) -> int | None:
        """By identity: to compare contents takes longer than to look them up."""
        return next((number for one, number in self._numbers if one is published), None)

    def remember(self, published: Published, number: int) -> None:
        self._numbers.append((published, number))


@dataclass(slots=True)
class Snapshots:
    """Of one group. Nothing is written before `store`; call `publish` only after the commit."""

    session: Session
    kept: KeptSnapshots
    given: list[tuple[Published, int]] = field(default_factory=list)
    fresh: dict[int, _Form] = field(default_factory=dict)
    named: set[int] = field(default_factory=set)

    def load(self, decisions: Iterable[LogDecision]) -> None:
        """Numbers for what they were made from; contents that nobody has kept get new ones."""
        met = {id(one.published): one.published for one in decisions if one.published}
        unknown = [one for one in met.values() if self.kept.number(one) is None]
        if not unknown:
            return
        forms = {id(one): _form(one) for one in unknown}
        by_digest = {form.digest: form for form in forms.values()}
        query = "SELECT s.digest, s.number FROM wanted w CROSS JOIN snapshot s WHERE s.digest = w.digest"
        numbers = _by_digest(self.session, query, sorted(by_digest))
        missing = sorted(by_digest.keys() - numbers.keys())
        given = dict(zip(missing, self.session.numbers("snapshot", len(missing)), strict=True))
        self.fresh = {number: by_digest[digest] for digest, number in given.items()}
        numbers |= given
        self.given = [(one, numbers[forms[id(one)].digest]) for one in unknown]

    def number(self, published: Published) -> int:
        """The one that a decision names, which is stored with it."""
        if not published:
            return 0
        number = self.kept.number(published)
        if number is None:
            number = next(given for one, given in self.given if one is published)
        self.named.add(number)
        return number

    def store(self) -> None:
        """Only what decisions name that stand. Another group may bring the same contents: it meets this one in the
        unique index."""
        forms = {number: self.fresh[number] for number in sorted(self.named & self.fresh.keys())}
        if not forms:
            return
        brought = {digest: number for number, form in reversed(forms.items()) for digest in form.parts}
        held = _by_digest(self.session, f"SELECT p.digest, p.snapshot {_PARTS}", sorted(brought))
        contents = {digest: content for form in forms.values() for digest, content in form.parts.items()}
        new = [(one, brought[one], zlib.compress(contents[one])) for one in sorted(brought.keys() - held.keys())]
        self.session.insert(_PART_ROWS, new, "ON CONFLICT DO NOTHING")
        rows = [
            (number, form.digest, form.day, form.spent, form.unavailable, form.model, form.lifts, form.prices)
            for number, form in forms.items()
        ]
        self.session.insert(_SNAPSHOT_ROWS, sorted(rows, key=lambda row: row[1]))

    def publish(self) -> None:
        for one, number in self.given:
            if number in self.named or number not in self.fresh:
                self.kept.remember(one, number)


def _by_digest(session: Session, query: str, digests: Sequence[bytes]) -> dict[bytes, int]:
    return {bytes(digest): number for digest, number in session.wanted(_DIGEST, query, [(one,) for one in digests])}


def snapshot(session: Session, number: int) -> Published | None:
    """None: there is none, or it is not whole any more."""
    if number == 0:
        return NOTHING
    query = "SELECT s.day, s.model, s.prices, s.spent, s.unavailable, s.lifts FROM snapshot s WHERE s.number = ?"
    found = session.rows(query, (number,))
    if not found:
        return None
    day, model, prices, *lists = found[0]
    listed = [_digests(bytes(one or b"")) for one in lists]
    wanted = [(one,) for one in sorted(set().union(*listed))]
    contents = {
        bytes(digest): content
        for digest, packed in session.wanted(_DIGEST, f"SELECT p.digest, p.content {_PARTS}", wanted)
        if _digest(content := _unpacked(packed)) == digest
    }
    if len(contents) < len(wanted):
        return None
    amounts = _joined([contents[one] for one in listed[0]], dict[str, _Amounts])
    items = _joined([contents[one] for one in listed[1]], dict[str, int])
    named = _joined([contents[one] for one in listed[2]], dict[str, Lift])
    lifts = {(action, channel): lift for (action, channel), lift in ((one.split("\0"), named[one]) for one in named)}
    spent = {action: Spent(*one) for action, one in amounts.items()}
    lifted = NO_LIFTS if model is None else Lifts(model, lifts)
    return Published(day, spent, frozenset(items), lifted, prices or 0)


def _digests(listed: bytes) -> list[bytes]:
    return [listed[at : at + _SIZE] for at in range(0, len(listed), _SIZE)]


def _unpacked(content: bytes) -> bytes:
    """Empty where it is damaged."""
    try:
        return zlib.decompress(content)
    except zlib.error:
        return b""


def _joined(contents: Iterable[bytes], type_: type[dict[str, T]]) -> dict[str, T]:
    """By name, so that the order is the same whatever parts there are."""
    joined = {name: one for content in contents for name, one in msgspec.json.decode(content, type=type_).items()}
    return dict(sorted(joined.items()))


def damaged(session: Session) -> Iterator[str]:
    """Snapshots that decisions name and nobody has, or that are not what was kept, and parts of none. A snapshot whose
    decisions were all erased stays, and is none of them."""
    query = """SELECT count(*) FROM decision d WHERE d.snapshot > 0
               AND NOT EXISTS (SELECT 1 FROM snapshot s WHERE s.number = d.snapshot)"""
    if count := value(session, query):
        yield f"{count} decisions were made from a snapshot that is not there"
    query = """SELECT count(*) FROM snapshot_part p
               WHERE NOT EXISTS (SELECT 1 FROM snapshot s WHERE s.number = p.snapshot)"""
    if count := value(session, query):
        yield f"{count} rows of snapshot_part belong to no snapshot"
    for digest, content in session.stream("SELECT p.digest, p.content FROM snapshot_part p ORDER BY p.digest"):
        if _digest(_unpacked(content)) != digest:
            yield f"part {bytes(digest).hex()} of a snapshot is not what was kept"
    yield from _not_whole(session)


def _not_whole(session: Session) -> Iterator[str]:
    query = """SELECT s.number, s.digest, s.day, s.spent, s.unavailable, s.model, s.lifts, s.prices FROM snapshot s
               WHERE s.number > ? ORDER BY s.number LIMIT ?"""
    last = 0
    while rows := session.rows(query, (last, _AT_A_TIME)):
        last = rows[-1][0]
        listed = {row[0]: {*(one for at in (3, 4, 6) for one in _digests(bytes(row[at] or b"")))} for row in rows}
        there = _by_digest(session, f"SELECT p.digest, p.snapshot {_PARTS}", sorted(set().union(*listed.values())))
        for number, digest, day, spent, unavailable, model, lifts, prices in rows:
            lifted = None if lifts is None else bytes(lifts)
            if _digest_of(day, bytes(spent), bytes(unavailable), model, lifted, prices) != digest:
                yield f"snapshot {number} is not what was kept"
            if absent := len(listed[number] - there.keys()):
                yield f"snapshot {number} has lost {absent} of its parts"
