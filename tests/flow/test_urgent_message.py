"""A power cut: who calls from there is told so first, on the telephone, for as long as it lasts. SYNTHETIC."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import pytest
from typer.testing import CliRunner

import nextbest as command_line
from features.instants import parse_instant, render_instant
from features.stores import open_store
from serving.security import RIGHTS, new_key
from tests.serving.running import server
from tests.serving.synthetic import CATALOGUE, PUBLISHED_AT, make_shop, store_url

BEFORE, DURING, AFTER = ("2026-01-31T10:59:59Z", "2026-01-31T11:00:00Z", "2026-01-31T17:00:00Z")
IVR = "\n  ivr: {direction: inbound, consent: not_needed, reward_window_days: 1}\n"
MESSAGE = """
  - id: power-cut
    name: We know of the power cut
    kind: service
    group: outage
    value: 0
    success: accepted
    urgent: true
    eligibility: customer.postcode.startsWith("021")
    starts_at: 2026-01-31T12:00:00+01:00
    ends_at: 2026-01-31T18:00:00+01:00
    treatments:
      - {id: power-cut-ivr, channel: ivr, content: {say: We know of it}}
"""


@dataclass(slots=True)
class Shop:
    """A shop whose clock the requests set, only forward."""

    client: httpx.Client
    now: str = field(default=render_instant(PUBLISHED_AT))

    def post(self, path: str, body: object) -> dict[str, object]:
        response = self.client.post(path, json=body, headers={"Nextbest-Now": self.now})
        assert response.status_code == 200, response.text
        answer: dict[str, object] = response.json()
        return answer

    def told(self, customer_id: str) -> list[str]:
        """What a caller is told on the telephone, in order."""
        answer = self.post("/recommend", {"customer_id": customer_id, "channels": ["ivr"], "limit": 3, "explain": True})
        assert not answer["degraded"]
        return [action["action_id"] for action in answer["channels"][0]["actions"]]


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[Shop]:
    make_shop(tmp_path, driven=True)
    document = CATALOGUE.replace("\nchannels:", "\ntraits: {postcode: text}\nchannels:" + IVR.rstrip("\n"), 1)
    for offer in ("washer", "vacuum"):
        document = document.replace(
            f"- {{id: {offer}-sms, channel: sms}}",
            f"- {{id: {offer}-sms, channel: sms}}\n      - {{id: {offer}-ivr, channel: ivr}}",
        )
    path = tmp_path / "shop.yaml"
    path.write_text(document + MESSAGE, encoding="utf-8")
    runner = CliRunner(env={"NEXTBEST_HOME": str(tmp_path), "NO_COLOR": "1"})
    applied = runner.invoke(command_line.app, ["import", "--catalogue", str(path)])
    assert applied.exit_code == 0, applied.output
    store = open_store(store_url(tmp_path))
    try:
        key, record = new_key(RIGHTS, PUBLISHED_AT, "test")
        store.add_key(record)
    finally:
        store.close()
    with server(tmp_path) as running, running.client(Authorization=f"Bearer {key}") as client:
        yield Shop(client)


def test_callers_from_there_are_told_first_and_nobody_else_and_no_longer_than_it_lasts(shop: Shop) -> None:
    for customer_id, postcode in (("there", "02115"), ("elsewhere", "90210")):
        shop.post("/v1/identify", {"userId": customer_id, "traits": {"postcode": postcode}, "messageId": customer_id})
    offers = {"offer-washer", "offer-vacuum"}
    for moment, first in ((BEFORE, []), (DURING, ["power-cut"]), (AFTER, [])):
        assert parse_instant(moment) > parse_instant(shop.now)
        shop.now = moment
        there = shop.told("there")
        assert there[: len(first)] == first
        assert set(there[len(first) :]) == offers
        assert set(shop.told("elsewhere")) == set(shop.told("unheard of")) == offers
