"""What somebody wrote, what they are told and where they are stays, whatever comes between."""

from __future__ import annotations

import re

import httpx
import pytest
from playwright.sync_api import Browser, Page, expect

from features.event import Kind
from features.instants import render_instant
from tests.console.browser import picture, window
from tests.console.call_centre import DAY, MINUTE, CallCentre, link
from tests.console.conftest import SignedIn
from tests.console.test_access import violations
from tests.console.test_acting import events, made_sure, make_sure, opened
from tests.console.test_answered import NAME, press, token_of
from tests.console.test_notices import ended
from tests.console.test_sign_in import HERE, entered, proof


def refused_an_answer(page: Page, centre: CallCentre) -> None:
    """Somebody else was first, and this page was told nothing of it."""
    customer = centre.customer()
    page.route("**/live?**", lambda route: route.fulfill(status=204))
    page.goto(f"/console/customers/{customer}")
    with entered(centre, "second") as bob:
        assert press(bob, customer, token_of(bob, customer), "accepted").status_code == 200
    page.locator("li.action").filter(has_text=NAME).get_by_role("button", name="Not interested").click()
    expect(page.locator("#fault")).to_contain_text("one answer counts")


def test_a_refusal_stays_until_something_else_is_asked_for_and_what_stands_is_shown(
    sign_in: SignedIn, centre: CallCentre
) -> None:
    page = sign_in("agent")
    refused_an_answer(page, centre)
    card = page.locator("li.action").filter(has_text=NAME)
    expect(card.locator(".answers strong")).to_have_text("Accepted")
    expect(card.get_by_role("button", name="Not interested")).to_have_count(0)
    with page.expect_response("**/facts"):
        page.evaluate("htmx.trigger('#facts', 'console:changed')")
    expect(card.locator(".answers")).to_contain_text("recorded", timeout=20_000)  # asked for by the card itself
    page.wait_for_timeout(300)
    expect(page.locator("#fault")).to_contain_text("one answer counts")
    page.locator("li.action").filter(has_not_text=NAME).get_by_role("button", name="Presented").first.click()
    expect(page.locator("#fault")).to_be_empty()


def test_a_refusal_covers_no_control_and_is_put_away(sign_in: SignedIn, centre: CallCentre) -> None:
    page = sign_in("agent")
    refused_an_answer(page, centre)
    foot = page.locator(".toast").bounding_box()
    act = page.locator(".act").bounding_box()
    assert foot is not None
    assert act is not None
    assert foot["y"] + foot["height"] <= 720
    assert act["y"] + act["height"] <= foot["y"]
    assert violations(page) == []
    picture(page, "refused")
    page.get_by_role("button", name="Close", exact=True).click()
    expect(page.locator("#fault")).to_be_empty()
    expect(page.get_by_role("button", name="Close", exact=True)).to_be_hidden()
    assert page.evaluate("document.activeElement !== document.body")
    page.reload()
    refused_an_answer(page, centre)
    page.keyboard.press("Escape")
    expect(page.locator("#fault")).to_be_empty()


def test_a_session_that_ends_takes_nothing_that_was_written(sign_in: SignedIn, centre: CallCentre) -> None:
    customer, page = centre.customer(), sign_in("agent")
    page.goto(f"/console/customers/{customer}")
    make_sure(page)
    opened(page, "Note")
    page.get_by_label("What you told them").fill("A long note")
    page.context.clear_cookies()
    page.evaluate("htmx.trigger('#facts', 'console:changed')")
    expect(page.locator("#fault")).to_contain_text("You are signed out")
    send = page.get_by_role("button", name="Write the note")
    send.click()
    form = page.locator("form").filter(has=send)
    expect(form).to_contain_text("what you wrote is still here")
    expect(page.get_by_label("What you told them")).to_have_value("A long note")
    assert violations(page) == []
    assert form.get_by_role("link").get_attribute("target") == "_blank"
    page.context.new_page().goto(link(centre, "agent"))
    send.click()
    form.get_by_role("button", name="It is them").click()  # a new session, which has made sure of nobody
    expect(form.get_by_role("button", name="It is them")).to_have_count(0)
    send.click()
    expect(page.locator(".act output").get_by_text("The note is written")).to_be_visible()
    (note,) = events(centre, customer, Kind.NOTE_WRITTEN)
    assert "A long note" in note.properties


def test_a_session_that_ends_takes_nothing_from_a_form_of_a_whole_page(sign_in: SignedIn, centre: CallCentre) -> None:
    """The team lead's forms lead to another page, which without a session is the one to sign in."""
    name, page = "Snow on the roads", sign_in("lead")
    page.goto("/console/notices")
    typed(page, centre, name)
    preview = page.get_by_role("button", name="Preview", exact=True)
    page.context.clear_cookies()
    preview.click()
    form = page.locator("#new-notice")
    expect(form.get_by_role("alert")).to_contain_text("what you wrote is still here")
    expect(page).to_have_url(re.compile("/console/notices$"))
    expect(page.get_by_label("What has happened")).to_have_value(name)
    assert violations(page) == []
    page.context.new_page().goto(link(centre, "agent"))
    preview.click()
    expect(form).to_contain_text("Somebody else is signed in by now")
    page.context.new_page().goto(link(centre, "lead"))
    preview.click()
    expect(page.get_by_role("heading", name="This is what agents will see")).to_be_visible()
    page.context.clear_cookies()
    publish = page.get_by_role("button", name="Publish")
    publish.click()
    expect(form.get_by_role("alert")).to_contain_text("You are signed out")
    page.context.new_page().goto(link(centre, "lead"))
    publish.click()
    expect(page.get_by_role("row", name="account lead").first).to_contain_text(name)
    ended(page, name)
    page.get_by_label("Action", exact=True).fill("Vacuum cleaner")
    page.route("**/console/here", lambda route: route.fulfill(status=502, body="<h1>Bad gateway</h1>"))
    page.get_by_label("Until").last.fill(render_instant(centre.now + DAY)[:16])
    page.get_by_label("Why", exact=True).fill("stock")
    page.get_by_role("button", name="Preview the pause").click()
    expect(page.locator("#new-pause")).to_contain_text("The service does not answer. What you wrote is still here")
    expect(page.get_by_label("Action", exact=True)).to_have_value("Vacuum cleaner")


def test_a_form_of_a_whole_page_is_sent_without_script_too(browser: Browser, centre: CallCentre) -> None:
    with window(browser, centre.running.url, java_script_enabled=False) as page:
        page.goto(link(centre, "lead"))
        page.goto("/console/notices")
        typed(page, centre, "Rain")
        page.get_by_role("button", name="Preview", exact=True).click()
        expect(page.get_by_role("heading", name="This is what agents will see")).to_be_visible()


def typed(page: Page, centre: CallCentre, name: str) -> None:
    page.get_by_label("What has happened").fill(name)
    page.get_by_label("What to say").fill("Vans come later.")
    page.get_by_label("Until").first.fill(render_instant(centre.now + DAY)[:16])
    page.get_by_label("Why you publish it").fill("many calls")


@pytest.mark.parametrize(
    ("method", "headers"),
    [
        ("POST", {"HX-Request": "true"}),
        ("GET", {"HX-Request": "true", "X-Console-By-Itself": "true"}),
        ("GET", {"HX-Request": "true"}),
    ],
)
def test_a_part_that_is_asked_for_signed_out_leaves_the_page_where_something_may_be_written(
    centre: CallCentre, method: str, headers: dict[str, str]
) -> None:
    with httpx.Client(base_url=centre.running.url) as client:
        answer = client.request(method, "/console/customers/c-1/facts", headers=headers)
        whole = client.get("/console/customers/c-1")
    assert answer.status_code == 401
    assert "hx-redirect" not in answer.headers
    assert "what you wrote is still here" in answer.text
    assert whole.headers["location"] == "/console/sign-in?next=/console/customers/c-1"


def test_whoever_decides_again_goes_on_at_the_suggestions(sign_in: SignedIn, centre: CallCentre) -> None:
    customer, page = centre.customer(), sign_in("agent")
    page.goto(f"/console/customers/{customer}")
    centre.later(MINUTE)
    centre.track(customer, "Product Viewed", product_id="dryer-1")
    again = page.get_by_role("button", name="Decide again")
    again.focus()
    page.keyboard.press("Enter")
    expect(page.locator("#h-say")).to_be_focused()
    expect(page.locator("#told")).to_have_text("Decided again.")
    expect(again).to_be_hidden()


def test_a_case_that_somebody_else_closed_is_said_to_be_closed(sign_in: SignedIn, centre: CallCentre) -> None:
    customer, page = centre.customer(), sign_in("agent")
    page.goto(f"/console/customers/{customer}")
    make_sure(page)
    opened(page, "Case")
    page.get_by_label("What is wrong").fill("dent")
    page.get_by_role("button", name="Open a case").click()
    line = page.locator(".act output").get_by_text("is open.")
    expect(line).to_be_visible()
    (case,) = events(centre, customer, Kind.CASE_OPENED)
    page.get_by_label("Case to close").select_option(case.decision or "")
    centre.later(MINUTE)
    centre.track(customer, "Case Closed", case_id=case.decision)
    expect(page.get_by_label("Case to close").locator("option").nth(1)).to_contain_text("closed: dent")
    expect(line).to_have_count(0)
    page.get_by_role("button", name="Close it").click()
    expect(page.locator(".act")).to_contain_text(f"Case to close “{case.decision}”: it was closed meanwhile.")
    assert len(events(centre, customer, Kind.CASE_CLOSED)) == 1


def test_a_case_is_closed_once_also_when_its_form_is_sent_twice(centre: CallCentre) -> None:
    customer = centre.customer()
    centre.track(customer, "Case Opened", case_id="k-7", severity="low", reason="dent")
    with entered(centre, "agent") as ada:
        made_sure(ada, customer)
        form = {"proof": proof(ada.get("/console/find").text), "case_id": "k-7"}

        def closed(once: str) -> int:
            address = f"/console/customers/{customer}/case/close"
            return ada.post(address, data={**form, "once": once * 16}, headers=HERE).status_code

        assert [closed(once) for once in "aab"] == [200, 200, 409]
    assert len(events(centre, customer, Kind.CASE_CLOSED)) == 1
