"""SYNTHETIC: an endless mixed load. Every operation is made of (writer, number) alone, so that a client that was killed
can send it again, and whoever looks at the store afterwards knows what must be in it."""

from __future__ import annotations

import random
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from msgspec.structs import replace

from features.event import Event, Identifier, Kind
from features.identity import customer_identifier
from features.stores.protocol import Append, DeadLetter, LogDecision
from tests.checks.store_examples import NOON, decision, event, user

CUSTOMERS = 24
ITEMS = 60
REFUND_AFTER = 7
"""So many operations after an order, it may come back."""

_TELLING = 0.50
"""The share of operations that tell of one person."""
MINUTE, DAY = 60_000, 86_400_000
_NAMED = re.compile(r"(\w+)-(\d+)[-:]\d+")
_PLAIN = (Kind.VIEWED, Kind.PAGE_SEEN, Kind.BASKET_ADDED, Kind.SENT, Kind.MESSAGE_OPENED, Kind.CALL_STARTED, Kind.OTHER)


@dataclass(frozen=True, slots=True)
class Told:
    """Writes that are submitted together: all of them or none."""

    writes: tuple[Append, ...]


@dataclass(frozen=True, slots=True)
class Decided:
    write: LogDecision


@dataclass(frozen=True, slots=True)
class Refused:
    letter: DeadLetter


@dataclass(frozen=True, slots=True)
class Imported:
    """A bulk import. told: what its rows mean, row by row."""

    source: str
    rows: tuple[Mapping[str, object], ...]
    told: tuple[tuple[Identifier, Event], ...]


Operation = Told | Decided | Refused | Imported


def operation(writer: str, number: int) -> Operation:
    rng = random.Random(f"{writer}:{number}")
    chance = rng.random()
    if chance < _TELLING:
        return Told((_one(writer, number, rng, 0),))
    if chance < 0.62:
        return Told(tuple(_one(writer, number, rng, part) for part in range(3)))
    if chance < 0.80:
        return Told((_identify(writer, number, rng) if chance < 0.76 else _alias(writer, number, rng),))
    if chance < 0.92:
        return Decided(_decision(writer, number, rng))
    if chance < 0.97:
        return Refused(DeadLetter(NOON + number, "synthetic", f"{writer}-{number}-letter"))
    return _import(writer, number, rng)


def told_by(made: Operation) -> tuple[tuple[Identifier, Event], ...]:
    """(who, what) of every event that the operation puts into the log."""
    match made:
        case Told(writes):
            return tuple((write.identifier, one) for write in writes for one in write.events)
        case Decided(write):
            return tuple((write.identifier, one) for one in write.events)
        case Imported():
            return made.told
        case Refused():
            return ()


def maker_of(message_id: str) -> tuple[str, int] | None:
    """(writer, number) of the operation that tells the message; None of one that is not of this load."""
    match = _NAMED.fullmatch(message_id)
    return None if match is None else (match[1], int(match[2]))


def customers() -> Iterator[Identifier]:
    """Everybody whom the load may tell of."""
    for number in range(CUSTOMERS):
        yield user(f"c{number}")
        yield user(f"old{number}")
        for visit in range(3):
            yield Identifier("anonymous_id", f"v{number}.{visit}")


def _clocks(number: int, rng: random.Random) -> dict[str, int]:
    """Most at once, some late by minutes or days."""
    recorded_at = NOON + number * 1000
    late = rng.choice((0, 0, 0, 0, rng.randrange(MINUTE), rng.randrange(9 * DAY)))
    return {"at": recorded_at - late, "recorded_at": recorded_at}


def _somebody(rng: random.Random) -> Identifier:
    number = rng.randrange(CUSTOMERS)
    if rng.random() < 0.75:
        return user(f"c{number}")
    if rng.random() < 0.3:
        return user(f"old{number}")
    return Identifier("anonymous_id", f"v{number}.{rng.randrange(3)}")


def _one(writer: str, number: int, rng: random.Random, part: int) -> Append:
    who = _somebody(rng)
    name = f"{writer}-{number}-{part}"
    chance = rng.random()
    if chance < 0.30 and part == 0:
        return Append(who, _order(name, number, rng))
    if chance < 0.45 and part == 0 and (refund := _refund(writer, number)) is not None:
        return refund
    if chance < 0.55:
        kind = rng.choice((Kind.CONSENT_GRANTED, Kind.CONSENT_WITHDRAWN))
        topic = rng.choice((None, "offers"))
        return Append(who, (event(name, kind, **_clocks(number, rng), channel="email", topic=topic),))
    clocks = _clocks(number, rng)
    kinds = [rng.choice(_PLAIN) for _ in range(rng.randint(1, 4))]
    seen = tuple(
        event(name, kind, **clocks, line=line, item=_item(number, rng), channel=rng.choice(("web", "email", "app")))
        for line, kind in enumerate(kinds)
    )
    return Append(who, seen)


def _item(number: int, rng: random.Random) -> str:
    """Old ones mostly; now and then one that the vocabulary does not know."""
    return f"new{number}" if rng.random() < 0.04 else f"i{rng.randrange(ITEMS)}"


def _order(name: str, number: int, rng: random.Random) -> tuple[Event, ...]:
    clocks = _clocks(number, rng)
    items = rng.sample(range(ITEMS), rng.randint(1, 3))
    return tuple(
        event(
            name, Kind.ORDERED, **clocks, line=line, item=f"i{item}", order=name, channel="web",
            quantity=float(rng.randint(1, 3)), amount=9.5,
        )
        for line, item in enumerate(items)
    )  # fmt: skip


def _refund(writer: str, number: int) -> Append | None:
    """Of the first line of an earlier order, by whoever made it; None when there was none."""
    earlier = number - REFUND_AFTER
    made = random.Random(f"{writer}:{earlier}")
    if earlier < 0 or made.random() >= _TELLING:
        return None
    ordered = _one(writer, earlier, made, 0)
    if ordered.events[0].kind != Kind.ORDERED:
        return None
    line = replace(
        ordered.events[0], kind=Kind.REFUNDED, name="Refunded", message_id=f"{writer}-{number}-0", amount=-9.5,
        occurred_at=NOON + number * 1000, recorded_at=NOON + number * 1000,
    )  # fmt: skip
    return Append(ordered.identifier, (line,))


def _identify(writer: str, number: int, rng: random.Random) -> Append:
    """A known one says more about itself: a trait of this writer's own, a visit of its own, a phone that two share."""
    who = rng.randrange(CUSTOMERS)
    said = event(f"{writer}-{number}-0", Kind.IDENTIFIED, **_clocks(number, rng))
    also = (
        Identifier("anonymous_id", f"v{who}.{rng.randrange(3)}"),
        Identifier("email", f"c{who}@example.org"),
        Identifier("phone", f"+4420794600{who // 2:02}"),
    )
    return Append(user(f"c{who}"), (said,), {f"by_{writer}": number}, also=also[: rng.randint(1, 3)])


def _alias(writer: str, number: int, rng: random.Random) -> Append:
    who = rng.randrange(CUSTOMERS)
    said = event(f"{writer}-{number}-0", Kind.OTHER, **_clocks(number, rng), name="Alias")
    former = user(f"old{who}") if rng.random() < 0.5 else Identifier("anonymous_id", f"v{who}.{rng.randrange(3)}")
    return Append(user(f"c{who}"), (said,), previous=(former,))


def _decision(writer: str, number: int, rng: random.Random) -> LogDecision:
    name, moment = f"{writer}-{number}", NOON + number * 1000
    chosen = tuple(
        event(f"{name}-0", Kind.DECIDED, moment, line=line, action=f"a{rng.randrange(9)}", channel="web", decision=name)
        for line in range(rng.randint(1, 2))
    )
    return LogDecision(_somebody(rng), decision(name, f'{{"n":{number}}}', moment), chosen)


def _import(writer: str, number: int, rng: random.Random) -> Imported:
    """Half of the rows bring message ids; the others get one of the source and the row."""
    source = f"{writer}-{number}"
    rows: list[Mapping[str, object]] = []
    told: list[tuple[Identifier, Event]] = []
    for row in range(rng.randint(10, 60)):
        own = rng.random() < 0.5
        order = None if own else f"{source}:{row}"
        values = {"item": f"i{rng.randrange(ITEMS)}", "channel": "store", "order": order, "quantity": 1.0}
        kind = Kind.VIEWED if own else Kind.ORDERED
        name = f"{source}-{row}" if own else f"{source}:{row}"
        customer = f"c{rng.randrange(CUSTOMERS)}"
        rows.append({**values, "customer_id": customer, "kind": int(kind), "message_id": name if own else None,
                     "occurred_at": NOON + number, "recorded_at": NOON + number})  # fmt: skip
        told.append((customer_identifier(customer), event(name, kind, NOON + number, **values)))
    return Imported(source, tuple(rows), tuple(told))
