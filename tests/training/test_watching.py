"""What is watched, from SYNTHETIC decisions in a real store whose outcomes are known, beside plain loops over them."""

from __future__ import annotations

import json
import math
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from statistics import median

import numpy as np
import pytest
from typer.testing import CliRunner

from features.event import Event, Identifier, Kind
from features.live_response import Lift, Lifts
from features.progress import Silent
from features.published import Published
from features.stores.people import PersonEvents
from features.stores.protocol import Append, LoggedDecision, Store
from models.bundle import load, serialise
from models.drift import Reference, Shift
from nextbest import app
from serving.model_loader import NoModel
from tests.models.shop import DAY, NOW
from tests.serving.synthetic import noise_bundle, put_model
from tests.training.draw_world import EXPECTED, TRUE, Shop, decide_for, open_shop
from training.offpolicy.logged import read_draws
from training.watching.figures import Against, feature_drift, responses, score_drift, watched
from training.watching.reading import Decided, Log, Sampled, Slate, Span, read
from training.watching.report import as_json, findings, look, markdown
from training.watching.underserved import NO_CANDIDATES, NOT_DRAWN, NOTHING_REFUSED, POOR, Counts, served

PEOPLE, EACH = 120, 3
ARMS = {"period_days": 36500, "random": 0.25, "holdout": 0.25}
LIMIT = 100_000


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    """Decisions of three weeks: three, ten and seventeen days ago."""
    made = open_shop(tmp_path_factory.mktemp("watched"), ARMS)
    for number, age in enumerate((17, 10, 3)):
        decide_for(made, PEOPLE, EACH, seed=number, at=NOW - age * DAY)
    yield made
    made.store.close()


def reading(shop: Shop, days: int = 7, until: int = NOW) -> Log:
    return read(shop.store, Span.last(days, until), LIMIT, Silent())


def answers(shop: Shop, at: int) -> list[tuple[int, Mapping[str, object]]]:
    """(person, answer) of that moment's decisions."""
    found = []
    for decision_id in shop.store.newest_decisions(0, LIMIT):
        logged = shop.store.decision(decision_id)
        assert logged is not None
        if logged.decided_at == at:
            found.append((logged.person, json.loads(logged.response)))
    return found


def test_responses_are_those_of_a_plain_loop(shop: Shop) -> None:
    """In the last week those of ten days ago have matured: whatever was chosen was displayed, and won as it did."""
    log = reading(shop)
    ten, three = answers(shop, NOW - 10 * DAY), answers(shop, NOW - 3 * DAY)
    won = Counter(successes(shop, NOW - 10 * DAY))
    chosen, contacts = (Counter(taken(rows)) for rows in (three, ten))
    rows = {(row.channel, row.action): row for row in responses(log) if row.action is not None}
    assert set(rows) == set(chosen) | set(contacts)
    for key, row in rows.items():
        assert (row.model, row.chosen, row.contacts) == ("m", chosen[key], contacts[key])
        assert row.found.observed == won[key]
        assert row.found.expected == pytest.approx(EXPECTED[key[1] or ""] * contacts[key])
    for row in responses(log):
        if row.action is None:
            of_channel = [other for (channel, _), other in rows.items() if channel == row.channel]
            assert row.contacts == sum(other.contacts for other in of_channel)
            assert row.found.observed == sum(other.found.observed for other in of_channel)
    assert log.remarks[-1].startswith("no model in the log knows what it learned from")


def test_what_is_expected_is_the_models_own_probability_and_not_what_it_was_lifted_to(tmp_path: Path) -> None:
    made = open_shop(tmp_path)
    lifted = Published(lifts=Lifts("by-action", {(action, "web"): Lift(110, 420, "action") for action in EXPECTED}))
    decide_for(made, 20, 1, seed=1, at=NOW - DAY, published=lifted)
    web = [one for one in reading(made).chosen if one.channel == "web"]
    told = [one["response_probability"] for _, answer in answers(made, NOW - DAY) for one in on_web(answer)]
    assert len(web) == len(told) > 5
    assert all(one.response == EXPECTED[one.action] for one in web)
    assert not set(told) & set(EXPECTED.values())
    made.store.close()


def test_what_is_only_told_is_expected_to_succeed_with_nobody(tmp_path: Path) -> None:
    """Also once the notice has ended, and left the catalogue. The slates that it filled were filled all the same."""
    made = open_shop(tmp_path, notices={"a"})
    decide_for(made, 30, 2, seed=1, at=NOW - 10 * DAY)
    before = reading(made, days=20)
    stored = made.store.catalogue()
    assert stored is not None
    document = json.loads(stored.document)
    document["actions"] = [one for one in document["actions"] if one["id"] != "a"]
    made.store.publish_catalogue(json.dumps(document), stored.items, 1, NOW, "test", "synthetic")
    for log in (before, reading(made, days=20)):
        told = Counter(taken(answers(made, NOW - 10 * DAY)))
        assert told.keys() > {("web", "a"), ("app", "a")}
        assert Counter((one.channel, one.action) for one in log.chosen) == Counter(
            {key: count for key, count in told.items() if key[1] != "a"}
        )
        assert sum(one.taken for one in log.slates) == told.total()
        assert {row.action for row in responses(log)} == {None, "b", "c"}
    made.store.close()


def on_web(answer: Mapping[str, object]) -> list[dict[str, object]]:
    found: list[dict[str, object]] = answer["channels"][0]["actions"]  # type: ignore[index]
    return found


def taken(rows: list[tuple[int, Mapping[str, object]]]) -> Iterator[tuple[str, str]]:
    for _, told in rows:
        for slate in told["channels"]:  # type: ignore[attr-defined]
            yield from ((slate["channel"], one["action_id"]) for one in slate["actions"])


def successes(shop: Shop, at: int) -> list[tuple[str, str]]:
    """(channel, action) of every conversion that followed decisions of that moment, from the log of events."""
    vocabulary, found = shop.store.vocabulary, []
    for entry in shop.store.scan(0, 1):
        for event in entry.records:
            if event["kind"] == Kind.CONVERTED and at < event["occurred_at"] < at + DAY:
                channel = next(one for one in TRUE if vocabulary.code("channel", one) == event["channel"])
                action = next(one for one in EXPECTED if vocabulary.code("action", one) == event["action"])
                found.append((channel, action))
    return found


def test_what_the_model_believes_too_much_is_found(shop: Shop) -> None:
    """It believes 0.6, 0.5 and 0.3 where 0.2, 0.1 and 0.4 are true of the app."""
    (app_row,) = (row for row in responses(reading(shop)) if row.action is None and row.channel == "app")
    assert app_row.surely.high < 1.0
    told = look(shop.store, NOW, 7, LIMIT, Silent())
    assert any(line.startswith("contacts on app chosen by model m succeed 0.") for line in told.findings)


def test_nothing_has_drifted_between_weeks_that_are_alike(shop: Shop) -> None:
    found = score_drift(reading(shop))
    assert {(one.channel, one.against, one.shift) for one in found} == {
        (channel, Against.BEFORE, Shift.NONE) for channel in TRUE
    }
    assert all(one.found.psi <= one.found.noise for one in found)


def oracle(rows: list[tuple[int, Mapping[str, object]]], channel: str | None) -> tuple[Counts, Counts]:
    """Slates and people by plain loops over the answers."""
    slates = [
        (person, slate, told["degraded"])
        for person, told in rows
        for slate in told["channels"]  # type: ignore[attr-defined]
    ]
    usual = {}
    for name in TRUE:
        here = [slate for _, slate, degraded in slates if slate["channel"] == name and not degraded]
        worth = [worths(slate) for slate in here if slate["actions"]]
        usual[name] = median(worth) if worth else math.nan
    kinds: dict[int, list[str]] = {}
    gates: dict[int, list[str]] = {}
    lost: Counter[str] = Counter()
    for person, slate, degraded in slates:
        if channel in (None, slate["channel"]):
            kind, gate = "good", ""
            if not slate["actions"]:
                kind = "empty"
            elif degraded or worths(slate) < POOR * usual[slate["channel"]]:
                kind = "poor"
            if kind != "good":
                refused = {name: n for name, n in slate["funnel"].items() if name not in ("candidates", "eligible")}
                most = max(refused.values())
                gate = next((name for name, n in refused.items() if n == most), "") if most else NOTHING_REFUSED
                gate = NOT_DRAWN if kind == "empty" and slate["funnel"]["eligible"] else gate
                lost[gate] += 1
            kinds.setdefault(person, []).append(kind)
            gates.setdefault(person, []).append(gate)
    nobody = [person for person, found in kinds.items() if set(found) == {"empty"}]
    badly = [person for person, found in kinds.items() if set(found) <= {"empty", "poor"} and "poor" in found]
    every = [kind for found in kinds.values() for kind in found]
    theirs = Counter(
        next((gate for gate in gates[person] if gate != NOT_DRAWN), NOT_DRAWN) for person in nobody + badly
    )
    return Counts(len(every), every.count("empty"), every.count("poor"), lost), Counts(
        len(kinds), len(nobody), len(badly), theirs
    )


def worths(slate: Mapping[str, object]) -> float:
    return max((one["response_probability"] or 0.0) * one["value"] for one in slate["actions"])  # type: ignore[attr-defined]


@pytest.mark.parametrize("channel", [None, *TRUE])
def test_who_is_served_badly_is_as_a_plain_loop_says(shop: Shop, channel: str | None) -> None:
    """A quarter is in the holdout and loses everything to the gate `arm`; others draw no action at times."""
    found = {one.channel: one for one in served(reading(shop))}[channel]
    slates, people = oracle(answers(shop, NOW - 3 * DAY), channel)
    assert (found.slates, found.people) == (slates, people)
    assert found.people.lost_to["arm"] > PEOPLE / 8
    assert sum(found.people.lost_to.values()) == found.people.empty + found.people.poor


def test_without_a_model_everything_is_poor(tmp_path: Path) -> None:
    made = open_shop(tmp_path, scorer=NoModel())
    decide_for(made, 30, 1, seed=1, at=NOW - DAY)
    whole = served(reading(made))[0]
    assert whole.slates.empty + whole.slates.poor == whole.slates.total == 60
    assert whole.people.share == 1.0
    told = look(made.store, NOW, 7, LIMIT, Silent())
    assert told.findings == ("30 of 30 decisions of model m were answered by the fallback ranking",)
    assert told.found.scores == ()
    made.store.close()


class Looked:
    """A store, and how often the people and each decision were read from it."""

    def __init__(self, store: Store) -> None:
        self._store, self.scans, self.read = store, 0, Counter[str]()

    def scan(self, bucket: int, buckets: int) -> Iterator[PersonEvents]:
        self.scans += 1
        return self._store.scan(bucket, buckets)

    def decision(self, decision_id: str) -> LoggedDecision | None:
        self.read[decision_id] += 1
        return self._store.decision(decision_id)

    def __getattr__(self, name: str) -> object:
        return getattr(self._store, name)


def test_the_log_is_read_once_for_draws_too(shop: Shop) -> None:
    looked = Looked(shop.store)
    report = look(looked, NOW, 7, LIMIT, Silent())
    assert looked.scans == 1
    assert set(looked.read.values()) == {1}
    log = reading(shop)
    assert log.draws == read_draws(shop.store, log.decisions[-1].at, NOW, Silent()).draws
    assert sum(arm.draws for arm in report.found.arms) == len(log.draws) > PEOPLE


def test_a_first_model_is_compared_with_the_period_before_alone(tmp_path: Path) -> None:
    """The contacts that it was judged on were chosen by somebody else: no decision was ever like them."""
    made = open_shop(tmp_path)
    key = put_model(made.store, "1", serialise(replace(load(noise_bundle()), reference=Reference({}, {}, {}))))
    for age in (10, 3):
        decide_for(made, PEOPLE, EACH, seed=age, at=NOW - age * DAY, model="1", digest=key)
    log = reading(made)
    assert log.remarks == (
        "model 1 was judged on contacts that others chose; nothing is compared with those; it is once a version has "
        "learned from contacts of decisions",
    )
    assert len(log.features) > 1
    rows = np.random.default_rng(1).normal(size=(len(log.decisions), 1, len(log.features)))
    log.samples = [Sampled(place, one, 1.0) for place, one in enumerate(rows)]
    assert {one.against for one in (*score_drift(log), *feature_drift(log))} == {Against.BEFORE}
    assert not [one for one in findings(watched(log, ())) if "differ" in one]
    made.store.close()


def slate_of(place: int, worth: float, **changed: object) -> Slate:
    made = Slate(
        place, "web", 1, worth, offers=True, fallbacks=False, candidates=5, eligible=2, refused={"a": 1, "b": 2}
    )
    return replace(made, **changed)


def test_what_is_poor_and_to_whom_it_is_lost(shop: Shop) -> None:
    """Each rule by itself: ten people of whom seven have what is usual."""
    log = replace(reading(shop), decisions=[Decided(n, NOW - DAY, "m", "", degraded=False) for n in range(12)])
    usual = [slate_of(n, 1.0) for n in range(6)]
    odd = [
        slate_of(6, POOR - 0.01),
        slate_of(7, POOR + 0.01),
        slate_of(8, 0.0, offers=False),
        slate_of(9, 5.0, fallbacks=True, refused={"a": 2, "b": 2}),
        slate_of(10, math.nan, taken=0, eligible=0, candidates=0, refused={"a": 0, "b": 0}),
        slate_of(11, 0.1, refused={"a": 0, "b": 0}),
    ]
    whole, web = served(replace(log, slates=usual + odd))
    lost = {"a": 1, "b": 1, NO_CANDIDATES: 1, NOTHING_REFUSED: 1}
    assert web.slates == web.people == whole.people == Counts(12, 1, 3, lost)
    assert web.usual == 1.0
    mended = served(replace(log, slates=[*usual, *odd, slate_of(6, 1.0), slate_of(10, math.nan, taken=0)]))[1]
    assert (mended.people.empty, mended.people.poor) == (1, 2)
    assert mended.people.lost_to == {"a": 1, NO_CANDIDATES: 1, NOTHING_REFUSED: 1}
    assert served(replace(log, slates=[])) == ()


def test_who_objects_is_not_watched_and_what_is_beyond_the_limit_is_told(tmp_path: Path) -> None:
    made = open_shop(tmp_path)
    decide_for(made, 10, 2, seed=1, at=NOW - DAY)
    said = Event("no", Kind.CONSENT_WITHDRAWN, "No", NOW - 1, NOW - 1, topic="profiling")
    made.store.append([Append(Identifier("user_id", "c-3"), (said,))]).result(timeout=30)
    log = reading(made)
    assert (len(log.decisions), log.objecting) == (18, 2)
    cut = read(made.store, Span.last(7, NOW), 5, Silent())
    assert len(cut.decisions) + cut.objecting == 5
    assert cut.cut
    made.store.close()


def test_people_and_machines_read_of_everything_and_of_the_arms(shop: Shop) -> None:
    report = look(shop.store, NOW, 7, LIMIT, Silent())
    text = markdown(report)
    machines = json.loads(as_json(report))
    assert [one["arm"] for one in machines["arms"]] == [one.arm for one in report.found.arms]
    assert machines["served"][0]["people"]["total"] == PEOPLE
    for title in ("## Responses", "## Scores", "## Features", "## Served badly", "## Arms"):
        assert title in text
    assert "| full |" in text
    assert "Nothing stands out." in markdown(replace(report, findings=()))
    assert all(one.ahead is not None or one.arm == "full" for one in report.found.arms)


def test_an_empty_log_says_that_there_is_nothing(tmp_path: Path) -> None:
    open_shop(tmp_path).store.close()
    told = CliRunner().invoke(app, ["watch"], env={"NEXTBEST_HOME": str(tmp_path), "NO_COLOR": "1"})
    assert told.exit_code == 0, told.stderr
    for line in ("Nothing can be compared yet;", "Nothing was decided.", "No draw has matured yet."):
        assert line in told.stdout
    machines = CliRunner().invoke(app, ["watch", "--json", "--check"], env={"NEXTBEST_HOME": str(tmp_path)})
    assert machines.exit_code == 0
    assert json.loads(machines.stdout)["responses"] == []
