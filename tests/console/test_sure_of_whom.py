"""Before it is certain who calls, nothing is noted of them; that something is for later is a note too."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from features.event import Kind
from tests.console.call_centre import CallCentre
from tests.console.conftest import SignedIn
from tests.console.test_access import violations
from tests.console.test_answered import NAME, PATIENCE, press, token_of
from tests.console.test_call import CONTACTS, logged
from tests.console.test_sign_in import entered
from tests.serving.running import until


def test_later_waits_until_it_is_them_and_says_so(sign_in: SignedIn, centre: CallCentre) -> None:
    customer, page = centre.customer(), sign_in("agent")
    page.goto(f"/console/customers/{customer}")
    card = page.locator("li.action").filter(has_text=NAME)
    card.get_by_role("button", name="Later").click()
    fault = page.locator("#fault")
    expect(fault).to_contain_text("“Later” writes one")
    expect(card.get_by_role("button", name="Later")).to_be_visible()
    assert violations(page) == []
    fault.get_by_role("button", name="It is them").click()
    expect(page.get_by_text("Confirmed", exact=True)).to_be_visible()
    expect(fault).to_be_hidden()
    card.get_by_role("button", name="Later").click()
    expect(card.get_by_role("button", name="Undo")).to_be_visible()
    assert until(lambda: logged(centre, customer, *CONTACTS) == [("displayed", "offer-vacuum")], 25.0)
    assert until(lambda: len(logged(centre, customer, Kind.NOTE_WRITTEN)) == 1)
    expect(page.locator("#facts")).to_contain_text(f"Wants to hear of “{NAME}” later", timeout=PATIENCE)


@pytest.mark.parametrize(("outcome", "status"), [("later", 403), ("presented", 200), ("accepted", 200)])
def test_only_what_writes_a_note_needs_it(centre: CallCentre, outcome: str, status: int) -> None:
    """What was said of a suggestion is of the decision for whom it was made."""
    customer = centre.customer()
    with entered(centre, "agent") as ada:
        assert press(ada, customer, token_of(ada, customer), outcome, sure=False).status_code == status
