"""Calibration in the large by channel and action, as a real service tells it of what its store has counted, beside a
slow sum over the same contacts: SYNTHETIC ones."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import httpx
import numpy as np
import pytest

from features.event import Kind
from features.live_response import DAY, HALF_LIFE, HOUR, PACES, Contact, Expectation, expected_text, tally_of
from features.stores import open_store
from features.stores.protocol import Append, LogDecision, Store
from models.bundle import load, serialise
from models.live_response import FEWEST_EXPECTED, MOST_TOLD, calibration
from models.response_delay import ResponseDelay
from tests.checks.store_examples import event, log_decision, user
from tests.models.test_live_response import shop as offers
from tests.serving.running import server
from tests.serving.synthetic import PUBLISHED_AT, make_shop, noise_bundle, put_model, store_url

NOW = PUBLISHED_AT + 5 * DAY
WEIGHTS = (0.0, 0.0, 0.3, 0.0, 0.2, 0.0, 0.0, 0.0, 0.3, *(0.0,) * 4)
TOLD = re.compile(r'^nextbest_action_calibration_in_the_large{action="(.*)",channel="(.*)"} (\S+)$', re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Shown:
    """One contact of a person of its own. model: the version that expected it. successes: how often one
    was told."""

    action: str
    channel: str
    probability: float
    at: int
    successes: int
    model: str = "7"

    def logged(self, number: int) -> LogDecision:
        expected = Expectation(self.action, self.channel, self.probability, int(Kind.CONVERTED), 7 * DAY)
        made = log_decision(f"c-{number}", f"d-{number}")
        decision = replace(
            made.decision, model_version=self.model, expected=expected_text([expected]), decided_at=self.at
        )
        return replace(made, decision=decision)

    def told(self, number: int) -> Append:
        of = {"action": self.action, "channel": self.channel, "decision": f"d-{number}"}
        seen = event(f"{number}-seen", Kind.DISPLAYED, self.at, **of)
        won = (event(f"{number}-won-{one}", Kind.CONVERTED, self.at + one, **of) for one in range(self.successes))
        return Append(user(f"c-{number}"), (seen, *won), decision=f"d-{number}")


def drawn(count: int, action: str, channel: str, times: float, model: str = "7") -> list[Shown]:
    """Which succeed `times` as often as expected, some of them told twice."""
    dice, found = np.random.default_rng(len(action) + count), []
    for chance, ago in zip(dice.uniform(0.1, 0.6, count).tolist(), dice.uniform(0, 4 * DAY, count), strict=True):
        successes = int(dice.integers(1, 3)) if dice.random() < times * chance else 0
        found.append(Shown(action, channel, chance, NOW - int(ago), successes, model))
    return found


def slow(contacts: Sequence[Shown]) -> float:
    """Contact by contact, from the definition."""
    succeeded = expected = 0.0
    for one in contacts:
        age = NOW - one.at
        late = sum(
            weight * (1.0 + age / pace) * math.exp(-age / pace) for weight, pace in zip(WEIGHTS, PACES, strict=True)
        )
        weight = 0.5 ** (age / HALF_LIFE)
        succeeded += weight * (one.successes > 0)
        expected += weight * one.probability * (1.0 - late)
    return succeeded / expected if expected >= FEWEST_EXPECTED else math.nan


MANY = drawn(300, "offer-washer", "web", 1.0)
OFTEN = drawn(250, "offer-vacuum", "web", 0.3)
MAILED = drawn(200, "offer-washer", "email", 1.5)
FEW = drawn(30, "offer-vacuum", "email", 1.0)
OTHERS = drawn(300, "offer-washer", "sms", 1.0, model="8")
GONE = drawn(300, "offer-gone", "web", 1.0)


def put(store: Store) -> None:
    every = [*MANY, *OFTEN, *MAILED, *FEW, *OTHERS, *GONE]
    for begin in range(0, len(every), 100):
        part = list(enumerate(every[begin : begin + 100], start=begin))
        store.log_decisions([one.logged(number) for number, one in part]).result(timeout=60)
        store.append([one.told(number) for number, one in part]).result(timeout=60)


@pytest.fixture(scope="module")
def metrics_told(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    home = tmp_path_factory.mktemp("calibration")
    make_shop(home, driven=True, model=False)
    store = open_store(store_url(home))
    try:
        delayed = replace(load(noise_bundle()), response_delay=ResponseDelay(PUBLISHED_AT, {}, WEIGHTS))
        put_model(store, "7", serialise(delayed))
        put(store)
        store.advance_present(NOW)
    finally:
        store.close()
    with server(home) as running:
        yield httpx.get(f"{running.url}/metrics").text


def test_it_is_that_of_a_slow_sum_and_told_only_where_enough_is_expected(metrics_told: str) -> None:
    """Not of another version's contacts, nor of an action that the catalogue has no more; several successes of one
    contact are one."""
    found = {(action, channel): float(value) for action, channel, value in TOLD.findall(metrics_told)}
    slowly = {
        ("offer-washer", "web"): slow(MANY),
        ("offer-vacuum", "web"): slow(OFTEN),
        ("offer-washer", "email"): slow(MAILED),
    }
    assert not any(math.isnan(one) for one in slowly.values())
    assert math.isnan(slow(FEW))
    assert found == pytest.approx(slowly, rel=1e-6)
    assert slowly["offer-vacuum", "web"] < 0.6 < slowly["offer-washer", "web"] < slowly["offer-washer", "email"]


def test_there_are_at_most_so_many_series_and_none_without_delays() -> None:
    compiled = offers(groups={f"a-{number:03}": "g" for number in range(MOST_TOLD)})
    contacts = {channel: [Contact(NOW - HOUR, 0.5, True)] * size for channel, size in (("web", 60), ("email", 80))}
    tallies = {
        (action, channel): tally_of(told) for action in compiled.action_number for channel, told in contacts.items()
    }
    at_once = ResponseDelay(NOW, {}, (0.0,) * len(PACES))
    found = calibration(tallies, compiled, at_once, NOW)
    assert len(found) == MOST_TOLD
    assert {channel for _, channel in found} == {"email"}
    assert calibration(tallies, compiled, None, NOW) == {}
    assert calibration({}, compiled, at_once, NOW) == {}
