"""A refused call of a batch keeps what it inherits, and is read again as it would have been read then."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path

import pytest
from pydantic import JsonValue
from typer.testing import CliRunner

import nextbest as command_line
from features.event import Identifier
from features.instants import render_instant
from features.stores import Store, open_store
from models.catalogue_file import read_text
from serving import ingest, metrics
from serving.call import Call
from serving.runtime import Runtime
from serving.settings import Settings
from tests.serving.synthetic import CATALOGUE, PUBLISHED_AT, make_shop, store_url

HOUR = 3_600_000
SLOW = 72 * HOUR
"""How far behind the device's clock is."""
FAX = "  fax: {direction: outbound, consent: opt_out, reward_window_days: 14}\n"
MAIL = Identifier("email", "slow@example.org")


def tell(home: Path, body: Mapping[str, JsonValue]) -> Mapping[str, int]:
    async def told() -> bytes:
        runtime = Runtime(Settings(home=home))
        try:
            return await ingest.batch(runtime, dict(body), Call(None, "127.0.0.1", None, None))
        finally:
            await runtime.close()

    answer: Mapping[str, int] = json.loads(asyncio.run(told()))
    return answer


def retry(home: Path) -> int:
    environment = {"NEXTBEST_HOME": str(home), "NO_COLOR": "1"}
    return CliRunner(env=environment).invoke(command_line.app, ["letters", "retry", "--all"]).exit_code


def add_fax(store: Store) -> None:
    source = read_text(CATALOGUE.replace("channels:\n", "channels:\n" + FAX))
    store.publish_catalogue(source.document, source.items_ipc(), None, PUBLISHED_AT, "test", "synthetic")


def call(number: int, at: int) -> dict[str, JsonValue]:
    told: dict[str, JsonValue] = {"type": "track", "userId": "slow-1", "messageId": f"m-{number}"}
    order: dict[str, JsonValue] = {
        "order_id": f"o-{number}",
        "products": [{"product_id": "washer-1"}],
        "channel": "fax",
    }
    return told | {"event": "Order Completed", "timestamp": render_instant(at), "properties": order}


def test_read_again_it_is_dated_by_its_batchs_clock_and_names_whom_its_batch_named(tmp_path: Path) -> None:
    make_shop(tmp_path, model=False)
    before = time.time_ns() // 1_000_000
    sent_at = before - SLOW
    body: dict[str, JsonValue] = {
        "batch": [call(1, sent_at - HOUR), call(2, sent_at - 2 * HOUR) | {"sentAt": None, "context": None}],
        "context": {"externalIds": [{"id": MAIL.value, "type": MAIL.type}]},
        "sentAt": render_instant(sent_at),
    }
    assert tell(tmp_path, body)["refused"] == 2
    after = time.time_ns() // 1_000_000
    store = open_store(store_url(tmp_path))
    try:
        add_fax(store)
        assert retry(tmp_path) == 0
        logged = store.timeline(MAIL, None, 10)
        ages = {one.event.message_id: one.event.occurred_at for one in logged}
        for message_id, hours in (("m-1", 1), ("m-2", 2)):
            assert before - hours * HOUR <= ages[message_id] <= after - hours * HOUR
        assert all(one.event.recorded_at >= after for one in logged)
        assert not store.dead_letters(10)
    finally:
        store.close()


def test_a_context_that_thousands_of_empty_calls_inherit_is_not_kept_thousands_of_times(tmp_path: Path) -> None:
    make_shop(tmp_path, model=False)
    sent_at, calls = "2026-01-01T00:00:00Z", 2_000
    body: dict[str, JsonValue] = {"batch": [{}] * calls, "context": {"page": "x" * 20_000}, "sentAt": sent_at}
    assert tell(tmp_path, body)["refused"] == calls
    store = open_store(store_url(tmp_path))
    try:
        payloads = [one.payload for one in store.dead_letters(calls)]
        assert sum(map(len, payloads)) < ingest.INHERITED_LIMIT
        assert json.loads(payloads[0]) == {"sentAt": sent_at}
    finally:
        store.close()


def test_letters_that_leave_for_newer_ones_are_counted_and_said_once(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    make_shop(tmp_path, model=False)
    before = metrics.LETTERS_LEFT._value.get()

    async def told() -> None:
        runtime = Runtime(Settings(home=tmp_path, dead_letters=10))
        try:
            for _ in range(3):
                await ingest.batch(runtime, {"batch": [{}] * 8}, Call(None, "127.0.0.1", None, None))
        finally:
            await runtime.close()

    asyncio.run(told())
    with closing(open_store(store_url(tmp_path))) as store:
        kept = len(store.dead_letters(100))
    assert kept <= 10
    assert metrics.LETTERS_LEFT._value.get() - before == 24 - kept
    said = [one.getMessage() for one in caplog.records if "dead letters leave" in one.getMessage()]
    assert len(said) == 1
