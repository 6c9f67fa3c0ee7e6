"""The team lead's notices, from the form to the agent's page: said once, told with one button, gone once over."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from itertools import product

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from playwright.sync_api import Locator, Page, expect

from features.event import Kind
from features.instants import render_instant
from models.catalogue import parse
from models.catalogue_file import read_text
from serving.console.live import running
from tests.console.browser import picture, submitted
from tests.console.call_centre import CATALOGUE, DAY, CallCentre
from tests.console.conftest import SignedIn
from tests.console.test_access import violations
from tests.console.test_answered import press, report, token_of
from tests.console.test_call import CONTACTS, logged
from tests.console.test_sign_in import HERE, entered, proof
from tests.serving.running import until
from tests.serving.test_bad_input import fault


def written(lead: Page, centre: CallCentre, name: str, text: str) -> None:
    """The form of a new notice, filled in for a day and for everybody."""
    lead.goto("/console/notices")
    lead.get_by_label("What has happened").fill(name)
    lead.get_by_label("What to say").fill(text)
    lead.get_by_label("Until").first.fill(render_instant(centre.now + DAY)[:16])
    lead.get_by_label("Why you publish it").fill("many calls")
    lead.get_by_role("button", name="Preview", exact=True).click()
    expect(lead.get_by_role("button", name="Publish")).to_be_visible()


def ended(lead: Page, name: str) -> None:
    """A worker may not have taken up the newest catalogue yet: the page is loaded until it has what is looked for."""
    assert until(lambda: listed(lead, name) == 1, 20.0)
    card = lead.get_by_role("article").filter(has_text=name)
    card.get_by_label("Why it ends").fill("mended")
    submitted(card.get_by_role("button", name="End it now"))
    assert until(lambda: listed(lead, name) == 0, 20.0)


def listed(lead: Page, name: str) -> int:
    """Articles of the notice on the page, loaded again."""
    lead.goto("/console/notices")
    return lead.get_by_role("article").filter(has_text=name).count()


def card_of(page: Page, customer: str, name: str) -> Callable[[], bool]:
    """Whether the page of the customer has the notice, when it is loaded again."""

    def shown() -> bool:
        page.goto(f"/console/customers/{customer}")
        expect(page.locator("li.action").first).to_be_visible()
        return page.locator("li.action").filter(has_text=name).count() == 1

    return shown


def words_of(card: Locator) -> list[str]:
    return [card.locator(part).inner_text() for part in ("h3", ".measures", ".talk")]


def told_button_of(card: Locator) -> object:
    """How it looks; in a preview nobody presses it, and it is paler."""
    look = "one => [one.offsetWidth, one.offsetHeight, getComputedStyle(one).backgroundColor]"
    return card.get_by_role("button", name="I have told them").evaluate(look)


def test_a_notice_is_said_once_and_told_and_looks_as_its_preview(sign_in: SignedIn, centre: CallCentre) -> None:
    customer, name, text = centre.customer(), "Storm in the north", "Deliveries come a day later."
    agent, lead = sign_in("agent"), sign_in("lead")
    written(lead, centre, name, text)
    preview = lead.get_by_role("article").filter(has_text=text)
    seen = words_of(preview)
    assert seen[2] == text
    looks = told_button_of(preview)
    submitted(lead.get_by_role("button", name="Publish"))
    try:
        assert until(card_of(agent, customer, name))
        card = agent.locator("li.action").filter(has_text=name)
        assert words_of(card) == seen
        assert told_button_of(card) == looks
        assert card.inner_text().count(text) == 1
        assert "%" not in card.inner_text()
        assert card.get_by_role("button").all_inner_texts() == ["I have told them"]
        assert violations(agent) == []
        picture(agent, "notice")
        card.get_by_role("button", name="I have told them").click()
        card.get_by_role("button", name="Undo").click()
        expect(card).to_contain_text("Taken back.")
        assert card.get_by_role("button").all_inner_texts() == ["I have told them"]
        card.get_by_role("button", name="I have told them").click()
        expect(card).to_contain_text("Told them")
        centre.undo_time_passes()
        expect(card).to_contain_text("recorded", timeout=20_000)
        assert until(lambda: logged(centre, customer, *CONTACTS) == [("displayed", "notice-storm-in-the-north")], 25.0)
        assert logged(centre, customer, Kind.ACCEPTED) == []
    finally:
        ended(lead, name)


def sent(lead: httpx.Client, address: str, **fields: str) -> None:
    """A form of the notices, to the version that is there."""
    shown = lead.get("/console/notices").text
    known = dict(re.findall(r'type="hidden" name="(proof|version)" value="(\w+)"', shown))
    answer = lead.post(f"/console/notices/{address}", data={**known, "reason": "many calls", **fields}, headers=HERE)
    assert answer.status_code == 303, answer.text


@pytest.mark.parametrize("told_before", [True, False])
def test_a_notice_that_has_ended_is_still_told_and_never_answered(centre: CallCentre, told_before: bool) -> None:
    customer, name = centre.customer(), f"Ice on the roads {told_before}"
    notice = f"notice-ice-on-the-roads-{told_before}".lower()
    with entered(centre, "lead") as lead, entered(centre, "agent") as agent:
        sent(lead, "post", name=name, text="Deliveries come later.", until=render_instant(centre.now + DAY)[:16])
        assert until(lambda: name in agent.get(f"/console/customers/{customer}").text)
        token = token_of(agent, customer, name)
        if told_before:
            assert press(agent, customer, token, "presented").status_code == 200
        sent(lead, "end", action=notice)
        assert until(lambda: name not in agent.get(f"/console/customers/{customer}").text)
        for _ in range(4):  # on either worker
            shown = agent.get(f"/console/customers/{customer}/said", params={"token": token}).text
            assert ("Told them" in shown) == told_before
            assert re.findall(r'name="outcome" value="(\w+)"', shown) == ([] if told_before else ["presented"])
        for outcome in ("accepted", "rejected", "later"):
            refused = press(agent, customer, token, outcome)
            assert refused.status_code == 422
            assert "a notice is only told, and nobody accepts or refuses it" in refused.text
        shown = press(agent, customer, token, "presented").text
        assert "Told them" in shown
        assert 'name="outcome"' not in shown
    centre.undo_time_passes()
    assert until(lambda: logged(centre, customer, *CONTACTS) == [("displayed", notice)], 25.0)


def suggested_elsewhere(centre: CallCentre, customer: str, action: str) -> str | None:
    """The token of the action on the website; None where it is not suggested."""
    asked = {"customer_id": customer, "channels": ["web"], "limit": 5}
    headers = {"Authorization": f"Bearer {centre.key}"}
    (slate,) = centre.client.post("/recommend", json=asked, headers=headers).json()["channels"]
    return next((str(one["token"]) for one in slate["actions"] if one["action_id"] == action), None)


def rows_of(marketer: httpx.Client, name: str) -> list[str]:
    """Of the actions' figures."""
    return [one for one in marketer.get("/console/actions").text.split("<tr")[1:] if f"<bdi>{name}</bdi>" in one]


def test_no_system_reports_an_answer_to_a_notice(centre: CallCentre) -> None:
    """Neither to what a desk said nor to what a website showed; that it was displayed is reported as ever."""
    customer, name, notice = centre.customer(), "Tills are down", "notice-tills-are-down"
    with entered(centre, "lead") as lead, entered(centre, "agent") as agent:
        sent(lead, "post", name=name, text="Please pay by card.", until=render_instant(centre.now + DAY)[:16])
        assert until(lambda: name in agent.get(f"/console/customers/{customer}").text)
        assert until(lambda: suggested_elsewhere(centre, customer, notice) is not None)
        tokens = [token_of(agent, customer, name), suggested_elsewhere(centre, customer, notice) or ""]
        offer = token_of(agent, customer)
        for ended_ in (False, True):
            if ended_:
                sent(lead, "end", action=notice)
                assert until(lambda: name not in agent.get(f"/console/customers/{customer}").text)
            for token, outcome in product(tokens, ("accepted", "rejected")):
                answer = {"token": token, "outcome": outcome}
                for _ in range(2):  # on either worker
                    refused = report(centre, answer)
                    assert fault(refused) == (422, "invalid_value", "outcome")
                    message = refused.json()["error"]["message"]
                    assert re.fullmatch(
                        r"outcome is .+; .*a notice, which is only told.*; report “displayed”.*", message
                    )
                refused = report(centre, {"token": offer, "outcome": "clicked"}, answer)
                assert fault(refused) == (422, "invalid_value", "[1].outcome")
        assert logged(centre, customer, *CONTACTS, Kind.CLICKED) == []
        for token in tokens:
            assert report(centre, {"token": token, "outcome": "displayed"}).json() == {"stored": 1, "duplicates": 0}
        assert logged(centre, customer, *CONTACTS) == [("displayed", notice)] * 2
        with entered(centre, "marketer") as marketer:
            assert until(lambda: len(rows_of(marketer, name)) == 2)  # of either channel, whichever worker is asked
            page, rows = marketer.get("/console/actions").text, rows_of(marketer, name)
        for row in rows:
            cells = re.findall(r'<td class="number[^>]*>(.*?)</td>', row)
            assert cells[1:5] == ["1", '<span class="quiet">only told</span>', "", ""]
        assert "A notice is only told" in page
        assert report(centre, {"token": offer, "outcome": "accepted"}).status_code == 200


def test_a_notice_that_is_over_is_not_among_what_is_refused(sign_in: SignedIn, centre: CallCentre) -> None:
    customer, name = centre.customer(), "Lift out of order"
    agent, lead = sign_in("agent"), sign_in("lead")
    written(lead, centre, name, "Please take the stairs.")
    submitted(lead.get_by_role("button", name="Publish"))
    assert until(card_of(agent, customer, name))
    agent.get_by_text("Why not something else?").click()
    caption = agent.locator(".refusals caption")
    before = caption.inner_text()
    ended(lead, name)
    expect(lead.get_by_role("row", name="account lead").first).to_contain_text(f"ended {name}: mended")
    assert until(lambda: not card_of(agent, customer, name)())
    agent.get_by_text("Why not something else?").click()
    expect(caption).to_be_visible()
    count = int(before.split()[0])
    assert caption.inner_text().startswith(f"{count - 1} actions")
    expect(agent.locator(".refusals")).not_to_contain_text(name)
    assert name not in str(centre.get("/catalogue"))


def test_one_that_is_over_by_itself_is_nowhere_and_leaves_with_the_next_change(
    sign_in: SignedIn, centre: CallCentre
) -> None:
    customer, name = centre.customer(), "Short closure"
    agent, lead = sign_in("agent"), sign_in("lead")
    written(lead, centre, name, "We open again tomorrow.")
    submitted(lead.get_by_role("button", name="Publish"))
    assert until(card_of(agent, customer, name))
    agent.get_by_text("Why not something else?").click()
    caption = agent.locator(".refusals caption")
    count = int(caption.inner_text().split()[0])
    centre.later(2 * DAY)
    centre.track(customer, "Product Viewed", product_id="dryer-1")
    assert until(lambda: not card_of(agent, customer, name)())
    held = agent.locator(".why-not summary").inner_text()
    agent.get_by_text("Why not something else?").click()
    expect(caption).to_have_text(f"{count - 1} actions could be said here; {count - 1 - int(held.split()[-3])} may be.")
    expect(agent.locator(".refusals")).not_to_contain_text(name)
    assert name in str(centre.get("/catalogue"))
    written(lead, centre, "Another", "Something else.")
    submitted(lead.get_by_role("button", name="Publish"))
    expect(lead.get_by_role("article").filter(has_text="Another")).to_be_visible()
    assert until(lambda: name not in str(centre.get("/catalogue")))
    ended(lead, "Another")


def test_open_pages_are_offered_what_may_be_said_by_now_and_nothing_moves(
    sign_in: SignedIn, centre: CallCentre
) -> None:
    customer, name = centre.customer(), "Hail"
    agent, lead = sign_in("agent"), sign_in("lead")
    agent.goto(f"/console/customers/{customer}")
    offer = agent.get_by_role("button", name="Decide again")
    expect(offer).to_be_hidden()
    before, place = (
        agent.locator("#say").inner_html(),
        agent.get_by_role("button", name="Accepted").first.bounding_box(),
    )
    written(lead, centre, name, "Roofs are leaking.")
    submitted(lead.get_by_role("button", name="Publish"))
    expect(offer).to_be_visible()
    expect(agent.locator("#fresh")).to_contain_text("What may be said has changed.")
    assert agent.locator("#say").inner_html() == before
    assert agent.get_by_role("button", name="Accepted").first.bounding_box() == place
    agent.evaluate("Promise.all(document.getAnimations().map(one => one.finished))")  # it comes in from nothing
    assert violations(agent) == []
    assert until(lambda: _decided_again(agent, name))
    ended(lead, name)
    expect(offer).to_be_visible()
    assert until(lambda: not _decided_again(agent, name))


def _decided_again(agent: Page, name: str) -> bool:
    """Whether the suggestions have the notice once they are decided again; the other worker may be a second behind."""
    with agent.expect_response(lambda answer: answer.url.endswith("/say")):
        agent.evaluate("document.querySelector('#fresh button').click()")
    expect(agent.get_by_role("button", name="Decide again")).to_be_hidden()
    return agent.locator("li.action").filter(has_text=name).count() == 1


def test_one_that_ends_by_itself_and_a_pause_are_told_to_open_pages(sign_in: SignedIn, centre: CallCentre) -> None:
    customer = centre.customer()
    agent, lead = sign_in("agent"), sign_in("lead")
    lead.goto("/console/notices")
    agent.goto(f"/console/customers/{customer}")
    offer = agent.get_by_role("button", name="Decide again")
    lead.get_by_label("Action", exact=True).fill("Vacuum cleaner")
    lead.get_by_label("Until").last.fill(render_instant(centre.now + DAY)[:16])
    lead.get_by_label("Why", exact=True).fill("stock")
    lead.get_by_role("button", name="Preview the pause").click()
    submitted(lead.get_by_role("button", name="Pause it"))
    expect(offer).to_be_visible()
    agent.reload()
    assert until(lambda: "Vacuum cleaner" not in agent.reload().text())  # type: ignore[union-attr]
    expect(offer).to_be_hidden()
    somebody = centre.customer()  # two days later the pause is over, and nothing was published
    assert somebody != customer
    expect(offer).to_be_visible()


@given(st.lists(st.tuples(st.none() | st.integers(0, 99), st.none() | st.integers(100, 200))), st.integers(0, 200))
def test_what_may_be_said_is_another_exactly_when_something_begins_or_ends(
    spans: list[tuple[int | None, int | None]], moment: int
) -> None:
    shop = parse(read_text(CATALOGUE).document, 12)
    plan = shop.actions[0]
    actions = tuple(replace(plan, starts_at=start, ends_at=end) for start, end in spans)
    catalogue = replace(shop, actions=actions)
    said, later = running(catalogue, moment), running(catalogue, moment + 1)
    changes = any(moment + 1 in span for span in spans)
    assert (said != later) == changes
    assert [int(one) for one in later.split(".")] >= [int(one) for one in said.split(".")]
    assert running(replace(catalogue, version=13), 0).startswith("13.")


def test_a_pause_that_is_refused_looks_for_no_customer(centre: CallCentre) -> None:
    with entered(centre, "lead") as lead:
        told = {"proof": proof(lead.get("/console/notices").text), "action": "Vacuum cleaner"}
        refused = lead.post("/console/notices/pause/preview", data=told, headers=HERE)
    assert refused.status_code == 422
    assert 'name="q" type="search" value=""' in refused.text
