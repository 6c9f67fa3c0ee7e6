"""SYNTHETIC: a shop with a call centre, served by a real server; its agents, its customers, its actions. No figure here
says anything about the world."""

from __future__ import annotations

import itertools
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import psycopg

from features.instants import render_instant
from features.stores import open_store
from features.stores.desk import Account
from features.stores.protocol import Store
from features.stores.sql.kept_answers import WAITS
from features.vault import Vault
from models.catalogue_file import read_text
from serving.console.accounts import hashed, new_link
from serving.console.answers import UNDO_TIME
from serving.security import RIGHTS, new_key
from tests.serving.running import Running, server
from tests.serving.synthetic import PUBLISHED_AT, make_shop, store_url

MINUTE = 60_000
HOUR = 60 * MINUTE
DAY = 24 * HOUR
PASSWORD = "correct horse battery"  # noqa: S105 - of accounts that live as long as a test

CATALOGUE = """
currency: EUR
time_zone: Europe/London
channels:
  email: {direction: outbound, consent: opt_in, reward_window_days: 14, needs: email}
  web: {direction: inbound, consent: not_needed, reward_window_days: 7}
  agent: {direction: inbound, consent: not_needed, reward_window_days: 7}
  chat: {direction: inbound, consent: not_needed, reward_window_days: 7}
  store: {direction: inbound, consent: not_needed, reward_window_days: 7}
traits: {postcode: text, tier: text, customer_since: time}
journey:
  idle_minutes: 30
  escalation: {after_minutes: 45, after_transfers: 3}
  handoff: {take_within_minutes: 60}
service_first: {severity: 2, stale_days: 14, delivery_days: 3}
cool_off: {action_days: 30}
contact_reasons:
  - {id: delivery, say: "Is it about your delivery?"}
  - {id: billing, say: "Is it about a bill?"}
topics:
  - {id: offers, name: Offers, words: "May we send you offers?"}
categories:
  - {id: laundry, name: Laundry}
  - {id: cleaning, name: Cleaning}
  - {id: care, name: Care plans}
items:
  - {id: washer-1, category: laundry, name: Washing machine 8 kg, price: 499}
  - {id: dryer-1, category: laundry, name: Dryer 8 kg, price: 549}
  - {id: vacuum-1, category: cleaning, name: Vacuum cleaner, price: 199}
  - {id: plan-1, category: care, name: "Care plan ✨ خطة العناية", price: 49}
actions:
  - id: offer-dryer
    name: Dryer to go with the washing machine
    kind: offer
    group: appliances
    items: [dryer-1]
    value: 60
    success: accepted
    suppression: {rule: never}
    treatments:
      - id: dryer-desk
        channel: agent
        content:
          talk_track: >-
            You bought a washing machine with us. The dryer of the same series is 10 % less this week, and we bring both
            up the stairs.
          price: 494.10
      - {id: dryer-email, channel: email, content: {subject: Wash and dry}}
  - id: offer-vacuum
    name: Vacuum cleaner
    kind: offer
    group: cleaning
    items: [vacuum-1]
    value: 20
    success: accepted
    suppression: {rule: never}
    treatments:
      - {id: vacuum-desk, channel: agent, content: {talk_track: "Our quietest vacuum cleaner is back in stock."}}
      - {id: vacuum-web, channel: web}
  - id: offer-plan
    name: "Care plan ✨ خطة العناية"
    kind: offer
    group: plans
    items: [plan-1]
    value: 15
    success: accepted
    suppression: {rule: never}
    treatments:
      - {id: plan-desk, channel: agent, content: {talk_track: "For 49 EUR a year we mend at home whatever breaks."}}
  - id: offer-washer
    name: Washing machine 8 kg
    kind: offer
    group: appliances
    items: [washer-1]
    value: 50
    success: accepted
    suppression: {rule: never}
    treatments:
      - {id: washer-desk, channel: agent, content: {talk_track: "It is the quietest of its class."}}
  - id: delivery-call
    name: Tell what happens to a late delivery
    kind: service
    group: service
    value: 0
    success: accepted
    treatments:
      - {id: delivery-desk, channel: agent, content: {talk_track: "I see your delivery; I call the carrier now."}}
"""


@dataclass(slots=True)
class CallCentre:
    """now: ms UTC, what the next event says; only forward. key: of the shop's own systems, with every right. url,
    vault: of its store."""

    running: Running
    client: httpx.Client
    key: str
    url: str
    vault: Vault | None
    now: int = PUBLISHED_AT
    _numbers: Iterator[int] = field(default_factory=lambda: itertools.count(1))

    def store(self) -> Store:
        """The one that it serves from, opened beside it."""
        return open_store(self.url, vault=self.vault)

    def later(self, span: int) -> None:
        self.now += span

    def number(self) -> int:
        return next(self._numbers)

    def tell(self, path: str, call: dict[str, object]) -> None:
        """Something happens now, told by another system of the shop."""
        headers = {"Nextbest-Now": render_instant(self.now), "Authorization": f"Bearer {self.key}"}
        told = {"messageId": f"centre-{self.number()}", **call}
        response = self.client.post(f"/v1/{path}", json=told, headers=headers)
        assert response.status_code == 200, response.text

    def track(self, customer: str, event: str, **properties: object) -> None:
        self.tell("track", {"userId": customer, "event": event, "properties": properties})

    def identify(self, customer: str, **traits: object) -> None:
        self.tell("identify", {"userId": customer, "traits": traits})

    def stock(self, item: str, stock: int | None) -> None:
        headers = {"Authorization": f"Bearer {self.key}"}
        response = self.client.post("/items/feed", json={"items": [{"id": item, "stock": stock}]}, headers=headers)
        assert response.status_code == 200, response.text

    def get(self, path: str, **query: str) -> dict[str, object]:
        headers = {"Authorization": f"Bearer {self.key}"}
        response = self.client.get(path, params=query, headers=headers)
        assert response.status_code == 200, response.text
        answer: dict[str, object] = response.json()
        return answer

    def customer(self, name: str = "Anna Smith", phone: bool = True) -> str:
        """A new customer on a new day, with a history; what the page is about in most tests."""
        self.later(2 * DAY)
        number = self.number()
        customer = f"c-{number}"
        first, _, last = name.partition(" ")
        traits: dict[str, object] = {"firstName": first, "lastName": last, "tier": "Gold", "postcode": "SW1A 1AA"}
        traits |= {"email": f"{customer}@example.com", "customer_since": "2019-04-01T00:00:00Z"}
        self.identify(customer, **traits, **({"phone": self.phone(customer)} if phone else {}))
        self.track(customer, "Email Subscribed", email=f"{customer}@example.com")
        product = {"product_id": "washer-1", "quantity": 1, "price": 499.0}
        self.track(
            customer, "Order Completed", order_id=f"o-{number}", products=[product], channel="store", store_id="s-4"
        )
        return customer

    def undo_time_passes(self) -> None:
        """Of every answer that was given by now: so much earlier it was given."""
        earlier = f"UPDATE desk_answer SET due_at = due_at - {UNDO_TIME} WHERE claimed = {WAITS}"  # noqa: S608
        path = self.url.removeprefix("sqlite:///")
        with sqlite3.connect(path, timeout=30.0) if path != self.url else psycopg.connect(self.url) as store:
            store.execute(earlier)
        store.close()

    @staticmethod
    def phone(customer: str) -> str:
        return f"+4420794{int(customer.removeprefix('c-')):05d}"


def link(centre: CallCentre, account: str) -> str:
    """A path that signs in, once."""
    store = centre.store()
    try:
        return f"/console/link/{new_link(store, account)}"
    finally:
        store.close()


@contextmanager
def call_centre(home: Path, url: str = "", vault: Vault | None = None, **settings: str) -> Iterator[CallCentre]:
    """url: of the store, "" for a file in `home`. vault: None for the key file there."""
    url = url or store_url(home)
    make_shop(home, driven=True, url=url, vault=vault)
    source = read_text(CATALOGUE)
    store = open_store(url, vault=vault)
    key, record = new_key(RIGHTS, PUBLISHED_AT, "test: the shop's systems")
    try:
        store.publish_catalogue(source.document, source.items_ipc(), None, PUBLISHED_AT, "test", "synthetic")
        store.add_key(record)
        password = hashed(PASSWORD)
        for name in ("agent", "lead", "marketer", "scientist", "admin"):
            store.put_account(Account(name, frozenset({name}), password, "", PUBLISHED_AT))
        store.put_account(Account("second", frozenset({"agent"}), password, "", PUBLISHED_AT))
    finally:
        store.close()
    with (
        server(home, workers=int(settings.pop("NEXTBEST_WORKERS", "2")), **settings) as running,
        running.client() as client,
    ):
        yield CallCentre(running, client, key, url, vault)
