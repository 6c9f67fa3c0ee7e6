"""What an agent does is an event in the one history, and other open consoles of the customer see it at once, without
anything moving under a pointer or being taken from whoever types."""

from __future__ import annotations

import re

import httpx
import pytest
from playwright.sync_api import Page, expect

from features.event import Event, Kind
from features.history import text_code
from features.identity import customer_identifier
from features.stores import open_store
from models.contact_moment import reason_under_way
from tests.console.browser import picture
from tests.console.call_centre import MINUTE, CallCentre
from tests.console.conftest import SignedIn
from tests.console.test_access import violations
from tests.console.test_call import logged
from tests.console.test_sign_in import HERE, entered, proof
from tests.serving.running import started, wait_until_ready
from tests.serving.synthetic import store_url


def events(centre: CallCentre, customer: str, kind: Kind) -> list[Event]:
    store = centre.store()
    try:
        return [one.event for one in store.timeline(customer_identifier(customer), None, 50, frozenset({kind}))]
    finally:
        store.close()


def opened(page: Page, form: str) -> None:
    page.locator(".act summary").filter(has_text=re.compile(f"^{form}$")).click()


def make_sure(page: Page) -> None:
    """That it is them, as whoever writes something down must."""
    page.get_by_role("button", name="It is them").click()
    expect(page.get_by_text("Confirmed", exact=True)).to_be_visible()


def made_sure(client: httpx.Client, customer: str) -> None:
    told = {"proof": proof(client.get("/console/find").text)}
    assert client.post(f"/console/customers/{customer}/confirm", data=told, headers=HERE).status_code == 200


def on_a_call(sign_in: SignedIn, centre: CallCentre) -> tuple[str, Page]:
    """A customer who has just called, and the page that shows them."""
    customer = centre.customer()
    centre.later(MINUTE)
    centre.track(customer, "Call Started")
    page = sign_in("agent")
    page.goto(f"/console/customers/{customer}")
    make_sure(page)
    return customer, page


def test_a_note_is_what_the_next_agent_sees_first(sign_in: SignedIn, centre: CallCentre) -> None:
    customer = centre.customer()
    first, next_one = sign_in("agent"), sign_in("second")
    for page in (first, next_one):
        page.goto(f"/console/customers/{customer}")
    make_sure(first)
    opened(first, "Note")
    first.get_by_label("What you told them").fill("The parcel is in Leeds 📦")
    first.get_by_label("What you promised").fill("a call back")
    first.get_by_label("By when").fill("2027-02-01")
    first.get_by_role("button", name="Write the note").click()
    expect(first.locator(".act").get_by_text("The note is written")).to_be_visible()
    expect(next_one.locator("#facts")).to_contain_text("The parcel is in Leeds 📦")
    expect(next_one.locator("#facts h2").first).to_have_text("Told and promised")
    expect(next_one.locator("#facts")).to_contain_text("by 1 Feb 2027")
    expect(first.get_by_label("What you told them")).to_have_value("")
    expect(next_one.locator("#fresh")).to_be_hidden()  # no decision reads a note
    (note,) = centre.get(f"/customers/{customer}/context")["notes"]  # type: ignore[misc]
    assert (note["agent_id"], note["promised"], note["due"]) == ("agent", "a call back", "2027-02-01")
    picture(next_one, "note")


def test_a_change_moves_no_button_and_takes_nothing_from_whoever_types(sign_in: SignedIn, centre: CallCentre) -> None:
    customer = centre.customer()
    page = sign_in("agent")
    page.goto(f"/console/customers/{customer}")
    make_sure(page)
    opened(page, "Note")
    page.get_by_label("What you told them").fill("half a sente")
    buttons = page.locator(".next button:visible")
    places = [box.bounding_box() for box in buttons.all()]
    for number in range(4):
        centre.later(MINUTE)
        centre.track(customer, "Case Opened", case_id=f"k-{number}", severity="high", reason=f"broken {number}")
    expect(page.locator("#facts")).to_contain_text("broken 3")
    expect(page.locator("#timeline")).to_contain_text("broken 3")
    expect(page.locator("#fresh")).to_be_visible()
    expect(page.locator(".held")).to_have_count(0)
    seen = page.locator(".next button:visible:not(#fresh button)").all()
    assert [box.bounding_box() for box in seen] == places
    expect(page.get_by_label("What you told them")).to_have_value("half a sente")
    page.get_by_role("button", name="Decide again").click()
    expect(page.locator(".held")).to_contain_text("Offers are held back")
    expect(page.get_by_label("What you told them")).to_have_value("half a sente")
    expect(page.locator("#fresh")).to_be_hidden()


def test_a_case_is_opened_and_closed(sign_in: SignedIn, centre: CallCentre) -> None:
    customer = centre.customer()
    page = sign_in("agent")
    page.goto(f"/console/customers/{customer}")
    make_sure(page)
    opened(page, "Case")
    page.get_by_label("What is wrong").fill("Complaint")
    page.get_by_label("How bad").select_option("high")
    page.get_by_role("button", name="Open a case").click()
    expect(page.locator(".act output").get_by_text("is open.")).to_be_visible()
    expect(page.locator("#facts")).to_contain_text("Complaint")
    (case,) = events(centre, customer, Kind.CASE_OPENED)
    assert (case.severity, case.topic) == (3, "complaint")
    refused = centre.client.post(
        "/recommend",
        json={"customer_id": customer, "channels": ["agent"], "dry_run": True, "explain": True},
        headers={"Authorization": f"Bearer {centre.key}"},
    ).json()["channels"][0]["refused"]
    assert {one["rule"] for one in refused} - {"ended"} == {"complaint"}  # another test's notice may have ended
    page.evaluate("document.querySelector('#case-id').append(new Option('nonsense', 'nonsense'))")
    page.get_by_label("Case to close").select_option("nonsense")
    page.get_by_role("button", name="Close it").click()
    expect(page.get_by_text("a case of this customer")).to_be_visible()
    assert events(centre, customer, Kind.CASE_CLOSED) == []
    page.get_by_label("Case to close").select_option(case.decision or "")
    page.get_by_label("How it ended").fill("drum replaced")
    page.get_by_role("button", name="Close it").click()
    expect(page.locator(".act").get_by_text("is closed.")).to_be_visible()
    assert centre.get(f"/customers/{customer}/context")["cases"] == []


def test_the_reason_of_a_call_is_told_with_its_end(sign_in: SignedIn, centre: CallCentre) -> None:
    customer, page = on_a_call(sign_in, centre)
    opened(page, "Call reason")
    page.get_by_label("What they call about").fill("billing")
    page.get_by_role("button", name="Log it and end the call").click()
    expect(page.locator(".act").get_by_text("The reason is logged.")).to_be_visible()
    (end,) = events(centre, customer, Kind.CALL_ENDED)
    assert '"reason":"billing"' in end.properties
    expect(page.get_by_role("button", name="Log a call about it")).to_be_visible()


def test_the_reason_of_a_call_that_nobody_told_of_is_what_decisions_know_of_it(
    sign_in: SignedIn, centre: CallCentre
) -> None:
    customer = centre.customer()
    page = sign_in("agent")
    page.goto(f"/console/customers/{customer}")
    make_sure(page)
    opened(page, "Call reason")
    page.get_by_label("What they call about").fill("Cancellation ")
    page.get_by_role("button", name="Log a call about it").click()
    expect(page.locator(".act").get_by_text("The reason is logged.")).to_be_visible()
    store = open_store(store_url(centre.running.home))
    try:
        known = store.read(customer_identifier(customer))
    finally:
        store.close()
    (began,) = known.page[known.page["kind"] == Kind.CALL_STARTED]
    assert reason_under_way(known.page, int(began["occurred_at"])) == text_code("cancellation")


def test_a_journey_is_handed_over_and_taken(sign_in: SignedIn, centre: CallCentre) -> None:
    customer, page = on_a_call(sign_in, centre)
    opened(page, "Hand over")
    page.get_by_label("Where to").select_option("chat")
    page.get_by_label("What the customer wants").fill("a picture of the damage is needed")
    page.get_by_label("Why it is passed on").fill("needs a picture")
    page.get_by_role("button", name="Hand over", exact=True).click()
    expect(page.locator(".act").get_by_text("It is handed on")).to_be_visible()
    (handed,) = centre.get(f"/customers/{customer}/context")["handoffs"]  # type: ignore[misc]
    assert (handed["to_channel"], handed["inquiry"]) == ("chat", "a picture of the damage is needed")
    headers = {"Authorization": f"Bearer {centre.key}"}
    back = {"to_channel": "agent", "inquiry": "the picture is here", "reason": "done", "handoff_id": f"h-{customer}"}
    answer = centre.client.post(f"/customers/{customer}/handoff", json=back, headers=headers)
    assert answer.status_code == 200, answer.text
    page.reload()
    page.get_by_role("button", name="Take over").click()
    expect(page.locator("#takeovers").get_by_text("You have taken it over.")).to_be_visible()
    states = {one["handoff_id"]: one for one in centre.get(f"/customers/{customer}/context")["handoffs"]}  # type: ignore[attr-defined]
    assert (states[f"h-{customer}"]["state"], states[f"h-{customer}"]["taken_by"]) == ("taken", "agent")


@pytest.mark.parametrize(
    ("about", "says", "held"),
    [
        ("by e-mail", "No", [("email", None, False)]),
        ("about Offers", "No", [(None, "offers", False)]),
        ("about Offers", "Yes", [(one, "offers", True) for one in ("agent", "chat", "email", "store", "web")]),
    ],
)
def test_consent_holds_from_the_next_decision_on(
    sign_in: SignedIn, centre: CallCentre, about: str, says: str, held: list[tuple[str | None, str | None, bool]]
) -> None:
    customer = centre.customer()
    page = sign_in("agent")
    page.goto(f"/console/customers/{customer}")
    make_sure(page)
    opened(page, "Consent")
    page.get_by_label("May we contact them").select_option(label=about)
    page.get_by_label(says, exact=True).check()
    page.get_by_role("button", name="Record it").click()
    expect(page.locator(".act").get_by_text("From now on the customer")).to_be_visible()
    told = centre.get(f"/customers/{customer}/context")["consents"]
    found = {(one["channel"], one["topic"], one["granted"]) for one in told}  # type: ignore[attr-defined]
    assert set(held) <= found


def test_nothing_is_told_of_somebody_who_may_be_another(sign_in: SignedIn, centre: CallCentre) -> None:
    """What is masked may be looked at; the forms say what is missing, and a request without them is refused."""
    customer = centre.customer()
    told = [
        ("note", {"told": "x"}),
        ("call", {"reason": "billing"}),
        ("case/open", {"reason": "x", "severity": "low"}),
        ("case/close", {"case_id": "k-1"}),
        ("consent", {"about": "email/", "answer": "no"}),
    ]
    with entered(centre, "agent") as client:
        form = {"proof": proof(client.get("/console/find").text), "once": "a" * 20}

        def told_now() -> set[int]:
            at = f"/console/customers/{customer}"
            answers = [client.post(f"{at}/{path}", data={**form, **fields}, headers=HERE) for path, fields in told]
            return {one.status_code for one in answers}

        assert told_now() == {403}
        assert logged(centre, customer, Kind.NOTE_WRITTEN, Kind.CALL_STARTED, Kind.CASE_OPENED) == []
        assert logged(centre, customer, Kind.CONSENT_WITHDRAWN) == []
        made_sure(client, customer)
        assert told_now() <= {200, 422}
    page = sign_in("agent")
    page.goto(f"/console/customers/{customer}")
    for form_name in ("Note", "Call reason", "Case", "Consent"):
        opened(page, form_name)
        shown = page.locator(".act details[open]")
        expect(shown.get_by_text("press “It is them”")).to_be_visible()
        expect(shown.locator("button").first).to_be_disabled()
        assert violations(page) == []
    opened(page, "Note")
    make_sure(page)
    expect(page.locator(".act details[open]").get_by_text("press “It is them”")).to_be_hidden()
    page.get_by_label("What you told them").fill("now it is")
    page.get_by_role("button", name="Write the note").click()
    expect(page.locator("#facts")).to_contain_text("now it is")


def test_the_lists_of_the_forms_follow_without_taking_anything(sign_in: SignedIn, centre: CallCentre) -> None:
    customer = centre.customer()
    centre.track(customer, "Case Opened", case_id="k-1", severity="low", reason="dent")
    for number in range(2):
        centre.track(customer, "Note Written", told="x", promised=f"promise {number}", agent_id="bo")
    page = sign_in("agent")
    page.goto(f"/console/customers/{customer}")
    make_sure(page)
    opened(page, "Case")
    page.get_by_label("How it ended").fill("half a sente")
    select = page.get_by_label("Case to close")
    select.select_option("k-1")
    centre.later(MINUTE)
    centre.track(customer, "Case Opened", case_id="k-2", severity="low", reason="scratch")
    centre.track(customer, "Case Closed", case_id="k-1")
    expect(select.locator("option")).to_have_text(["choose one", "closed: dent (k-1)", "scratch (k-2)"])
    expect(select).to_have_value("k-1")
    expect(page.get_by_label("How it ended")).to_have_value("half a sente")
    opened(page, "Promises 2")
    rows = page.locator("form.promise")
    buttons = rows.locator("button")
    second = rows.nth(1).locator("button").bounding_box()
    rows.nth(1).locator("button").hover()
    first_note = next(one for one in events(centre, customer, Kind.NOTE_WRITTEN) if "promise 0" in one.properties)
    row = rows.filter(has_text="promise 0")
    centre.track(customer, "Note Written", keeps=first_note.message_id, agent_id="bo")
    centre.track(customer, "Note Written", told="x", promised="promise 2", agent_id="bo")
    expect(row).to_contain_text("kept")
    expect(row.locator("button")).to_have_count(0)
    expect(rows).to_have_count(3)
    expect(rows.last).to_contain_text("promise 2")
    expect(buttons).to_have_count(2)
    if "promise 1" in rows.nth(1).inner_text():
        assert rows.nth(1).locator("button").bounding_box() == second
    expect(page.locator(".act summary").filter(has_text="Promises")).to_have_text("Promises 2")
    rows.last.get_by_role("button", name="It is kept").click()
    expect(page.locator("form.promise")).to_have_count(1)
    expect(page.locator("#told")).to_have_text("It is kept, and everybody sees it.")
    assert violations(page) == []


def test_the_focus_stays_where_the_work_is_and_what_was_done_is_said(sign_in: SignedIn, centre: CallCentre) -> None:
    customer = centre.customer("Grace Hopper")
    centre.track(customer, "Note Written", told="x", promised="a call back", agent_id="bo")
    page = sign_in("agent")
    page.goto("/console/find")
    expect(page.get_by_label("Find a customer")).to_be_focused()
    page.goto(f"/console/customers/{customer}")
    said = page.locator("#told")
    page.get_by_role("button", name="It is them").press("Enter")
    expect(page.get_by_role("heading", name="Grace Hopper")).to_be_focused()
    expect(said).to_have_text("Confirmed: it is Grace Hopper.")
    card = page.locator("li.action").filter(has_text="Vacuum cleaner")
    card.get_by_role("button", name="Accepted").press("Enter")
    expect(card.get_by_role("button", name="Undo")).to_be_focused()
    expect(said).to_contain_text("Accepted: recorded in")
    card.get_by_role("button", name="Undo").press("Enter")
    expect(card.get_by_role("button", name="Accepted")).to_be_focused()
    expect(said).to_have_text("Taken back.")
    card.get_by_role("button", name="Later").press("Enter")
    expect(card.get_by_role("heading")).to_be_focused(timeout=20_000)  # there is nothing to undo any more
    opened(page, "Note")
    page.get_by_label("What you told them").fill("told")
    page.get_by_role("button", name="Write the note").press("Enter")
    expect(said).to_contain_text("The note is written")
    expect(page.locator(".act summary").filter(has_text="Note")).to_be_focused()
    opened(page, "Promises 1")
    page.locator(".act").get_by_role("button", name="It is kept").press("Enter")
    expect(said).to_contain_text("It is kept")
    expect(page.locator(".act summary").filter(has_text="Promises")).to_be_focused()


def test_a_form_that_is_sent_twice_counts_once_and_a_wrong_one_keeps_what_was_typed(
    sign_in: SignedIn, centre: CallCentre
) -> None:
    customer = centre.customer()
    with entered(centre, "agent") as client:
        made_sure(client, customer)
        page = client.get(f"/console/customers/{customer}").text
        once = re.search(r'name="once" value="([\w-]+)"', page)
        assert once
        told = {"proof": proof(page), "once": once[1], "told": "4111 1111 1111 1111 was charged"}
        for _ in range(2):
            assert client.post(f"/console/customers/{customer}/note", data=told, headers=HERE).status_code == 200
        wrong = [
            ("note", {"told": " "}),
            ("note", {"once": ""}),
            ("note", {"promised": "x", "due": "2025-12-31"}),
            ("note", {"told": "x", "due": "2027-02-01"}),
            ("case/open", {"reason": "x", "severity": "fatal"}),
            ("consent", {"about": "fax/", "answer": "no"}),
            ("consent", {"about": "/no-topic", "answer": "no"}),
            ("answer", {"token": "x.y", "outcome": "accepted"}),
        ]
        for path, fields in wrong:
            answer = client.post(f"/console/customers/{customer}/{path}", data={**told, **fields}, headers=HERE)
            assert answer.status_code == 422, path
        assert client.get("/console/customers/nobody-at-all").status_code == 404
        assert client.get(f"/console/customers/{customer}/timeline?before=x").status_code == 422
    (note,) = events(centre, customer, Kind.NOTE_WRITTEN)
    assert "4111" not in note.properties
    shown = sign_in("agent")
    shown.goto(f"/console/customers/{customer}")
    make_sure(shown)
    opened(shown, "Note")
    shown.get_by_label("What you told them").fill("The parcel is in Leeds")
    shown.get_by_label("By when").fill("2027-02-01")
    shown.get_by_role("button", name="Write the note").click()
    asked = shown.get_by_role("alert").filter(has_text="What you promised: by when is the day of a promise.")
    expect(asked).to_contain_text("What did you promise by then?")
    expect(shown.get_by_label("What you told them")).to_have_value("The parcel is in Leeds")
    expect(shown.get_by_label("By when")).to_have_value("2027-02-01")
    shown.evaluate("document.querySelector('#note-promised').setAttribute('maxlength', 9999)")
    shown.get_by_label("What you promised").fill("x" * 2500)
    shown.get_by_role("button", name="Write the note").click()
    expect(shown.get_by_role("alert").filter(has_text="at most 2000 characters")).to_be_visible()
    expect(shown.get_by_label("What you promised")).to_have_value("x" * 2500)


def test_a_service_that_is_asked_to_end_does_not_wait_for_open_consoles(centre: CallCentre) -> None:
    customer = centre.customer()
    with entered(centre, "agent") as client:
        cookies = dict(client.cookies)
    beside = started(centre.running.home, BENTOML_HOME=str(centre.running.home / "beside"))
    try:
        wait_until_ready(beside)
        with httpx.stream(
            "GET", f"{beside.url}/console/customers/{customer}/live", cookies=cookies, timeout=30
        ) as told:
            lines = told.iter_lines()
            assert next(lines) == "retry: 1000"
            beside.process.terminate()
            beside.process.wait(15)
    finally:
        beside.kill()
