"""What a customer's page tells reads right: reasons, and what happened, in as few lines as tell it."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from itertools import pairwise
from typing import cast

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st
from playwright.sync_api import expect

from features.event import Event, Kind
from features.identity import Identifier, customer_identifier
from features.stores.people import LoggedEvent
from features.stores.protocol import Append, Store
from serving.call import Call
from serving.console.happenings import LINES, LONGEST, PAGE, READ, Entry, Sought, _sizes, _together, following, lines_of
from serving.person import known_customer
from serving.runtime import Runtime
from serving.settings import Settings
from serving.timeline import MOST_EVENTS, timeline_of
from tests.console.browser import picture
from tests.console.call_centre import HOUR, MINUTE, CallCentre
from tests.console.conftest import SignedIn
from tests.console.test_access import violations
from tests.console.test_acting import make_sure, opened


def test_what_is_none_of_the_reasons_stands_last_and_is_no_reason_of_its_own(
    sign_in: SignedIn, centre: CallCentre
) -> None:
    customer = centre.customer()
    centre.track(customer, "Delivery Delayed", order_id="o-x")
    told = centre.get(f"/customers/{customer}/contact_reasons", limit="3")["reasons"]
    assert "other" in [one["reason"] for one in told]  # type: ignore[attr-defined]
    page = sign_in("agent")
    page.goto(f"/console/customers/{customer}")
    lines = page.locator(".likely li")
    expect(lines.last).to_contain_text("something else, which nothing here tells")
    expect(lines.last.locator("strong")).to_have_count(0)
    expect(page.locator(".likely .rest")).to_have_count(1)
    expect(page.locator(".likely")).not_to_contain_text("Other")
    assert violations(page) == []


def bought(centre: CallCentre, customer: str, order: str, lines: int) -> None:
    products = [{"product_id": "plan-1" if n % 2 else "dryer-1", "quantity": 1, "price": 2.5} for n in range(lines)]
    centre.track(customer, "Order Completed", order_id=order, products=products, channel="store")


def test_one_trip_to_the_shop_is_one_entry_that_opens(sign_in: SignedIn, centre: CallCentre) -> None:
    customer = centre.customer()
    bought(centre, customer, f"trip-{customer}", 24)
    centre.later(HOUR)
    for number in range(5):
        centre.later(MINUTE)
        seen = {"product_id": "dryer-1", "price": 549.0} if number % 2 else {"product_id": "vacuum-1", "price": 199.0}
        centre.track(customer, "Product Viewed", **seen)
    vacuum = {"product_id": "vacuum-1", "quantity": 1, "price": 199.0}
    centre.track(customer, "Product Added", **vacuum)
    centre.track(customer, "Checkout Started", order_id=f"next-{customer}", products=[vacuum])
    page = sign_in("agent")
    page.goto(f"/console/customers/{customer}")
    entries = page.locator("#timeline .event")
    visit, trip = entries.nth(0), entries.nth(1)
    told = "Looked at 5 things, put one thing into the basket, went to the checkout on the website"
    expect(visit.locator("summary")).to_have_text(told)  # and no total: nothing of it is bought
    expect(visit.locator("li").first).to_contain_text("199.00 EUR")
    expect(trip).to_contain_text("Bought 24 things in the store 60.00 EUR")
    expect(trip.get_by_role("listitem").first).to_be_hidden()
    trip.get_by_text("Bought 24 things").click()
    assert trip.get_by_role("listitem").count() == 24
    expect(trip.get_by_role("listitem").first).to_be_visible()
    assert violations(page) == []
    picture(page, "timeline")
    expect(page.locator("#facts")).to_contain_text("bought in store")
    expect(page.locator("#facts")).not_to_contain_text("ordered")


@contextmanager
def running(centre: CallCentre) -> Iterator[Runtime]:
    runtime = Runtime(Settings(home=centre.running.home))
    try:
        yield runtime
    finally:
        runtime.store.close()


def read_on(runtime: Runtime, customer: str, sought: Sought) -> list[Entry]:
    """All entries, page by page."""
    known, before, found = known_customer(runtime, customer, Call(None, None, None, None)), None, list[Entry]()
    while True:
        answer = following(runtime, known, sought, before)
        found += answer.entries
        before = answer.next
        if before is None:
            return found


def test_pages_of_entries_hold_every_line_once_and_cut_no_entry(centre: CallCentre) -> None:
    customer = centre.customer()
    sizes = [24, 1, 30, 12, 1, 1, READ + 7, 3]
    for number, lines in enumerate(sizes):
        centre.later(HOUR)
        bought(centre, customer, f"{customer}-{number}", lines)
    with running(centre) as runtime:
        known = known_customer(runtime, customer, Call(None, None, None, None))
        (whole, older) = (timeline_of(runtime, known, None, MOST_EVENTS), read_on(runtime, customer, Sought()))
        in_store = read_on(runtime, customer, Sought(channel="store"))
    assert [line for entry in older for line in entry.lines] == whole.events
    trips = [len(one.lines) for one in older if one.lines[0].kind == "ordered"][:-1]  # the last is of the customer
    assert trips == [3, READ + 7, 1, 1, 12, 30, 1, 24]
    assert [one for one in (*older, *in_store) if one.goes_on] == []
    assert [bool(one.rest) for one in older] == [len(one.lines) > LINES for one in older]
    assert sum(len(one.lines) for one in in_store) == sum(sizes) + 1
    assert {one.words for one in older if len(one.lines) == 24} == {"bought 24 things in the store"}


def test_of_one_channel_is_found_what_lies_behind_many_entries_of_another(centre: CallCentre) -> None:
    customer = f"browsing-{centre.number()}"
    bought(centre, customer, f"{customer}-first", 1)
    started = centre.now
    centre.later(301 * HOUR)
    seen = [
        Event(f"{customer}-{number}", Kind.VIEWED, "Product Viewed", at, at, channel="web")
        for number, at in enumerate(range(started + HOUR, centre.now, HOUR))
    ]
    with running(centre) as runtime:
        runtime.store.append([Append(customer_identifier(customer), tuple(seen))]).result(60)
        known = known_customer(runtime, customer, Call(None, None, None, None))
        assert len(read_on(runtime, customer, Sought(channel="web"))) == len(seen) == 300
        found = following(runtime, known, Sought(channel="store"), None)
    assert [one.words for one in found.entries] == ["bought Dryer 8 kg in the store"]
    assert found.next is None


def mailed(runtime: Runtime, customer: str, offers: int, at: int) -> None:
    """One mailing of so many offers, each told by itself."""
    sent = [
        Event(f"{customer}-{at}-{number}", Kind.SENT, "Message Sent", at, at, channel="email", action=f"offer-{number}")
        for number in range(offers)
    ]
    runtime.store.append([Append(customer_identifier(customer), tuple(sent))]).result(60)


def test_a_mailing_of_more_than_is_read_at_a_time_is_one_entry_whose_rest_is_asked_for(
    sign_in: SignedIn, centre: CallCentre
) -> None:
    customer = centre.customer()
    with running(centre) as runtime:
        mailed(runtime, customer, 234, centre.now - HOUR)
        known = known_customer(runtime, customer, Call(None, None, None, None))
        (mailing,) = [one for one in read_on(runtime, customer, Sought()) if one.lines[0].kind == "sent"]
        rest = lines_of(runtime, known, Sought(), mailing.rest)
        assert rest.lines == mailing.lines[LINES:]
        mailed(runtime, customer, LONGEST + 9, centre.now - 9 * HOUR)
        sizes = [len(one.lines) for one in read_on(runtime, customer, Sought("offers"))]
        assert sizes == [234, LONGEST, 9]
    page = sign_in("agent")
    page.goto(f"/console/customers/{customer}")
    entry = page.locator("#timeline .event").filter(has_text="234 offers")
    expect(entry).to_have_count(1)
    expect(entry.locator("summary")).to_have_text("Was sent 234 offers by e-mail")
    entry.locator("summary").click()
    expect(entry.get_by_role("listitem")).to_have_count(LINES + 1)
    entry.get_by_role("button", name="Show 174 more").press("Enter")
    expect(entry.get_by_role("listitem")).to_have_count(234)
    expect(entry.get_by_role("listitem").nth(LINES)).to_be_focused()  # or what is new would close it under the reader
    centre.track(customer, "Call Started", reason="billing")
    expect(page.locator("#fresh")).to_be_visible()
    expect(entry.get_by_role("listitem").nth(LINES)).to_be_visible()
    assert len(set(entry.get_by_role("listitem").all_inner_texts())) == 234
    assert violations(page) == []


class Asked:
    """A store, and how often its log was asked."""

    def __init__(self, store: Store) -> None:
        self._store, self.times = store, 0

    def timeline(
        self, identifier: Identifier, before: tuple[int, int] | None, limit: int, kinds: Collection[Kind]
    ) -> Sequence[LoggedEvent]:
        self.times += 1
        return self._store.timeline(identifier, before, limit, kinds)

    def __getattr__(self, name: str) -> object:
        return getattr(self._store, name)


def test_however_long_an_entry_is_it_takes_two_questions(centre: CallCentre) -> None:
    customer = centre.customer()
    with running(centre) as runtime:
        mailed(runtime, customer, LONGEST + 9, centre.now - HOUR)
        known = known_customer(runtime, customer, Call(None, None, None, None))
        asked = Asked(runtime.store)
        store, runtime.store = runtime.store, cast("Store", asked)
        (mailing,) = following(runtime, known, Sought("offers"), None).entries
        runtime.store = store
    assert (len(mailing.lines), mailing.goes_on) == (LONGEST, True)
    assert asked.times == 2


EVENTS = st.lists(
    st.builds(
        lambda *told: told,
        st.sampled_from([Kind.ORDERED, Kind.ORDER_SHIPPED, Kind.VIEWED, Kind.SEARCHED, Kind.SENT, Kind.CALL_STARTED]),
        st.sampled_from([None, "o-1", "o-2"]),
        st.sampled_from([None, "web", "store"]),
        st.sampled_from([0, MINUTE, HOUR]),
    ),
    max_size=3 * PAGE,
)


@settings(max_examples=200)
@given(EVENTS)
def test_entries_are_runs_of_what_belongs_together(told: list[tuple[Kind, str | None, str | None, int]]) -> None:
    at, found = 10**12, list[LoggedEvent]()
    base = Event("m", Kind.VIEWED, "x", at, at)
    for number, (kind, order, channel, gap) in enumerate(told):
        at -= gap
        event = msgspec.structs.replace(base, kind=kind, order=order, channel=channel, occurred_at=at)
        found.append(LoggedEvent(len(told) - number, "p", event))
    sizes = _sizes(found)
    assert sum(sizes) == len(found)
    assert all(size > 0 for size in sizes)
    starts = {sum(sizes[:place]) for place in range(len(sizes))}
    for place, (later, earlier) in enumerate(pairwise(found), start=1):
        assert (place in starts) == (not _together(later.event, earlier.event))
        one, two = later.event, earlier.event
        apart = one.channel != two.channel or one.occurred_at - two.occurred_at > 30 * MINUTE
        if one.kind is Kind.CALL_STARTED or apart:
            same_order = one.kind is two.kind and one.channel == two.channel and one.order == two.order is not None
            assert place in starts or same_order


def test_a_journey_is_handed_to_where_customers_come_to_us_and_a_promise_names_whom_it_can(
    sign_in: SignedIn, centre: CallCentre
) -> None:
    customer = f"nameless-{centre.number()}"
    centre.identify(customer, tier="Gold")
    page = sign_in("second")
    page.goto(f"/console/customers/{customer}")
    offered = page.locator("#hand-to option").all_text_contents()
    assert offered[0] == "choose one"
    assert sorted(offered[1:]) == ["Chat", "Store", "Website"]
    expect(page.locator("#hand-to")).to_have_value("")
    expect(page.locator("#consent-about")).to_have_value("")
    assert "E-mail" in page.locator("#channel option").all_text_contents()
    make_sure(page)
    opened(page, "Note")
    page.get_by_label("What you promised").fill("a call back")
    page.get_by_role("button", name="Write the note").click()
    expect(page.locator(".act").get_by_text("The note is written")).to_be_visible()
    page.goto("/console/promises")
    promise = page.locator(".promises li").filter(has_text="a call back")
    expect(promise.get_by_role("link", name="a customer whose name is not known")).to_be_visible()
