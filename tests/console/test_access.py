"""Everybody can use it: checked by axe-core on every page, light and dark; with the keyboard alone; at 200 %."""

from __future__ import annotations

from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.checks.node import installed
from tests.console.browser import picture
from tests.console.call_centre import MINUTE, CallCentre
from tests.console.conftest import SignedIn
from tests.console.test_call import CONTACTS, logged
from tests.serving.running import until

HERE = Path(__file__).parent
_CUT = """[...document.querySelectorAll("main *")]
    .filter(one => one.clientWidth > 0 && one.scrollWidth > one.clientWidth + 1 && !one.classList.contains("unseen"))
    .filter(one => getComputedStyle(one).overflowX === "hidden").map(one => one.outerHTML.slice(0, 90))"""
_SHIFTS = """() => new Promise(done => {
    let sum = 0;
    const told = list => { for (const one of list.getEntries()) sum += one.value };
    new PerformanceObserver(told).observe({type: "layout-shift", buffered: true});
    setTimeout(() => done(sum), 1500);
})"""
_WEIGHT = """["resource", "navigation"].flatMap(one => performance.getEntriesByType(one))
    .reduce((sum, one) => sum + one.decodedBodySize, 0)"""
_RULES = {"runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]}


def violations(page: Page) -> list[str]:
    """What axe-core finds wrong with the page as it stands. The page's own policy forbids scripts that are put into it,
    so it comes in beside it."""
    source = (installed(HERE / "node", "console") / "node_modules" / "axe-core" / "axe.min.js").read_text()
    page.evaluate(f"{source}; undefined")
    found = page.evaluate("(rules) => axe.run(document, rules)", _RULES)
    nodes = [(one["id"], node) for one in found["violations"] for node in one["nodes"]]
    return [f"{rule}: {node['html']} {node['failureSummary']}" for rule, node in nodes]


def busy(centre: CallCentre) -> str:
    """A customer with something in every part of the page."""
    customer = centre.customer("Björn <b> 李")
    products = [{"product_id": "plan-1", "quantity": 2}]
    centre.track(customer, "Order Completed", order_id=f"p-{customer}", products=products)
    centre.track(customer, "Product Added", product_id="dryer-1", quantity=1)
    centre.track(customer, "Form Field Captured", field="meter_number", value="A-12")
    centre.later(MINUTE)
    centre.track(customer, "Note Written", told="x", promised="y", due="2026-02-02", agent_id="bo")
    centre.track(customer, "Call Started", reason="delivery")
    back = {"to_channel": "agent", "inquiry": "it is late", "reason": "needs a person", "handoff_id": f"b-{customer}"}
    headers = {"Authorization": f"Bearer {centre.key}"}
    assert centre.client.post(f"/customers/{customer}/handoff", json=back, headers=headers).status_code == 200
    for number in range(40):
        centre.track(customer, "Product Viewed", product_id="dryer-1" if number % 2 else "vacuum-1")
    return customer


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_no_page_of_the_desk_has_a_fault(sign_in: SignedIn, centre: CallCentre, scheme: str) -> None:
    customer = busy(centre)
    page = sign_in("agent", color_scheme=scheme)
    addresses = ["/console/find", "/console/find?q=nobody", "/console/nowhere", "/console/promises"]
    addresses.append(f"/console/customers/{customer}")
    found = {}
    for address in addresses:
        page.goto(address)
        found[address] = violations(page)
    centre.track(customer, "Case Opened", case_id=f"k-{customer}", severity="high", reason="broken")
    page.reload()
    page.get_by_role("button", name="Accepted").first.click()
    expect(page.get_by_role("button", name="Undo")).to_be_visible()
    page.get_by_text("Why this").first.click()
    page.get_by_text("Why not something else?").click()
    expect(page.locator(".refusals")).to_contain_text("may be")
    for form in ("Promises", "Call reason", "Case", "Hand over", "Consent"):
        page.locator(".act summary").filter(has_text=form).first.click()
        found[form] = violations(page)
    picture(page, f"busy-{scheme}")
    page.get_by_role("button", name="Sign out").click()
    found["sign-in"] = violations(page)
    assert {name: faults for name, faults in found.items() if faults} == {}
    page.evaluate("document.documentElement.removeAttribute('lang')")
    assert [one.partition(":")[0] for one in violations(page)] == ["html-has-lang"]  # it does look


def test_a_call_is_done_with_the_keyboard_alone(sign_in: SignedIn, centre: CallCentre) -> None:
    customer = centre.customer("Katherine Johnson")
    page = sign_in("agent")
    page.goto("/console/find")
    page.keyboard.press("/")
    page.keyboard.type(customer)
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", level=1)).to_have_text("Katherine Johnson")
    page.keyboard.press("Tab")
    expect(page.locator(".skip")).to_be_focused()
    page.keyboard.press("Enter")
    _tab_to(page, "It is them")
    page.keyboard.press("Enter")
    expect(page.locator("#who")).to_contain_text(f"{customer}@example.com")
    page.wait_for_function("document.activeElement !== document.body")  # the focus has landed, and is moved no more
    _tab_to(page, "Accepted")
    accepted = page.evaluate("document.activeElement.closest('li').querySelector('h3').innerText")
    page.keyboard.press("Enter")
    expect(page.get_by_role("button", name="Undo")).to_be_visible()
    _tab_to(page, "Note")
    page.keyboard.press("Enter")
    _tab_to(page, "What you told them")
    page.keyboard.type("told by keyboard")
    page.keyboard.press("Tab")
    page.keyboard.press("Tab")
    _tab_to(page, "Write the note")
    page.keyboard.press("Space")
    expect(page.locator(".act").get_by_text("The note is written")).to_be_visible()
    expect(page.locator("#facts")).to_contain_text("told by keyboard")
    assert accepted
    centre.undo_time_passes()
    assert until(lambda: [one for one, _ in logged(centre, customer, *CONTACTS)] == ["displayed", "accepted"], 25.0)


def _tab_to(page: Page, name: str) -> None:
    """Presses Tab until what has the focus is called so, and sees that the focus can be seen."""
    for _ in range(80):
        page.keyboard.press("Tab")
        focused = page.evaluate(
            "() => { const at = document.activeElement; return (at.labels && at.labels[0] || at).innerText.trim() }"
        )
        if focused == name:
            seen = "getComputedStyle(document.activeElement).outlineStyle"
            assert page.evaluate(seen) != "none"
            return
    raise AssertionError(f"{name} is not reached with Tab")


@pytest.mark.parametrize(("width", "height"), [(1280, 720), (640, 360), (1024, 768), (820, 1180)])
def test_it_fits_a_small_screen_a_tablet_and_200_percent(
    sign_in: SignedIn, centre: CallCentre, width: int, height: int
) -> None:
    """640 x 360 is 1280 x 720 at 200 %: nothing is cut off, and nothing scrolls sideways."""
    customer = busy(centre)
    page = sign_in("agent")
    page.set_viewport_size({"width": width, "height": height})
    for address in ("/console/find", "/console/promises", f"/console/customers/{customer}"):
        page.goto(address)
        assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
        assert page.evaluate(_CUT) == []
    picture(page, f"at-{width}")


def test_nothing_shifts_while_the_page_loads_and_it_is_light(sign_in: SignedIn, centre: CallCentre) -> None:
    customer = busy(centre)
    page = sign_in("agent")
    page.goto(f"/console/customers/{customer}")
    expect(page.locator("li.action").first).to_be_visible()
    page.wait_for_load_state("load")
    assert page.evaluate(_SHIFTS) == 0
    assert 10_000 < page.evaluate(_WEIGHT) <= 150_000
