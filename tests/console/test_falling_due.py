"""A promise that falls due is seen at once by whoever gave it, by whoever serves its customer, and by the team lead."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Page, expect

from features.stores import open_store
from features.stores.desk import Account
from tests.console.browser import picture
from tests.console.call_centre import DAY, CallCentre
from tests.console.conftest import SignedIn
from tests.console.test_access import violations
from tests.console.test_acting import make_sure, opened
from tests.console.test_answered import PATIENCE
from tests.console.test_fitting import sideways
from tests.console.test_in_place import places
from tests.console.test_promises import day, promise
from tests.console.test_sign_in import entered
from tests.serving.synthetic import PUBLISHED_AT, store_url


def newcomer(centre: CallCentre, role: str) -> str:
    """An account that has promised nothing."""
    name = f"newcomer-{centre.number()}"
    store = open_store(store_url(centre.running.home))
    try:
        store.put_account(Account(name, frozenset({role}), "", "", PUBLISHED_AT))
    finally:
        store.close()
    return name


def a_day_passes(centre: CallCentre) -> None:
    """Something is told of somebody else: the shop's clock stands between."""
    centre.later(DAY)
    centre.identify("c-somebody-else", tier="Gold")


def asked_again(page: Page) -> None:
    """As every page does, a minute later."""
    with page.expect_response("**/promises/due*"):
        page.clock.fast_forward("01:01")


@pytest.mark.parametrize("width", [1280, 390])
def test_whoever_has_the_customer_open_sees_it_and_loses_nothing(
    sign_in: SignedIn, centre: CallCentre, width: int
) -> None:
    customer, page = centre.customer(), sign_in("agent")
    promise(centre, customer, "a <b>call</b> back", day(centre, 1), "second")
    page.set_viewport_size({"width": width, "height": 900})
    page.goto(f"/console/customers/{customer}")
    make_sure(page)
    opened(page, "Note")
    page.get_by_label("What you told them").fill("half a sentence")
    tag, buttons = page.locator(".notes .tag"), page.locator(".saying button:visible, .act summary")
    expect(tag).to_have_text(re.compile("^by "))
    before = places(buttons) if width > 1000 else None
    a_day_passes(centre)
    expect(tag).to_have_text(re.compile("^due today, by "), timeout=PATIENCE)
    expect(page.locator("#told")).to_have_text("Promised to them, and due: a <b>call</b> back")
    assert before is None or places(buttons) == before
    a_day_passes(centre)
    expect(tag).to_have_text(re.compile("^overdue, by "), timeout=PATIENCE)
    expect(page.get_by_label("What you told them")).to_have_value("half a sentence")
    assert before is None or places(buttons) == before
    assert violations(page) + sideways(page) == []


def test_whoever_gave_it_sees_it_on_every_page_and_nothing_moves(sign_in: SignedIn, centre: CallCentre) -> None:
    agent, customer = newcomer(centre, "agent"), centre.customer()
    promise(centre, customer, "a call", day(centre, 1), agent)
    promise(centre, customer, "a gift", day(centre, 9), agent)
    page = sign_in(agent)
    page.clock.install()
    page.goto("/console/find")
    page.get_by_label("Find a customer").fill("half a number")
    count, bar = page.locator("#due"), page.locator("header.bar a, header.bar button, main button")
    expect(count).to_be_hidden()
    before = places(bar)
    a_day_passes(centre)
    asked_again(page)
    expect(count).to_have_text("1 due")
    expect(page.locator("#told")).to_have_text("1 of your promises is due today or overdue.")
    assert [*places(bar).values()] == [*before.values()]
    expect(page.get_by_label("Find a customer")).to_have_value("half a number")
    assert violations(page) == []
    picture(page, "due")


@pytest.mark.parametrize("address", ["promises", "promises/team"])
def test_a_list_of_promises_offers_what_falls_due_and_moves_no_row(
    sign_in: SignedIn, centre: CallCentre, address: str
) -> None:
    lead, customer = newcomer(centre, "lead"), centre.customer("Dorothy Vaughan")
    promise(centre, customer, f"a lamp {lead}", day(centre, 1), lead)
    page = sign_in(lead)
    page.clock.install()
    page.goto(f"/console/{address}")
    row, rows = page.locator(".promises li").filter(has_text=f"a lamp {lead}"), page.locator(".promises button")
    expect(row).to_contain_text("tomorrow")
    offer, before = page.locator("#due-now"), places(rows)
    asked_again(page)
    expect(offer).to_be_hidden()
    a_day_passes(centre)
    asked_again(page)
    expect(offer).to_contain_text(re.compile(r"\d+ more (is|are) due by now"))
    assert places(rows) == before
    assert violations(page) + sideways(page) == []
    picture(page, f"due-{address.replace('/', '-')}")
    offer.get_by_role("link", name="Show").click()
    expect(row).to_contain_text("today")
    expect(offer).to_be_hidden()


def test_what_all_have_promised_is_told_to_leads_alone(centre: CallCentre) -> None:
    with entered(centre, "agent") as agent, entered(centre, "lead") as lead, entered(centre, "marketer") as other:
        assert agent.get("/console/promises/due").status_code == 200
        assert agent.get("/console/promises/due", params={"whose": "team"}).status_code == 403
        assert lead.get("/console/promises/due", params={"whose": "team"}).status_code == 200
        assert other.get("/console/promises/due").status_code == 403
