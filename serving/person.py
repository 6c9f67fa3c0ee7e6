"""Who is asked about: the customer of an address, or a refusal."""

from __future__ import annotations

from dataclasses import dataclass

from features.event import Identifier
from features.history import CustomerRecord
from features.identity import ORDER_NUMBER, IdentityError, customer_identifier
from features.stores.protocol import AmbiguousIdentifier
from serving.call import Call
from serving.errors import ambiguous, invalid_sentence, not_found
from serving.runtime import Runtime


@dataclass(frozen=True, slots=True)
class Known:
    """Somebody of whom something is held. identifier: by which they were found, and under which what is told of them is
    kept; of one found by an order their name, for an order number makes nobody one. moment: the present, ms UTC."""

    identifier: Identifier
    record: CustomerRecord
    moment: int


def known_customer(runtime: Runtime, customer_id: str, call: Call) -> Known:
    """The person of an outside id, like "c-17" or "anon:91ab", at the present. Raises Refusal."""
    moment = runtime.in_force.clock.present(call.now)
    try:
        identifier = customer_identifier(customer_id)
    except IdentityError as error:
        raise invalid_sentence("customer_id", customer_id, str(error)) from error
    record = record_of(runtime, identifier)
    if not record.known:
        raise not_found("customer_id", customer_id, "nobody has it", "look it up by another identifier")
    if identifier.type == ORDER_NUMBER:
        identifier = customer_identifier(record.customer_id)
    return Known(identifier, record, moment)


def record_of(runtime: Runtime, identifier: Identifier) -> CustomerRecord:
    """The present record, also of nobody. Raises Refusal when several people answer to it."""
    try:
        return runtime.store.read(identifier)
    except AmbiguousIdentifier as error:
        raise ambiguous("value", identifier.value, error.customer_ids) from error
