"""Of whom is erased while their page is open nothing stays on any desk."""

from __future__ import annotations

from playwright.sync_api import Page, expect

from tests.console.browser import picture
from tests.console.call_centre import CallCentre
from tests.console.conftest import SignedIn, at_two_desks
from tests.console.test_access import violations
from tests.console.test_acting import make_sure, opened
from tests.console.test_answered import PATIENCE


def erase(centre: CallCentre, customer: str) -> None:
    answer = centre.client.delete(f"/customers/{customer}", headers={"Authorization": f"Bearer {centre.key}"})
    assert answer.status_code == 200, answer.text


def nothing_is_left(page: Page, customer: str) -> None:
    expect(page.get_by_role("heading", level=1)).to_have_text("Erased", timeout=PATIENCE)
    expect(page.get_by_role("heading", level=1)).to_be_focused()
    expect(page).to_have_title("Erased · nextbest")
    shown = page.content()
    for secret in ("Anna", "Smith", f"{customer}@example.com", CallCentre.phone(customer)):
        assert secret not in shown
    assert violations(page) == []


def test_every_desk_is_told_at_once_and_keeps_what_was_typed(sign_in: SignedIn, centre: CallCentre) -> None:
    customer = centre.customer()
    page, other = at_two_desks(sign_in, customer)
    make_sure(page)
    opened(page, "Note")
    page.get_by_label("What you told them").fill("half a sentence")
    erase(centre, customer)
    for one in (page, other):
        nothing_is_left(one, customer)
    expect(page.get_by_label("What you had written")).to_have_value("half a sentence")
    expect(other.get_by_label("What you had written")).to_be_hidden()
    expect(page.locator("#told")).to_have_text("This customer was erased.")
    picture(page, "gone")
    page.get_by_role("link", name="Find a customer").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Who is it?")


def test_a_window_that_was_hidden_is_told_when_it_is_looked_at(sign_in: SignedIn, centre: CallCentre) -> None:
    customer, page = centre.customer(), sign_in("agent")
    page.goto(f"/console/customers/{customer}")
    hide = "told => { Object.defineProperty(document, 'hidden', {configurable: true, get: () => told});"
    turn = f"{hide} document.dispatchEvent(new Event('visibilitychange')); }}"
    page.evaluate(turn, True)
    erase(centre, customer)
    page.evaluate(turn, False)
    nothing_is_left(page, customer)


def test_a_page_whose_stream_was_refused_asks_again(sign_in: SignedIn, centre: CallCentre) -> None:
    """Browsers ask again where the connection broke, and not where they were answered 503."""
    customer, page = centre.customer(), sign_in("agent")
    away = [503, 503]
    page.route("**/live?**", lambda route: route.fulfill(status=away.pop()) if away else route.continue_())
    page.goto(f"/console/customers/{customer}")
    centre.track(customer, "Case Opened", case_id=f"k-{customer}", severity="high", reason="dent")
    expect(page.locator("#facts")).to_contain_text("Dent", timeout=PATIENCE)
