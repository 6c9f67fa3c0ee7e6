"""SYNTHETIC: invented people who contact us for reasons that are drawn from known chances, given their situation. No
figure here says anything about the world."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from features.event import Kind
from tests.training.small_shop import BEGIN, DAY

MINUTE = 60_000
DELIVERY, PAYMENT, CASE, PURCHASE, ADVICE = "delivery", "payment", "open_case", "new_purchase", "advice"
TRUTH: Mapping[str, Mapping[str, float]] = {
    "delivered": {DELIVERY: 0.70, PURCHASE: 0.20, PAYMENT: 0.10},
    "failed": {PAYMENT: 0.75, CASE: 0.15, ADVICE: 0.10},
    "case": {CASE: 0.80, DELIVERY: 0.10, PAYMENT: 0.10},
    "bought": {PURCHASE: 0.65, DELIVERY: 0.25, ADVICE: 0.10},
    "quiet": {ADVICE: 0.55, PAYMENT: 0.25, PURCHASE: 0.20},
}
"""The chances of each reason in each situation."""

RARE = 0.02
"""Share of the contacts, but of those about the same again, whose reason nobody else ever gives."""

AGAIN, SAME = 0.35, 0.8
"""Share of the contacts, but for everybody's first, that follow another within a day; and of those the share that are
about the same. The others are for advice."""

Row = dict[str, object]


@dataclass(frozen=True, slots=True)
class Called:
    """One contact as it was drawn. began: ms UTC of its first event. chances: of the reasons that it was drawn from;
    what a story begins stands for all that nobody else gives. reason: the one that was told last."""

    customer: str
    began: int
    chances: Mapping[str, float]
    reason: str


def contact_world(people: int, each: int, seed: int) -> tuple[list[Row], list[Called]]:
    """Import rows, and the truth behind them: each person contacts us `each` times, 30 to 40 days apart or once again
    within a day."""
    rng = np.random.default_rng(seed)
    rows: list[Row] = []
    calls: list[Called] = []
    for person in range(people):
        at = BEGIN + int(rng.uniform(20, 50) * DAY)
        name, again = f"p-{person}", False
        for number in range(each):
            if again:
                chances = _again(calls[-1].reason)
            else:
                situation = str(rng.choice(list(TRUTH)))
                rows += _situation(name, situation, at, f"{person}/{number}")
                chances = {f"story {person} {number}": RARE}
                chances |= {reason: (1 - RARE) * chance for reason, chance in TRUTH[situation].items()}
            reason = str(rng.choice(list(chances), p=list(chances.values())))
            rows += _contact(name, reason, at, rng)
            calls.append(Called(name, at, chances, reason))
            again = not again and rng.random() < AGAIN
            at += int(rng.uniform(40, 1200) * MINUTE if again else rng.uniform(30, 40) * DAY)
    return rows, calls


def _again(reason: str) -> Mapping[str, float]:
    return {ADVICE: 1.0} if reason == ADVICE else {reason: SAME, ADVICE: 1 - SAME}


def row(customer: str, kind: Kind, at: int, told: Mapping[str, object] | None = None, **more: object) -> Row:
    properties = None if told is None else json.dumps(told)
    lag = more.pop("lag", 0)
    return {
        "customer_id": customer, "kind": int(kind), "occurred_at": at, "recorded_at": at + int(str(lag)),
        "properties": properties, **more,
    }  # fmt: skip


def _situation(name: str, situation: str, at: int, order: str) -> list[Row]:
    thing = {"item": "i1", "order": order, "quantity": 1.0, "amount": 9.5}
    if situation == "delivered":
        return [
            row(name, Kind.ORDERED, at - 3 * DAY, **thing),
            row(name, Kind.ORDER_SHIPPED, at - DAY, order=order),
            row(name, Kind.ORDER_DELIVERED, at - 20 * MINUTE, order=order),
        ]
    if situation == "failed":
        return [row(name, Kind.PAYMENT_FAILED, at - hours * 60 * MINUTE) for hours in (40, 20, 2)]
    if situation == "case":
        case = {"case_id": order}
        return [
            row(name, Kind.CASE_OPENED, at - 4 * DAY, case, severity=2),
            row(name, Kind.CASE_CLOSED, at + DAY, case),
        ]
    return [row(name, Kind.ORDERED, at - 10 * MINUTE, **thing)] if situation == "bought" else []


def _contact(name: str, reason: str, at: int, rng: np.random.Generator) -> list[Row]:
    """A call with its reason; or a menu in which the caller chose something else, and the reason noted afterwards."""
    if rng.random() < 0.5:
        return [row(name, Kind.CALL_STARTED, at, {"reason": reason}, channel="agent")]
    return [
        row(name, Kind.IVR_MENU_SELECTED, at, {"reason": "something"}, channel="ivr"),
        row(name, Kind.CALL_STARTED, at + MINUTE, {}, channel="agent"),
        row(name, Kind.CALL_ENDED, at + 9 * MINUTE, {"reason": "no place for it"}, channel="agent"),
        row(name, Kind.CASE_OPENED, at + 10 * MINUTE, {"case_id": f"{name}-{at}", "reason": reason.upper()}),
        row(name, Kind.CASE_CLOSED, at + 11 * MINUTE, {"case_id": f"{name}-{at}"}),
    ]
