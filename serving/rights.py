"""What a person may demand of us: a copy of everything held on them, or that it is erased.

Both are of the right `admin`: a copy holds more than any one screen shows. Both leave an entry in the audit.
"""

from __future__ import annotations

import asyncio
import json

import msgspec

from features.event import Identifier
from features.identity import IdentityError, customer_identifier
from features.stores.protocol import AmbiguousIdentifier
from serving.call import Call
from serving.errors import Refusal, ambiguous, gone, invalid_sentence, not_found
from serving.runtime import Runtime


async def erase(runtime: Runtime, customer_id: str, call: Call) -> bytes:
    """DELETE /customers/{id}: how many rows of what are gone. Repeated it is 404, and nothing more happens."""
    author, present = _admitted(runtime, call)
    try:
        entry = await asyncio.to_thread(runtime.store.erase, _identifier(customer_id), present, author)
    except AmbiguousIdentifier as error:
        raise ambiguous("customer_id", customer_id, error.customer_ids) from error
    if entry is None:
        raise _unknown(customer_id)
    return msgspec.json.encode({"erased": json.loads(entry.counts), "audit": entry.number})


async def export(runtime: Runtime, customer_id: str, call: Call) -> bytes:
    """GET /customers/{id}/export: the document that docs/rights.md describes."""
    author, present = _admitted(runtime, call)
    try:
        document = await asyncio.to_thread(runtime.store.export, _identifier(customer_id), present, author)
    except AmbiguousIdentifier as error:
        raise ambiguous("customer_id", customer_id, error.customer_ids) from error
    if document is None:
        raise _unknown(customer_id)
    return document.encode()


def no_decision(runtime: Runtime, field: str, decision_id: str, remedy: str) -> Refusal:
    """Why there is no decision of the id: there never was, or its person was erased."""
    if runtime.store.erased(decision_id):
        return gone(field, decision_id, "its person was erased", "forget it too")
    return not_found(field, decision_id, "no decision has it", remedy)


def _admitted(runtime: Runtime, call: Call) -> tuple[str, int]:
    """Who asks, and the present (ms UTC), once the key has been found good."""
    in_force = runtime.in_force
    in_force.keyring.admit("admin", call)
    return in_force.keyring.author(call), in_force.clock.present(call.now)


def _identifier(customer_id: str) -> Identifier:
    try:
        return customer_identifier(customer_id)
    except IdentityError as error:
        raise invalid_sentence("customer_id", customer_id, str(error)) from error


def _unknown(customer_id: str) -> Refusal:
    return not_found("customer_id", customer_id, "nobody has it", "look it up by another identifier")
