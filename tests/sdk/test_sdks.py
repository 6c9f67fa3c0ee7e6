"""Clients that we did not write send a whole visit to a real server; the history is compared event by event."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from features.event import Identifier
from features.instants import parse_instant
from features.stores import open_store
from features.stores.people import LoggedEvent
from serving.security import new_key
from tests.sdk.clients import CLIENTS
from tests.sdk.session import Expected, Session, seen, session_of
from tests.serving.running import Running, server
from tests.serving.synthetic import PUBLISHED_AT, make_shop, store_url

TRANSIT = 60_000
"""ms that a call may be on its way: the times of a visit are corrected by when it was sent and when it came."""


@dataclass(frozen=True, slots=True)
class Shop:
    running: Running
    write: str
    read: str


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    home = tmp_path_factory.mktemp("sdk")
    make_shop(home, model=False)
    store = open_store(store_url(home))
    keys = []
    for right in ("write", "read"):
        key, record = new_key({right}, PUBLISHED_AT, f"test: {right}")
        store.add_key(record)
        keys.append(key)
    store.close()
    with server(home) as running:
        yield Shop(running, *keys)


@pytest.fixture(scope="module", params=list(CLIENTS))
def visit(request: pytest.FixtureRequest, shop: Shop) -> Session:
    """Sent by each client in turn."""
    session = session_of(request.param)
    CLIENTS[request.param](shop.running, shop.write, session)
    return session


def history(shop: Shop, session: Session) -> list[LoggedEvent]:
    """Everything logged of the person, the oldest first; what the browser told before it was known is theirs."""
    store = open_store(store_url(shop.running.home))
    try:
        logged = store.timeline(Identifier("user_id", session.user), None, 200)
    finally:
        store.close()
    return sorted(logged, key=lambda one: one.sequence)


def number_of(logged: LoggedEvent, session: Session) -> int:
    """Which call told it: its own id says so, a contact's does not, but it is logged right behind its call."""
    return {call["messageId"]: number for number, call in enumerate(session.calls)}[logged.event.message_id]


def test_the_history_is_what_was_sent(shop: Shop, visit: Session) -> None:
    found: list[Expected] = []
    for logged in history(shop, visit):
        contact = logged.event.message_id.startswith("contact:")
        found.append(seen(logged.event, found[-1].call if contact else number_of(logged, visit)))
    assert Counter(found) == Counter(visit.expected)


def test_it_happened_when_it_happened(shop: Shop, visit: Session) -> None:
    """By the sender's clock, plus how long the call was under way."""
    told = {call["messageId"]: call.get("timestamp") for call in visit.calls}
    for logged in history(shop, visit):
        event = logged.event
        assert event.recorded_at - event.occurred_at >= 0
        if (when := told.get(event.message_id)) is not None:
            assert 0 <= event.occurred_at - parse_instant(when) < TRANSIT
        elif event.message_id in told:
            assert event.recorded_at - event.occurred_at < TRANSIT


def test_the_person_is_known_as_a_decision_would_know_them(shop: Shop, visit: Session) -> None:
    with shop.running.client(authorization=f"Bearer {shop.read}") as client:
        person = client.get(f"/customers/{visit.user}").json()
    owned = Counter((line["item"], line["quantity"]) for line in person["owned"])
    assert owned == Counter({("vacuum-1", 2.0): 1, ("plan-1", 1.0): 2})
    assert person["traits"] == {"city": "York"}


def test_every_name_leads_to_the_person(shop: Shop, visit: Session) -> None:
    names = {
        "user_id": visit.user,
        "anonymous_id": visit.browser,
        "email": visit.user.replace("-user", "@Example.org"),
    }
    with shop.running.client(authorization=f"Bearer {shop.read}") as client:
        for type_, value in names.items():
            found = client.get("/customers/lookup", params={"type": type_, "value": value})
            assert found.json()["customer_id"] == visit.user, type_
    store = open_store(store_url(shop.running.home))
    try:
        identity = store.identity(Identifier("user_id", visit.user))
    finally:
        store.close()
    assert identity is not None
    assert ("anonymous_id", visit.older) in {(one.type, one.value) for one in identity.identifiers}


def test_sent_again_it_is_the_same_visit(shop: Shop, visit: Session) -> None:
    before = [repr(one) for one in history(shop, visit)]
    CLIENTS[visit.user.removesuffix("-user")](shop.running, shop.write, visit)
    assert [repr(one) for one in history(shop, visit)] == before


def test_nothing_was_refused(shop: Shop) -> None:
    store = open_store(store_url(shop.running.home))
    try:
        assert store.dead_letters(10) == ()
    finally:
        store.close()
