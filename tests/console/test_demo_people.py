"""Whoever tries the desk on SYNTHETIC people finds them as a telephone system or a caller would name them."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest
from starlette.responses import Response

from features.event import Event, Kind
from features.identity import customer_identifier
from features.stores.protocol import Append
from serving.console import finding
from serving.runtime import Runtime
from tests.console.test_live import begun, publish
from tests.console.test_one_person import Desk
from tests.serving.synthetic import PUBLISHED_AT
from training.simulation import people
from training.sources import complete_journey, simulated


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[Runtime]:
    with begun(tmp_path) as runtime:
        publish(runtime)
        runtime.store.import_customers(people.named(), "test")
        yield runtime


def found(shop: Runtime, query: str) -> Response:
    return asyncio.run(finding.find(Desk(shop).visit(query)))


def test_everybody_is_found_by_what_is_theirs_alone(shop: Runtime) -> None:
    for number in range(people.NAMED):
        one = people.somebody(number)
        asked = [f"q={one.email}", f"q={one.card}", f"q={one.customer_id}"]
        if number not in people.SHARING:
            asked.append(f"phone={one.phone.replace('+', '%2B')}")
        for query in asked if number < 6 else asked[:1]:
            answer = found(shop, query)
            assert answer.headers["location"] == f"/console/customers/{one.customer_id}", query


def test_who_shares_a_telephone_is_asked_and_so_is_a_name(shop: Runtime) -> None:
    one, other = (people.somebody(number) for number in people.SHARING)
    page = bytes(found(shop, f"phone={one.phone.replace('+', '%2B')}").body).decode()
    assert "2 people answer" in page
    assert one.first in page
    assert other.first in page
    by_name = bytes(found(shop, f"name={one.last}&postcode={one.postcode}").body).decode()
    assert "Somebody answers" in by_name


def test_nobody_and_nothing_of_it_exists() -> None:
    """Telephones that are free for drama, and an address that is nobody's."""
    every = [people.somebody(number) for number in range(people.NAMED)]
    assert all(one.phone.startswith("+442079460") and len(one.phone) == 13 for one in every)
    assert all(one.email.endswith("@example.com") and one.postcode.startswith("ZZ") for one in every)
    assert len({(one.first, one.last) for one in every}) == people.NAMED


def test_a_demo_says_whom_to_try_and_invents_nobody_for_real_people(shop: Runtime) -> None:
    one = people.somebody(1)
    told = Event("o", Kind.ORDERED, "Order Completed", PUBLISHED_AT, PUBLISHED_AT, order="sim-1-7", item="washer-1")
    shop.store.append([Append(customer_identifier(one.customer_id), (told,))]).result(60)
    shown = simulated.at_the_desk(shop.store, "http://here")
    assert "http://here/console?phone=%2B442079460001 (Björn Example, SYNTHETIC)" in shown
    assert "order sim-1-7" in shown
    assert found(shop, "q=sim-1-7").headers["location"] == f"/console/customers/{one.customer_id}"
    real = complete_journey.at_the_desk(shop.store, "http://here")
    assert "phone" not in real
