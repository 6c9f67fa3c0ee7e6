"""GET /customers/{id}/context: what whoever serves the customer next should know, so that nobody tells it twice.

The page answers what is under way; the log is asked for a bounded number of events of the kinds that tell the rest, and
not for kinds that the page shows there are none of. Rare kinds are asked apart, so that a case stays open however much
was bought since, and a hand-off however often consent was told.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Collection, Sequence

import numpy as np

from features.consent import objects_to_profiling
from features.event import FLEETING, Kind
from features.habits import HOURS, channel_shares, responses
from features.history import NO_CHANNEL, PAGE_LIMIT, CustomerRecord, Records
from features.ledger import SUBSCRIPTION_KINDS
from features.stores.people import LoggedEvent, Stretch
from features.vocabulary import Vocabulary
from features.wire.names import FAMILY_CHANNELS
from models.catalogue import Catalogue
from models.local_time import utc_offset
from serving import context_orders, context_parts, context_shown
from serving.call import Call
from serving.consents import CONSENT_KINDS, consents_of, topic_names
from serving.errors import invalid
from serving.handoff_answers import HANDOFF_KINDS, HandoffView, shown
from serving.item_names import ItemNames
from serving.journey_answers import TELLING, journey_answer
from serving.know_answers import CONTEXT, ContextAnswer, HourAnswer, NoteAnswer, PreferredChannelAnswer, ShownAnswer
from serving.person import Known, known_customer
from serving.runtime import Runtime
from serving.schemas import Instant

ASKED: Sequence[tuple[frozenset[Kind], int]] = (
    (context_parts.CASE_KINDS, 100),
    (HANDOFF_KINDS, 100),
    (SUBSCRIPTION_KINDS, 100),
    (CONSENT_KINDS, 100),
    (context_shown.SHOWN_KINDS, 100),
    (frozenset({Kind.FORM_FIELD_CAPTURED}), 100),
    (context_orders.ORDER_KINDS | context_parts.TALK_KINDS | (TELLING - context_parts.CASE_KINDS - HANDOFF_KINDS), 200),
)
"""Kinds that the log is asked for together, and for how many of their newest events."""

NOTES = 20
"""Notes that are shown, the newest; and beyond them every promise that is open."""
NOTES_READ = 1_000
"""The newest, among which such a promise is looked for; of older notes among as many that are about promises."""

_HOUR = 3_600_000


async def context(runtime: Runtime, customer_id: str, channel: str | None, call: Call) -> bytes:
    """channel: the one that asks, whose hand-offs come first; None for no one in particular."""
    runtime.in_force.keyring.admit("read", call)
    catalogue = runtime.catalogue().catalogue
    if channel is not None:
        check_channel("channel", channel, catalogue)
    known = known_customer(runtime, customer_id, call)
    return await asyncio.to_thread(_rendered, runtime, known, channel, catalogue)


def _rendered(runtime: Runtime, known: Known, channel: str | None, catalogue: Catalogue) -> bytes:
    return CONTEXT.dump_json(context_of(runtime, known, channel, catalogue))


def context_of(runtime: Runtime, known: Known, channel: str | None, catalogue: Catalogue) -> ContextAnswer:
    """Not in the event loop: for a long history it takes as long as a hundred decisions."""
    told = runtime.store.stretches(known.identifier, context_asked(known.record.page))
    return context_from(runtime, known, channel, catalogue, told)


def context_asked(page: Records) -> list[Stretch]:
    """What the log is asked for a context: its notes, and what tells the rest."""
    return [Stretch(NOTES_READ, context_parts.NOTE_KINDS), *questions(page)]


def context_from(
    runtime: Runtime,
    known: Known,
    channel: str | None,
    catalogue: Catalogue,
    told: Sequence[Sequence[LoggedEvent]],
) -> ContextAnswer:
    """told: the log's answers to context_asked."""
    newest_notes, *rest = told
    events, names = _by_then(known, rest), runtime.item_names.of_version(catalogue.version)
    contacts = context_shown.shown_actions(
        _of(events, context_shown.SHOWN_KINDS), catalogue, runtime.store.decision, known.moment
    )
    notes = context_parts.notes(with_promises(runtime, known, newest_notes), NOTES)
    return context_answer(known, events, channel, catalogue, runtime.store.vocabulary, names, contacts, notes)


def with_promises(runtime: Runtime, known: Known, newest: Sequence[LoggedEvent]) -> Sequence[LoggedEvent]:
    """newest: the NOTES_READ newest notes. Where there may be more, those about promises beside them, newest first."""
    if len(newest) < NOTES_READ:
        return newest
    every = {one.sequence: one for one in (*newest, *runtime.store.promises_to(known.identifier, NOTES_READ))}
    return sorted(every.values(), key=lambda one: (one.event.occurred_at, one.sequence), reverse=True)


def check_channel(field: str, channel: str, catalogue: Catalogue) -> None:
    """Raises Refusal unless the catalogue or the wire knows the channel."""
    if channel not in catalogue.channels and channel not in FAMILY_CHANNELS:
        known = ", ".join(sorted({*catalogue.channels, *FAMILY_CHANNELS}))
        raise invalid(field, channel, f"one of {known}", "name one of them, or add it to the catalogue")


def told_of(runtime: Runtime, known: Known, version: int) -> tuple[ItemNames, Sequence[LoggedEvent]]:
    """What items are called, and the events known at the moment that a context is made of, the newest first."""
    told = runtime.store.stretches(known.identifier, questions(known.record.page))
    return runtime.item_names.of_version(version), _by_then(known, told)


def _by_then(known: Known, told: Sequence[Sequence[LoggedEvent]]) -> list[LoggedEvent]:
    """Those known at the moment, the newest first."""
    found = [one for stretch in told for one in stretch if one.event.recorded_at <= known.moment]
    return sorted(found, key=lambda one: (one.event.occurred_at, one.sequence), reverse=True)


def questions(page: Records) -> list[Stretch]:
    """What the log is asked for: of ASKED only kinds that there are, and in one question what its limits hold whole. A
    page that has room, or still holds what leaves it first, holds all that lasts; any other tells nothing."""
    codes, counts = np.unique(page["kind"], return_counts=True)
    held = {Kind(code): float(count) for code, count in zip(codes.tolist(), counts.tolist(), strict=True)}
    if len(page) >= PAGE_LIMIT:
        if held.keys().isdisjoint(FLEETING):
            return [Stretch(limit, kinds) for kinds, limit in ASKED]
        held |= dict.fromkeys(FLEETING, math.inf)
    there = [(kinds & held.keys(), limit) for kinds, limit in ASKED if kinds & held.keys()]
    whole = [(kinds, limit) for kinds, limit in there if sum(held[kind] for kind in kinds) <= limit]
    parts = [question for question in there if question not in whole]
    if whole:
        parts.append((frozenset[Kind]().union(*(kinds for kinds, _ in whole)), sum(limit for _, limit in whole)))
    return [Stretch(limit, kinds) for kinds, limit in parts]


def context_answer(
    known: Known,
    events: Sequence[LoggedEvent],
    channel: str | None,
    catalogue: Catalogue,
    vocabulary: Vocabulary,
    names: ItemNames,
    contacts: list[ShownAnswer],
    notes: list[NoteAnswer],
) -> ContextAnswer:
    """events: known at the moment, the newest first. contacts: what the customer was shown. Of somebody who objects to
    profiling nothing is inferred."""
    record, moment, rules = known.record, known.moment, catalogue.journey
    handoffs = HandoffView.of(record.page, moment, rules.patience)
    profiled = not objects_to_profiling(record.consents, moment)
    talks = _of(events, context_parts.TALK_KINDS | context_parts.CASE_KINDS | HANDOFF_KINDS)
    visits = _of(events, frozenset({Kind.STORE_VISITED, Kind.ORDERED}))
    orders = _of(events, context_orders.ORDER_KINDS)
    return ContextAnswer(
        customer_id=record.customer_id,
        as_of=Instant(moment),
        handoffs=shown(_of(events, HANDOFF_KINDS), handoffs, channel),
        journey=journey_answer(record.page, events, rules, moment, vocabulary, names),
        cases=context_parts.open_cases(_of(events, context_parts.CASE_KINDS), catalogue.service_first, moment),
        orders=context_orders.last_orders(orders, record, vocabulary, names, moment),
        shown=contacts,
        basket=context_orders.basket(record.page, vocabulary, names, moment),
        fields=context_parts.captured_fields(_of(events, frozenset({Kind.FORM_FIELD_CAPTURED}))),
        last_agent=context_parts.last_agent(talks),
        preferred_store=context_parts.preferred_store(record.traits, visits if profiled else ()),
        preferred_channel=preferred_channel(record, catalogue, vocabulary, moment) if profiled else None,
        consents=consents_of(record.consents, vocabulary, topic_names(catalogue, events), moment),
        subscriptions=context_parts.subscriptions(_of(events, SUBSCRIPTION_KINDS), moment, names),
        notes=notes,
    )


def _of(events: Sequence[LoggedEvent], kinds: Collection[Kind]) -> list[LoggedEvent]:
    return [one for one in events if one.event.kind in kinds]


def preferred_channel(
    record: CustomerRecord, catalogue: Catalogue, vocabulary: Vocabulary, moment: int
) -> PreferredChannelAnswer | None:
    """Among the catalogue's channels and those that the customer used; None without any response. By the customer's own
    clock, else the catalogue's."""
    found = responses(record.page, moment)
    if len(found) == 0:
        return None
    offsets = [utc_offset(record.time_zone, catalogue.time_zone, int(at)) for at in (*found["occurred_at"], moment)]
    hours = (np.append(found["occurred_at"], moment) + np.array(offsets)) // _HOUR % HOURS
    own = np.array([vocabulary.code("channel", name) for name in catalogue.channels], np.uint8)
    channels = np.unique(np.append(found["channel"], own[own != NO_CHANNEL]))
    shares = channel_shares(found["channel"], hours[:-1].astype(np.intp), channels)
    best = shares.argmax(axis=1)
    by_hour = [
        HourAnswer(hour, vocabulary.text("channel", int(channels[at])) or "", round(float(shares[hour, at]), 3))
        for hour, at in enumerate(best)
    ]
    return PreferredChannelAnswer(
        now=by_hour[int(hours[-1])],
        by_hour=by_hour,
        responses=len(found),
        time_zone=record.time_zone or catalogue.time_zone,
    )
