"""A running subscription to the plan suppresses it like something bought just now; its end lifts that at once."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from features import ledger
from features.event import Event, Kind
from features.history import EVENT, Records
from features.stores.packed import record_of
from features.vocabulary import Vocabulary
from models.catalogue_file import checked
from models.columns import CompiledCatalogue
from models.policy.gates.already_purchased import AlreadyPurchased
from models.policy.situation import Situation
from tests.models.shelves import CHANNELS
from tests.models.shop import DAY, NOW, ByAction, compiled, customer, items_table, request
from tests.models.worlds import World

AGO = NOW - 400 * DAY


@pytest.fixture(params=["never", "after", "always"], ids=lambda rule: f"rule {rule}")
def shop(request: pytest.FixtureRequest) -> tuple[str, CompiledCatalogue, Vocabulary]:
    suppression = {"rule": request.param} | ({"days": 30} if request.param == "after" else {})
    document = {
        "currency": "EUR",
        "time_zone": "UTC",
        "channels": CHANNELS,
        "actions": [
            {
                "id": "offer",
                "kind": "offer",
                "group": "g",
                "items": ["gold"],
                "value": 1,
                "success": "converted",
                "suppression": suppression,
                "treatments": [{"id": "t", "channel": "web"}],
            }
        ],
    }
    return request.param, *compiled(checked(document, items_table({"gold": None, "silver": None})))


def statement(kind: Kind, at: int, plan: str | None, ends_at: int | None = None) -> Event:
    return Event("m", kind, kind.name, at, at, item=plan, order="s-1", ends_at=ends_at)


def situation(catalogue: CompiledCatalogue, vocabulary: Vocabulary, told: list[Event]) -> Situation:
    rows = [record_of(one, n + 1, 255, vocabulary.code("item", one.item), -1) for n, one in enumerate(told)]
    log: Records = np.frombuffer(b"".join(rows), EVENT)
    record = replace(customer((), vocabulary), ledger=ledger.entries(log))
    return World(catalogue, vocabulary, (), record, request("web"), ByAction()).situation


CASES = [
    ("long running", [statement(Kind.SUBSCRIPTION_STARTED, AGO, "gold")], True),
    ("in its term", [statement(Kind.SUBSCRIPTION_STARTED, AGO, "gold", NOW + 1)], True),
    ("term over", [statement(Kind.SUBSCRIPTION_STARTED, AGO, "gold", NOW)], False),
    (
        "ended",
        [statement(Kind.SUBSCRIPTION_STARTED, AGO, "gold"), statement(Kind.SUBSCRIPTION_ENDED, NOW, None)],
        False,
    ),
    (
        "changed to another plan",
        [statement(Kind.SUBSCRIPTION_STARTED, AGO, "gold"), statement(Kind.SUBSCRIPTION_CHANGED, NOW, "silver")],
        False,
    ),
    (
        "changed to it",
        [statement(Kind.SUBSCRIPTION_STARTED, AGO, "silver"), statement(Kind.SUBSCRIPTION_CHANGED, AGO + DAY, "gold")],
        True,
    ),
]


@pytest.mark.parametrize(("told", "held"), [case[1:] for case in CASES], ids=[case[0] for case in CASES])
def test_a_plan_is_suppressed_while_it_runs(
    shop: tuple[str, CompiledCatalogue, Vocabulary], told: list[Event], held: bool
) -> None:
    rule, catalogue, vocabulary = shop
    refused = AlreadyPurchased().refuses(situation(catalogue, vocabulary, told)).tolist()
    assert refused == [held and rule != "always"]


def test_the_reason_names_the_subscription(shop: tuple[str, CompiledCatalogue, Vocabulary]) -> None:
    rule, catalogue, vocabulary = shop
    if rule == "always":
        return
    account = AlreadyPurchased().account(situation(catalogue, vocabulary, CASES[0][1]), 0)
    assert account.rule == "subscribed"
    assert account.reason == (
        "item gold is subscribed to since 2024-11-27T00:00:00Z and is not offered before the subscription ends"
    )
