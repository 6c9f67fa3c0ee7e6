"""Parts of a customer's context, each from the events that tell of it. Events are those known at the moment, the newest
first; nothing here reads a clock."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

from pydantic import JsonValue, TypeAdapter

from features.discretion import discreet, is_withheld
from features.event import Event, Kind
from features.stores.people import LoggedEvent
from models.policy.trouble import stale_since
from models.policy_rules import ServiceFirst
from serving.item_names import ItemNames
from serving.know_answers import (
    CaseAnswer,
    FieldAnswer,
    LastAgentAnswer,
    NoteAnswer,
    PreferredStoreAnswer,
    SubscriptionAnswer,
)
from serving.schemas import Instant
from serving.words import id_of, properties_of, text_of

CASE_KINDS = frozenset({Kind.CASE_OPENED, Kind.CASE_UPDATED, Kind.CASE_CLOSED})
TALK_KINDS = frozenset({Kind.CALL_STARTED, Kind.CALL_ENDED, Kind.CALL_TRANSFERRED, Kind.CHAT_STARTED, Kind.CHAT_ENDED})
NOTE_KINDS = frozenset({Kind.NOTE_WRITTEN})
_NOTE = ("told", "promised", "due")

PREFERRED_STORE = "preferred_store"
"""The trait by which a customer, or an importer, declares a store."""

_VALUE: TypeAdapter[JsonValue] = TypeAdapter(JsonValue)


def open_cases(events: Sequence[LoggedEvent], rule: ServiceFirst | None, moment: int) -> list[CaseAnswer]:
    """The most severe first, then the longest open. A case is open unless its newest opening or closing closed it.
    rule: of the catalogue in force."""
    found = [_case(case_id, told, rule, moment) for case_id, told in _by_property(events, "case_id").items()]
    kept = [case for case in found if case is not None]
    return sorted(kept, key=lambda case: (-case.severity, case.opened_at, case.case_id))


def cases(events: Iterable[LoggedEvent]) -> frozenset[str]:
    """The ids of all, open and closed."""
    return frozenset(_by_property(events, "case_id"))


def _case(case_id: str, told: Sequence[LoggedEvent], rule: ServiceFirst | None, moment: int) -> CaseAnswer | None:
    turns = [one.event for one in told if one.event.kind != Kind.CASE_UPDATED]
    if turns and turns[0].kind == Kind.CASE_CLOSED:
        return None
    opened = [event.occurred_at for event in turns if event.kind == Kind.CASE_OPENED]
    opened_at = opened[0] if opened else told[-1].event.occurred_at
    stale = stale_since(rule, told[0].event.occurred_at, moment)
    return CaseAnswer(
        case_id=case_id,
        severity=next((one.event.severity for one in told if one.event.severity), 0),
        reason=_newest_text(told, "reason"),
        agent_id=next((agent for one in told if (agent := id_of(properties_of(one.event), "agent_id"))), None),
        opened_at=Instant(opened_at),
        updated_at=Instant(told[0].event.occurred_at),
        stale_since=None if stale is None else Instant(stale),
        age_seconds=(moment - opened_at) // 1000,
    )


def captured_fields(events: Iterable[LoggedEvent]) -> list[FieldAnswer]:
    """The newest value of each field, by name. A field that was emptied again is not captured."""
    newest: dict[str, FieldAnswer] = {}
    for one in events:
        properties = properties_of(one.event)
        field = id_of(properties, "field")
        if field is None or field in newest:
            continue
        secret = is_withheld(properties)
        newest[field] = FieldAnswer(
            field=field,
            value=None if secret else _VALUE.validate_python(properties.get("value")),
            withheld=secret,
            channel=one.event.channel,
            captured_at=Instant(one.event.occurred_at),
        )
    return [
        newest[field] for field in sorted(newest) if newest[field].withheld or newest[field].value not in (None, "")
    ]


def last_agent(events: Iterable[LoggedEvent]) -> LastAgentAnswer | None:
    """Of the newest call, chat, case or hand-off that names one."""
    for one in events:
        agent = id_of(properties_of(one.event), "agent_id")
        if agent is not None:
            return LastAgentAnswer(agent, Instant(one.event.occurred_at), one.event.channel)
    return None


def preferred_store(traits: Mapping[str, object], events: Iterable[LoggedEvent]) -> PreferredStoreAnswer | None:
    """events: visits and purchases; those that name no store say nothing. An order is one purchase."""
    purchases, visits = Counter[str](), Counter[str]()
    newest_first: dict[str, None] = {}
    orders: set[str] = set()
    for one in events:
        store = id_of(properties_of(one.event), "store_id")
        order = one.event.order or one.event.message_id
        if store is None or order in orders:
            continue
        newest_first.setdefault(store)
        if one.event.kind == Kind.ORDERED:
            orders.add(order)
        (purchases if one.event.kind == Kind.ORDERED else visits)[store] += 1
    total = purchases.total() + visits.total()
    declared = id_of(traits, PREFERRED_STORE)
    if declared is not None:
        return PreferredStoreAnswer(declared, "declared", purchases[declared], visits[declared], total)
    if not newest_first:
        return None
    used = max(newest_first, key=lambda store: purchases[store] + visits[store])
    return PreferredStoreAnswer(used, "use", purchases[used], visits[used], total)


def subscriptions(events: Sequence[LoggedEvent], moment: int, item_names: ItemNames) -> list[SubscriptionAnswer]:
    """Those that run at `moment` (ms UTC): of each, the newest statement decides."""
    told: dict[str, list[LoggedEvent]] = {}
    for one in events:
        key = one.event.order or one.event.item or id_of(properties_of(one.event), "plan")
        told.setdefault(key or "", []).append(one)
    newest = {key: max(statements, key=_standing).event for key, statements in told.items()}
    return [_subscription(newest[key], told[key], item_names) for key in told if _runs(newest[key], moment)]


def _standing(one: LoggedEvent) -> tuple[int, int, int]:
    """Of several statements the greatest stands (see features.ledger)."""
    return one.event.occurred_at, one.event.kind, one.event.recorded_at


def _runs(newest: Event, moment: int) -> bool:
    return newest.kind != Kind.SUBSCRIPTION_ENDED and (newest.ends_at is None or newest.ends_at > moment)


def _subscription(newest: Event, statements: Sequence[LoggedEvent], item_names: ItemNames) -> SubscriptionAnswer:
    started = [one.event.occurred_at for one in statements if one.event.kind == Kind.SUBSCRIPTION_STARTED]
    return SubscriptionAnswer(
        subscription_id=newest.order,
        item=newest.item,
        name=None if newest.item is None else item_names(newest.item),
        since=Instant(started[0] if started else statements[-1].event.occurred_at),
        ends_at=None if newest.ends_at is None else Instant(newest.ends_at),
    )


def notes(events: Iterable[LoggedEvent], newest: int | None = None) -> list[NoteAnswer]:
    """Whole, however long: they were written to be read. What only says that a promise was kept stands with it. events:
    of one customer, the newest first; of several that keep the same promise the oldest stands. newest: how many are
    told whatever is in them, None for all; of older ones those whose promise nobody has kept."""
    read = [(one.event, properties_of(one.event)) for one in events]
    kept = {
        keeps: (event, id_of(told, "agent_id")) for event, told in read if isinstance(keeps := told.get("keeps"), str)
    }
    written = [(event, told) for event, told in read if not isinstance(told.get("keeps"), str)]
    return [
        _note(event, told, kept.get(event.message_id))
        for place, (event, told) in enumerate(written)
        if newest is None or place < newest or (_promises(told) and event.message_id not in kept)
    ]


def _promises(told: Mapping[str, object]) -> bool:
    return isinstance(promised := told.get("promised"), str) and bool(promised.strip())


def _note(event: Event, told: Mapping[str, object], kept: tuple[Event, str | None] | None) -> NoteAnswer:
    words = {name: discreet(text.strip()) or None for name in _NOTE if isinstance(text := told.get(name), str)}
    said, promised, due = (words.get(name) for name in _NOTE)
    return NoteAnswer(
        note_id=event.message_id,
        at=Instant(event.occurred_at),
        channel=event.channel,
        agent_id=id_of(told, "agent_id"),
        told=said,
        promised=promised,
        due=due,
        kept_at=None if kept is None else Instant(kept[0].occurred_at),
        kept_by=None if kept is None else kept[1],
    )


def _by_property(events: Iterable[LoggedEvent], name: str) -> dict[str, list[LoggedEvent]]:
    groups: dict[str, list[LoggedEvent]] = {}
    for one in events:
        value = id_of(properties_of(one.event), name)
        if value is not None:
            groups.setdefault(value, []).append(one)
    return groups


def _newest_text(events: Iterable[LoggedEvent], name: str) -> str | None:
    return next((text for one in events if (text := text_of(properties_of(one.event), name)) is not None), None)
