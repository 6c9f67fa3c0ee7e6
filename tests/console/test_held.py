"""Whatever comes above it, what the pointer is over stays under it."""

from __future__ import annotations

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.console.call_centre import MINUTE, CallCentre
from tests.console.conftest import SignedIn
from tests.console.test_answered import NAME, PATIENCE, report, token_of
from tests.console.test_sign_in import entered


def owner_of_much(centre: CallCentre) -> str:
    customer = centre.customer()
    for number in range(12):
        line = {"product_id": "vacuum-1" if number % 2 else "plan-1", "quantity": 1}
        centre.track(customer, "Order Completed", order_id=f"{customer}-{number}", products=[line])
    return customer


def case(centre: CallCentre, page: Page, customer: str, event: str, name: str) -> None:
    centre.later(MINUTE)
    reason = {"reason": f"dent {name}"} if event == "Case Opened" else {}
    centre.track(customer, event, case_id=f"{customer}-{name}", severity="high", **reason)
    lines = page.locator("#facts .case").filter(has_text=f"Dent {name}")
    expect(lines).to_have_count(1 if reason else 0, timeout=PATIENCE)


def height_of(locator: Locator) -> float:
    """px from the top of the window; what a browser scrolls to is a whole number of them."""
    box = locator.bounding_box()
    assert box is not None
    return box["y"]


@pytest.mark.parametrize(("width", "height"), [(1280, 720), (1024, 768), (768, 1024), (390, 844)])
def test_what_is_below_the_facts_stays_under_the_pointer(
    sign_in: SignedIn, centre: CallCentre, width: int, height: int
) -> None:
    customer, page = owner_of_much(centre), sign_in("agent")
    page.set_viewport_size({"width": width, "height": height})
    page.goto(f"/console/customers/{customer}")
    below = [page.locator(".known summary"), page.locator("#group"), page.locator(".act summary").last]
    if width > 1100:  # what happened stands beside there
        del below[1:]
    for place, one in enumerate(below):
        one.scroll_into_view_if_needed()
        one.hover()
        before = height_of(one)
        case(centre, page, customer, "Case Opened", f"a{place}")
        case(centre, page, customer, "Case Opened", f"b{place}")
        assert abs(height_of(one) - before) < 1
        assert one.evaluate("one => one.matches(':hover')")
        case(centre, page, customer, "Case Closed", f"a{place}")
        assert abs(height_of(one) - before) < 1
        case(centre, page, customer, "Case Closed", f"b{place}")
        assert abs(height_of(one) - before) < 1
        page.mouse.move(1, 1)


@pytest.mark.parametrize(("width", "height"), [(1280, 720), (768, 600), (390, 844)])
def test_an_answer_that_is_overtaken_moves_no_button_below(
    sign_in: SignedIn, centre: CallCentre, width: int, height: int
) -> None:
    """What became of it is said in a sentence, which may take more lines than there were."""
    customer, page = centre.customer(), sign_in("agent")
    page.set_viewport_size({"width": width, "height": height})
    page.goto(f"/console/customers/{customer}")
    with entered(centre, "agent") as ada:
        token = token_of(ada, customer)
    card = page.locator("li.action").filter(has_text=NAME)
    card.get_by_role("button", name="Accepted").click()
    expect(card.get_by_role("button", name="Undo")).to_be_visible()
    below = page.locator(".why-not summary")
    below.scroll_into_view_if_needed()
    below.hover()
    before = height_of(below)
    assert report(centre, {"token": token, "outcome": "rejected"}).status_code == 200
    expect(card.locator(".lost")).to_be_attached(timeout=PATIENCE)
    assert abs(height_of(below) - before) < 1
