"""GET /customers/{id}/timeline and /decisions: what happened, and what was decided, the newest first."""

from __future__ import annotations

import asyncio
import math
import re
from collections.abc import Collection, Mapping, Sequence

import msgspec

from features.event import Kind
from features.stores.people import LoggedEvent
from serving.call import Call
from serving.errors import invalid
from serving.item_names import ItemNames
from serving.know_answers import (
    DECISIONS,
    TIMELINE,
    DecisionsAnswer,
    LoggedDecisionEntry,
    TimelineAnswer,
    TimelineEntry,
)
from serving.person import Known, known_customer
from serving.runtime import Runtime
from serving.schemas import Instant
from serving.words import words_of

UNSEEN = frozenset({Kind.DECIDED, Kind.RESERVED})
"""What the customer never saw; see /customers/{id}/decisions."""

EVENTS, MOST_EVENTS = 50, 200
DECISIONS_SHOWN, MOST_DECISIONS = 20, 100

TOLD = frozenset(Kind) - UNSEEN
"""What a timeline is made of."""

_CURSOR = re.compile(r"(0|[1-9][0-9]{0,15})-(0|[1-9][0-9]{0,17})", re.ASCII)


async def timeline(runtime: Runtime, customer_id: str, query: Mapping[str, str], call: Call) -> bytes:
    """query: `before`, the `next` of an earlier answer, and `limit`. Pages do not shift when something new is told."""
    runtime.in_force.keyring.admit("read", call)
    before, limit = cursor(query.get("before")), limit_of(query, EVENTS, MOST_EVENTS)
    known = known_customer(runtime, customer_id, call)
    return TIMELINE.dump_json(await asyncio.to_thread(timeline_of, runtime, known, before, limit))


def timeline_of(
    runtime: Runtime, known: Known, before: tuple[int, int] | None, limit: int, kinds: Collection[Kind] = TOLD
) -> TimelineAnswer:
    """A page of what happened. before: as in features.stores.people.Timeline. Not in the event loop: it reads a log."""
    found = runtime.store.timeline(known.identifier, before, limit + 1, kinds)
    return page_of(runtime, known, found, limit)


def page_of(runtime: Runtime, known: Known, found: Sequence[LoggedEvent], limit: int) -> TimelineAnswer:
    """found: the newest first, one more than `limit` where there are so many."""
    names = runtime.item_names.of_version(runtime.in_force.catalogue_version)
    shown = found[:limit]
    following = f"{shown[-1].event.occurred_at}-{shown[-1].sequence}" if len(found) > limit else None
    return TimelineAnswer(known.record.customer_id, [_entry(one, names) for one in shown], following)


def cursor(text: str | None) -> tuple[int, int] | None:
    if text is None:
        return None
    found = _CURSOR.fullmatch(text)
    if found is None:
        raise invalid("before", text, "the `next` of an earlier answer", "send it as it was answered, or leave it out")
    return int(found[1]), int(found[2])


def limit_of(query: Mapping[str, str], otherwise: int, most: int) -> int:
    """Raises Refusal."""
    text = query.get("limit")
    if text is None:
        return otherwise
    if not re.fullmatch("[1-9][0-9]{0,3}", text) or int(text) > most:
        raise invalid("limit", text, f"a number from 1 to {most}", f"leave it out for {otherwise}")
    return int(text)


def _entry(one: LoggedEvent, names: ItemNames) -> TimelineEntry:
    event = one.event
    return TimelineEntry(
        occurred_at=Instant(event.occurred_at),
        recorded_at=Instant(event.recorded_at),
        kind=event.kind.name.lower(),
        channel=event.channel,
        words=words_of(event, names),
        item=event.item,
        action=event.action,
        order_id=event.order,
        quantity=None if math.isnan(event.quantity) else event.quantity,
        amount=None if math.isnan(event.amount) else event.amount,
        told_as=one.profile,
    )


async def decisions(runtime: Runtime, customer_id: str, query: Mapping[str, str], call: Call) -> bytes:
    runtime.in_force.keyring.admit("read", call)
    limit = limit_of(query, DECISIONS_SHOWN, MOST_DECISIONS)
    known = known_customer(runtime, customer_id, call)
    logged = await asyncio.to_thread(runtime.store.decisions_of, known.record.person, limit)
    entries = [
        LoggedDecisionEntry(
            decision_id=one.decision_id,
            decided_at=Instant(one.decided_at),
            model_version=one.model_version,
            catalogue_version=one.catalogue_version,
            policy_version=one.policy_version,
            arm=one.arm,
            answer=msgspec.json.decode(one.response),
        )
        for one in logged
    ]
    return DECISIONS.dump_json(DecisionsAnswer(known.record.customer_id, entries))
