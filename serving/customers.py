"""GET /customers/...: what is held on one person, for people to read."""

from __future__ import annotations

import asyncio
import math
import re

from features import ledger
from features.event import Kind
from features.history import CustomerRecord
from features.identity import IdentityError, normalise
from features.vocabulary import Vocabulary
from serving.call import Call
from serving.consents import CONSENT_KINDS, consents_of, topic_names, unnamed_topics
from serving.errors import invalid, invalid_sentence, not_found
from serving.know_answers import (
    CUSTOMER,
    LOOKUP,
    ConsentAnswer,
    CustomerAnswer,
    LookupAnswer,
    OwnedAnswer,
    RecentAnswer,
)
from serving.person import Known, known_customer, record_of
from serving.runtime import Runtime
from serving.schemas import Instant

RECENT = 50
"""Events shown, the newest first."""

WAS_PLUS = re.compile(" [1-9]")
"""What is left of an international number whose + was read as a blank; no country code begins with 0."""

_OTHERWISE = "check it and its type (one of email, phone, loyalty_card, order_number, user_id, device or of your own)"

_STATEMENTS = 1000
"""Statements of consent that are looked through for the name of a topic that the catalogue lacks."""


async def customer(runtime: Runtime, customer_id: str, call: Call) -> bytes:
    """The person of an outside id, like "c-17" or "anon:91ab"."""
    runtime.in_force.keyring.admit("read", call)
    known = known_customer(runtime, customer_id, call)
    return await asyncio.to_thread(_rendered, runtime, known)


def _rendered(runtime: Runtime, known: Known) -> bytes:
    """Beside the event loop: who owns ten thousand things takes as long as a hundred decisions."""
    record, vocabulary = known.record, runtime.store.vocabulary
    return CUSTOMER.dump_json(
        CustomerAnswer(
            customer_id=record.customer_id,
            version=record.version,
            time_zone=record.time_zone,
            traits=dict(record.traits),
            owned=owned_by(record, vocabulary, known.moment),
            consents=_consents(runtime, known),
            recent=_recent(record, vocabulary),
        )
    )


async def lookup(runtime: Runtime, type_: str | None, value: str | None, call: Call) -> bytes:
    """The outside id of whoever has the identifier."""
    runtime.in_force.keyring.admit("read", call)
    if not type_ or not value:
        raise invalid("type" if not type_ else "value", None, "both type and value are needed", "add it to the query")
    if type_.lower() == "phone" and WAS_PLUS.match(value):
        raise invalid("value", value, "a + in an address is read as a blank", "write it as %2B")
    try:
        record = record_of(runtime, normalise(type_, value, runtime.settings.region))
    except IdentityError as error:
        raise invalid_sentence("value", value, str(error)) from error
    if not record.known:
        raise not_found("value", value, f"nobody has it as {type_}", _OTHERWISE)
    return LOOKUP.dump_json(LookupAnswer(record.customer_id))


def owned_by(record: CustomerRecord, vocabulary: Vocabulary, present: int) -> list[OwnedAnswer]:
    lines = ledger.owned(record.ledger, present)[::-1]
    columns = (lines[name].tolist() for name in ("item", "quantity", "occurred_at", "subscribed"))
    return [
        OwnedAnswer(vocabulary.text("item", item), quantity, Instant(occurred_at), subscribed)
        for item, quantity, occurred_at, subscribed in zip(*columns, strict=True)
    ]


def _consents(runtime: Runtime, known: Known) -> list[ConsentAnswer]:
    compiled = runtime.in_force.catalogue
    catalogue = None if compiled is None else compiled.catalogue
    consents, names = known.record.consents, topic_names(catalogue, ())
    if unnamed_topics(consents, names):
        told = runtime.store.timeline(known.identifier, None, _STATEMENTS, CONSENT_KINDS)
        names = topic_names(catalogue, told)
    return consents_of(consents, runtime.store.vocabulary, names, known.moment)


def _recent(record: CustomerRecord, vocabulary: Vocabulary) -> list[RecentAnswer]:
    shown = record.page[record.page["kind"] != Kind.RESERVED]
    return [
        RecentAnswer(
            occurred_at=Instant(event["occurred_at"]),
            kind=Kind(int(event["kind"])).name.lower(),
            channel=vocabulary.text("channel", int(event["channel"])),
            item=vocabulary.text("item", int(event["item"])),
            action=vocabulary.text("action", int(event["action"])),
            amount=None if math.isnan(event["amount"]) else float(event["amount"]),
        )
        for event in shown[: -RECENT - 1 : -1]
    ]
