"""What is in force for the challenger's side of a trial, in one worker: its own contacts, its own windows, its end."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from features.event import Event, Identifier, Kind
from features.instants import render_instant
from features.live_response import Expectation
from features.stores import Store, open_store
from features.stores.protocol import Append
from features.stores.trials import Trial, TrialKind
from models import bundle
from models.bundle import digest, serialise
from models.catalogue_file import read_text
from models.policy.sides import takes
from models.policy_rules import DAY, HOUR
from models.repurchase import BINS, Pace, RepurchaseModel
from serving import health
from serving.call import Call
from serving.confirming import confirmed
from serving.deciding import recommend
from serving.redrawing import ByModel, as_logged
from serving.replaying import Replayer
from serving.runtime import Runtime
from serving.schemas import ConfirmRequest, RecommendRequest
from serving.settings import Settings
from tests.checks.store_response_contract import expecting
from tests.serving.synthetic import CATALOGUE, PUBLISHED_AT, make_shop, noise_bundle, put_model, store_url

NOW = PUBLISHED_AT + HOUR
UNTIL = PUBLISHED_AT + DAY
TEXT = CATALOGUE.replace("placements: [hero]", "placements: [hero], exploration: {share: 1, gamma: 0.01}").replace(
    "suppression: {rule: never}", "suppression: {rule: learned, chance: 0.5, fallback_days: 30}", 1
)


def learned() -> RepurchaseModel:
    """SYNTHETIC: whatever is bought is bought again within a few days."""
    rate, pace = np.full((2, BINS), 5.0), Pace(1.0, 0.5)
    home, factor = np.zeros(1, np.int32), np.ones(1)
    return RepurchaseModel(PUBLISHED_AT, pace, pace, ("laundry",), rate[:1], rate, rate, ("washer-1",), home, factor)


CHALLENGER = serialise(replace(bundle.load(noise_bundle(2, lifting=True)), repurchase=learned()))
AB = Trial(TrialKind.AB, "8", digest(CHALLENGER), "run-8", "7", 0.5, PUBLISHED_AT, UNTIL, "Ann", "to see")
THEIRS, OURS = ([f"p-{n}" for n in range(60) if takes(AB.name, f"p-{n}", 0.5) == side] for side in (True, False))


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    make_shop(tmp_path, driven=True, model=False)
    opened, source = open_store(store_url(tmp_path)), read_text(TEXT)
    opened.publish_catalogue(source.document, source.items_ipc(), None, PUBLISHED_AT, "test", "synthetic")
    put_model(opened, "7", noise_bundle(1, lifting=True))
    opened.put_bundle(AB.digest, CHALLENGER)
    opened.add_trial(AB)
    yield opened
    opened.close()


@pytest.fixture
def runtime(store: Store, tmp_path: Path) -> Iterator[Runtime]:
    assert store.catalogue_version() == 2
    opened = Runtime(Settings(home=tmp_path, poll_seconds=0.01))
    yield opened
    asyncio.run(opened.close())


def call(at: int = NOW) -> Call:
    return Call(None, "127.0.0.1", render_instant(at), None)


def ask(runtime: Runtime, person: str, channel: str = "web") -> dict[str, Any]:
    question = RecommendRequest(customer_id=person, channels=[channel], limit=3)
    return json.loads(asyncio.run(recommend(runtime, question, call())))  # type: ignore[no-any-return]


def told(store: Store, person: str, *events: Event) -> None:
    store.append([Append(Identifier("user_id", person), events)]).result(timeout=30)


def takes_off(store: Store) -> None:
    """Everybody to whom the challenger showed the washing machine converted."""
    for number in range(40):
        name, decision = f"seen-{number}", f"d-{number}"
        offer = Expectation("offer-washer", "web", 0.1, int(Kind.CONVERTED), DAY)
        store.log_decisions([expecting(name, decision, offer, model="8")]).result(timeout=30)
        about = {"channel": "web", "action": "offer-washer", "decision": decision}
        kinds = (Kind.DISPLAYED, Kind.CONVERTED)
        told(store, name, *(Event(f"{decision}-{kind}", kind, kind.name, NOW - 1, NOW - 1, **about) for kind in kinds))


def test_the_challenger_is_lifted_by_its_own_contacts_and_judged_without(store: Store, runtime: Runtime) -> None:
    before = ask(runtime, THEIRS[0])
    takes_off(store)
    asyncio.run(asyncio.sleep(0.1))  # the pace at which it is worked out
    asyncio.run(runtime.look())
    after, ours = ask(runtime, THEIRS[1]), ask(runtime, OURS[0])
    assert (before["model_version"], after["model_version"], ours["model_version"]) == ("8", "8", "7")
    assert not runtime.in_force.published.lifts
    apart = runtime.in_force.beside(THEIRS[0], NOW).published
    assert apart is runtime.in_force.beside(THEIRS[1], NOW).published  # the store knows what it has kept by identity
    assert apart.lifts.model == "8"
    assert apart.lifts.by["offer-washer", "web"].hundredths > 0
    replayer = Replayer(store, runtime.revision)
    logged = [store.decision(answer["decision_id"]) for answer in (before, after)]
    by_model, logging = ByModel(replayer, bundle.load(CHALLENGER), "8"), as_logged(replayer)
    bare, drawn = [], []
    for one in logged:
        assert one is not None
        assert replayer.replay(one).identical
        bare.append(chances_of(by_model(one, [[]])))
        drawn.append(chances_of(logging(one, [[]])))
    assert bare[0] == bare[1] == drawn[0] != drawn[1]


def chances_of(found: Any) -> list[float]:
    return [round(float(one), 9) for one in found[0].chances]


def test_an_ab_says_whether_it_decides_and_ends_by_itself(store: Store, runtime: Runtime) -> None:
    def tried() -> Any:
        return json.loads(asyncio.run(health.model(runtime, call())))["ab"]

    assert (tried()["version"], tried()["deciding"]) == ("8", True)
    put_model(store, "9", noise_bundle(3))
    asyncio.run(runtime._look_for_model())
    assert (tried()["version"], tried()["deciding"]) == ("8", False)
    store.advance_present(UNTIL)
    asyncio.run(runtime.look())
    assert tried() is None


def test_what_waits_is_confirmed_by_the_windows_of_whoever_decided(store: Store, runtime: Runtime) -> None:
    """Bought meanwhile: the challenger knows that it is bought again soon, the champion waits for thirty days."""
    gates = {}
    for person in (THEIRS[0], OURS[0]):
        answer = ask(runtime, person, "email")
        bought = Event(f"bought-{person}", Kind.ORDERED, "Order", NOW - 9 * DAY, NOW, item="washer-1", order=person)
        told(store, person, bought)
        asked = ConfirmRequest(action_id="offer-washer")
        said = json.loads(asyncio.run(confirmed(runtime, answer["decision_id"], asked, call())))
        gates[answer["model_version"]] = said["actions"][0]["gate"]
    assert gates == {"8": None, "7": "already_purchased"}
