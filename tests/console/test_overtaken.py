"""Open pages, when the customer is found to be somebody else too, and when another system's answer overtakes theirs."""

from __future__ import annotations

import re

from playwright.sync_api import Locator, expect

from features.stores import open_store
from features.stores.desk import AnswerFate
from tests.console.browser import picture
from tests.console.call_centre import CallCentre
from tests.console.conftest import SignedIn, at_two_desks
from tests.console.test_access import violations
from tests.console.test_answered import ACTION, LONG, NAME, PATIENCE, fate, press, report, token_of, told, undo
from tests.console.test_call import CONTACTS, logged
from tests.console.test_sign_in import entered
from tests.serving.running import until
from tests.serving.synthetic import store_url


def test_open_pages_of_both_show_it_and_whoever_answers_again_is_refused(sign_in: SignedIn, centre: CallCentre) -> None:
    older, customer = centre.customer(), centre.customer()
    page = sign_in("second")
    page.goto(f"/console/customers/{older}")
    mine = page.locator("li.action").filter(has_text=NAME)
    expect(mine.get_by_role("button", name="Accepted")).to_be_visible()
    with entered(centre, "agent") as ada, entered(centre, "second") as bob:
        token, long_open = token_of(ada, customer), token_of(bob, older)
        first = press(ada, customer, token, "accepted").text
        assert "Taken back." in undo(ada, customer, first).text
        assert press(ada, customer, token, "later").status_code == 200
        centre.tell("alias", {"userId": customer, "previousId": older})
        expect(mine.locator(".answers strong")).to_have_text("Later", timeout=PATIENCE)
        expect(mine.locator(".answers")).to_contain_text("by agent")
        refused = press(bob, older, long_open, "accepted")
        assert refused.status_code == 409, refused.text
        assert "was answered as “Later” by agent" in refused.text
        centre.undo_time_passes()
        assert until(lambda: logged(centre, older, *CONTACTS) == [("displayed", ACTION)], LONG)
        assert press(bob, older, token_of(bob, customer), "rejected").status_code == 409
        assert report(centre, {"token": token, "outcome": "accepted"}).status_code == 200
        expect(mine.locator(".answers strong")).to_have_text("Accepted", timeout=PATIENCE)


def test_an_agent_whose_answer_another_system_overtakes_sees_that_it_does_not_count(
    sign_in: SignedIn, centre: CallCentre
) -> None:
    """On the open page, while it would still have waited, and for good once it was dropped; at other desks too."""
    customer = centre.customer()
    page, other = at_two_desks(sign_in, customer)
    mine, theirs = (one.locator("li.action").filter(has_text=NAME) for one in (page, other))
    with entered(centre, "agent") as ada:
        token = token_of(ada, customer)
    mine.get_by_role("button", name="Accepted").click()
    expect(mine.get_by_role("button", name="Undo")).to_be_visible()
    expect(theirs.locator(".answers strong")).to_have_text("Accepted", timeout=PATIENCE)
    assert report(centre, {"token": token, "outcome": "rejected"}).status_code == 200
    said = f"Not recorded: “Accepted”{{}}; “{NAME}” was already answered by another system"
    for card, whose in ((mine, ""), (theirs, " of agent")):
        expect(card.locator(".lost")).to_have_text(said.format(whose), timeout=PATIENCE)
        expect(card.locator(".answers strong")).to_have_text("Not interested")
        expect(card.get_by_role("button", name="Undo")).to_have_count(0)
        expect(card.locator(".answers")).to_have_attribute(
            "data-state", re.compile(r"^recorded:rejected:0 dropped:accepted:\d+$")
        )
    expect(page.locator("#told")).to_contain_text("Not recorded")
    assert violations(page) == violations(other) == []
    picture(page, "overtaken")
    store = open_store(store_url(centre.running.home))
    try:
        (kept,) = [one for one in store.answers("a-") if f"dropped:accepted:{one.answer.due_at}" in state_of(mine)]
        assert until(lambda: fate(store, kept.answer) is AnswerFate.DROPPED, LONG)
    finally:
        store.close()
    page.reload()
    expect(mine.locator(".lost")).to_have_count(0)  # it is not suggested again
    with entered(centre, "agent") as ada:
        shown = ada.get(f"/console/customers/{customer}/said", params={"token": token}).text
    assert said.format("") in shown
    assert sorted(told(centre, customer)) == ["displayed", "rejected"]


def state_of(card: Locator) -> str:
    return card.locator(".answers").get_attribute("data-state") or ""
