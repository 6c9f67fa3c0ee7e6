"""Prices of the item feed at a real server of two workers: what a decision reads of them, then and again. SYNTHETIC."""

from __future__ import annotations

import io
import json
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import numpy as np
import pytest

from features.definitions import names
from features.instants import render_instant
from features.stores import open_store
from models.catalogue_file import read_text
from serving.replaying import Replayer
from serving.runtime import code_revision
from tests.flow.test_operators import nextbest
from tests.serving.running import Running, server, until
from tests.serving.synthetic import CATALOGUE, PUBLISHED_AT, make_shop, store_url

QUESTION = {"customer_id": "p", "channels": ["web"], "exclude": ["offer-vacuum", "offer-plan"]}
WASHER = 499.0
"""The catalogue's own price of what `offer-washer` promotes."""


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """It logs the feature rows of every decision."""
    home = tmp_path_factory.mktemp("prices")
    make_shop(home)
    with server(home, workers=2, NEXTBEST_FEATURE_SAMPLE="1") as one:
        feed(one, {"id": "plan-1", "price": None})
        yield one


def feed(running: Running, *items: dict[str, object]) -> dict[str, object]:
    response = httpx.post(f"{running.url}/items/feed", json={"items": items}, timeout=60)
    assert response.status_code == 200, response.text
    return dict(response.json())


def decide(running: Running) -> str:
    """By whichever worker takes a new connection."""
    response = httpx.post(f"{running.url}/recommend", json=QUESTION, timeout=60)
    assert response.status_code == 200, response.text
    return str(response.json()["decision_id"])


def prices_of(home: Path, decision_ids: list[str]) -> list[float]:
    """The price of the washer in the rows that each decision was made from."""
    store = open_store(store_url(home))
    try:
        logged = [store.decision(one) for one in decision_ids]
    finally:
        store.close()
    rows = [np.load(io.BytesIO(one.feature_rows or b"")) for one in logged if one is not None]
    return [float(row[0, names().index("candidate.price")]) for row in rows]


def price_now(running: Running) -> float:
    return prices_of(running.home, [decide(running)])[0]


def everywhere(running: Running, price: float) -> bool:
    """As far as decisions tell that are asked for at once, so that no worker is likely to take them all."""
    with ThreadPoolExecutor(8) as pool:
        made = list(pool.map(lambda _: decide(running), range(8)))
    return set(prices_of(running.home, made)) == {price}


def test_a_price_holds_on_every_worker_until_the_catalogues_own_holds_again(running: Running) -> None:
    assert price_now(running) == WASHER
    assert feed(running, {"id": "washer-1", "price": 449.99}, {"id": "plan-1", "stock": 3}) == {
        "items": 2,
        "changed": 2,
    }
    assert until(lambda: everywhere(running, 449.99))
    assert feed(running, {"id": "washer-1", "stock": 5}) == {"items": 1, "changed": 1}
    assert until(lambda: everywhere(running, 449.99))
    publish_at(running.home, "price: 520")
    assert until(lambda: catalogue_version(running) == 2)
    assert until(lambda: everywhere(running, 449.99))
    assert feed(running, {"id": "washer-1", "price": None}) == {"items": 1, "changed": 1}
    assert until(lambda: everywhere(running, 520.0))
    publish_at(running.home, "price: 499")
    assert until(lambda: everywhere(running, WASHER))


def publish_at(home: Path, price: str) -> None:
    store, source = open_store(store_url(home)), read_text(CATALOGUE.replace("price: 499", price))
    try:
        store.publish_catalogue(source.document, source.items_ipc(), None, PUBLISHED_AT, "test", "synthetic")
    finally:
        store.close()


def catalogue_version(running: Running) -> int:
    answer = httpx.post(f"{running.url}/recommend", json={**QUESTION, "dry_run": True}, timeout=60).json()
    return int(answer["catalogue_version"])


def test_whatever_it_was_decided_at_is_known_again(running: Running) -> None:
    """Also what was decided while prices changed under it, by whichever worker."""
    feed(running, {"id": "washer-1", "price": 450.0})
    assert until(lambda: everywhere(running, 450.0))
    made = [decide(running)]
    for price in (1.5, None, 451.25):
        feed(running, {"id": "washer-1", "price": price})
        made += [decide(running) for _ in range(4)]
    assert until(lambda: everywhere(running, 451.25))
    made.append(decide(running))
    shown = prices_of(running.home, made)
    assert set(shown) >= {450.0, 451.25}
    store = open_store(store_url(running.home))
    try:
        logged = [one for each in made if (one := store.decision(each)) is not None]
        replayer = Replayer(store, code_revision())
        replayed = [replayer.replay(one) for one in logged]
        assert store.check().faults == ()
    finally:
        store.close()
    assert [(one.missing, one.differences) for one in replayed if not one.identical] == []
    priced = {(one.snapshot, price) for one, price in zip(logged, shown, strict=True)}
    assert len(priced) == len({one.snapshot for one in logged}), "a snapshot has one price"
    told = httpx.get(f"{running.url}/decisions/{made[0]}", timeout=60).json()
    assert told["replay"]["identical"] is True


def test_a_look_at_an_earlier_moment_knows_the_prices_of_then(running: Running) -> None:
    """The answer has no price, but which action a price makes likely."""
    feed(running, {"id": "washer-1", "price": 2.0})
    assert until(lambda: everywhere(running, 2.0))
    decided = httpx.post(f"{running.url}/recommend", json=QUESTION, timeout=60).json()
    between = render_instant(time.time_ns() // 1_000_000)
    feed(running, {"id": "washer-1", "price": 1900.0})
    assert until(lambda: everywhere(running, 1900.0))
    answer = httpx.post(f"{running.url}/recommend", json={**QUESTION, "at": between}, timeout=60).json()
    (then,), (now,) = (one["channels"][0]["actions"] for one in (decided, answer))
    assert now["response_probability"] == then["response_probability"]


@pytest.mark.parametrize(
    ("entry", "field"),
    [
        ({"id": "washer-1", "price": -0.01}, "items[1].price"),
        ({"id": "washer-1", "price": "9.99"}, "items[1].price"),
        ({"id": "washer-1", "price": True}, "items[1].price"),
        ({"id": "washer-1", "price": 1e400}, "items[1].price"),
        ({"id": "washer-1", "price": 1e10}, "items[1].price"),
        ({"id": "washer-1", "price": [1]}, "items[1].price"),
        ({"id": "no-such-item", "price": 9.99}, "items[1].id"),
        ({"id": "washer-1"}, "items[1]"),
        ({"id": "washer-1", "cost": 1}, "items[1].cost"),
    ],
)
def test_what_is_no_price_is_refused_and_nothing_beside_it_is_taken(
    running: Running, entry: dict[str, object], field: str
) -> None:

    before = price_now(running)
    good: dict[str, object] = {"id": "washer-1", "price": 77.0}
    body = json.dumps({"items": [good, entry]}).replace("Infinity", "1e400")
    response = httpx.post(f"{running.url}/items/feed", content=body, timeout=60)
    error = response.json()["error"]
    assert (response.status_code, error["field"]) == (422, field), error
    assert error["rule"]
    assert price_now(running) == before


def test_a_number_that_is_none_is_no_json(running: Running) -> None:
    body = '{"items": [{"id": "washer-1", "price": NaN}]}'
    response = httpx.post(f"{running.url}/items/feed", content=body, timeout=60)
    assert (response.status_code, response.json()["error"]["type"]) == (400, "malformed")


def test_a_file_tells_prices_too(running: Running, tmp_path: Path) -> None:
    file = tmp_path / "prices.csv"
    file.write_text("id,price\nwasher-1,333\nno-such-item,4\n")
    done = nextbest(running.home, "items", "feed", str(file))
    assert done.returncode == 2
    assert "id is no-such-item in row 2; a price is told of an item of the catalogue; correct the file" in done.stderr
    file.write_text("id,price\nwasher-1,333\nplan-1,\n")
    assert nextbest(running.home, "items", "feed", str(file)).returncode == 0
    assert until(lambda: everywhere(running, 333.0))


def test_a_file_that_is_refused_leaves_nothing_of_it(running: Running, tmp_path: Path) -> None:
    """Whatever is wrong, and however far down: long files are written in portions."""
    file = tmp_path / "stock.csv"
    file.write_text("id,stock\n" + "".join(f"item-{number},0\n" for number in range(10_000)) + "bad\0id,0\n")
    done = nextbest(running.home, "items", "feed", str(file))
    assert (done.returncode, done.stdout) == (2, ""), done.stderr
    store = open_store(store_url(running.home))
    try:
        assert not [item for item in store.unavailable_items() if item.startswith("item-")]
    finally:
        store.close()
