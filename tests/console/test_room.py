"""What an agent sees without scrolling, and that what is told beside the buttons takes no room of theirs."""

from __future__ import annotations

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.console.browser import picture
from tests.console.call_centre import CallCentre
from tests.console.conftest import SignedIn
from tests.console.test_acting import make_sure
from tests.console.test_answered import NAME

_IN_SIGHT = """cards => cards.filter(card => {
    const frame = card.closest(".saying").getBoundingClientRect(), foot = Math.min(frame.bottom, innerHeight);
    return [...card.querySelectorAll("h3, .talk, .said-to button")].every(one => {
        const box = one.getBoundingClientRect();
        return box.top >= frame.top && box.bottom <= foot && one.checkVisibility();
    });
}).length"""


def in_sight(page: Page) -> int:
    """Actions of which name, words and buttons are seen whole."""
    count: int = page.locator("li.action").evaluate_all(_IN_SIGHT)
    return count


@pytest.mark.parametrize(("width", "height"), [(1280, 720), (1024, 768)])
def test_three_actions_are_seen_with_their_buttons(
    sign_in: SignedIn, centre: CallCentre, width: int, height: int
) -> None:
    page = sign_in("agent")
    page.set_viewport_size({"width": width, "height": height})
    page.goto(f"/console/customers/{centre.customer()}")
    expect(page.locator("li.action").nth(2)).to_be_attached()
    picture(page, f"room-{width}")
    assert in_sight(page) >= 3


def right(locator: Locator) -> float:
    box = locator.bounding_box()
    assert box is not None
    return box["x"] + box["width"]


@pytest.mark.parametrize("button", ["Accepted", "Presented"])
def test_an_answer_makes_no_card_higher(sign_in: SignedIn, centre: CallCentre, button: str) -> None:
    page = sign_in("agent")
    for width in (1280, 768, 640, 390):
        page.set_viewport_size({"width": width, "height": 720})
        page.goto(f"/console/customers/{centre.customer()}")
        card = page.locator("li.action").filter(has_text=NAME)
        before = card.bounding_box()
        card.get_by_role("button", name=button, exact=True).click()
        expect(card.get_by_role("button", name="Undo")).to_be_visible()
        after = card.bounding_box()
        assert before is not None
        assert after is not None
        assert after["height"] == before["height"], width
        assert right(card.get_by_role("button", name="Undo")) <= right(card)


def test_why_opens_below_the_buttons_and_moves_none_of_them(sign_in: SignedIn, centre: CallCentre) -> None:
    page = sign_in("agent")
    page.goto(f"/console/customers/{centre.customer()}")
    card = page.locator("li.action").first
    buttons = card.locator(".said-to button")
    before = [one.bounding_box() for one in buttons.all()]
    card.get_by_text("Why this").click()
    expect(card.get_by_text("The figures behind it")).to_be_visible()
    assert [one.bounding_box() for one in buttons.all()] == before
    told, lowest = card.get_by_text("The figures behind it").bounding_box(), before[-1]
    assert told is not None
    assert lowest is not None
    assert told["y"] >= lowest["y"] + lowest["height"]


def test_what_an_action_is_worth_is_not_taken_for_its_price(sign_in: SignedIn, centre: CallCentre) -> None:
    page = sign_in("agent")
    page.goto(f"/console/customers/{centre.customer()}")
    card = page.locator("li.action").filter(has_text=NAME)
    expect(card.locator(".measures")).to_contain_text("worth 20.00 EUR to us")
    page.set_viewport_size({"width": 320, "height": 844})
    lines = "all => all.map(one => Math.round(one.getBoundingClientRect().height / 18))"
    assert set(page.locator(".measures > span").evaluate_all(lines)) == {1}


def test_an_address_is_parted_behind_its_sign_and_nowhere_else(sign_in: SignedIn, centre: CallCentre) -> None:
    customer, page = centre.customer(), sign_in("agent")
    told = f"anna.smith{customer.removeprefix('c-')}@mail.example.com"
    centre.identify(customer, email=told)
    page.goto(f"/console/customers/{customer}")
    make_sure(page)
    address = page.locator("#who dd").filter(has_text="anna.smith")
    expect(address).to_have_text(told)
    assert address.inner_text().strip() == told
    lines = address.evaluate("""dd => {
        const range = document.createRange(), texts = [];
        const walk = document.createTreeWalker(dd, NodeFilter.SHOW_TEXT);
        for (let one = walk.nextNode(); one; one = walk.nextNode()) if (one.data.trim()) texts.push(one);
        return texts.map(one => { range.selectNodeContents(one); return range.getClientRects().length });
    }""")
    assert lines == [1, 1]
