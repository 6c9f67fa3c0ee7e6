"""What a customer ordered and what became of it, and what lies in the basket."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from operator import itemgetter
from typing import Literal

import numpy as np

from features.event import Event, Kind
from features.history import CustomerRecord, Records, as_of, text_code
from features.ledger import owned
from features.stores.people import LoggedEvent
from features.vocabulary import Vocabulary
from models.policy.basket import BASKET_DAYS
from models.promotions import DAY
from serving.item_names import ItemNames
from serving.know_answers import BasketLineAnswer, OrderAnswer, OrderLineAnswer
from serving.schemas import Instant
from serving.words import id_of, properties_of

SHOWN = 5
"""Orders, the newest first."""

State = Literal["ordered", "shipped", "delayed", "delivered", "refunded", "cancelled"]

_DELIVERY: Mapping[Kind, State] = {
    Kind.ORDER_SHIPPED: "shipped",
    Kind.DELIVERY_DELAYED: "delayed",
    Kind.ORDER_DELIVERED: "delivered",
}
_BACK: Mapping[Kind, State] = {Kind.REFUNDED: "refunded", Kind.CANCELLED: "cancelled"}
ORDER_KINDS = frozenset({Kind.ORDERED, Kind.ORDER_UPDATED, *_DELIVERY, *_BACK})

Remaining = Mapping[tuple[int, int, int], float]
"""Units still owned by (text_code of the order, item, ms UTC when bought; 0 for an order that has an id)."""


def last_orders(
    events: Iterable[LoggedEvent], record: CustomerRecord, vocabulary: Vocabulary, names: ItemNames, moment: int
) -> list[OrderAnswer]:
    """events: of ORDER_KINDS, known at `moment` (ms UTC), the newest first. What came back is as the ledger says."""
    orders: dict[str, list[Event]] = {}
    for one in events:
        orders.setdefault(_order(one.event), []).append(one.event)
    bought = [(at, told) for told in orders.values() if (at := _ordered_at(told)) is not None]
    newest = [told for _, told in sorted(bought, key=itemgetter(0), reverse=True)[:SHOWN]]
    remaining = _remaining(record.ledger, moment) if newest else {}
    return [_order_answer(told, remaining, vocabulary, names) for told in newest]


def _ordered_at(told: Iterable[Event]) -> int | None:
    """When the order was last reported, ms UTC. told: the newest first."""
    return next((event.occurred_at for event in told if event.kind == Kind.ORDERED), None)


def _order(event: Event) -> str:
    """What keeps one order's events together: its id, else the message that told of it."""
    return event.order or id_of(properties_of(event), "order_id") or f"\n{event.message_id}"


def _remaining(ledger: Records, moment: int) -> Remaining:
    found: dict[tuple[int, int, int], float] = {}
    held = owned(ledger, moment)
    bought = held[~held["subscribed"]]
    columns = (bought[name].tolist() for name in ("order", "item", "occurred_at", "quantity"))
    for order, item, at, quantity in zip(*columns, strict=True):
        key = (order, item, 0 if order else at)
        found[key] = found.get(key, 0.0) + quantity
    return found


def _order_answer(told: Sequence[Event], remaining: Remaining, vocabulary: Vocabulary, names: ItemNames) -> OrderAnswer:
    reported = [event for event in told if event.kind == Kind.ORDERED]
    items = dict.fromkeys(event.item for event in sorted(reported, key=lambda event: event.line))
    lines = [_line([event for event in reported if event.item == item], remaining, vocabulary, names) for item in items]
    state, since = _state(told, lines)
    return OrderAnswer(
        order_id=reported[0].order,
        ordered_at=Instant(reported[0].occurred_at),
        channel=reported[0].channel,
        state=state,
        since=Instant(since),
        lines=lines,
    )


def _line(reported: Sequence[Event], remaining: Remaining, vocabulary: Vocabulary, names: ItemNames) -> OrderLineAnswer:
    """Of several reports of one line the latest stands; lines of equal clocks are one report (see features.ledger)."""
    latest = max((event.occurred_at, event.recorded_at) for event in reported)
    standing = [event for event in reported if (event.occurred_at, event.recorded_at) == latest]
    first = standing[0]
    quantity = sum(1.0 if math.isnan(event.quantity) else event.quantity for event in standing)
    amount = sum(event.amount for event in standing)
    key = (text_code(first.order), vocabulary.code("item", first.item), 0 if first.order else first.occurred_at)
    left = quantity if first.item is None else remaining.get(key, 0.0)
    return OrderLineAnswer(
        item=first.item,
        name=None if first.item is None else names(first.item),
        quantity=quantity,
        returned=max(0.0, quantity - left),
        amount=None if math.isnan(amount) else amount,
    )


def _state(told: Sequence[Event], lines: Sequence[OrderLineAnswer]) -> tuple[State, int]:
    """The state, and since when (ms UTC). told: the newest first."""
    back = [event for event in told if event.kind in _BACK]
    everything = all(line.returned >= line.quantity for line in lines)
    if back and (everything or any(event.item is None for event in back)):
        return _BACK[back[0].kind], back[0].occurred_at
    delivery = next((event for event in told if event.kind in _DELIVERY), None)
    if delivery is not None:
        return _DELIVERY[delivery.kind], delivery.occurred_at
    return "ordered", _ordered_at(told) or 0


_TOUCHING = (Kind.BASKET_ADDED, Kind.BASKET_REMOVED, Kind.ORDERED)


def basket(page: Records, vocabulary: Vocabulary, names: ItemNames, moment: int) -> list[BasketLineAnswer]:
    """Added less removed less ordered, the last touched first. A basket that rests for BASKET_DAYS is abandoned; a
    removal or order of an unknown quantity takes out everything. page: EVENT records sorted by (occurred_at,
    sequence)."""
    known = as_of(page, moment)
    lately = known[(known["item"] >= 0) & (known["occurred_at"] > moment - BASKET_DAYS * DAY)]
    touching = lately[np.isin(lately["kind"], _TOUCHING)]
    if not (touching["kind"] == Kind.BASKET_ADDED).any():
        return []
    lying: dict[int, tuple[float, int]] = {}
    for item, kind, units, at in zip(
        *(touching[name].tolist() for name in ("item", "kind", "quantity", "occurred_at")), strict=True
    ):
        held = lying.get(item, (0.0, 0))[0]
        if kind == Kind.BASKET_ADDED:
            lying[item] = (held + (1.0 if math.isnan(units) else units), at)
        elif kind in (Kind.BASKET_REMOVED, Kind.ORDERED):
            lying[item] = (0.0 if math.isnan(units) else max(0.0, held - units), at)
    kept = [(at, text, held) for item, (held, at) in lying.items() if held and (text := vocabulary.text("item", item))]
    return [
        BasketLineAnswer(item=text, name=names(text), quantity=held, since=Instant(at))
        for at, text, held in sorted(kept, reverse=True)
    ]
