"""GET /customers/...: what is held on one person, for people to read."""

from __future__ import annotations

import msgspec
import numpy as np

from features import consent, ledger
from features.event import Identifier, Kind
from features.history import CustomerRecord
from features.identity import IdentityError, customer_identifier, normalise
from features.instants import render_instant
from features.stores.protocol import AmbiguousIdentifier
from features.vocabulary import Vocabulary
from serving.call import Call
from serving.errors import conflict, invalid, invalid_sentence, not_found
from serving.runtime import Runtime

RECENT = 50
"""Events shown, the newest first."""


async def customer(runtime: Runtime, customer_id: str, call: Call) -> bytes:
    """The person of an outside id, like "c-17" or "anon:91ab"."""
    runtime.in_force.keyring.require("read", call.key, call.peer)
    present = runtime.in_force.clock.present(call.now)
    try:
        record = _record(runtime, customer_identifier(customer_id))
    except IdentityError as error:
        raise invalid_sentence("customer_id", customer_id, str(error)) from error
    if not record.known:
        raise not_found("customer_id", customer_id, "nobody has it", "look it up by another identifier")
    return msgspec.json.encode(_view(record, runtime.store.vocabulary, present))


async def lookup(runtime: Runtime, type_: str | None, value: str | None, call: Call) -> bytes:
    """The outside id of whoever has the identifier."""
    runtime.in_force.keyring.require("read", call.key, call.peer)
    if not type_ or not value:
        raise invalid("type" if not type_ else "value", None, "both type and value are needed", "add it to the query")
    try:
        record = _record(runtime, normalise(type_, value))
    except IdentityError as error:
        raise invalid_sentence("value", value, str(error)) from error
    if not record.known:
        raise not_found("value", value, f"nobody has it as {type_}", "check it, or look up another identifier")
    return msgspec.json.encode({"customer_id": record.customer_id})


def _record(runtime: Runtime, identifier: Identifier) -> CustomerRecord:
    try:
        return runtime.store.read(identifier)
    except AmbiguousIdentifier as error:
        candidates = ", ".join(error.customer_ids)
        raise conflict("value", identifier.value, f"several people answer to it: {candidates}", "name one") from error


def _view(record: CustomerRecord, vocabulary: Vocabulary, present: int) -> dict[str, object]:
    return {
        "customer_id": record.customer_id,
        "version": record.version,
        "time_zone": record.time_zone,
        "traits": dict(record.traits),
        "owned": _owned(record, vocabulary, present),
        "consents": _consents(record, vocabulary, present),
        "recent": _recent(record, vocabulary),
    }


def _owned(record: CustomerRecord, vocabulary: Vocabulary, present: int) -> list[dict[str, object]]:
    return [
        {
            "item": vocabulary.text("item", int(line["item"])),
            "quantity": float(line["quantity"]),
            "occurred_at": render_instant(int(line["occurred_at"])),
        }
        for line in ledger.owned(record.ledger, present)[::-1]
    ]


def _consents(record: CustomerRecord, vocabulary: Vocabulary, present: int) -> list[dict[str, object]]:
    answers: list[dict[str, object]] = []
    for code in np.unique(record.consents["channel"]):
        state = consent.state(record.consents, int(code), consent.EVERYTHING, present)
        if state is not None:
            channel = vocabulary.text("channel", int(code))
            answers.append({"channel": channel, "granted": state.granted, "since": render_instant(state.since)})
    return answers


def _recent(record: CustomerRecord, vocabulary: Vocabulary) -> list[dict[str, object]]:
    return [
        {
            "occurred_at": render_instant(int(event["occurred_at"])),
            "kind": Kind(int(event["kind"])).name.lower(),
            "channel": vocabulary.text("channel", int(event["channel"])),
            "item": vocabulary.text("item", int(event["item"])),
            "action": vocabulary.text("action", int(event["action"])),
            "amount": float(event["amount"]),
        }
        for event in record.page[: -RECENT - 1 : -1]
    ]
