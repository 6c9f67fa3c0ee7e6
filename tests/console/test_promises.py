"""What an agent promised is on their list until somebody says that it was kept, which every open console sees."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Iterator

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from playwright.sync_api import expect

from features.event import Kind
from features.stores import Store, open_store
from features.stores.desk import DeskSession
from serving.console import accounts, wording
from serving.console.promises import Promise, _most_pressing, waiting
from serving.console.visit import COOKIE
from serving.know_answers import NoteAnswer
from serving.schemas import Instant
from tests.console.browser import picture
from tests.console.call_centre import DAY, MINUTE, CallCentre
from tests.console.conftest import SignedIn
from tests.console.test_access import violations
from tests.console.test_acting import events, opened
from tests.console.test_answered import PATIENCE, token_of
from tests.console.test_sign_in import HERE, entered, proof

LISTED = "lead"
"""An account that no other test promises anything for."""


def day(centre: CallCentre, days: int) -> str:
    return (dt.datetime.fromtimestamp(centre.now / 1000, dt.UTC).date() + dt.timedelta(days)).isoformat()


def promise(centre: CallCentre, customer: str, promised: str, due: str | None, agent: str = "agent") -> None:
    """Told by another desk of the shop."""
    told = {} if due is None else {"due": due}
    centre.track(customer, "Note Written", told="sorry", promised=promised, agent_id=agent, **told)


def test_promises_are_listed_and_kept_and_everybody_sees_it(sign_in: SignedIn, centre: CallCentre) -> None:
    customer, other = centre.customer("Grace Hopper"), centre.customer("Ada <b>")
    promise(centre, other, "a new lid", "some time soon", LISTED)
    promise(centre, customer, "a call back", day(centre, -3), LISTED)
    promise(centre, other, "a \u2728 voucher", day(centre, 1), LISTED)
    promise(centre, other, "of somebody else", day(centre, 0), "second")
    agent, second = sign_in(LISTED), sign_in("second")
    second.goto(f"/console/customers/{customer}")
    agent.goto("/console/promises")
    items = agent.locator(".promises > li")
    expect(items.locator("strong")).to_have_text(["a call back", "a \u2728 voucher", "a new lid"])
    expect(items.nth(0)).to_contain_text("3 days overdue")
    expect(items.nth(1)).to_contain_text("tomorrow")
    expect(items.nth(1)).to_contain_text("Ada <b>")
    expect(items.nth(2)).to_contain_text("some time soon")
    assert violations(agent) == []
    assert f"{customer}@example.com" not in agent.content()
    picture(agent, "promises")
    items.nth(0).get_by_role("button", name="It is kept").click()
    expect(items.nth(0)).to_contain_text("Kept")
    expect(second.locator("#facts")).to_contain_text("kept by lead")
    expect(second.locator("#timeline")).to_contain_text("a promise was kept by lead: “a call back”", ignore_case=True)
    agent.reload()
    expect(items.locator("strong")).to_have_text(["a \u2728 voucher", "a new lid"])
    items.nth(0).get_by_role("link").click()
    expect(agent).to_have_url(re.compile(f"/customers/{other}$"))
    (note,) = centre.get(f"/customers/{customer}/context")["notes"]  # type: ignore[misc]
    assert (note["promised"], note["kept_by"]) == ("a call back", LISTED)
    store = centre.store()
    try:
        seen = [(one.account, one.what) for one in store.views(9, customer)]
    finally:
        store.close()
    assert (LISTED, "listed") in seen


def test_a_team_lead_sees_everybodys_by_who_gave_them(sign_in: SignedIn, centre: CallCentre) -> None:
    """Also of who has no account here any more, or never had one."""
    customer = centre.customer("Hedy Lamarr")
    for giver, promised, days in (("zoe", "zoe's call", -40), ("zoe", "zoe's gift", 9), ("yan", "yan's call", 0)):
        promise(centre, customer, promised, day(centre, days), giver)
    with entered(centre, "agent") as client:
        assert client.get("/console/promises/team").status_code == 403
        assert "promises/team" not in client.get("/console/promises").text
    lead = sign_in("lead")
    lead.goto("/console/promises")
    lead.get_by_role("link", name="Everybody").click()
    zoe, yan = (lead.get_by_role("region", name=name, exact=True) for name in ("zoe", "yan"))
    expect(zoe.locator("strong")).to_have_text(["zoe's call", "zoe's gift"])
    expect(zoe.locator("header, .heading")).to_contain_text("1 overdue 2 open")
    expect(zoe.locator("li").first.locator(".tag.bad")).to_have_text("40 days overdue")
    expect(yan.locator("li .tag.warn")).to_have_text("today")
    givers = lead.locator("section h2").all_inner_texts()
    assert givers.index("zoe") < givers.index("yan")
    assert violations(lead) == []
    picture(lead, "team")
    zoe.get_by_role("button", name="It is kept").first.click()
    expect(zoe.locator("li").first).to_contain_text("Kept")
    lead.reload()
    expect(zoe.locator("strong")).to_have_text(["zoe's gift"])
    store = centre.store()
    try:
        assert ("lead", "listed") in {(one.account, one.what) for one in store.views(9, customer)}
    finally:
        store.close()


def test_an_open_promise_is_shown_however_much_was_noted_since(sign_in: SignedIn, centre: CallCentre) -> None:
    customer = centre.customer("Mary Jackson")
    promise(centre, customer, "a new drum", None, "second")
    for number in range(25):
        centre.later(MINUTE)
        promise(centre, customer, f"call {number}", None, "second") if number < 7 else centre.track(
            customer, "Note Written", told=f"rain {number}"
        )
    page = sign_in("agent")
    page.goto(f"/console/customers/{customer}")
    expect(page.locator(".notes li")).to_have_text(
        [re.compile("a new drum"), *[re.compile(f"call {n}") for n in range(7)]]
    )
    opened(page, "Promises 8")
    form = page.locator("form.promise").filter(has_text="a new drum")
    form.get_by_role("button", name="It is kept").click()
    expect(page.locator(".notes")).not_to_contain_text("a new drum", timeout=PATIENCE)
    told = centre.get(f"/customers/{customer}/context")["notes"]
    assert len(told) == 25  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def empty(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    store = open_store(f"sqlite:///{tmp_path_factory.mktemp('empty') / 'store.db'}")
    yield store
    store.close()


@given(
    st.lists(st.tuples(st.sampled_from("abc"), st.none() | st.integers(-3, 3), st.integers(0, 9)), max_size=9),
    st.integers(1, 9),
)
def test_the_most_pressing_of_all_are_shown_and_whose_they_are_leads(
    empty: Store, given_: list[tuple[str, int | None, int]], most: int
) -> None:
    today = dt.date(2026, 1, 10)
    told = [
        (agent, "c-1", NoteAnswer(f"n-{at}", Instant(at), None, agent, None, "x", _on(today, left), None, None))
        for agent, left, at in given_
    ]
    by_agent = _most_pressing(empty, told, today, most)
    shown = [one for found in by_agent.values() for one in found]
    order = [(one.left is None, one.left or 0, int(one.note.at)) for one in shown]
    every = sorted((left is None, left or 0, at) for _, left, at in given_)
    assert sorted(order) == every[:most]
    for agent, found in by_agent.items():
        own = [(one.left is None, one.left or 0, int(one.note.at)) for one in found]
        assert own == sorted(own)
        assert {one.note.agent_id for one in found} == {agent}
    first = [(found[0].left is None, found[0].left or 0, int(found[0].note.at)) for found in by_agent.values()]
    assert first == sorted(first)


def _on(today: dt.date, left: int | None) -> str | None:
    return None if left is None else (today + dt.timedelta(left)).isoformat()


def test_a_promise_is_kept_on_its_customers_page_too(sign_in: SignedIn, centre: CallCentre) -> None:
    customer = centre.customer()
    promise(centre, customer, "an answer by post", day(centre, 2), agent="second")
    page, second = sign_in("agent"), sign_in("second")
    second.goto("/console/promises")
    expect(second.locator(".promises")).to_contain_text("an answer by post")
    page.goto(f"/console/customers/{customer}")
    page.locator(".act summary").filter(has_text="Promises").click()
    page.locator(".act").get_by_role("button", name="It is kept").click()
    expect(page.locator(".act")).to_contain_text("No promise is open.")
    expect(page.locator("#facts")).to_contain_text("kept by agent")
    second.reload()
    expect(second.get_by_role("heading", level=1)).to_be_visible()
    expect(second.locator("main")).not_to_contain_text("an answer by post")


def test_what_another_desk_says_in_whatever_order_leaves_no_promise_open_for_ever(centre: CallCentre) -> None:
    """It was kept before it was told, or by whoever does not say whose promise it was."""
    customer, other = centre.customer(), centre.customer()
    early: dict[str, object] = {"userId": customer, "event": "Note Written", "messageId": "early"}
    centre.tell("track", {"userId": customer, "event": "Note Written", "properties": keeping("early", "ada")})
    centre.tell("track", {**early, "properties": {"promised": "a reply", "agent_id": "ada"}})
    centre.tell("track", {**early, "messageId": "late", "properties": {"promised": "a visit", "agent_id": "admin"}})
    centre.tell("track", {"userId": other, "event": "Note Written", "properties": keeping("late", "admin")})
    store = centre.store()
    try:
        assert waiting(store, "ada") == []
        assert [(who, one.promised) for who, one in waiting(store, "admin")] == [(customer, "a visit")]
        centre.tell("track", {"userId": customer, "event": "Note Written", "properties": keeping("late", None)})
        assert len(waiting(store, "admin")) == 1
        with entered(centre, "admin") as client:
            assert _kept(client, customer, "late", listed="1").status_code == 200
            assert _kept(client, customer, "late", listed="1").status_code == 200
        assert waiting(store, "admin") == []
    finally:
        store.close()


def keeping(note: str, whose: str | None) -> dict[str, object]:
    return {"keeps": note, "agent_id": "elsewhere"} | ({} if whose is None else {"promised_by": whose})


def test_what_is_said_twice_or_of_another_customer_counts_once_or_not_at_all(centre: CallCentre) -> None:
    customer, other = centre.customer(), centre.customer()
    promise(centre, customer, "a call back", None)
    (note,) = events(centre, customer, Kind.NOTE_WRITTEN)
    with entered(centre, "agent") as first, entered(centre, "second") as second:
        answers = [_kept(client, customer, note.message_id) for client in (first, first, second)]
        assert [one.status_code for one in answers] == [200, 200, 200]
        assert _kept(first, other, note.message_id).status_code == 422
        assert _kept(first, customer, "nothing").status_code == 422
    assert len(events(centre, customer, Kind.NOTE_WRITTEN)) == 2
    (told,) = centre.get(f"/customers/{customer}/context")["notes"]  # type: ignore[misc]
    assert told["kept_by"] == "agent"
    assert told["kept_at"] is not None


def _kept(client: httpx.Client, customer: str, note_id: str, **more: str) -> httpx.Response:
    form = {"proof": proof(client.get("/console/find").text), "once": "a" * 20, "note_id": note_id, **more}
    return client.post(f"/console/customers/{customer}/kept", data=form, headers=HERE)


@pytest.mark.parametrize("told", ["2026-02-12 before 9 am", "2026-02-12T17:00", "2026-02-12 or 13", "by Friday", ""])
def test_what_is_more_than_a_day_is_shown_as_it_is(told: str) -> None:
    assert wording.due(told) == told
    assert wording.due(" 2026-02-12 ") == "by 12 Feb 2026"


@pytest.mark.parametrize(
    ("left", "due", "words"),
    [
        (-9, "2026-01-01", "9 days overdue"),
        (-1, "2026-01-01", "overdue since yesterday"),
        (0, "2026-01-01", "today"),
        (1, "2026-01-01", "tomorrow"),
        (5, "2026-01-01", "in 5 days"),
        (None, "by Friday", "by Friday"),
        (None, None, ""),
    ],
)
def test_when_a_promise_is_due_is_said_in_words(left: int | None, due: str | None, words: str) -> None:
    note = NoteAnswer("n-1", Instant(0), None, "ada", None, "a call", due, None, None)
    assert Promise("c-1", "", note, left).when == words


def test_times_are_of_the_browsers_zone_which_is_named(sign_in: SignedIn, centre: CallCentre) -> None:
    customer = centre.customer()
    centre.later(MINUTE)
    centre.track(customer, "Store Visited", store_id="s-4")
    page = sign_in("agent", timezone_id="Asia/Tokyo")
    page.goto(f"/console/customers/{customer}")
    expect(page.locator(".bar .zone")).to_have_text("Times: Asia/Tokyo")
    there = dt.datetime.fromtimestamp(centre.now / 1000, dt.timezone(dt.timedelta(hours=9)))
    expect(page.locator("#timeline time").first).to_have_text(f"{there.day} {there:%b %Y, %H:%M}")
    assert violations(page) == []


@pytest.mark.parametrize("told", ["", "Nowhere/At_All", "../../etc/passwd", "%00", "x" * 400])
def test_a_zone_that_is_none_is_the_catalogues(centre: CallCentre, told: str) -> None:
    with entered(centre, "agent") as client:
        client.cookies.set("nextbest_zone", told)
        assert ">Times: Europe/London<" in client.get("/console/promises").text


def test_what_a_page_asks_for_by_itself_keeps_no_session_alive(centre: CallCentre) -> None:
    customer, now = centre.customer(), accounts.now()
    address = f"/console/customers/{customer}"
    seen_at = now - 5 * MINUTE
    left = DeskSession(accounts.digest("left"), "agent", now - 9 * MINUTE, seen_at, now + DAY)
    store = centre.store()
    with entered(centre, "second") as other:
        token = token_of(other, customer)

    def noted() -> bool:
        found = store.session(left.digest)
        assert found is not None
        return found.seen_at != seen_at

    try:
        store.open_session(left)
        with httpx.Client(base_url=centre.running.url, cookies={COOKIE: "left"}, timeout=20.0) as client:
            assert client.get(f"{address}/facts").status_code == 200
            assert client.get(f"{address}/said", params={"token": token}).status_code == 200
            assert client.get(f"{address}/timeline", headers={"X-Console-By-Itself": "true"}).status_code == 200
            assert not noted()
            assert client.get(f"{address}/timeline").status_code == 200
            assert noted()
    finally:
        store.close()


def test_who_types_is_not_signed_out(sign_in: SignedIn, centre: CallCentre) -> None:
    """A page tells of it now and then, and at once never."""
    page = sign_in("agent")
    page.clock.install()
    page.goto(f"/console/customers/{centre.customer()}")
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url.removeprefix(centre.running.url)))
    page.get_by_label("Find a customer").press("a")
    page.clock.fast_forward("03:00")
    with page.expect_response("**/console/here") as told:
        page.get_by_label("Find a customer").press("b")
    page.get_by_label("Find a customer").press("c")
    assert told.value.status == 204
    assert told.value.headers["content-security-policy"]
    assert asked.count("/console/here") == 1
    seen_at = accounts.now() - 5 * MINUTE
    left = DeskSession(accounts.digest("here"), "agent", seen_at - MINUTE, seen_at, accounts.now() + DAY)
    store = centre.store()
    try:
        store.open_session(left)
        with httpx.Client(base_url=centre.running.url, cookies={COOKIE: "here"}, timeout=20.0) as client:
            assert client.get("/console/here").status_code == 204
        found = store.session(left.digest)
        assert found is not None
        assert found.seen_at > seen_at
    finally:
        store.close()


def test_a_page_says_what_it_asks_for_by_itself(sign_in: SignedIn, centre: CallCentre) -> None:
    customer = centre.customer()
    page = sign_in("agent")
    page.goto(f"/console/customers/{customer}")
    with page.expect_request(re.compile("/timeline")) as asked:
        centre.track(customer, "Store Visited", store_id="s-4")
    assert asked.value.headers["x-console-by-itself"] == "true"
    with page.expect_request(re.compile("/timeline")) as asked:
        page.get_by_label("What", exact=True).select_option("orders")
    assert "x-console-by-itself" not in asked.value.headers
