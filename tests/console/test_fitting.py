"""Every page fits a telephone, nothing moves under a pointer, and an agent reads plain words."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Page, expect

from tests.console.browser import picture, submitted
from tests.console.call_centre import CallCentre
from tests.console.conftest import SignedIn
from tests.console.test_access import busy, violations
from tests.console.test_acting import make_sure
from tests.console.test_insight import decide, report
from tests.console.test_notices import ended, written

_OVER = """() => {
    const wide = document.documentElement.clientWidth, boxes = [...document.querySelectorAll(".wide, #timeline")];
    return document.documentElement.scrollWidth <= wide ? [] : [...document.querySelectorAll("body *")]
        .filter(one => one.getBoundingClientRect().right > wide + 1)
        .filter(one => !boxes.some(box => box !== one && box.contains(one))).map(one => one.outerHTML.slice(0, 120));
}"""


def sideways(page: Page) -> list[str]:
    """What stands out of the page, so that it could be scrolled sideways."""
    found = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
    told: list[str] = page.evaluate(_OVER)
    return told or ([f"{found} px too wide"] if found > 0 else [])


@pytest.mark.parametrize(("width", "scheme"), [(390, "light"), (390, "dark"), (820, "dark")])
def test_no_page_scrolls_sideways(sign_in: SignedIn, centre: CallCentre, width: int, scheme: str) -> None:
    customer = busy(centre)
    report(centre, decide(centre, customer), "displayed", "accepted")
    decide(centre, customer, "web")
    page = sign_in("admin", color_scheme=scheme)
    page.set_viewport_size({"width": width, "height": 844})
    found = {}
    pages = ("find", "find?q=nobody", "nowhere", "promises", "promises/team", "actions", "models", "letters", "notices")
    for path in (*pages, f"customers/{customer}"):
        page.goto(f"/console/{path}")
        page.evaluate("for (const one of document.querySelectorAll('.sheet details')) one.open = true")
        found[path] = sideways(page) + violations(page)
        picture(page, f"{re.sub(r'[^a-z]', '-', path)}-{width}-{scheme}")
    page.get_by_text("Why this").first.click()
    page.get_by_text("Why not something else?").click()
    expect(page.locator(".refusals caption")).to_be_visible()
    make_sure(page)
    for one in page.locator(".act summary").all():
        one.click()
        found[one.inner_text()] = sideways(page)
    written(page, centre, "A long name of a notice that says where it is and what has happened there", "Sorry.")
    found["preview"] = sideways(page) + violations(page)
    page.get_by_role("button", name="Sign out").click()
    expect(page).to_have_title(re.compile("Sign in"))
    found["sign-in"] = sideways(page)
    assert {name: faults for name, faults in found.items() if faults} == {}


def test_figures_can_be_read_on_a_telephone(sign_in: SignedIn, centre: CallCentre) -> None:
    """Rows keep their names in sight whichever column is looked at, and what is written in a plot is no smaller."""
    report(centre, decide(centre, centre.customer()), "displayed", "accepted")
    page = sign_in("marketer")
    page.set_viewport_size({"width": 390, "height": 844})
    page.goto("/console/actions")
    table = page.locator(".rows").first
    before = table.locator("tbody th").first.bounding_box()
    assert table.evaluate("one => { one.scrollLeft = 900; return one.scrollLeft }") > 100
    assert table.locator("tbody th").first.bounding_box() == before
    assert table.locator("td").last.evaluate("one => one.getBoundingClientRect().right <= innerWidth")
    sizes = page.locator(".plot text").evaluate_all("all => all.map(one => 12 * one.getScreenCTM().a)")
    assert sizes
    assert min(sizes) > 10


@pytest.mark.parametrize(("width", "height"), [(1280, 720), (820, 1180), (390, 844)])
def test_nothing_of_the_row_of_forms_moves_when_one_is_opened(
    sign_in: SignedIn, centre: CallCentre, width: int, height: int
) -> None:
    page = sign_in("agent")
    page.set_viewport_size({"width": width, "height": height})
    page.goto(f"/console/customers/{busy(centre)}")
    make_sure(page)
    page.locator(".act").scroll_into_view_if_needed()
    forms, names = page.locator(".act summary"), page.locator(".act summary, .takeover button")
    before = [one.bounding_box() for one in names.all()]
    assert len(before) == 7
    for one in forms.all():
        one.click()
        expect(page.locator(".act details[open]")).to_have_count(1)
        shown = page.locator(".act details[open] > div")
        expect(shown).to_be_visible()
        assert [name.bounding_box() for name in names.all()] == before, one.inner_text()
        box = shown.bounding_box()
        assert box is not None
        assert all(at is not None and not _overlap(at, box) for at in before)
    forms.last.click()
    expect(page.locator(".act details[open]")).to_have_count(0)
    assert [name.bounding_box() for name in names.all()] == before


def _overlap(one: dict[str, float], other: dict[str, float]) -> bool:
    apart = one["y"] + one["height"] <= other["y"] + 1 or other["y"] + other["height"] <= one["y"] + 1
    return not apart


JARGON = re.compile(
    r"\b(log odds|log ratio|features|code|gate|candidate|treatment|slate|funnel|arm|exact figures|severity \d|model|"
    r"profiling|journey|null|NaN)\b",
    re.IGNORECASE,
)


def test_an_agent_reads_plain_words(sign_in: SignedIn, centre: CallCentre) -> None:
    customer = busy(centre)
    centre.track(customer, "Case Opened", case_id=f"k-{customer}", severity="high", reason="broken")
    page = sign_in("agent")
    for address in (f"/console/customers/{customer}", f"/console/customers/{centre.customer()}"):
        page.goto(address)
        for why in page.get_by_text("Why this", exact=True).all():
            why.click()
        for figures in page.get_by_text("The figures behind it").all():
            figures.click()
        page.get_by_text("Why not something else?").click()
        expect(page.locator(".refusals caption")).to_be_visible()
        seen = page.locator("main").inner_text()
        assert "Held back, because" in seen
        assert JARGON.findall(seen) == []


def test_what_has_ended_keeps_its_name(sign_in: SignedIn, centre: CallCentre) -> None:
    """A notice that was told, and has left the catalogue since."""
    customer, name = centre.customer(), "Strike of the carriers ⚡"
    agent, lead = sign_in("agent"), sign_in("lead")
    written(lead, centre, name, "Parcels come later.")
    submitted(lead.get_by_role("button", name="Publish"))
    card = agent.locator("li.action").filter(has_text=name)
    for _ in range(40):
        agent.goto(f"/console/customers/{customer}")
        expect(agent.locator("li.action").first).to_be_visible()
        if card.count():
            break
    card.get_by_role("button", name="I have told them").click()
    expect(card.get_by_role("button", name="Undo")).to_be_visible()
    centre.undo_time_passes()
    timeline = agent.locator("#timeline")
    expect(timeline).to_contain_text(f"Was shown “{name}”", timeout=30_000)
    ended(lead, name)
    agent.goto(f"/console/customers/{customer}")
    expect(timeline).to_contain_text(f"Was shown “{name}”")
    expect(agent.locator("body")).not_to_contain_text("notice-strike")
    lead.goto("/console/actions")
    expect(lead.locator("main")).to_contain_text(name)
    expect(lead.locator("main")).not_to_contain_text("notice-strike")
