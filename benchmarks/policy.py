"""What the policy of a decision costs, on SYNTHETIC data: `python benchmarks/policy.py`.

One channel, 1,000 actions, 100 distinct conditions, limits, groups, arms and exploration, a history of 200 events; the
model is one that answers at once, so that what is measured is gates, arbitration and exploration, without trace. Beside
it, in the same run and on one thread, Booster.predict scores the same number of rows with 200 trees. The goal: at most
a third of that. `--quick` shows that it works and measures nothing.
"""

from __future__ import annotations

import statistics
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import lightgbm as lgb
import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1]))

from benchmarks.parts.rows import finish, parser, row
from features.candidates import Candidates
from features.definitions import FEATURES
from features.event import Event, Kind
from features.history import CustomerRecord
from features.published import NOTHING
from features.vocabulary import Vocabulary
from models.catalogue_file import checked
from models.columns import CompiledCatalogue
from models.decide import decide
from models.policy.gates import GATES
from models.policy.screening import screen
from models.policy.situation import Situation
from models.policy_rules import Arm
from models.scoring import Scores
from tests.models.shop import NOW, compiled, customer, event, items_table, request

GOAL = 1 / 3
TURNS = 5
EVENTS, GROUPS, ITEMS, CATEGORIES = 200, 25, 400, 40


@dataclass(frozen=True, slots=True)
class Size:
    """actions and distinct conditions of the catalogue. trees of the model beside it. rounds: of each measure, the
    median of which is told."""

    actions: int = 1_000
    conditions: int = 100
    trees: int = 200
    rounds: int = 300


QUICK = Size(actions=40, conditions=10, trees=5, rounds=3)


@dataclass(frozen=True, slots=True)
class AtOnce:
    """A model that costs nothing: everything has a chance, by its place."""

    version: str = "at once"

    def score(
        self, record: CustomerRecord, moment: int, utc_offset: int, candidates: Candidates, compiled: CompiledCatalogue
    ) -> Scores:
        del record, moment, utc_offset, compiled
        chances = np.linspace(0.001, 0.2, len(candidates))
        return Scores(chances, chances, np.zeros((len(candidates), 0)))


def conditions(count: int) -> list[str]:
    """Half of them read the history, half what was told of the customer and what the request says; all are met."""
    return [
        f"history.orders_28d >= 0.0 && history.bought_365d > {number}.0 - 200.0"
        if number % 2
        else f'(!has(customer.postcode) || customer.postcode != "{number:05d}") && '
        f"(!has(context.level) || context.level != {number})"
        for number in range(count)
    ]


def shop(size: Size) -> tuple[CompiledCatalogue, Vocabulary]:
    asked = conditions(size.conditions)
    document = {
        "currency": "EUR",
        "time_zone": "Europe/Berlin",
        "repurchase": {"rule": "after", "days": 30},
        "traits": {"postcode": "text"},
        "limits": [{"direction": "outbound", "contacts": 3, "days": 7}],
        "groups": [{"id": "g0", "limits": [{"contacts": 1, "days": 14}], "cool_off_days": 14}],
        "cool_off": {"action_days": 30},
        "service_first": {"severity": 3, "stale_days": 14, "delivery_days": 3, "in_service": ["email"]},
        "arms": {"period_days": 90, "random": 0.0},
        "weights": [{"when": "has(context.level)", "weight": 1.5, "groups": ["g1"]}],
        "channels": {
            "email": {
                "direction": "outbound",
                "consent": "opt_out",
                "reward_window_days": 14,
                "limits": [{"contacts": 5, "days": 28}],
                "quiet_hours": {"begin": "03:00", "end": "04:00"},
                "exploration": {"share": 0.1},
            }
        },
        "categories": [{"id": f"c{number}"} for number in range(CATEGORIES)],
        "actions": [action(number, asked, "email") for number in range(size.actions)],
    }
    items: dict[str, str | None] = {f"i{number}": f"c{number % CATEGORIES}" for number in range(ITEMS)}
    return compiled(checked(document, items_table(items)))


def action(number: int, asked: Sequence[str], channel: str) -> dict[str, object]:
    """asked: the shop's conditions, of which each action has one."""
    return {
        "id": f"a{number:04d}",
        "kind": "offer",
        "group": f"g{number % GROUPS}",
        "items": [f"i{number % ITEMS}"],
        "value": 1 + number % 9,
        "success": "converted",
        "eligibility": asked[number % len(asked)],
        "treatments": [{"id": "t", "channel": channel}],
    }


def history(seed: int = 7) -> tuple[Event, ...]:
    rng = np.random.default_rng(seed)
    kinds = [Kind.VIEWED] * 6 + [Kind.ORDERED] * 2 + [Kind.SENT, Kind.REJECTED]
    return tuple(_event(kinds[number % len(kinds)], number, rng) for number in range(EVENTS))


def _event(kind: Kind, number: int, rng: np.random.Generator) -> Event:
    days = float(rng.uniform(8, 300))
    if kind in (Kind.SENT, Kind.REJECTED):
        return event(kind, days, action=f"a{rng.integers(1000):04d}", channel="email", decision=f"d{number}")
    return event(kind, days, item=f"i{rng.integers(ITEMS)}", order=f"o{number}", channel="email")


def microseconds(work: Callable[[], object], rounds: int) -> float:
    """The median, of CPU time of this thread."""
    times = []
    for _ in range(rounds):
        start = time.thread_time_ns()
        work()
        times.append((time.thread_time_ns() - start) / 1000)
    return statistics.median(times)


def booster(size: Size) -> tuple[lgb.Booster, np.ndarray]:
    """A model of so many trees over the columns that a response has, and the rows for it to score."""
    rng = np.random.default_rng(11)
    rows = rng.normal(size=(5_000 if size.trees > QUICK.trees else 500, len(FEATURES)))
    target = (rows[:, :20].sum(axis=1) + rng.normal(size=len(rows)) > 0).astype(float)
    settings = {"objective": "binary", "num_leaves": 31, "verbosity": -1, "num_threads": 2, "seed": 1}
    model = lgb.train(settings, lgb.Dataset(rows, target), num_boost_round=size.trees)
    return model, np.ascontiguousarray(rng.normal(size=(size.actions, len(FEATURES))))


def told(name: str, took: float, beside: str = "") -> None:
    print(f"{name:<28} {took:8.0f} us  {beside}".rstrip(), flush=True)


def main(arguments: Sequence[str] | None = None) -> None:
    chosen = parser(__doc__).parse_args(arguments)
    size = QUICK if chosen.quick else Size()
    made, vocabulary = shop(size)
    record = customer(history(), vocabulary, traits={"postcode": "02115"})
    asked, rng = request("email", context={"level": -1}), np.random.default_rng(3)
    there = made.channels(asked.channels, None)

    def situation() -> Situation:
        return Situation(asked, record, made, there, NOW, NOTHING, Arm.FULL)

    screened = screen(GATES, situation())
    if screened.faults:
        raise RuntimeError(screened.faults[0])
    print(
        f"SYNTHETIC; {size.actions} actions, {len(made.conditions.all)} conditions, {EVENTS} events, "
        f"{len(GATES)} gates, {len(screened.eligible)} eligible"
    )
    for gate in GATES:
        told(f"  {gate.name}", microseconds(lambda: gate.refuses(situation()), size.rounds))  # noqa: B023
    told("all gates", microseconds(lambda: screen(GATES, situation()), size.rounds))
    model, rows = booster(size)
    pairs = [
        (
            microseconds(lambda: decide(asked, record, made, AtOnce(), NOW, rng, NOTHING), max(3, size.rounds // 5)),
            microseconds(lambda: model.predict(rows, raw_score=True, num_threads=1), max(3, size.rounds // 50)),
        )
        for _ in range(TURNS)
    ]
    whole, predicted = (statistics.median(times) for times in zip(*pairs, strict=True))
    told("policy of a decision", whole, f"{whole / predicted:.2f} x Booster.predict, goal {GOAL:.2f}")
    told("Booster.predict", predicted, f"{len(rows)} rows x {rows.shape[1]} columns, {size.trees} trees, one thread")
    ratios = [ours / theirs for ours, theirs in pairs]
    made_of = f"{whole:.0f} and {predicted:.0f} us"
    what, against = f"gates, arbitration, draws; {size.actions:,} actions", "Booster.predict of as many rows"
    finish([row(what, against, ratios, GOAL, "at_most", made_of)], chosen.json)


if __name__ == "__main__":
    main()
