"""A real browser: headless Chromium of the system, driven by Playwright."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, Locator, Page, expect, sync_playwright

_PROGRAMS = ("chromium", "chromium-browser", "google-chrome-stable")
_FLAGS = (
    *("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
)
expect.set_options(timeout=20_000)
"""ms of patience, on a machine that may be busy: what is looked for is there or never comes."""


def program_or_skip() -> str:
    """In CI a missing browser is a failure."""
    found = next((path for name in _PROGRAMS if (path := shutil.which(name))), None)
    if found is None:
        if os.environ.get("CI"):
            pytest.fail("Chromium is not installed; in CI its checks must run")
        pytest.skip("Chromium is not installed; the console is looked at with it; on Debian: apt-get install chromium")
    return found


@contextmanager
def browsing() -> Iterator[Browser]:
    program = program_or_skip()
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=list(_FLAGS))
        try:
            yield browser
        finally:
            browser.close()


def submitted(button: Locator) -> None:
    """Pressed, and the page that answers is there: whatever goes elsewhere next would break its sending off."""
    with button.page.expect_navigation():
        button.click()


@contextmanager
def window(browser: Browser, url: str, **options: object) -> Iterator[Page]:
    """A window of its own, like another agent's. Whatever the page asks of another host, and whatever it says on the
    browser's console as an error, fails the test."""
    context: BrowserContext = browser.new_context(base_url=url, viewport={"width": 1280, "height": 720}, **options)  # type: ignore[arg-type]
    context.set_default_timeout(15_000)
    strays: list[str] = []
    context.on(
        "request", lambda request: None if request.url.startswith((url, "data:")) else strays.append(request.url)
    )
    page = context.new_page()
    page.on("pageerror", lambda error: strays.append(str(error)))
    page.on("console", lambda said: strays.append(said.text) if said.type == "error" and _is_fault(said.text) else None)
    try:
        yield page
        assert strays == []
    finally:
        context.close()


def _is_fault(text: str) -> bool:
    """Answers that are no 2xx are told there, and are looked at by the tests themselves."""
    return not text.startswith("Failed to load resource: the server responded with a status")


def picture(page: Page, name: str) -> None:
    """Kept for people to look at, where NEXTBEST_PICTURES names a folder."""
    if folder := os.environ.get("NEXTBEST_PICTURES"):
        page.screenshot(path=Path(folder) / f"{name}.png")
