"""A SYNTHETIC corner shop in a real store: habits, successions, machines that nobody buys twice, soap that lasts, an
item that is out of stock and one that is sold no more. Nothing of the real world is in it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from features.event import Event, Identifier, Kind
from features.stores import open_store
from features.stores.protocol import Append, Store
from features.stores.shared import ItemState
from models.catalogue_file import CatalogueSource, checked
from tests.models.shop import items_table
from tests.serving.synthetic import store_url
from tests.training.small_shop import BEGIN, DAY, as_table

PEOPLE = 150
CATEGORIES = {"food": "always", "turn": "always", "washers": "never", "care": "after"}
GOODS = {
    **{f"food-{number}": "food" for number in range(6)},
    **{f"turn-{number}": "turn" for number in range(4)},
    **{f"washer-{number}": "washers" for number in range(3)},
    **{f"soap-{number}": "care" for number in range(2)},
}
OUT_OF_STOCK, NOT_SOLD = "food-5", "old"
SOAP_DAYS = 11
OBJECTING, ERASED = "p-3", "p-4"


def source() -> CatalogueSource:
    """An action for each item, and its category: what the gate says of it is what it says of the item."""
    offer = {"kind": "offer", "group": "g", "value": 1, "success": "converted", "suppression": {"rule": "by_category"}}
    actions = [
        {**offer, "id": item, "items": [item], "categories": [of], "treatments": [{"id": "t", "channel": "web"}]}
        for item, of in GOODS.items()
    ]
    document = {
        "currency": "EUR",
        "time_zone": "Europe/Vienna",
        "channels": {"web": {"direction": "inbound", "consent": "not_needed", "reward_window_days": 7}},
        "categories": [
            {"id": name, "repurchase": {"rule": rule} | ({"days": SOAP_DAYS} if rule == "after" else {})}
            for name, rule in CATEGORIES.items()
        ],
        "actions": actions,
    }
    return checked(document, items_table(GOODS))


def catalogue() -> tuple[str, bytes]:
    found = source()
    return found.document, found.items_ipc()


def basket(person: int, day: int, rng: np.random.Generator) -> set[str]:
    """One's own food, each turn after the one before, and now and then what lasts."""
    found = {f"food-{person % 5}", f"turn-{(person + day) % 4}"}
    found |= {OUT_OF_STOCK} if rng.random() < 0.5 else set()
    found |= {f"soap-{person % 2}"} if (person + day) % 4 == 0 else set()
    found |= {f"washer-{rng.integers(3)}"} if rng.random() < 0.15 else set()
    return found | ({NOT_SOLD} if day == 0 else set())


def lines(bought: Sequence[Sequence[set[str]]]) -> list[dict[str, object]]:
    """Of each person's baskets, one every three days."""
    return [
        {
            "customer_id": f"p-{person}",
            "kind": int(Kind.ORDERED),
            "occurred_at": BEGIN + 3 * day * DAY + person,
            "recorded_at": BEGIN + 3 * day * DAY + person,
            "item": item,
            "order": f"{person}/{day}",
            "quantity": 1.0,
        }
        for person, baskets in enumerate(bought)
        for day, held in enumerate(baskets)
        for item in sorted(held)
    ]


def open_corner_shop(home: Path, people: int = PEOPLE, *, baskets: int = 7, seed: int = 5) -> Store:
    """One objects to profiling, and one was erased."""
    home.mkdir(parents=True, exist_ok=True)
    store = open_store(store_url(home))
    store.publish_catalogue(*catalogue(), None, BEGIN, "test", "synthetic")
    rng = np.random.default_rng(seed)
    bought = [[basket(person, day, rng) for day in range(baskets)] for person in range(people)]
    store.import_events(as_table(lines(bought)), "synthetic-corner-shop")
    end = BEGIN + 3 * baskets * DAY
    said = Event("objects", Kind.CONSENT_WITHDRAWN, "Profiling Objected", end, end, topic="profiling")
    store.append([Append(Identifier("user_id", OBJECTING), (said,))]).result(30)
    store.erase(Identifier("user_id", ERASED), end, "test")
    store.feed_items([ItemState(OUT_OF_STOCK, 0)], end)
    return store
