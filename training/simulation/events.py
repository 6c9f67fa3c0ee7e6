"""What happens to SYNTHETIC people, as a store imports it and as a client tells it over HTTP."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Final

import pyarrow as pa

from features.columns import CUSTOMER_SCHEMA, IMPORT_SCHEMA
from features.event import Kind
from features.instants import render_instant
from features.wire.names import EVENT_NAMES
from training.simulation.goods import BEGIN, CHANNELS, DAY
from training.simulation.truth import ZONES, Truth

PAGE: Final = "page"
"""The name of a page that was seen, which on the wire is a call of its own."""
GRANTED: Final = "granted"
WITHDRAWN: Final = "withdrawn"
"""The names of a consent that was given and taken back, which are imported only."""


@dataclass(frozen=True, slots=True)
class Happening:
    """person: place. at: ms UTC. name: as in features.wire.names, PAGE, GRANTED or WITHDRAWN. told: further
    properties."""

    person: int
    at: int
    name: str
    channel: str
    item: str | None = None
    order: str | None = None
    amount: float | None = None
    action: str | None = None
    decision: str | None = None
    severity: int = 0
    told: tuple[tuple[str, str], ...] = field(default=())

    def kind(self) -> Kind:
        if self.name == PAGE:
            return Kind.PAGE_SEEN
        said = {GRANTED: Kind.CONSENT_GRANTED, WITHDRAWN: Kind.CONSENT_WITHDRAWN}
        return said[self.name] if self.name in said else EVENT_NAMES[self.name].kind

    def payload(self, message_id: str) -> dict[str, object]:
        """A call as a shop's server makes it."""
        known: dict[str, object] = {"channel": self.channel, **dict(self.told)}
        if self.action is not None:
            known |= {"action_id": self.action, "decision_id": self.decision}
        if self.severity:
            known["severity"] = self.severity
        if self.order is not None:
            known["order_id"] = self.order
        if self.item is not None and self.order is None:
            known |= {"product_id": self.item, "price": self.amount}
        if self.item is not None and self.order is not None:
            known["products"] = [{"product_id": self.item, "quantity": 1, "price": self.amount}]
            known["currency"] = "EUR"
        call: dict[str, object] = {"type": PAGE} if self.name == PAGE else {"type": "track", "event": self.name}
        who = {"userId": customer_id(self.person), "messageId": message_id, "timestamp": render_instant(self.at)}
        return {**call, **who, "properties": {name: value for name, value in known.items() if value is not None}}


def customer_id(person: int) -> str:
    return f"sim-{person:06d}"


def day_of(at: int) -> int:
    return (at - BEGIN) // DAY


def table(happenings: Iterable[Happening]) -> pa.Table:
    """Columns of IMPORT_SCHEMA, sorted by time; each was known of at once."""
    rows = [_row(one) for one in sorted(happenings, key=lambda one: (one.at, one.person))]
    return pa.Table.from_pylist(rows, schema=IMPORT_SCHEMA)


def _row(one: Happening) -> dict[str, object]:
    return {
        "customer_id": customer_id(one.person),
        "kind": int(one.kind()),
        "name": "Page" if one.name == PAGE else one.name,
        "occurred_at": one.at,
        "recorded_at": one.at,
        "channel": one.channel,
        "item": one.item,
        "action": one.action,
        "order": one.order,
        "decision": one.decision,
        "quantity": 1.0 if one.order is not None else None,
        "amount": one.amount,
        "severity": one.severity,
        "properties": json.dumps(dict(one.told)),
    }


def customers(truth: Truth) -> pa.Table:
    """Columns of CUSTOMER_SCHEMA."""
    people = range(truth.people)
    return pa.table(
        {
            "customer_id": [customer_id(person) for person in people],
            "traits": [
                json.dumps(
                    {"age": int(truth.age[person]), "household_size": int(truth.household[person]), "synthetic": True}
                )
                for person in people
            ],
            "identifiers": pa.nulls(truth.people, pa.string()),
            "time_zone": [ZONES[zone] for zone in truth.zone],
        },
        schema=CUSTOMER_SCHEMA,
    )


def consents(consent: Sequence[Sequence[bool]], at: int) -> list[Happening]:
    """Of those who said yes where it is asked for. consent: by person and channel. at: ms UTC."""
    asked = [number for number, channel in enumerate(CHANNELS) if channel.consented < 1.0]
    return [
        Happening(person, at, GRANTED, CHANNELS[number].id)
        for person, said in enumerate(consent)
        for number in asked
        if said[number]
    ]
