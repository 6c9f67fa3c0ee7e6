"""Who gets in, for how long, and what keeps everybody else out."""

from __future__ import annotations

import re
from dataclasses import replace
from http.cookies import SimpleCookie

import httpx
import pytest
from playwright.sync_api import Page, expect

from features.stores import open_store
from features.stores.desk import DeskSession
from serving.console import accounts
from serving.console.roles import May, Role, pages_of, rights_of, roles_of
from serving.console.sign_in import _inside
from serving.console.visit import COOKIE
from serving.security import RIGHTS
from tests.console.browser import picture
from tests.console.call_centre import PASSWORD, CallCentre, link
from tests.console.conftest import SignedIn
from tests.serving.synthetic import store_url

HERE = {"Sec-Fetch-Site": "same-origin"}


def session_of(response: httpx.Response) -> str:
    return SimpleCookie(response.headers["set-cookie"])[COOKIE].value


def entered(centre: CallCentre, account: str) -> httpx.Client:
    response = httpx.get(centre.running.url + link(centre, account), timeout=20.0)
    assert response.status_code == 303
    return httpx.Client(base_url=centre.running.url, timeout=20.0, cookies={COOKIE: session_of(response)})


def proof(page: str) -> str:
    found = re.search(r'name="proof" value="([0-9a-f]{64})"', page)
    assert found
    return found[1]


def test_a_password_signs_in_and_out_again(stranger: Page) -> None:
    stranger.goto("/console/find?q=x")
    expect(stranger).to_have_title("Sign in · nextbest")
    picture(stranger, "sign-in")
    stranger.get_by_label("Name").fill("Agent")
    stranger.get_by_label("Password").fill("wrong")
    stranger.keyboard.press("Enter")
    expect(stranger.locator(".gate").get_by_role("alert")).to_have_text("Name and password do not fit together.")
    stranger.get_by_label("Password").fill(PASSWORD)
    stranger.keyboard.press("Enter")
    expect(stranger).to_have_url(re.compile(r"/console/find\?q=x"))
    stranger.get_by_role("button", name="Sign out").click()
    expect(stranger).to_have_title("Sign in · nextbest")
    stranger.goto("/console")
    expect(stranger).to_have_title("Sign in · nextbest")


def test_a_link_signs_in_once_and_a_session_is_of_every_worker(centre: CallCentre) -> None:
    path = link(centre, "agent")
    with httpx.Client(base_url=centre.running.url) as client:
        assert client.head(path).status_code == 200  # whatever looks whether a link is alive
        first, second = client.get(path), client.get(path)
        assert (first.status_code, second.status_code) == (303, 403)
        assert "link was used already" in second.text
        cookie = {"cookie": f"{COOKIE}={session_of(first)}"}
        answers = {httpx.get(f"{centre.running.url}/console", headers=cookie).status_code for _ in range(20)}
        assert answers == {303}
        assert "sign-in" not in client.get("/console", headers=cookie).headers["location"]
        assert client.get("/console/link/none").status_code == 403


def test_whoever_signed_out_stays_out_with_the_old_cookie(centre: CallCentre) -> None:
    with entered(centre, "agent") as client:
        page = client.get("/console/find").text
        old = dict(client.cookies)
        assert client.post("/console/sign-out", data={"proof": proof(page)}, headers=HERE).status_code == 303
        again = httpx.get(f"{centre.running.url}/console/find", cookies=old)
        assert "/console/sign-in" in again.headers["location"]


@pytest.mark.parametrize(
    ("headers", "right"),
    [
        ({}, False),
        ({"Origin": "https://elsewhere.example"}, True),
        ({"Origin": "null"}, True),
        ({"Sec-Fetch-Site": "cross-site"}, True),
        ({"Sec-Fetch-Site": "same-site"}, True),
    ],
)
def test_another_sites_page_changes_nothing(centre: CallCentre, headers: dict[str, str], right: bool) -> None:
    with entered(centre, "agent") as client:
        told = {"proof": proof(client.get("/console/find").text)} if right else {}
        refused = client.post("/console/sign-out", data=told, headers=headers)
        assert refused.status_code == 403
        assert "must come from a page of this console" in refused.text
        assert client.get("/console/find").status_code == 200


def test_guessing_is_slowed_down_by_name_and_place_and_told_by_every_worker(centre: CallCentre) -> None:
    store = open_store(store_url(centre.running.home))
    try:
        known = store.account("agent")
        assert known is not None
        store.put_account(replace(known, name="guessed"))
        url = f"{centre.running.url}/console/sign-in"
        wrong = {"name": "guessed", "password": "not it"}
        assert [httpx.post(url, data=wrong).status_code for _ in range(5)] == [422] * 5
        locked = httpx.post(url, data={"name": "guessed", "password": PASSWORD})
        assert (locked.status_code, locked.headers["retry-after"]) == (429, "900")
        assert httpx.post(url, data={"name": "nobody-at-all", "password": "x"}).status_code == 422
        store.forget_failures(["both:guessed\n127.0.0.1"])
        assert httpx.post(url, data={"name": "guessed", "password": PASSWORD}).status_code == 303
    finally:
        store.close()


def test_a_session_ends_by_its_time_and_by_idleness(centre: CallCentre) -> None:
    now = accounts.now()
    store = open_store(store_url(centre.running.home))
    sessions = {
        "alive": DeskSession(accounts.digest("alive"), "agent", now, now - 60_000, now + 60_000),
        "idle": DeskSession(accounts.digest("idle"), "agent", now, now - 40 * 60_000, now + 60_000),
        "over": DeskSession(accounts.digest("over"), "agent", now - 9, now, now - 1),
    }
    try:
        for one in sorted(sessions.values(), key=lambda one: one.expires_at):
            store.open_session(one)
    finally:
        store.close()
    answers = {
        token: httpx.get(f"{centre.running.url}/console/find", cookies={COOKIE: token}).status_code
        for token in sessions
    }
    assert answers == {"alive": 200, "idle": 303, "over": 303}


def test_the_cookie_is_out_of_reach_and_the_policy_strict(centre: CallCentre) -> None:
    first = httpx.get(centre.running.url + link(centre, "agent"))
    assert {"HttpOnly", "SameSite=Lax", "Path=/console"} <= set(first.headers["set-cookie"].split("; "))
    elsewhere = httpx.get(centre.running.url + link(centre, "agent"), headers={"Host": "desk.example"})
    assert "Secure" in elsewhere.headers["set-cookie"]
    headers = httpx.get(f"{centre.running.url}/console/sign-in").headers
    policy = headers["content-security-policy"]
    assert "unsafe" not in policy
    assert {"default-src 'none'", "frame-ancestors 'none'", "script-src 'self'"} <= set(policy.split("; "))
    assert (headers["cache-control"], headers["x-content-type-options"]) == ("no-store", "nosniff")


def test_a_page_says_its_own_faults(centre: CallCentre) -> None:
    with entered(centre, "agent") as client:
        missing = client.get("/console/nowhere")
        assert (missing.status_code, missing.headers["content-type"]) == (404, "text/html; charset=utf-8")
        assert "the console has no such page" in missing.text
        assert client.get("/console/sign-out").status_code == 405
        assert client.get("/console/static/nothing.js").status_code == 404
        part = client.get("/console/nowhere", headers={"HX-Request": "true"})
        assert "<html" not in part.text


def test_what_is_not_signed_in_learns_nothing(centre: CallCentre) -> None:
    with httpx.Client(base_url=centre.running.url) as client:
        asked = client.get("/console/customers/c-1")
        assert (asked.status_code, asked.text) == (303, "")
        part = client.get("/console/customers/c-1", headers={"HX-Request": "true"})
        assert part.status_code == 401
        assert "c-1" not in part.text


def test_roles_open_pages_and_rights() -> None:
    assert rights_of(["agent"]) == {"read", "write", "decide"}
    assert rights_of(["marketer", "scientist", "a-role-of-tomorrow"]) == frozenset()
    assert rights_of(["admin"]) == RIGHTS
    assert pages_of([role.value for role in Role]) == frozenset(May)
    assert May.CUSTOMERS not in pages_of(["marketer", "scientist"])
    assert May.NOTICES not in pages_of(["agent"])
    for names in ([], ["pilot"]):
        with pytest.raises(ValueError, match="role is"):
            roles_of(names)


@pytest.mark.parametrize(
    ("address", "inside"),
    [
        ("/console/find?q=x", True),
        ("/console", True),
        ("https://elsewhere.example/console", False),
        ("//elsewhere.example/console", False),
        ("/\\elsewhere.example", False),
        ("/console/\\\\elsewhere.example", False),
        ("/consoles", False),
        ("", False),
    ],
)
def test_signing_in_leads_nowhere_else(address: str, inside: bool) -> None:
    assert _inside(address) == (address if inside else "/console")


def test_a_short_password_and_a_strange_name_are_refused() -> None:
    with pytest.raises(ValueError, match="12 to 256 characters"):
        accounts.hashed("short")
    for name in ("", "a b", "ü", "-x", "x" * 65):
        with pytest.raises(ValueError, match="name is"):
            accounts.checked_name(name)
    assert accounts.checked_name(" Ada.Smith ") == "ada.smith"


def test_pages_are_for_those_who_may(sign_in: SignedIn) -> None:
    page = sign_in("marketer")
    page.goto("/console/find")
    expect(page.get_by_role("heading", level=1)).to_have_text("Forbidden")
