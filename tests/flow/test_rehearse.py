"""A draft of the catalogue is rehearsed on what a real service decided: what it would change is told, and nothing is
changed. SYNTHETIC."""

from __future__ import annotations

import json
import sqlite3
import sys
from collections.abc import Iterator, Mapping
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import pytest
from matplotlib.figure import Figure

from features.stores import open_store
from models import bundle
from tests.flow.test_operators import Done, nextbest, one_line
from tests.models.test_bundle import effects
from tests.serving.running import server
from tests.serving.synthetic import CATALOGUE, make_shop, noise_bundle, put_model, store_url

PEOPLE = 12
QUESTIONS: tuple[Mapping[str, object], ...] = (
    {"channels": ["email", "web"]},
    {"channels": ["email", "web"], "limit": 2, "distinct": True},
    {"placement": "hero"},
    {"channels": ["web"], "placement": "hero"},
)
EXPLORING = CATALOGUE.replace("placements: [hero]", "placements: [hero], exploration: {share: 0.5, gamma: 1}")
PAUSED = EXPLORING.replace("    value: 20\n", "    value: 20\n    ends_at: 2026-01-01T00:00:00Z\n")
LIMITED = EXPLORING.replace("direction: outbound,", "direction: outbound, limits: [{contacts: 0, days: 7}],")
WITHOUT_MAIL = "\n".join(line for line in EXPLORING.splitlines() if "email" not in line)
NEW = """
  - id: news
    kind: message
    group: news
    items: [brand-new]
    suppression: {rule: never}
    value: 1000
    success: clicked
    treatments: [{id: news-push, channel: push}, {id: news-web, channel: web}]
"""
GROWN = (
    EXPLORING.replace(
        "channels:\n", "channels:\n  push: {direction: inbound, consent: not_needed, reward_window_days: 7}\n"
    )
    .replace("items:\n", "items:\n  - {id: brand-new}\n", 1)
    .replace("consent: opt_out, ", "consent: opt_out, needs: email, ")
    + NEW
)


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store in which a service has logged decisions, with a model that knows one effect for everybody."""
    home = tmp_path_factory.mktemp("rehearsed")
    make_shop(home, model=False)
    with closing(open_store(store_url(home))) as store:
        put_model(store, "7", bundle.serialise(replace(bundle.load(noise_bundle()), incremental=effects(0))))
    publish(home, EXPLORING)
    with server(home) as running, running.client() as client:
        for number in range(PEOPLE):
            decides(client, number)
    return home


def publish(home: Path, text: str) -> None:
    file = home / "published.yaml"
    file.write_text(text, encoding="utf-8")
    assert nextbest(home, "catalogue", "apply", str(file)).returncode == 0


def decides(client: httpx.Client, number: int) -> None:
    """Some have an e-mail address, some have bought."""
    person = f"rehearsed-{number}"
    traits = {"email": f"{person}@example.org"} if number % 2 else {}
    tell(client, "identify", person, traits=traits)
    if number % 3 == 0:
        order = {"order_id": person, "channel": "store", "products": [{"product_id": "washer-1", "quantity": 1}]}
        tell(client, "track", person, event="Order Completed", properties=order)
    for question in QUESTIONS:
        answer = client.post("/recommend", json={"customer_id": person, **question})
        assert answer.status_code == 200, answer.text


def tell(client: httpx.Client, kind: str, person: str, **fields: object) -> None:
    response = client.post(f"/v1/{kind}", json={"type": kind, "userId": person, **fields})
    assert response.status_code == 200, response.text


def rehearsed(home: Path, folder: Path, text: str, *arguments: str) -> Done:
    file = folder / "draft.yaml"
    file.write_text(text, encoding="utf-8")
    return nextbest(home, "catalogue", "rehearse", str(file), *arguments)


def told(home: Path, folder: Path, text: str, *arguments: str) -> dict[str, Any]:
    done = rehearsed(home, folder, text, "--json", *arguments)
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def volumes(found: Mapping[str, Any]) -> dict[tuple[str, str], tuple[int, int]]:
    return {(one["channel"], one["action_id"]): (one["before"], one["after"]) for one in found["changes"]["volumes"]}


def funnel(found: Mapping[str, Any]) -> dict[str, tuple[int, int]]:
    return {one["name"]: (one["before"], one["after"]) for one in found["changes"]["funnel"]}


def reach(found: Mapping[str, Any], channel: str | None) -> tuple[int, int, int, int]:
    (one,) = (one for one in found["changes"]["reach"] if one["channel"] == channel)
    return one["before"], one["after"], one["lost"], one["gained"]


def content(home: Path) -> list[str]:
    with closing(sqlite3.connect(home / "store.db")) as connection:
        return list(connection.iterdump())


@pytest.fixture
def unchanged(home: Path) -> Iterator[None]:
    """Rehearsing leaves every row of the store as it was, its vocabulary among them."""
    before = content(home)
    yield
    assert content(home) == before


@pytest.mark.usefixtures("unchanged")
def test_the_catalogue_in_force_changes_nothing(home: Path, tmp_path: Path) -> None:
    found = told(home, tmp_path, EXPLORING)
    count = PEOPLE * len(QUESTIONS)
    assert [found[name] for name in ("logged", "drawn", "identical", "fault", "unmade")] == [count, count, count, 0, 0]
    changes = found["changes"]
    assert (changes["decisions"], changes["otherwise"]) == (count, 0)
    assert changes["worth_before"] == changes["worth_after"]
    assert changes["worth_before"]["value"] > 0
    told_twice = [*volumes(found).values(), *funnel(found).values()]
    assert all(before == after for before, after in told_twice)
    assert any(before for before, _ in volumes(found).values())
    assert all(one["lost"] == one["gained"] == 0 for one in changes["reach"])


@pytest.mark.usefixtures("unchanged")
def test_what_a_paused_action_had_goes_to_others(home: Path, tmp_path: Path) -> None:
    found = told(home, tmp_path, PAUSED)
    had = {channel: before for (channel, action), (before, _) in volumes(found).items() if action == "offer-vacuum"}
    assert set(had) == {"email", "web"}
    assert all(after == 0 for (_, action), (_, after) in volumes(found).items() if action == "offer-vacuum")
    assert sum(max(after - before, 0) for before, after in volumes(found).values()) > 0
    assert funnel(found)["schedule"][0] == 0
    assert funnel(found)["schedule"][1] >= sum(had.values())
    assert found["changes"]["otherwise"] > 0


@pytest.mark.usefixtures("unchanged")
def test_a_tighter_limit_shows_at_its_gate_and_in_who_gets_nothing(home: Path, tmp_path: Path) -> None:
    found = told(home, tmp_path, LIMITED)
    before, after = funnel(found)["contact_limits"]
    assert (before, after) == (0, sum(funnel(found)["eligible"][side] * sign for side, sign in ((0, 1), (1, -1))))
    assert after > 0
    assert reach(found, "email") == (PEOPLE, 0, PEOPLE, 0)
    for channel in ("web", None):
        had, have, lost, gained = reach(found, channel)
        assert have == had - lost + gained > 0
    lines = [line.split("\t") for line in rehearsed(home, tmp_path, LIMITED).stdout.splitlines()]
    assert lines[0] == ["what", "channel", "name", "before", "after", "change"]
    assert ["refused", "", "contact_limits", "0", str(after), f"+{after}"] in lines
    assert ["people", "email", "left with nothing", "", "", f"-{PEOPLE}"] in lines


@pytest.mark.usefixtures("unchanged")
def test_a_draft_may_name_what_the_store_never_heard_of(home: Path, tmp_path: Path) -> None:
    """And ask for what no decision asked: who has an e-mail address."""
    found = told(home, tmp_path, GROWN)
    assert volumes(found)["push", "news"] == (0, PEOPLE)
    assert volumes(found)["web", "news"][1] > 0
    assert reach(found, "push") == (0, PEOPLE, 0, PEOPLE)
    assert reach(found, "email") == (PEOPLE, PEOPLE // 2, PEOPLE // 2, 0)
    assert funnel(found)["reachable"][1] > 0
    assert '"brand-new"' not in "".join(content(home))


@pytest.mark.usefixtures("unchanged")
def test_another_ranking_is_told_of_for_its_worth_is_of_another_kind(home: Path, tmp_path: Path) -> None:
    """0.75 EUR of sales for everybody, half of it earned, for each action that is chosen."""
    draft = EXPLORING + "rank_by: incremental\nmargin: 0.5\n"
    changes = told(home, tmp_path, draft)["changes"]
    after = sum(now for _, now in volumes({"changes": changes}).values())
    assert changes["ranked_otherwise"] == changes["decisions"] > 0
    assert changes["worth_before"]["incremental"] is None
    assert changes["worth_after"]["incremental"] == pytest.approx(0.375 * after)
    done = rehearsed(home, tmp_path, draft)
    assert f"incremental value on the other {changes['decisions']}" in " ".join(done.stderr.split())
    (row,) = [line for line in done.stdout.splitlines() if "incremental value in EUR" in line]
    assert row.split()[-1] == f"{0.375 * after:.4f}"
    same = rehearsed(home, tmp_path, EXPLORING)
    assert "incremental value" not in same.stdout + same.stderr


@pytest.mark.usefixtures("unchanged")
def test_questions_that_the_draft_would_refuse_are_counted(home: Path, tmp_path: Path) -> None:
    found = told(home, tmp_path, WITHOUT_MAIL)
    (refused,) = found["changes"]["refused"]
    assert (refused["before"], refused["after"]) == (0, 2 * PEOPLE)
    assert refused["why"].startswith("channel is 'email'; channels are ['sms', 'web']")
    assert f"refused as a whole 0 before, {2 * PEOPLE} after" in rehearsed(home, tmp_path, WITHOUT_MAIL).stderr


@pytest.mark.usefixtures("unchanged")
def test_a_sample_says_of_how_many_and_is_the_same_again(home: Path, tmp_path: Path) -> None:
    found = told(home, tmp_path, PAUSED, "--sample", "10")
    assert (found["logged"], found["drawn"], found["changes"]["decisions"]) == (PEOPLE * len(QUESTIONS), 10, 10)
    assert told(home, tmp_path, PAUSED, "--sample", "10")["changes"] == found["changes"]
    assert "10 of 48 decisions" in rehearsed(home, tmp_path, PAUSED, "--sample", "10").stderr


@pytest.mark.usefixtures("unchanged")
def test_what_cannot_be_done_is_told_before_anything_is_done(home: Path, tmp_path: Path) -> None:
    faulty = EXPLORING.replace("value: 60", "value: -3").replace("channel: web}", "channel: wbe}", 1)
    done = rehearsed(home, tmp_path, faulty)
    validated = nextbest(home, "catalogue", "validate", str(tmp_path / "draft.yaml"))
    assert (done.returncode, done.stdout, done.stderr) == (2, "", validated.stderr)
    assert len(done.stderr.splitlines()) == 2
    assert "write 12h or 7d" in one_line(rehearsed(home, tmp_path, PAUSED, "--since", "soon"))
    assert ".svg or .png" in one_line(rehearsed(home, tmp_path, PAUSED, "--plot", str(tmp_path / "changes.txt")))
    assert "no such folder" in one_line(rehearsed(home, tmp_path, PAUSED, "--plot", str(tmp_path / "no" / "a.svg")))
    assert "absent.yaml" in one_line(nextbest(home, "catalogue", "rehearse", str(tmp_path / "absent.yaml")))


@pytest.mark.usefixtures("unchanged")
def test_a_plot_is_whole_or_not_there(home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, begins in (("changes.svg", b"<?xml"), ("changes.png", b"\x89PNG")):
        assert rehearsed(home, tmp_path, GROWN, "--plot", str(tmp_path / name)).returncode == 0
        assert (tmp_path / name).read_bytes().startswith(begins)
    there = sorted(one.name for one in tmp_path.iterdir())
    with monkeypatch.context() as patched:
        patched.setattr(Figure, "savefig", interrupted)
        stopped = rehearsed(home, tmp_path, GROWN, "--plot", str(tmp_path / "another.svg"))
    assert stopped.returncode == 130
    assert sorted(one.name for one in tmp_path.iterdir()) == there
    monkeypatch.delitem(sys.modules, "serving.commands.rehearsal_plot")
    monkeypatch.setitem(sys.modules, "matplotlib.axes", None)
    missing = one_line(rehearsed(home, tmp_path, GROWN, "--plot", str(tmp_path / "another.svg")))
    assert missing.endswith("this command needs it; install nextbest[train]")


def interrupted(_: Figure, part: Path, **__: object) -> None:
    """Ctrl-C when half of it is written."""
    part.write_bytes(b"<?xml")
    raise KeyboardInterrupt


def test_no_decisions_are_no_fault(tmp_path: Path) -> None:
    make_shop(tmp_path, model=False)
    done = rehearsed(tmp_path, tmp_path, PAUSED, "--since", "12h")
    assert (done.returncode, done.stdout) == (0, "")
    assert "no decisions since 20" in done.stderr
    assert told(tmp_path, tmp_path, PAUSED)["changes"]["decisions"] == 0


def test_what_is_compared_with_is_the_catalogue_in_force(home: Path, tmp_path: Path) -> None:
    """Not that of the decisions: from the one to the other and back is the same told the other way round."""
    forth = told(home, tmp_path, PAUSED)
    publish(home, PAUSED)
    back = told(home, tmp_path, EXPLORING)
    assert (back["against"], back["identical"]) == (forth["against"] + 1, forth["identical"])
    assert volumes(back) == {name: (after, before) for name, (before, after) in volumes(forth).items()}
    assert funnel(back) == {name: (after, before) for name, (before, after) in funnel(forth).items()}
    assert back["changes"]["worth_before"] == forth["changes"]["worth_after"]


def test_what_cannot_be_made_again_is_told_with_why(home: Path, tmp_path: Path) -> None:
    first, second, third = newest(home, 3)
    tampered(home, "model_digest = 'ffff', subject = NULL", first)
    tampered(home, "catalogue_version = 99", second)
    tampered(home, "feature_digest = 'ff'", third)
    found = told(home, tmp_path, PAUSED)
    count = PEOPLE * len(QUESTIONS)
    assert (found["unmade"], found["missing"]) == (2, {"catalogue": 1, "model": 1, "record": 1})
    assert (found["identical"], found["fault"], found["changes"]["decisions"]) == (count - 3, 1, count - 2)
    told_to_people = rehearsed(home, tmp_path, PAUSED).stderr
    assert "2 could not be made again, for it is not kept: catalogue of 1, model of 1, record of 1" in told_to_people
    assert "1 different on the same revision" in told_to_people


def newest(home: Path, count: int) -> tuple[str, ...]:
    store = open_store(store_url(home))
    try:
        return store.newest_decisions(0, count)
    finally:
        store.close()


def tampered(home: Path, change: str, decision_id: str) -> None:
    with closing(sqlite3.connect(home / "store.db", timeout=10)) as connection:
        connection.execute(f"UPDATE decision SET {change} WHERE decision_id = ?", (decision_id,))  # noqa: S608
        connection.commit()
