"""A page reads the log once for all its parts; each part is what it would be if it had asked by itself."""

from __future__ import annotations

import pytest
from starlette.requests import Request

from features.stores.desk import Account, DeskSession
from serving.call import Call
from serving.console import happenings, record
from serving.console.visit import Person, Visit
from serving.contact_reasons import reasons_of
from serving.context import context_of
from serving.person import known_customer
from serving.runtime import Runtime
from serving.settings import Settings
from tests.console.call_centre import HOUR, MINUTE, CallCentre
from tests.console.test_access import busy


def looked_at(centre: CallCentre) -> str:
    return busy(centre)


def long_known(centre: CallCentre) -> str:
    """More of everything than a part asks for."""
    customer = busy(centre)
    for number in range(60):
        centre.later(HOUR)
        for item in ("washer-1", "dryer-1", "vacuum-1"):
            centre.track(customer, "Product Viewed", product_id=item)
        product = {"product_id": "vacuum-1", "quantity": 1, "price": 10.0}
        centre.track(customer, "Order Completed", order_id=f"{customer}-{number}", products=[product])
        centre.track(customer, "Call Started", reason="delivery" if number % 2 else "billing")
        centre.track(customer, "Call Ended")
        centre.track(customer, "Note Written", told=f"told {number}", promised="a call" if number % 3 else None)
    centre.track(customer, "Call Started")
    return customer


def just_heard_of(centre: CallCentre) -> str:
    customer = centre.customer()
    centre.later(MINUTE)
    return customer


@pytest.mark.parametrize("made", [looked_at, long_known, just_heard_of])
def test_the_parts_of_a_page_are_what_each_would_be_alone(centre: CallCentre, made: object) -> None:
    assert callable(made)
    customer = made(centre)
    runtime = Runtime(Settings(home=centre.running.home))
    try:
        known = known_customer(runtime, customer, Call(None, None, None, None))
        desk = record.read(_visit(runtime), known)
        compiled = runtime.catalogue()
        alone = context_of(runtime, known, runtime.settings.console_channel, compiled.catalogue)
        asked = (runtime, runtime.in_force, compiled, known.identifier, known.moment, record.REASONS, customer)
        assert desk.now.context == alone
        assert desk.reasons == reasons_of(*asked)
        assert desk.timeline == happenings.following(runtime, known, happenings.Sought(), None)
        assert desk.now.newest == max(runtime.store.newest_told(known.identifier), known.record.version)
        assert record.read_now(_visit(runtime), known) == desk.now
        assert desk.now.speaking is record.speaking(known)
    finally:
        runtime.store.close()


def test_what_is_told_while_a_page_is_made_is_told_to_it(centre: CallCentre) -> None:
    """A change of traits that no part of the log has, and a note after it that the page shows already."""
    customer = centre.customer()
    runtime = Runtime(Settings(home=centre.running.home))
    try:
        call = Call(None, None, None, None)
        centre.track(customer, "Note Written", told="before")
        known = known_customer(runtime, customer, call)
        note = runtime.store.newest_told(known.identifier)
        assert note > known.record.version
        assert record.read_now(_visit(runtime), known).newest == record.read(_visit(runtime), known).now.newest == note
        centre.identify(customer, tier="Platinum")
        changed = known_customer(runtime, customer, call).record.version
        centre.track(customer, "Note Written", told="after")
        for now in (record.read_now(_visit(runtime), known), record.read(_visit(runtime), known).now):
            assert now.context.notes[0].told == "after"
            assert now.newest < changed
    finally:
        runtime.store.close()


def _visit(runtime: Runtime) -> Visit:
    account = Account("agent", frozenset({"agent"}), "", "", 0)
    request = Request({"type": "http", "method": "GET", "path": "/", "query_string": b"", "headers": []})
    return Visit(runtime, request, Person(account, DeskSession("d", "agent", 0, 0, 1), ""), {}, {})
