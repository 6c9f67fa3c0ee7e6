"""The story of a call, from the pop-up to an accepted offer in the log; and that looking is no contact."""

from __future__ import annotations

import re
import time

import pytest
from playwright.sync_api import expect

from features.event import Kind
from features.identity import customer_identifier
from features.stores import open_store
from features.stores.desk import Answered, AnswerFate
from serving.console.accounts import now
from tests.console.browser import picture
from tests.console.call_centre import DAY, HOUR, MINUTE, CallCentre
from tests.console.conftest import SignedIn
from tests.console.test_sign_in import entered
from tests.serving.running import until
from tests.serving.synthetic import store_url


def logged(centre: CallCentre, customer: str, *kinds: Kind) -> list[tuple[str, str | None]]:
    """(kind, action) of what the log has of these kinds, the oldest first."""
    store = centre.store()
    try:
        told = store.timeline(customer_identifier(customer), None, 500, frozenset(kinds))
    finally:
        store.close()
    return [(one.event.kind.name.lower(), one.event.action) for one in reversed(told)]


CONTACTS = (Kind.DISPLAYED, Kind.ACCEPTED, Kind.REJECTED, Kind.SENT, Kind.RESERVED)


def test_from_the_pop_up_to_an_accepted_offer_in_the_log(sign_in: SignedIn, centre: CallCentre) -> None:
    customer = centre.customer("Anna Smith")
    centre.later(DAY)
    centre.track(customer, "Call Started")
    page = sign_in("agent")
    page.goto(f"/console?phone={centre.phone(customer)}")
    expect(page.get_by_role("heading", level=1)).to_have_text("Anna Smith")
    who = page.locator("#who")
    expect(who).not_to_contain_text(f"{customer}@example.com")
    who.get_by_role("button", name="It is them").click()
    expect(who).to_contain_text(f"{customer}@example.com")
    expect(page.locator("#facts")).to_contain_text("Washing machine 8 kg")
    expect(page.get_by_role("heading", name="Washing machine 8 kg", level=3)).to_have_count(0)  # they have one
    dryer = page.locator("li.action").filter(has_text="Dryer to go with the washing machine")
    expect(dryer).to_contain_text("we bring both up the stairs")
    dryer.get_by_text("Why this").click()
    expect(dryer.get_by_text(re.compile("makes it .*likely")).first).to_be_visible()
    exact = dryer.get_by_text(re.compile("raises the odds|lowers the odds")).first
    expect(exact).to_be_hidden()
    dryer.get_by_text("The figures behind it").click()
    expect(exact).to_be_visible()
    picture(page, "call")
    dryer.get_by_role("button", name="Accepted").click()
    expect(dryer.get_by_role("button", name="Undo")).to_be_visible()
    assert logged(centre, customer, *CONTACTS) == []
    expect(dryer).to_contain_text("recorded", timeout=15_000)  # in its own time
    wanted = [("displayed", "offer-dryer"), ("accepted", "offer-dryer")]
    assert until(lambda: logged(centre, customer, *CONTACTS) == wanted)
    expect(page.locator("#timeline")).to_contain_text("Accepted “Dryer to go with the washing machine”")
    page.reload()
    expect(page.locator("li.action").filter(has_text="Dryer to go with")).to_have_count(0)  # it waits for its order
    (shown,) = centre.get(f"/customers/{customer}/context")["shown"]  # type: ignore[misc]
    assert (shown["action_id"], shown["outcome"]) == ("offer-dryer", "accepted")


def test_looking_is_no_contact_and_a_reload_shuffles_nothing(sign_in: SignedIn, centre: CallCentre) -> None:
    customer = centre.customer()
    page = sign_in("agent")
    seen = set()
    for _ in range(4):
        page.goto(f"/console/customers/{customer}")
        expect(page.locator("li.action").first).to_be_visible()
        seen.add(tuple(page.locator("li.action h3").all_inner_texts()))
    page.get_by_text("Why not something else?").click()
    expect(page.locator(".refusals")).to_contain_text("may be")
    assert len(seen) == 1
    assert logged(centre, customer, *CONTACTS) == []
    decisions = centre.get(f"/customers/{customer}/decisions")["decisions"]
    assert len(decisions) == 1  # type: ignore[arg-type]
    assert centre.get(f"/customers/{customer}/context")["shown"] == []


@pytest.mark.parametrize(
    ("button", "told", "note"),
    [
        ("Not interested", ["displayed", "rejected"], 0),
        ("Later", ["displayed"], 1),
        ("Presented", ["displayed"], 0),
    ],
)
def test_every_answer_is_told_once(
    sign_in: SignedIn, centre: CallCentre, button: str, told: list[str], note: int
) -> None:
    customer = centre.customer()
    page = sign_in("agent")
    page.goto(f"/console/customers/{customer}")
    page.get_by_role("button", name="It is them").click()
    expect(page.get_by_text("Confirmed", exact=True)).to_be_visible()
    card = page.locator("li.action").filter(has_text="Vacuum cleaner")
    card.get_by_role("button", name=button, exact=True).click()
    expect(card.get_by_role("button", name="Undo")).to_be_visible()
    centre.undo_time_passes()
    wanted = [(one, "offer-vacuum") for one in told]
    assert until(lambda: logged(centre, customer, *CONTACTS) == wanted, 25.0)
    time.sleep(2.5)  # another worker looks again
    assert logged(centre, customer, *CONTACTS) == wanted
    assert len(logged(centre, customer, Kind.NOTE_WRITTEN)) == note


def test_an_answer_that_cannot_be_told_keeps_no_other_waiting(sign_in: SignedIn, centre: CallCentre) -> None:
    customer = centre.customer()
    page = sign_in("agent")
    page.goto(f"/console/customers/{customer}")
    card = page.locator("li.action").filter(has_text="Vacuum cleaner")
    store = open_store(store_url(centre.running.home))
    try:
        for number in range(60):  # more than are looked at together
            store.keep_answer(Answered(f"bad-{number}", "agent", now() - 1_000 + number, '{"no": "answer"}'))
        card.get_by_role("button", name="Presented", exact=True).click()
        expect(card.get_by_role("button", name="Undo")).to_be_visible()
        centre.undo_time_passes()
        wanted = [("displayed", "offer-vacuum")]
        assert until(lambda: logged(centre, customer, *CONTACTS) == wanted, 40.0)
        assert until(lambda: {one.fate for one in store.answers("bad-")} == {AnswerFate.DROPPED}, 20.0)
        assert len(store.answers("bad-")) == 60
        expect(card).to_contain_text("recorded", timeout=15_000)
    finally:
        store.close()


def test_what_was_undone_was_never_told(sign_in: SignedIn, centre: CallCentre) -> None:
    customer = centre.customer()
    page = sign_in("agent")
    page.goto(f"/console/customers/{customer}")
    card = page.locator("li.action").filter(has_text="Vacuum cleaner")
    card.get_by_role("button", name="Not interested").click()
    card.get_by_role("button", name="Undo").click()
    expect(card).to_contain_text("Taken back.")
    expect(card.get_by_role("button", name="Accepted")).to_be_visible()
    centre.undo_time_passes()
    time.sleep(2.5)  # both workers look
    assert logged(centre, customer, *CONTACTS) == []


def test_with_a_case_open_help_stands_first_and_says_why_nothing_is_sold(sign_in: SignedIn, centre: CallCentre) -> None:
    customer = centre.customer()
    centre.later(MINUTE)
    centre.track(customer, "Case Opened", case_id="k-1", severity="high", reason="broken drum")
    page = sign_in("agent")
    page.goto(f"/console/customers/{customer}")
    expect(page.locator("#facts")).to_contain_text("broken drum")
    expect(page.locator("li.action h3")).to_have_text(["Tell what happens to a late delivery"])
    expect(page.locator(".held")).to_contain_text(
        "Offers are held back: They have an open case, and helping comes before selling"
    )
    page.get_by_text("Why not something else?").click()
    refusals = page.locator(".refusals")
    expect(refusals.get_by_role("row", name="help comes first 4")).to_be_visible()
    vacuum = refusals.locator("details").filter(has_text="Vacuum cleaner")
    expect(vacuum.locator("summary")).to_contain_text("They have an open case, and helping comes before selling")
    expect(vacuum.get_by_text("Rule")).to_be_hidden()
    vacuum.locator("summary").click()
    for word in ("Held back by", "service first", "Rule", "open case", "Observed", "Required", "In full"):
        expect(vacuum.locator("dl")).to_contain_text(word)
    expect(vacuum.get_by_text("Rule")).to_be_visible()
    picture(page, "case")


def test_what_was_sold_meanwhile_is_not_suggested_again(sign_in: SignedIn, centre: CallCentre) -> None:
    customer = centre.customer()
    page = sign_in("agent")
    vacuum = page.locator("li.action").filter(has_text="Vacuum cleaner")

    def suggested() -> int:
        page.goto(f"/console/customers/{customer}")
        expect(page.locator("li.action").first).to_be_visible()
        return vacuum.count()

    assert suggested() == 1
    centre.stock("vacuum-1", 0)
    try:
        assert until(lambda: not any(suggested() for _ in range(3)))
    finally:
        centre.stock("vacuum-1", None)
    assert until(lambda: all(suggested() for _ in range(3)))
    assert len(centre.get(f"/customers/{customer}/decisions")["decisions"]) == 1  # type: ignore[arg-type]


def test_every_view_of_a_record_is_written_down(sign_in: SignedIn, centre: CallCentre) -> None:
    customer = centre.customer()
    page = sign_in("agent")
    page.goto(f"/console/customers/{customer}")
    page.get_by_role("button", name="It is them").click()
    expect(page.get_by_text("Confirmed", exact=True)).to_be_visible()
    store = open_store(store_url(centre.running.home))
    anew = [("agent", "viewed"), ("agent", "confirmed"), ("agent", "viewed")]  # with what was kept back until then
    try:
        assert until(lambda: [(one.account, one.what) for one in store.views(20, customer)] == anew)
    finally:
        store.close()
    with entered(centre, "lead") as client:
        for part in ("", "/facts", "/say", "/why-not", "/timeline?group=orders"):
            assert client.get(f"/console/customers/{customer}{part}").status_code == 200, part
    store = open_store(store_url(centre.running.home))
    try:
        assert [one.what for one in store.views(20, customer) if one.account == "lead"] == ["viewed"] * 5
    finally:
        store.close()
    other = sign_in("second")
    other.goto(f"/console/customers/{customer}")
    expect(other.locator("#who")).not_to_contain_text(f"{customer}@example.com")


def test_the_timeline_is_filtered_and_loads_as_it_is_scrolled(sign_in: SignedIn, centre: CallCentre) -> None:
    customer = centre.customer()
    for number in range(70):
        centre.later(HOUR)  # each a visit of its own
        centre.track(customer, "Product Viewed", product_id="dryer-1" if number % 2 else "vacuum-1")
    page = sign_in("agent")
    page.goto(f"/console/customers/{customer}")
    entries = page.locator("#timeline .event")
    expect(entries).to_have_count(30)
    page.locator("#timeline .more").scroll_into_view_if_needed()
    expect(entries).to_have_count(60)
    page.locator("#timeline .more").scroll_into_view_if_needed()
    expect(page.locator("#timeline .more")).to_have_count(0)
    assert entries.count() == 73
    page.get_by_label("What", exact=True).select_option("orders")
    expect(entries).to_have_count(1)
    page.get_by_label("What", exact=True).select_option("")
    page.get_by_label("Where", exact=True).select_option("store")
    expect(entries).to_have_count(1)
    page.get_by_label("Where", exact=True).select_option("agent")
    expect(page.locator("#timeline")).to_contain_text("Nothing of that kind")


def test_the_timeline_is_filtered_by_whatever_channel_it_shows(sign_in: SignedIn, centre: CallCentre) -> None:
    customer = centre.customer()
    centre.track(customer, "Product Viewed", product_id="dryer-1", channel="sms")
    page = sign_in("agent")
    page.goto(f"/console/customers/{customer}")
    page.get_by_label("Where", exact=True).select_option("sms")
    expect(page.locator("#timeline .event")).to_have_count(1)
    offered = page.get_by_label("Where", exact=True).locator("option").evaluate_all("all => all.map(one => one.value)")
    assert offered == ["", "agent", "chat", "email", "store", "web", "sms"]


def test_names_and_items_are_text_whatever_they_are(sign_in: SignedIn, centre: CallCentre) -> None:
    customer = centre.customer("<script>alert('x')</script> שרה")
    product = {"product_id": "plan-1", "quantity": 1, "price": 49.0}
    centre.track(customer, "Order Completed", order_id=f"<b>{customer}", products=[product])
    centre.track(customer, "Call Started", reason='"><img src=x onerror=alert(1)>')
    page = sign_in("agent")
    page.goto(f"/console/customers/{customer}")
    expect(page.get_by_role("heading", level=1)).to_have_text("<script>alert('x')</script> שרה")
    expect(page.locator("#facts")).to_contain_text("Care plan ✨ خطة العناية")
    expect(page.locator("#timeline")).to_contain_text("onerror=alert(1)")
    assert page.locator("main script, main img").count() == 0
    picture(page, "strange-names")
