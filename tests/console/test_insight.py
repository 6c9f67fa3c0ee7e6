"""Pages of figures for those who look after actions and models, and the team lead's form."""

from __future__ import annotations

import re
import sqlite3

import httpx
import pytest
from playwright.sync_api import Browser, Page, expect

from features.instants import render_instant
from features.stores import open_store
from models.kept_verdict import KeptCriterion, KeptVerdict, to_text
from serving.console import notices
from serving.errors import Refusal
from serving.registry import RegistryUnreadable
from serving.reigns import reigns, verdicts
from serving.runtime import Runtime
from serving.settings import Settings
from tests.console.browser import picture, submitted, window
from tests.console.call_centre import DAY, CallCentre, call_centre, link
from tests.console.conftest import SignedIn
from tests.console.test_access import violations
from tests.console.test_sign_in import HERE, entered, proof
from tests.serving.running import until
from tests.serving.synthetic import PUBLISHED_AT, store_url
from tests.serving.test_model import registry


def decide(centre: CallCentre, customer: str, channel: str = "agent") -> dict[str, object]:
    headers = {"Authorization": f"Bearer {centre.key}"}
    body = {"customer_id": customer, "channels": [channel], "limit": 3}
    answer = centre.client.post("/recommend", json=body, headers=headers)
    assert answer.status_code == 200, answer.text
    found: dict[str, object] = answer.json()
    return found


def report(centre: CallCentre, decision: dict[str, object], *outcomes: str) -> None:
    token = decision["channels"][0]["actions"][0]["token"]  # type: ignore[index]
    body = [{"token": token, "outcome": one} for one in outcomes]
    answer = centre.client.post("/feedback", json=body, headers={"Authorization": f"Bearer {centre.key}"})
    assert answer.status_code == 200, answer.text


def actions_of(page: Page, customer: str) -> list[str]:
    page.goto(f"/console/customers/{customer}")
    return page.locator("li.action h3").all_inner_texts()


def first_action(page: Page, customer: str) -> str:
    page.goto(f"/console/customers/{customer}")
    return page.locator("li.action").first.inner_text()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_marketer_sees_actions_gates_and_arms(sign_in: SignedIn, centre: CallCentre, scheme: str) -> None:
    for number in range(6):
        customer = centre.customer()
        report(centre, decide(centre, customer), "displayed", *(["accepted"] if number % 2 else []))
        decide(centre, customer, "web")
    page = sign_in("marketer", color_scheme=scheme)
    expect(page).to_have_url(f"{centre.running.url}/console/actions")
    expect(page.get_by_role("heading", name="Actions", level=1)).to_be_visible()
    expect(page.get_by_role("img", name="Who is refused at which gate")).to_be_visible()
    expect(page.get_by_role("row", name="bought already, or about to be already_purchased").first).to_be_visible()
    expect(page.get_by_role("row", name="full").first).to_be_visible()
    assert violations(page) == []
    picture(page, f"actions-{scheme}")
    arms = page.locator("[aria-labelledby=h-arms]")
    expect(arms).to_contain_text("Nothing to plot yet: every decision was in the full arm")
    expect(arms.locator("figure")).to_have_count(0)
    page.get_by_role("link", name="web").click()
    expect(page.get_by_role("link", name="web")).to_have_attribute("aria-current", "true")
    for path in ("/console/letters", "/console/notices", "/console/find"):
        page.goto(path)
        expect(page.get_by_role("heading", level=1)).to_have_text("Forbidden")


def test_the_scientist_sees_models_and_refused_events(sign_in: SignedIn, centre: CallCentre) -> None:
    headers = {"Authorization": f"Bearer {centre.key}"}
    bad = {"type": "track", "event": "Order Completed", "userId": "secret-name", "properties": {"products": 7}}
    assert centre.client.post("/v1/track", json=bad, headers=headers).status_code == 422
    page = sign_in("scientist")
    page.get_by_role("link", name="Models").click()
    expect(page.get_by_text("7", exact=True).first).to_be_visible()
    expect(page.get_by_role("heading", name="Who was champion, and why")).to_be_visible()
    assert violations(page) == []
    picture(page, "models")
    page.get_by_role("link", name="Refused events").click()
    expect(page.get_by_role("table")).to_contain_text("this field is required")
    assert "secret-name" not in page.content()
    assert violations(page) == []


def test_a_notice_is_previewed_published_seen_by_agents_and_ended(sign_in: SignedIn, centre: CallCentre) -> None:
    customer, elsewhere = centre.customer(), centre.customer()
    centre.identify(elsewhere, postcode="E1 6AN")
    agent, lead = sign_in("agent"), sign_in("lead")
    lead.goto("/console/notices")
    lead.get_by_label("What has happened").fill("Power cut in <b>SW1A</b>")
    lead.get_by_label("What to say").fill("We know of it; it is mended by six ⚡")
    lead.get_by_label("Postcodes begin with").fill("SW1A")
    lead.get_by_label("Until").first.fill(render_instant(centre.now + DAY)[:16])
    lead.get_by_label("Why you publish it").fill("many calls")
    lead.get_by_role("button", name="Preview", exact=True).click()
    expect(lead.get_by_role("heading", name="This is what agents will see")).to_be_visible()
    expect(lead.get_by_role("article")).to_contain_text("whose postcode begins with SW1A")
    assert violations(lead) == []
    picture(lead, "notice-preview")
    assert "notice-power-cut" not in str(centre.get("/catalogue"))
    submitted(lead.get_by_role("button", name="Publish"))
    expect(lead.get_by_role("article")).to_contain_text("We know of it; it is mended by six ⚡")
    expect(lead.get_by_role("row", name="account lead").first).to_contain_text("Power cut in <b>SW1A</b>: many calls")
    assert until(lambda: "Power cut in <b>SW1A</b>" in first_action(agent, customer))  # every worker takes it up
    agent.goto(f"/console/customers/{elsewhere}")
    expect(agent.locator("li.action").first).not_to_contain_text("Power cut")
    lead.get_by_label("Why it ends").fill("mended")
    submitted(lead.get_by_role("button", name="End it now"))
    expect(lead.get_by_text("None.").first).to_be_visible()
    assert until(lambda: "Power cut" not in first_action(agent, customer))


def test_a_form_s_time_is_of_the_zone_that_it_showed(centre: CallCentre) -> None:
    """Wherever the browser says it is by then."""
    day = render_instant(centre.now + DAY)[:10]
    form = {"name": "Strike", "text": "no post", "until": f"{day}T18:00", "reason": "news", "zone": "Asia/Tokyo"}
    with entered(centre, "lead") as client:
        client.cookies.set("nextbest_zone", "America/New_York")
        shown = client.get("/console/notices").text
        form |= dict(re.findall(r'type="hidden" name="(proof|version)" value="(\w+)"', shown))
        preview = client.post("/console/notices/preview", data=form, headers=HERE).text
        assert "Times are those of Asia/Tokyo" in preview
        assert preview.count('name="zone" value="Asia/Tokyo"') == 2
        assert client.post("/console/notices/post", data=form, headers=HERE).status_code in (200, 303)
    (made,) = [one for one in centre.get("/catalogue")["actions"] if one["name"] == "Strike"]  # type: ignore[attr-defined]
    assert made["ends_at"].startswith(f"{day}T09:00")


def test_an_action_is_paused_and_goes_on(sign_in: SignedIn, centre: CallCentre) -> None:
    customer = centre.customer()
    lead = sign_in("lead")
    lead.goto("/console/notices")
    lead.get_by_label("Action", exact=True).fill("Vacuum cleaner")
    lead.get_by_label("Until").last.fill(render_instant(centre.now + 3 * DAY)[:16])
    lead.get_by_label("Why", exact=True).fill("out of stock")
    lead.get_by_role("button", name="Preview the pause").click()
    expect(lead.get_by_role("article")).to_contain_text("no longer offered on the telephone, on the website")
    expect(lead.get_by_label("Why", exact=True)).to_have_value("out of stock")
    assert violations(lead) == []
    picture(lead, "pause-preview")
    agent = sign_in("agent")
    assert "Vacuum cleaner" in actions_of(agent, customer)
    submitted(lead.get_by_role("button", name="Pause it"))
    expect(lead.get_by_role("article")).to_contain_text("not before")
    assert until(lambda: "Vacuum cleaner" not in actions_of(agent, customer))
    lead.get_by_label("Why it goes on").fill("there again")
    submitted(lead.get_by_role("button", name="Let it go on now"))
    assert until(lambda: "Vacuum cleaner" in actions_of(agent, customer))


def test_a_change_to_another_version_and_a_wrong_one_change_nothing(centre: CallCentre) -> None:
    store = open_store(store_url(centre.running.home))
    before = store.catalogue_version()
    try:
        with entered(centre, "lead") as client:
            shown = proof(client.get("/console/notices").text)
            told = {"proof": shown, "version": "1", "action": "offer-plan", "until": "2030-01-01T00:00", "reason": "x"}
            assert client.post("/console/notices/pause", data=told, headers=HERE).status_code == 409
            newest = {**told, "version": str(before)}
            for wrong in ({"until": "soon"}, {"until": "2020-01-01T00:00"}, {"action": "none"}, {"reason": ""}):
                answer = client.post("/console/notices/pause", data={**newest, **wrong}, headers=HERE)
                assert answer.status_code in {404, 422}, wrong
            areas = {"name": "n", "text": "t", "areas": 'SW") || true', "until": "2030-01-01T00:00"}
            assert client.post("/console/notices/post", data={**newest, **areas}, headers=HERE).status_code == 422
            assert client.post("/console/notices/end", data=newest, headers=HERE).status_code == 422
        with entered(centre, "agent") as client:
            answer = client.post("/console/notices/pause", data={**newest, "proof": "x"}, headers=HERE)
            assert answer.status_code == 403
        assert store.catalogue_version() == before
    finally:
        store.close()


def test_who_was_champion_is_read_from_the_registrys_tags(tmp_path: object) -> None:
    path = f"{tmp_path}/mlflow.db"
    with sqlite3.connect(path) as connection:
        connection.execute("CREATE TABLE registered_model_tags(key, value, name)")
        reign = '{"version":"%s","digest":"aa","since":5,"grounds":{"how":"forced","reason":"first","by":"%s"}}'
        entries = [
            ("champion.000001.aa", reign % ("1", "Ann")),
            ("champion.000002.bb", reign % ("2", "")),
            ("champion.x", "not ours"),
            ("other", "x"),
        ]
        rows = [(*entry, "nextbest") for entry in entries] + [(*entries[0], "another")]
        connection.executemany("INSERT INTO registered_model_tags VALUES (?, ?, ?)", rows)
    found = reigns(f"sqlite:///{path}", "nextbest")
    assert [(one.version, one.grounds.by) for one in found] == [("2", ""), ("1", "Ann")]
    with pytest.raises(RegistryUnreadable):
        reigns("databricks", "nextbest")


def test_pages_of_figures_need_no_record_and_open_none(centre: CallCentre) -> None:
    with entered(centre, "marketer") as client:
        assert client.get("/console/customers/c-1").status_code == 403
        assert client.get("/console/actions").status_code == 200
    assert httpx.get(f"{centre.running.url}/console/actions").status_code == 303


def judged(version: str) -> str:
    criteria = (
        KeptCriterion("ahead of the champion", 0.125, "at least", -0.02, "passed", "the challenger earns +0.2 <b>"),
        KeptCriterion("feature skew", None, "at most", None, "not evaluable", "no rows"),
    )
    return to_text(KeptVerdict(True, "6", f"over champion 6, as {version}", PUBLISHED_AT, "Ann", "verdict", criteria))


def test_verdicts_and_history_stand_on_the_page_with_links_to_mlflow(
    browser: Browser, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """SYNTHETIC: a registry with MLflow's own tables, read as the service reads them."""
    home = tmp_path_factory.mktemp("judged")
    registry(home / "mlflow.db")
    with sqlite3.connect(home / "mlflow.db") as connection:
        tags = [("nextbest", 7, "verdict", judged("7")), ("nextbest", 8, "verdict", "somebody else's")]
        connection.executemany("INSERT INTO model_version_tags VALUES (?, ?, ?, ?)", tags)
        reign = '{"version":"7","digest":"aa","since":5,"grounds":{"how":"verdict","reason":"better","by":"Ann"}}'
        connection.execute("INSERT INTO registered_model_tags VALUES ('nextbest', 'champion.000001.aa', ?)", (reign,))
    assert [version for version, _ in verdicts(f"sqlite:///{home}/mlflow.db", "nextbest")] == ["7"]
    pages = "https://mlflow.example/ui"
    with (
        call_centre(home, NEXTBEST_WORKERS="1", NEXTBEST_CONSOLE_MLFLOW=f"{pages}/") as centre,
        window(browser, centre.running.url) as page,
    ):
        page.goto(link(centre, "scientist"))
        page.goto("/console/models")
        verdict = page.get_by_role("group", name="Verdict about version 7")
        expect(verdict).to_contain_text("Over champion 6, as 7.")
        expect(page.get_by_text("judged against version 6")).to_contain_text(
            "approved 1 passed, 0 failed, 1 could not be judged"
        )
        expect(verdict.get_by_role("row", name="feature skew")).to_contain_text("could not be judged")
        expect(verdict.get_by_role("row", name="ahead of the champion")).to_contain_text("0.1250")
        expect(verdict.get_by_role("row", name="ahead of the champion")).to_contain_text("at least -0.0200")
        expect(verdict).to_contain_text("earns +0.2 <b>")
        expect(page.get_by_role("link", name="in MLflow")).to_have_attribute(
            "href", f"{pages}/#/models/nextbest/versions/7"
        )
        expect(page.get_by_role("link", name="run-of-7")).to_have_attribute("href", f"{pages}/#/runs/run-of-7")
        assert violations(page) == []
        for moment in page.locator("main time").all():
            expect(moment.locator("xpath=following-sibling::span[1]")).to_have_text(
                "(by the real clock)" if moment.locator("xpath=ancestor::dl").count() else "(by the demo\u2019s clock)"
            )
        assert page.locator("main time").count() == 3
        page.set_viewport_size({"width": 390, "height": 844})
        assert page.evaluate("document.documentElement.scrollWidth <= document.documentElement.clientWidth")
        (home / "mlflow.db").rename(home / "away.db")
        page.reload()
        expect(page.locator("[aria-labelledby=h-history] .held")).to_contain_text("cannot be read")
        expect(page.get_by_text("Nothing is known while the registry does not answer.")).to_be_visible()


def test_a_change_is_checked_once(centre: CallCentre) -> None:
    """A large catalogue takes as long as a request may; it is not looked at twice."""
    store, settings = open_store(store_url(centre.running.home)), Settings(home=centre.running.home)
    before, seen = store.catalogue_version(), list[str]()

    def change(document: dict[str, object]) -> None:
        seen.append("changed")
        document["actions"] = []

    runtime = Runtime(settings)
    try:
        with pytest.raises(Refusal) as refused:
            notices._publish(runtime, change, "lead", str(before - 1), "an earlier page's")
        assert (refused.value.status, seen) == (409, [])
        document = store.catalogue(before)
        assert document is not None
        notices._publish(runtime, change, "lead", str(before), "checked")
        assert seen == ["changed"]
        assert store.catalogue_version() == before + 1
        store.publish_catalogue(document.document, document.items, before + 1, PUBLISHED_AT, "test", "as before")
    finally:
        runtime.store.close()
        store.close()
