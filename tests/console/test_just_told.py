"""What a caller chose in the menu or typed stands above every guess, in their own words, as soon as it is told."""

from __future__ import annotations

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.console.browser import picture
from tests.console.call_centre import DAY, HOUR, MINUTE, CallCentre
from tests.console.conftest import SignedIn
from tests.console.test_access import violations
from tests.console.test_acting import make_sure, opened
from tests.console.test_answered import PATIENCE
from tests.console.test_fitting import sideways
from tests.console.test_in_place import places

RISKY = "<script>alert(1)</script> \u2728 \u202eخطة العناية"


def told_list(page: Page) -> Locator:
    return page.get_by_role("list", name="What they have just told us")


def buttons(page: Page) -> Locator:
    return page.locator(".saying button:visible:not(#fresh button), .act summary")


@pytest.mark.parametrize("width", [1280, 390])
def test_what_a_caller_chooses_comes_before_the_guesses_and_moves_nothing(
    sign_in: SignedIn, centre: CallCentre, width: int
) -> None:
    customer, page = centre.customer(), sign_in("agent")
    page.set_viewport_size({"width": width, "height": 900})
    page.goto(f"/console/customers/{customer}")
    make_sure(page)
    opened(page, "Note")
    page.get_by_label("What you told them").fill("half a sentence")
    listed = told_list(page)
    expect(listed).to_have_text("Nothing chosen in a menu or filled in yet.")
    before = places(buttons(page))
    centre.later(MINUTE)
    centre.track(customer, "IVR Menu Selected", option="Copy of a bill", reason="billing")
    expect(listed.get_by_role("listitem")).to_have_text(
        "Copy of a bill (billing) in the telephone menu, just now", timeout=PATIENCE
    )
    expect(page.locator("#told")).to_contain_text("They have just told us: Copy of a bill (billing) in")
    centre.later(3 * MINUTE)
    centre.track(customer, "Form Field Captured", field="bill_number", value=RISKY, channel="ivr")
    lines = listed.get_by_role("listitem")
    expect(lines).to_have_count(2, timeout=PATIENCE)
    expect(lines.first).to_contain_text("bill number: <script>alert(1)</script> \u2728")
    expect(lines.last).to_contain_text("3 minutes ago")
    assert places(buttons(page)) == before
    expect(page.get_by_label("What you told them")).to_have_value("half a sentence")
    guesses = page.get_by_role("heading", name="Probably calls about").bounding_box()
    heard = listed.bounding_box()
    assert guesses is not None
    assert heard is not None
    assert heard["y"] + heard["height"] <= guesses["y"] or heard["x"] + heard["width"] <= guesses["x"]
    assert sideways(page) + violations(page) == []
    picture(page, f"just-told-{width}")


def test_what_they_told_before_this_journey_is_no_news_and_a_secret_is_never_shown(
    sign_in: SignedIn, centre: CallCentre
) -> None:
    customer, page = centre.customer(), sign_in("agent")
    centre.track(customer, "IVR Menu Selected", option="Opening hours")
    centre.later(3 * HOUR)
    centre.track(customer, "Call Started")
    centre.track(customer, "Form Field Captured", field="pin", value="4711", channel="ivr")
    page.goto(f"/console/customers/{customer}")
    expect(told_list(page).get_by_role("listitem")).to_have_text("pin: withheld in the telephone menu, just now")
    expect(page.locator("main")).not_to_contain_text("4711")


def test_what_they_told_grows_older_while_the_page_is_open(sign_in: SignedIn, centre: CallCentre) -> None:
    customer, page = centre.customer(), sign_in("agent")
    centre.track(customer, "IVR Menu Selected", option="Delivery")
    page.clock.install()
    page.goto(f"/console/customers/{customer}")
    told = told_list(page).locator("time")
    expect(told).to_have_text("just now")
    page.clock.fast_forward("05:00")
    expect(told).to_have_text("just now")  # the clock of this shop stands
    page.evaluate("document.getElementById('just-told').removeAttribute('data-standing')")
    page.clock.fast_forward("01:00")
    expect(told).to_have_text("6 minutes ago")


def test_a_guess_without_evidence_says_that_it_is_as_with_everybody(sign_in: SignedIn, centre: CallCentre) -> None:
    customer, page = centre.customer(), sign_in("agent")
    centre.later(DAY)
    centre.track(customer, "Order Delivered", order_id=f"o-{customer.removeprefix('c-')}")
    centre.later(19 * MINUTE)
    centre.track(customer, "Call Started")
    page.goto(f"/console/customers/{customer}")
    guesses = page.locator(".likely li:not(.rest)")
    evident = guesses.filter(has_text="delivered")
    expect(evident).to_have_count(1)
    expect(evident).not_to_contain_text("as with everybody")
    others = guesses.filter(has_not_text="delivered")
    for at in range(others.count()):
        expect(others.nth(at)).to_contain_text("as with everybody")
    centre.tell("identify", {"userId": "c-heard-of-just-now", "traits": {"firstName": "New"}})
    page.goto("/console/customers/c-heard-of-just-now")
    expect(guesses.first).to_be_visible()
    assert all("as with everybody" in one for one in guesses.all_inner_texts())
