"""What is pressed stays where it is, and says what it does, whatever comes while the page is open."""

from __future__ import annotations

import pytest
from playwright.sync_api import Locator, Page, expect

from features.event import Kind
from features.instants import render_instant
from tests.console.call_centre import DAY, MINUTE, CallCentre
from tests.console.conftest import SignedIn, at_two_desks
from tests.console.test_acting import events, make_sure, opened
from tests.console.test_answered import NAME, PATIENCE
from tests.console.test_sign_in import HERE, entered, proof

Box = dict[str, float] | None


def places(buttons: Locator) -> dict[str, Box]:
    """By what is written on them."""
    return {f"{at} {one.inner_text()}": one.bounding_box() for at, one in enumerate(buttons.all())}


def answers(page: Page) -> tuple[dict[str, Box], dict[str, Box]]:
    """Where the buttons stand of what is answered to, and those of the others."""
    cards = page.locator("li.action")
    mine, others = cards.filter(has_text=NAME), cards.filter(has_not_text=NAME)
    kept = mine.get_by_role("button", name="Accepted").or_(mine.get_by_role("button", name="Not interested"))
    return places(kept), places(others.get_by_role("button"))


@pytest.mark.parametrize("width", [1280, 390])
def test_the_buttons_keep_their_place_when_something_was_presented(
    sign_in: SignedIn, centre: CallCentre, width: int
) -> None:
    customer = centre.customer()
    desks = [sign_in("agent"), sign_in("second")]
    for page in desks:
        page.set_viewport_size({"width": width, "height": 900})
        page.goto(f"/console/customers/{customer}")
        page.locator("li.action").filter(has_text=NAME).scroll_into_view_if_needed()
    own, other = (page.locator("li.action").filter(has_text=NAME) for page in desks)
    before = [answers(page) for page in desks]
    assert [len(mine) for mine, _ in before] == [2, 2]
    own.get_by_role("button", name="Presented").click()
    expect(own.get_by_role("button", name="Undo")).to_be_visible()
    assert answers(desks[0]) == before[0]
    expect(other.locator(".answers")).to_contain_text("by agent", timeout=PATIENCE)
    assert answers(desks[1]) == before[1]
    centre.undo_time_passes()
    for card in (own, other):
        expect(card.locator(".answers .good")).to_have_text("recorded", timeout=PATIENCE)
    assert [answers(page) for page in desks] == before


@pytest.mark.parametrize("button", ["Accepted", "Not interested", "Later", "Presented"])
def test_where_an_answer_was_pressed_no_undo_comes_and_nothing_else_moves(
    sign_in: SignedIn, centre: CallCentre, button: str
) -> None:
    """Whoever presses twice would take back what they have just said."""
    customer, page = centre.customer(), sign_in("agent")
    page.goto(f"/console/customers/{customer}")
    make_sure(page)
    card = page.locator("li.action").filter(has_text=NAME)
    pressed = card.get_by_role("button", name=button, exact=True)
    pressed.scroll_into_view_if_needed()
    stood, (_, others) = places(card.locator(".said-to").get_by_role("button")).values(), answers(page)
    assert len(stood) == 4
    pressed.click()
    undo = card.get_by_role("button", name="Undo")
    expect(undo).to_be_visible()
    came = undo.bounding_box()
    assert came is not None
    assert not any(_overlap(one, came) for one in stood if one is not None)
    assert answers(page)[1] == others


def _overlap(one: dict[str, float], other: dict[str, float]) -> bool:
    beside = one["x"] + one["width"] <= other["x"] or other["x"] + other["width"] <= one["x"]
    return not beside and one["y"] < other["y"] + other["height"] and other["y"] < one["y"] + one["height"]


def handed_to_us(centre: CallCentre, customer: str, which: str = "") -> None:
    asked = {"to_channel": "agent", "from_channel": "chat", "inquiry": "the drum is broken", "reason": "needs a call"}
    headers = {"Authorization": f"Bearer {centre.key}"}
    told = {**asked, "handoff_id": f"h-{customer}{which}"}
    answer = centre.client.post(f"/customers/{customer}/handoff", json=told, headers=headers)
    assert answer.status_code == 200, answer.text


@pytest.mark.parametrize("width", [1280, 820])
def test_what_is_handed_to_us_is_taken_without_a_reload_and_moves_no_form(
    sign_in: SignedIn, centre: CallCentre, width: int
) -> None:
    customer = centre.customer()
    page, other = sign_in("agent"), sign_in("second")
    for one in (page, other):
        one.set_viewport_size({"width": width, "height": 900})
        one.goto(f"/console/customers/{customer}")
    forms = page.locator(".act summary, .saying button:visible:not(#fresh button)")
    before = places(forms)
    handed_to_us(centre, customer)
    take = page.get_by_role("button", name="Take over")
    expect(take).to_be_visible(timeout=PATIENCE)
    expect(page.locator(".takeover")).to_contain_text("the drum is broken")
    expect(other.get_by_role("button", name="Take over")).to_be_visible(timeout=PATIENCE)
    assert places(forms) == before
    take.click()
    expect(page.get_by_text("You have taken it over.").last).to_be_visible()
    expect(page.locator("#facts")).to_contain_text("taken by agent", timeout=PATIENCE)
    expect(take).to_have_count(0)
    assert places(forms) == before
    expect(other.locator(".takeover")).to_contain_text("Taken by somebody else", timeout=PATIENCE)
    expect(other.get_by_role("button", name="Take over")).to_have_count(0)
    page.reload()
    expect(page.locator(".takeover")).to_have_count(0)


def test_what_somebody_else_takes_moves_no_button_of_the_next(sign_in: SignedIn, centre: CallCentre) -> None:
    customer = centre.customer()
    for which in ("-1", "-2"):
        handed_to_us(centre, customer, which)
        centre.later(MINUTE)
    page, other = at_two_desks(sign_in, customer)
    lower = page.locator(".takeover").nth(1).get_by_role("button")
    before = lower.bounding_box()
    assert before is not None
    of_upper = page.locator(".takeover").first.get_attribute("data-handoff")
    other.locator(f"[data-handoff='{of_upper}']").get_by_role("button").click()
    expect(page.locator(".takeover").first).to_contain_text("Taken by somebody else", timeout=PATIENCE)
    assert lower.bounding_box() == before


def test_what_one_takes_oneself_moves_no_button_of_the_next(sign_in: SignedIn, centre: CallCentre) -> None:
    """Whoever presses twice would take over another, too."""
    customer, page = centre.customer(), sign_in("agent")
    for which in ("-1", "-2"):
        handed_to_us(centre, customer, which)
        centre.later(MINUTE)
    page.goto(f"/console/customers/{customer}")
    upper, lower = (page.locator(".takeover").nth(one) for one in (0, 1))
    before = lower.get_by_role("button").bounding_box()
    upper.get_by_role("button").click()
    expect(upper).to_have_text("You have taken it over.")
    assert lower.get_by_role("button").bounding_box() == before


def test_an_open_promise_stands_before_small_talk_and_what_is_overdue_before_all(
    sign_in: SignedIn, centre: CallCentre
) -> None:
    customer = centre.customer()
    today, late = (render_instant(centre.now + days * DAY)[:10] for days in (0, -1))
    for words in ({"promised": "a call", "due": today}, {"promised": "a van", "due": late}, {"promised": "a card"}):
        centre.later(MINUTE)
        centre.track(customer, "Note Written", **words)
    for number in range(4):
        centre.later(MINUTE)
        centre.track(customer, "Note Written", told=f"rain {number}")
    page = sign_in("agent")
    page.goto(f"/console/customers/{customer}")
    notes = page.locator(".notes li")
    expect(notes).to_have_count(4)
    for at, words in enumerate(["a van", "a call", "a card", "rain 3"]):
        expect(notes.nth(at)).to_contain_text(words)
    expect(notes.first.locator(".tag.bad")).to_contain_text("overdue")
    expect(page.locator("#facts")).to_contain_text("and 3 more")


def test_a_call_that_comes_while_the_page_is_open_is_ended_by_its_own_button_alone(
    sign_in: SignedIn, centre: CallCentre
) -> None:
    customer, page = centre.customer(), sign_in("agent")
    page.goto(f"/console/customers/{customer}")
    make_sure(page)
    opened(page, "Call reason")
    begin, end = (page.get_by_role("button", name=one) for one in ("Log a call about it", "Log it and end the call"))
    expect(begin).to_be_enabled()
    expect(end).to_be_disabled()
    at = places(begin)
    page.get_by_label("What they call about").fill("billing")
    centre.later(MINUTE)
    centre.track(customer, "Call Started")
    expect(end).to_be_enabled(timeout=PATIENCE)
    expect(begin).to_be_disabled()
    assert places(begin) == at
    expect(page.get_by_label("What they call about")).to_have_value("billing")
    page.get_by_label("What they call about").press("Enter")
    expect(page.locator(".act").get_by_text("The reason is logged.")).to_be_visible()
    (ended,) = events(centre, customer, Kind.CALL_ENDED)
    assert '"reason":"billing"' in ended.properties
    expect(begin).to_be_enabled()


def test_a_button_of_a_call_does_what_it_says_or_nothing(centre: CallCentre) -> None:
    """Pressed at the moment at which a call comes or ends; and twice it counts once."""
    customer = centre.customer()
    with entered(centre, "agent") as ada:
        form = {"proof": proof(ada.get("/console/find").text), "reason": "billing"}
        assert ada.post(f"/console/customers/{customer}/confirm", data=form, headers=HERE).status_code == 200

        def logged(how: str, once: str) -> int:
            told = {**form, "how": how, "once": once * 16}
            return ada.post(f"/console/customers/{customer}/call", data=told, headers=HERE).status_code

        assert [logged("end", "a"), logged("neither", "a")] == [409, 422]
        centre.later(MINUTE)
        centre.track(customer, "Call Started")
        assert logged("begin", "b") == 409
        assert events(centre, customer, Kind.CALL_ENDED) == []
        assert [logged("end", "c"), logged("end", "c"), logged("end", "d")] == [200, 200, 409]
        centre.later(MINUTE)
        assert [logged("begin", "e"), logged("begin", "e")] == [200, 200]
    assert len(events(centre, customer, Kind.CALL_ENDED)) == 1
    assert len(events(centre, customer, Kind.CALL_STARTED)) == 2


def test_how_a_case_ended_stands_in_what_happened(sign_in: SignedIn, centre: CallCentre) -> None:
    customer = centre.customer()
    centre.later(MINUTE)
    centre.track(customer, "Case Opened", case_id="k-9", severity="low", reason="broken_drum")
    page = sign_in("agent")
    page.goto(f"/console/customers/{customer}")
    make_sure(page)
    opened(page, "Case")
    page.get_by_label("Case to close").select_option("k-9")
    page.get_by_label("How it ended").fill("drum replaced")
    page.get_by_role("button", name="Close it").click()
    expect(page.locator("#timeline")).to_contain_text(
        "Case k-9 about “broken drum” was closed by agent: drum replaced", timeout=PATIENCE
    )


def test_what_happened_is_not_drawn_anew_while_somebody_reads_it(sign_in: SignedIn, centre: CallCentre) -> None:
    customer = centre.customer()
    for item in ("dryer-1", "vacuum-1"):
        centre.later(MINUTE)
        centre.track(customer, "Product Viewed", product_id=item)
    page = sign_in("agent")
    page.goto(f"/console/customers/{customer}")
    timeline, newer = page.locator("#timeline"), page.get_by_role("button", name="Show what is new")
    visit = timeline.locator("details").first
    visit.locator("summary").click()
    page.mouse.move(5, 5)
    page.evaluate("document.activeElement.blur()")
    before = places(timeline.locator(".event"))

    def happens(reason: str) -> None:
        centre.later(MINUTE)
        centre.track(customer, "Case Opened", case_id=f"k-{reason}", severity="high", reason=reason)
        expect(page.locator("#facts")).to_contain_text(reason.capitalize(), timeout=PATIENCE)

    happens("dent")
    expect(newer).to_be_visible()
    assert places(timeline.locator(".event")) == before
    expect(visit).to_have_attribute("open", "")
    newer.click()
    expect(timeline).to_contain_text("dent")
    expect(newer).to_be_hidden()
    page.evaluate("document.activeElement.blur()")
    timeline.locator(".event").last.hover()
    before = places(timeline.locator(".event"))
    happens("leak")
    expect(newer).to_be_visible()
    assert places(timeline.locator(".event")) == before
    page.mouse.move(5, 5)
    expect(timeline).to_contain_text("leak")
    expect(newer).to_be_hidden()
