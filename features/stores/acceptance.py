"""What any store refuses before it writes: values that no store can hold, named one by one."""

from __future__ import annotations

import datetime as dt
import json
import math
from collections.abc import Mapping, Sequence

from features.event import Event
from features.spending import LARGEST, LARGEST_PRICE
from features.stores.protocol import Append, InvalidEvent, LogDecision
from features.stores.shared import UNTOLD, ItemState

EARLIEST = -62_135_596_800_000
LATEST = 253_402_300_799_999
"""ms UTC of the years 1 and 9999."""

LARGEST_QUANTITY = 3.0e38
_LARGEST_CODE = 2**31 - 1
_LARGEST_SEVERITY = 2**15 - 1
_LARGEST_INTEGER = 2**63 - 1
_LAST_DAY = dt.date.max.toordinal()


def check_append(write: Append) -> None:
    """Raises InvalidEvent."""
    _check_texts(write.identifier.type, write.identifier.value)
    if claimed := (*write.also, *write.previous, *write.addressed):
        _check_texts(*(text for one in claimed for text in (one.type, one.value)))
        rule = "an append claims or withdraws by its events, which date it"
        _check(bool(write.events), "events", write.events, rule)
    for event in write.events:
        check_event(event)
    if write.traits:
        json_text(write.traits)


def check_decision(write: LogDecision) -> None:
    """Raises InvalidEvent."""
    logged = write.decision
    _check_texts(write.identifier.type, write.identifier.value)
    _check_texts(logged.decision_id, logged.customer_id, logged.request, logged.request_digest, logged.response)
    _check_texts(logged.arm, logged.model_version, logged.policy_version, logged.code_revision, logged.feature_digest)
    _check_texts(
        *(one for one in (logged.model_digest, logged.subject, logged.addresses, logged.expected) if one is not None)
    )
    for number in (logged.history_version, logged.catalogue_version, logged.snapshot or 0):
        _check(0 <= number <= _LARGEST_INTEGER, "version", number, "it is a stored version's number")
    _check(EARLIEST <= logged.decided_at <= LATEST, "decided_at", logged.decided_at, "it is ms UTC, years 1 to 9999")
    for event in write.events:
        check_event(event)
    for charge in write.charges:
        _check_texts(charge.action, charge.channel)
        _check(0 < charge.day <= _LAST_DAY, "day", charge.day, "it is a day of the years 1 to 9999")
        _check(0 <= charge.money <= LARGEST, "money", charge.money, f"it is 0 to {LARGEST} millionths")


def check_item_states(states: Sequence[ItemState], at: int) -> None:
    """Raises InvalidEvent."""
    _check(EARLIEST <= at <= LATEST, "at", at, "it is ms UTC, years 1 to 9999")
    for one in states:
        _check_texts(one.item)
        _check(one.item != "", "item", one.item, "it is not empty")
        if one.stock is not None and one.stock is not UNTOLD:
            _check(0 <= one.stock <= LARGEST, "stock", one.stock, f"it is 0 to {LARGEST} units, or None")
        if one.price is not None and one.price is not UNTOLD:
            _check(0.0 <= one.price <= LARGEST_PRICE, "price", one.price, f"it is 0 to {LARGEST_PRICE:.0f}, or None")


def check_event(event: Event) -> None:
    """Raises InvalidEvent naming the field."""
    if not _is_sound(event):
        _find_fault(event)
    optional = (event.channel, event.item, event.action, event.order, event.decision, event.topic)
    _check_texts(event.message_id, event.name, event.properties, *filter(None, optional))


def _is_sound(event: Event) -> bool:
    """Whether no number is wrong, in one look."""
    return (
        EARLIEST <= event.occurred_at <= event.recorded_at <= LATEST
        and 0 <= event.line <= _LARGEST_CODE
        and -_LARGEST_SEVERITY <= event.severity <= _LARGEST_SEVERITY
        and not math.isinf(event.amount)
        and not abs(event.quantity) > LARGEST_QUANTITY
        and event.message_id != ""
        and (event.ends_at is None or EARLIEST <= event.ends_at <= LATEST)
    )


def _find_fault(event: Event) -> None:
    _check(event.occurred_at >= EARLIEST, "occurred_at", event.occurred_at, "it is ms UTC from the year 1")
    _check(event.recorded_at <= LATEST, "recorded_at", event.recorded_at, "it is ms UTC to the year 9999")
    rule = f"it is not after recorded_at, {event.recorded_at}"
    _check(event.occurred_at <= event.recorded_at, "occurred_at", event.occurred_at, rule)
    _check(0 <= event.line <= _LARGEST_CODE, "line", event.line, f"it is 0 to {_LARGEST_CODE}")
    _check(abs(event.severity) <= _LARGEST_SEVERITY, "severity", event.severity, f"it is within {_LARGEST_SEVERITY}")
    _check(not math.isinf(event.amount), "amount", event.amount, "it is finite, or NaN for unknown")
    _check(not abs(event.quantity) > LARGEST_QUANTITY, "quantity", event.quantity, "it is finite, or NaN for unknown")
    _check(event.message_id != "", "message_id", "", "it is not empty")
    if event.ends_at is not None:
        _check(EARLIEST <= event.ends_at <= LATEST, "ends_at", event.ends_at, "it is ms UTC, years 1 to 9999")


def json_text(traits: Mapping[str, object]) -> str:
    """Canonical JSON of traits. Raises InvalidEvent for what JSON cannot say."""
    try:
        return json.dumps(dict(traits), sort_keys=True, separators=(",", ":"), allow_nan=False)
    except (TypeError, ValueError, RecursionError) as error:
        raise InvalidEvent(f"traits is {str(traits)[:80]!r}; they are JSON ({error}); send only JSON values") from error


def _check(holds: bool, field: str, value: object, rule: str) -> None:
    if not holds:
        raise InvalidEvent(f"{field} is {value!r}; {rule}; correct it and send again")


def _check_texts(*texts: str) -> None:
    joined = "".join(texts)
    try:
        if not joined.isascii():
            joined.encode()
    except UnicodeEncodeError as error:
        message = f"text is {error.object[error.start : error.end]!r}; lone surrogates are no text; send valid Unicode"
        raise InvalidEvent(message) from error
    if "\0" in joined:
        raise InvalidEvent("text is '...\\0...'; the character NUL is no text; send it without")
