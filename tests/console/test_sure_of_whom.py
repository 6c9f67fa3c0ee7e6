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
from tests.console.test_sign_in import HERE, entered, proof
from tests.serving.running import until


def test_later_waits_until_it_is_them_and_says_so(sign_in: SignedIn, centre: CallCentre) -> None:
    customer, page = centre.customer(), sign_in("agent")
    page.goto(f"/console/customers/{customer}")
    card = page.locator("li.action").filter(has_text=NAME)
    card.get_by_role("button", name="Later").click()
    fault = page.locator("#fault")
    expect(fault).to_contain_text("It is not sure yet that it is them")
    expect(card.get_by_role("button", name="Later")).to_be_visible()
    assert violations(page) == []
    fault.get_by_role("button", name="It is them").click()
    expect(page.get_by_text("Confirmed", exact=True)).to_be_visible()
    expect(fault).to_be_hidden()
    card.get_by_role("button", name="Later").click()
    expect(card.get_by_role("button", name="Undo")).to_be_visible()
    centre.undo_time_passes()
    assert until(lambda: logged(centre, customer, *CONTACTS) == [("displayed", "offer-vacuum")], 25.0)
    assert until(lambda: len(logged(centre, customer, Kind.NOTE_WRITTEN)) == 1)
    expect(page.locator("#facts")).to_contain_text(f"Wants to hear of “{NAME}” later", timeout=PATIENCE)


@pytest.mark.parametrize(("outcome", "status"), [("later", 403), ("presented", 200), ("accepted", 200)])
def test_only_what_writes_a_note_needs_it(centre: CallCentre, outcome: str, status: int) -> None:
    """What was said of a suggestion is of the decision for whom it was made."""
    customer = centre.customer()
    with entered(centre, "agent") as ada:
        assert press(ada, customer, token_of(ada, customer), outcome, sure=False).status_code == status


def test_what_was_filled_in_is_shown_once_it_is_them(sign_in: SignedIn, centre: CallCentre) -> None:
    """Else a form would tell whoever calls what the identifiers' masks hide."""
    customer, page = centre.customer(), sign_in("agent")
    centre.track(customer, "Call Started")
    centre.track(customer, "Form Field Captured", field="contract", value="K-4711", channel="ivr")
    page.goto(f"/console/customers/{customer}")
    expect(page.locator("#just-told")).to_contain_text("contract: shown once it is them")
    expect(page.locator("#facts")).to_contain_text("once it is them")
    assert "4711" not in page.content()
    assert violations(page) == []
    page.get_by_role("button", name="It is them").click()
    expect(page.locator("#just-told")).to_contain_text("contract: K-4711")
    expect(page.locator("#facts")).to_contain_text("K-4711")


def test_nobody_is_handed_on_as_somebody_else(centre: CallCentre) -> None:
    customer = centre.customer()
    with entered(centre, "agent") as ada:
        form = {"proof": proof(ada.get("/console/find").text), "to_channel": "chat", "inquiry": "x", "reason": "y"}
        answer = ada.post(f"/console/customers/{customer}/hand-over", data=form, headers={**HERE, "HX-Request": "true"})
    assert answer.status_code == 403
    assert centre.get(f"/customers/{customer}/context")["handoffs"] == []
