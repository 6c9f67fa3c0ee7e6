"""One call centre and one browser for all tests of the console; each test has customers of its own."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack

import pytest
from playwright.sync_api import Browser, Page

from tests.console.browser import browsing, window
from tests.console.call_centre import CallCentre, call_centre, link


@pytest.fixture(scope="session")
def centre(tmp_path_factory: pytest.TempPathFactory) -> Iterator[CallCentre]:
    with call_centre(tmp_path_factory.mktemp("centre")) as opened:
        yield opened


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Closed before tests of other files, whose own event loops its loop would keep from running."""
    with browsing() as opened:
        yield opened


SignedIn = Callable[[str], Page]


@pytest.fixture
def sign_in(browser: Browser, centre: CallCentre) -> Iterator[SignedIn]:
    """A window in which the account is signed in."""
    with ExitStack() as opened:

        def signed_in(account: str, **options: object) -> Page:
            page = opened.enter_context(window(browser, centre.running.url, **options))
            page.goto(link(centre, account))
            return page

        yield signed_in


def at_two_desks(sign_in: SignedIn, customer: str) -> tuple[Page, Page]:
    """The customer's page, open at two agents'."""
    one, another = sign_in("agent"), sign_in("second")
    for page in (one, another):
        page.goto(f"/console/customers/{customer}")
    return one, another


@pytest.fixture
def stranger(browser: Browser, centre: CallCentre) -> Iterator[Page]:
    """A window in which nobody is signed in."""
    with window(browser, centre.running.url) as page:
        yield page
