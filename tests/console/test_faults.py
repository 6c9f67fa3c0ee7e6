"""What went wrong is said in plain words beside what was typed, and nothing typed is lost."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from playwright.sync_api import Browser, Page, expect

from features.instants import render_instant
from models.catalogue import parse
from models.catalogue_file import read_text
from serving.console import answering, notices
from serving.console.faults import in_words
from serving.console.wording import clock
from serving.errors import FaultBody, Refusal, conflict, faulty, forbidden, invalid, not_found, unavailable
from tests.console.browser import picture, window
from tests.console.call_centre import CATALOGUE, DAY, CallCentre, link
from tests.console.conftest import SignedIn
from tests.console.test_access import violations
from tests.console.test_acting import made_sure
from tests.console.test_notices import ended
from tests.console.test_sign_in import HERE, entered, proof

TEMPLATES = Path(answering.__file__).with_name("templates")
TYPED = {
    "What has happened": "Flood in the cellar",
    "What to say": "The shop is closed; we bring it to your door.",
    "Why you publish it": "many calls",
}


def typed(lead: Page, until: str) -> None:
    for label, text in TYPED.items():
        lead.get_by_label(label).fill(text)
    lead.get_by_label("Until").first.fill(until)


def still_there(lead: Page) -> bool:
    return {label: lead.get_by_label(label).input_value() for label in TYPED} == TYPED


def in_sight(page: Page, name: str) -> bool:
    """Whether a button is in the window without scrolling."""
    box = page.get_by_role("button", name=name, exact=True).bounding_box()
    return box is not None and box["y"] + box["height"] <= 720


def test_a_time_that_is_past_is_said_beside_it_and_what_was_typed_stays(sign_in: SignedIn, centre: CallCentre) -> None:
    lead = sign_in("lead")
    lead.goto("/console/notices")
    past = render_instant(centre.now - 30 * DAY)[:16]
    typed(lead, past)
    lead.get_by_role("button", name="Preview", exact=True).click()
    fault = lead.get_by_role("alert").filter(has_text="Until")
    expect(fault).to_contain_text(f"Until “{clock(centre.now - 30 * DAY, 'UTC')}”: it must be after the present")
    expect(fault).to_be_in_viewport()
    until = lead.get_by_label("Until").first
    expect(until).to_be_focused()
    expect(until).to_have_attribute("aria-invalid", "true")
    assert until.get_attribute("aria-describedby") == fault.get_attribute("id")
    assert still_there(lead)
    assert until.input_value() == past
    assert violations(lead) == []
    picture(lead, "notice-past")
    until.fill(render_instant(centre.now + DAY)[:16])
    lead.get_by_role("button", name="Preview", exact=True).click()
    expect(lead.get_by_role("heading", name="This is what agents will see")).to_be_in_viewport()
    assert in_sight(lead, "Publish")
    assert still_there(lead)


def test_who_comes_second_sees_so_keeps_the_text_and_may_send_it_again(sign_in: SignedIn, centre: CallCentre) -> None:
    first, second = sign_in("lead"), sign_in("admin")
    for page in (first, second):
        page.goto("/console/notices")
        typed(page, render_instant(centre.now + DAY)[:16])
        page.get_by_role("button", name="Preview", exact=True).click()
    first.get_by_role("button", name="Publish").click()
    expect(first.get_by_role("row", name="account lead").first).to_contain_text("Flood in the cellar: many calls")
    try:
        second.get_by_role("button", name="Publish").click()
        fault = second.get_by_role("alert").filter(has_text="somebody else has changed the catalogue")
        expect(fault).to_be_in_viewport()
        expect(second.get_by_role("row", name="account lead").first).to_contain_text("Flood in the cellar: many calls")
        assert still_there(second)
        assert violations(second) == []
        second.get_by_label("What has happened").fill("Flood everywhere")
        second.get_by_role("button", name="Publish").click()
        expect(second.get_by_role("row", name="account admin").first).to_contain_text("Flood everywhere")
    finally:
        ended(first, "Flood everywhere")
        ended(first, "Flood in the cellar")


@pytest.mark.parametrize(
    ("address", "wrong", "status", "beside"),
    [
        ("post", {"text": ""}, 422, "What to say: something must be written here"),
        ("post", {"areas": 'SW") || true'}, 422, "Postcodes begin with “SW&#34;) || true”: they must be"),
        ("post", {"until": "soon"}, 422, "Until “soon”: it must be a day and a time"),
        ("pause", {"action": "none"}, 404, "Action “none”: no action that could be paused is called so. Choose one of"),
        ("pause", {"action": " cARE  plan "}, 404, "Choose one of the list, like “Care plan ✨"),
        ("pause/preview", {"until": "2020-01-01T00:00"}, 422, "it must be after the present"),
        ("end", {"action": "offer-plan"}, 422, "a notice of this form"),
        ("resume", {"action": "none"}, 404, "the catalogue has no such action"),
        ("resume", {"action": "offer-plan", "reason": " "}, 422, "something must be written here"),
    ],
)
def test_whatever_is_wrong_is_said_on_the_page_of_the_form(
    centre: CallCentre, address: str, wrong: dict[str, str], status: int, beside: str
) -> None:
    form = {"name": "n", "text": "t", "until": "2030-01-01T00:00", "reason": "kept as typed", "action": "offer-plan"}
    with entered(centre, "lead") as client:
        shown = client.get("/console/notices").text
        form |= dict(re.findall(r'type="hidden" name="(proof|version)" value="(\w+)"', shown))
        answer = client.post(f"/console/notices/{address}", data={**form, **wrong}, headers=HERE)
    assert answer.status_code == status
    assert "What was changed lately" in answer.text
    assert beside in answer.text
    assert ('value="kept as typed"' in answer.text) == (address in ("post", "pause", "pause/preview"))


def test_an_action_to_pause_is_found_by_a_part_of_its_name_without_script(browser: Browser, centre: CallCentre) -> None:
    """The list is the browser's own; what is none of it is refused beside the field, and stays."""
    with window(browser, centre.running.url, java_script_enabled=False) as page:
        page.goto(link(centre, "lead"))
        page.goto("/console/notices")
        field = page.get_by_label("Action", exact=True)
        expect(field).to_have_value("")
        offered = page.locator("datalist#running option")
        names = [one.get_attribute("value") for one in offered.all()]
        assert "Vacuum cleaner" in names
        assert field.get_attribute("list") == "running"
        field.fill("vacuum")
        page.get_by_label("Until").last.fill(render_instant(centre.now + DAY)[:16])
        page.get_by_label("Why", exact=True).fill("stock")
        page.get_by_role("button", name="Preview the pause").click()
        fault = page.get_by_role("alert").filter(has_text="Action “vacuum”")
        expect(fault).to_contain_text("Choose one of the list, like “Vacuum cleaner”.")
        expect(field).to_have_value("vacuum")
        expect(field).to_have_attribute("aria-invalid", "true")
        assert fault.get_attribute("id") in (field.get_attribute("aria-describedby") or "").split()
        field.fill(" vacuum  CLEANER ")
        page.get_by_role("button", name="Preview the pause").click()
        expect(page.get_by_role("article").filter(has_text="Vacuum cleaner")).to_contain_text("not before")


@given(
    st.lists(
        st.sampled_from(["Dryer", "dryer ", "Plan", "a-1", "A-1", "Plan (a-2)", "x" * 201, "y" * 198]),
        min_size=1,
        max_size=6,
    )
)
def test_each_action_is_called_so_that_it_alone_is_meant(names: list[str]) -> None:
    shop = parse(read_text(CATALOGUE).document, 1)
    actions = tuple(replace(shop.actions[0], id=f"a-{at}", name=name) for at, name in enumerate(names))
    catalogue = replace(shop, actions=actions)
    for one in actions:
        assert notices._meant(catalogue, one.id, 0) == one
    for called, one in notices._called(catalogue, 0):
        assert len(called) <= 200
        assert notices._meant(catalogue, called, 0) == one


SENT_TO = re.compile(
    r'<form[^>]*(?:hx-post|action)="[^"]+?/(?:customers/[^/]+|notices)/([^"]+)"[^>]*>(.*?)</form>', re.S
)
PREVIEWED = {"preview": "notice", "pause/preview": "pause"}


def labelled(page: str) -> Iterator[tuple[str, str, str]]:
    """(form, field, label) of whatever somebody fills in; a form by the end of its address."""
    for address, within in SENT_TO.findall(page):
        labels = dict(re.findall(r'<label for="([^"]+)"[^>]*>([^<]+)</label>', within))
        for tag in re.findall(r"<(?:input|select|textarea)[^>]*>", within):
            at, name = (re.search(rf' {what}="([^"]+)"', tag) for what in ("id", "name"))
            if at and name and at[1] in labels:
                yield PREVIEWED.get(address, address), name[1], labels[at[1]]


def test_a_field_is_called_as_its_form_calls_it(centre: CallCentre) -> None:
    customer = centre.customer()
    with entered(centre, "agent") as agent, entered(centre, "lead") as lead:
        pages = [agent.get(f"/console/customers/{customer}").text, lead.get("/console/notices").text]
    found = {(form, field): label for page in pages for form, field, label in labelled(page)}
    # Of what is in force, and of what is paused, which the shop may have none of by now.
    made = re.findall(r'cause\("(\w+)", one, "([^"]+)"', (TEMPLATES / "notices.html").read_text())
    found |= {(form, "reason"): label for form, label in made}
    forms = {"call", "case/open", "case/close", "hand-over", "consent", "note", "notice", "pause", "end", "resume"}
    assert {form for form, _ in found} == forms
    for (form, field), label in found.items():
        assert in_words(invalid(field, None, "it must be so", "mend it"), form) == f"{label}: it must be so. Mend it."


@pytest.mark.parametrize(
    ("form", "said"),
    [
        ("call", "What they call about: something must be written here"),
        ("case/open", "What is wrong: something must be written here"),
        ("case/close", "Case to close: something must be written here"),
        ("hand-over", "Where to: something must be written here"),
        ("consent", "May we contact them: something must be written here"),
    ],
)
@pytest.mark.parametrize("part", [True, False])
def test_what_is_missing_is_called_as_its_form_calls_it(centre: CallCentre, form: str, said: str, part: bool) -> None:
    customer = centre.customer()
    with entered(centre, "agent") as client:
        made_sure(client, customer)
        sent = {"proof": proof(client.get("/console/find").text)}
        headers = {**HERE, "HX-Request": "true"} if part else HERE
        answer = client.post(f"/console/customers/{customer}/{form}", data=sent, headers=headers)
    assert answer.status_code == 422
    assert said in answer.text


def test_an_error_leads_back_to_where_one_was_and_to_the_start(sign_in: SignedIn, centre: CallCentre) -> None:
    agent = sign_in("agent")
    agent.goto(f"/console/customers/{centre.customer('Ann Lee')}")
    agent.evaluate("location.href = '/console/customers/nobody-at-all'")
    expect(agent.locator("main")).to_contain_text("Customer “nobody-at-all”: nobody has it.")
    assert "null" not in agent.locator("main").inner_text()
    agent.get_by_role("link", name="Back to where you were").click()
    expect(agent.get_by_role("heading", level=1)).to_have_text("Ann Lee")
    agent.goto("/console/nowhere")
    expect(agent.get_by_role("link", name="Back to where you were")).to_have_count(0)
    agent.get_by_role("link", name="To the start").click()
    expect(agent.get_by_role("heading", level=1)).to_have_text("Who is it?")


def test_back_is_never_another_host_nor_an_address_that_cannot_be_opened(centre: CallCentre) -> None:
    with entered(centre, "lead") as client:
        known = client.get("/console/notices").text
        here = {**HERE, "Referer": f"{centre.running.url}/console/notices/preview"}
        wrong = client.get("/console/nowhere", headers=here)
        assert 'href="/console/notices"' in wrong.text.partition("<main")[2]
        for stranger in ("https://elsewhere.example/console/notices", "javascript:alert(1)", "//x/console"):
            answer = client.get("/console/nowhere", headers={**HERE, "Referer": stranger})
            assert "Back to where" not in answer.text
        assert proof(known)


@given(
    st.sampled_from(["until", "reason", "channels[0]", "to_channel", "a.b", "x"]),
    st.none() | st.text(min_size=1, max_size=30),
    st.sampled_from(["it must be so", "one of a, b; not c"]),
)
def test_a_fault_in_words_has_field_value_rule_and_remedy_and_no_null(field: str, value: str | None, rule: str) -> None:
    refusal = invalid(field, value, rule, "do it otherwise")
    words = in_words(refusal)
    assert words.endswith(f"{rule}. Do it otherwise.")
    assert words[0] == words[0].upper()
    assert (refusal.body.value or "") in words
    assert value is not None or "null" not in words
    assert "[" not in words.partition("“")[0]


@pytest.mark.parametrize(
    ("refusal", "words"),
    [
        (forbidden("account", "ada", "may not see notices", "ask"), "Account “ada”: may not see notices. Ask."),
        (not_found("page", "/x", "there is no such page", "go back"), "Page “/x”: there is no such page. Go back."),
        (conflict("version", "3", "another is there", "look"), "The catalogue's version “3”: another is there. Look."),
        (unavailable("the store is away"), "The store is away. Retry after a second."),
        (
            invalid("until", "2026-13-01T25:00", "it must be a time", "mend it"),
            "“2026-13-01T25:00”: it must be a time. Mend it.",
        ),
        (faulty([FaultBody(3, "actions[0].value", "value is x; a number; mend it")]), "Value is x; a number; mend it."),
    ],
)
def test_every_kind_of_refusal_is_a_sentence(refusal: Refusal, words: str) -> None:
    assert in_words(refusal).endswith(words)
