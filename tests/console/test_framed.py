"""Inside of a CRM desktop: a page of another site that shows the console in a frame."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from playwright.sync_api import Browser, FrameLocator, Page, expect

from features.event import Kind
from tests.console.browser import picture
from tests.console.call_centre import PASSWORD, CallCentre, call_centre
from tests.console.test_acting import events


class Crm(BaseHTTPRequestHandler):
    """A page whose frame shows what its address names."""

    def do_GET(self) -> None:
        shown = self.path.partition("?")[2]
        self.send_response(200)
        self.send_header("Content-Type", "text/html; charset=utf-8")
        self.end_headers()
        self.wfile.write(f'<!DOCTYPE html><iframe src="{shown}" width="1200" height="680"></iframe>'.encode())

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        pass


@contextmanager
def crm() -> Iterator[str]:
    """The origin of a site that is not the console's."""
    with ThreadingHTTPServer(("127.0.0.1", 0), Crm) as served:
        threading.Thread(target=served.serve_forever, daemon=True).start()
        try:
            yield f"http://localhost:{served.server_port}"
        finally:
            served.shutdown()


@pytest.fixture(scope="module")
def desktop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[CallCentre, str]]:
    home = tmp_path_factory.mktemp("framed")
    with crm() as origin, call_centre(home, NEXTBEST_WORKERS="1", NEXTBEST_CONSOLE_FRAME_ANCESTORS=origin) as centre:
        yield centre, origin


def framed(browser: Browser, origin: str, address: str) -> tuple[Page, FrameLocator]:
    page = browser.new_context(viewport={"width": 1280, "height": 720}).new_page()
    page.goto(f"{origin}/?{address}")
    return page, page.frame_locator("iframe")


def sign_in(frame: FrameLocator, password: str = PASSWORD) -> None:
    frame.get_by_label("Name").fill("agent")
    frame.get_by_label("Password").fill(password)
    frame.get_by_role("button", name="Sign in").click()


def test_a_call_is_served_in_a_frame_and_a_session_that_ends_there_is_begun_there(
    browser: Browser, desktop: tuple[CallCentre, str]
) -> None:
    centre, origin = desktop
    customer = centre.customer()
    page, frame = framed(browser, origin, f"{centre.running.url}/console?customer_id={customer}")
    sign_in(frame)
    frame.get_by_role("button", name="It is them").click()
    expect(frame.locator("#who")).to_contain_text(f"{customer}@example.com")
    frame.locator(".act summary").first.click()
    frame.get_by_label("What you told them").fill("half a sentence")
    page.context.clear_cookies()
    frame.get_by_text("Why not something else?").click()
    expect(frame.locator("#fault")).to_contain_text("You are signed out; what you wrote is still here")
    send = frame.get_by_role("button", name="Write the note")
    send.click()
    form = frame.locator("form").filter(has=send)
    form.get_by_role("button", name="sign in here").click()
    again = frame.get_by_role("dialog")
    again.get_by_label("Password").fill("not the password")
    again.get_by_role("button", name="Sign in").click()
    expect(again.locator("output")).to_have_text("Name and password do not fit together.")
    picture(page, "framed")
    again.get_by_label("Password").fill(PASSWORD)
    again.get_by_role("button", name="Sign in").click()
    expect(again).to_be_hidden()
    expect(form).to_contain_text("You are signed in again")
    send.click()
    form.get_by_role("button", name="It is them").click()  # a new session, which has made sure of nobody
    expect(form.get_by_role("button", name="It is them")).to_have_count(0)
    send.click()
    expect(frame.locator(".act output").get_by_text("The note is written")).to_be_visible()
    (note,) = events(centre, customer, Kind.NOTE_WRITTEN)
    assert "half a sentence" in note.properties
    page.context.close()


def test_nobody_else_may_frame_it(browser: Browser, desktop: tuple[CallCentre, str]) -> None:
    centre, _ = desktop
    with crm() as other:
        page, frame = framed(browser, other, f"{centre.running.url}/console/sign-in")
        expect(frame.get_by_label("Password")).to_have_count(0)
        page.wait_for_load_state("networkidle")
        assert "sign-in" not in page.frames[1].url
        page.context.close()
