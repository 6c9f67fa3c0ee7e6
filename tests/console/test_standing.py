"""Where the clock stands every page says so; where it runs none does."""

from __future__ import annotations

from pathlib import Path

import httpx
import pytest
from playwright.sync_api import expect

from features.stores import open_store
from features.stores.desk import Account
from features.stores.keeping import DATA_SETTING
from serving.console.accounts import hashed, new_link
from serving.console.visit import Standing
from serving.console.wording import clock
from serving.runtime import Runtime
from serving.settings import Settings
from tests.console.browser import picture
from tests.console.call_centre import PASSWORD, CallCentre
from tests.console.conftest import SignedIn
from tests.console.test_access import violations
from tests.console.test_sign_in import entered
from tests.serving.running import server
from tests.serving.synthetic import PUBLISHED_AT, make_shop, store_url


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_page_of_a_demo_says_what_it_takes_as_now_and_whose_data_these_are(
    sign_in: SignedIn, centre: CallCentre, scheme: str
) -> None:
    customer = centre.customer()
    store = open_store(store_url(centre.running.home))
    store.put_setting(DATA_SETTING, "SYNTHETIC people of a test")
    store.close()
    page = sign_in("admin", color_scheme=scheme)
    for address in ("find", "promises", "actions", "models", "letters", "notices", f"customers/{customer}", "nowhere"):
        page.goto(f"/console/{address}")
        line = page.locator(".standing")
        expect(line).to_contain_text(clock(centre.now, "UTC"))
        expect(line).to_contain_text("SYNTHETIC people of a test")
        expect(line).to_be_in_viewport()
    page.goto(f"/console/customers/{customer}")
    assert violations(page) == []
    assert page.evaluate("document.documentElement.scrollHeight <= window.innerHeight")
    picture(page, f"standing-{scheme}")


def test_where_the_clock_runs_no_page_says_so(tmp_path: Path) -> None:
    make_shop(tmp_path, model=False)
    store = open_store(store_url(tmp_path))
    store.put_account(Account("agent", frozenset({"agent"}), hashed(PASSWORD), "", PUBLISHED_AT))
    path = f"/console/link/{new_link(store, 'agent')}"
    store.close()
    with server(tmp_path) as running, httpx.Client(base_url=running.url, follow_redirects=True, timeout=20) as client:
        page = client.get(path).text
    assert "Who is it?" in page
    assert "standing" not in page


def test_a_store_that_says_nothing_of_its_data_has_demo_data(tmp_path: Path) -> None:
    make_shop(tmp_path, driven=True)
    runtime = Runtime(Settings(home=tmp_path))
    try:
        assert Standing.of(runtime) == Standing(PUBLISHED_AT, "demo data")
    finally:
        runtime.store.close()


def test_the_page_to_sign_in_tells_strangers_nothing(centre: CallCentre) -> None:
    assert "standing" not in httpx.get(f"{centre.running.url}/console/sign-in").text
    with entered(centre, "agent") as client:
        assert 'class="standing' in client.get("/console/find").text
