"""A decision beside what others would do, on SYNTHETIC data: `python benchmarks/peers.py`.

Over HTTP, in turns, one worker each: nextbest, and the service that most teams would write first (benchmarks/naive/),
which does much less and is asked the same. In this process, one thread, CPU time: features and scores of one person's
200 actions, and Vowpal Wabbit ranking as many, with facts of its own, already written as text (`pip install --group
benchmarks`; without it a line says so). For the record: no goal hangs on it.
"""

from __future__ import annotations

import sys
import tempfile
import time
from collections.abc import Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass, field
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1]))

from benchmarks.naive import shop as naive_shop
from benchmarks.parts.as_served import AS_SERVED
from benchmarks.parts.busy_shop import NAMES, ShopSize, bundle, make
from benchmarks.parts.http_load import Load, loaded
from benchmarks.parts.rows import Row, finish, missing, parser, row
from benchmarks.recommend import Turn, turn
from features.event import Identifier
from features.stores import open_store
from models.bundle import load
from models.columns import compile_catalogue
from models.response import ModelScorer
from tests.serving.running import server
from tests.serving.synthetic import store_url

CONNECTIONS = 8
ROOT = Path(__file__).resolve().parents[1]


@dataclass(frozen=True, slots=True)
class Size:
    """seconds of each turn over HTTP. rounds: of each turn in this process."""

    shop: ShopSize = field(default_factory=ShopSize)
    seconds: float = 5.0
    turns: int = 5
    rounds: int = 50


QUICK = Size(ShopSize(people=5, events=20, actions=20, conditions=4, trees=5), seconds=0.5, turns=1, rounds=3)


def over_http(size: Size) -> list[Row]:
    now = time.time_ns() // 1_000_000
    bodies = [f'{{"customer_id": "c{number}", "channels": ["web"], "limit": 1}}' for number in range(size.shop.people)]
    took: dict[str, list[Turn]] = {"ours": [], "naive": []}
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        make(folder / "ours", size.shop, now)
        naive_shop.make(folder / "naive", size.shop, now)
        ours = stack.enter_context(server(folder / "ours", **AS_SERVED))
        naive = stack.enter_context(
            server(folder / "naive", target="benchmarks.naive.service:Naive", PYTHONPATH=str(ROOT))
        )
        for running in (ours, naive):  # the first seconds warm caches
            loaded(Load(running.port, "/recommend", bodies, CONNECTIONS, size.seconds / 2))
        for _ in range(size.turns):
            took["ours"].append(turn(ours, "/recommend", bodies, size.seconds))
            took["naive"].append(turn(naive, "/recommend", bodies, size.seconds))
    rows = []
    for name, by in (("cpu", "CPU time"), ("clock", "the clock")):
        mine, its = ([getattr(one, name) for one in took[who]] for who in ("ours", "naive"))
        told = f"{np.median(mine):,.0f} and {np.median(its):,.0f} a second"
        ratios = [a / b for a, b in zip(mine, its, strict=True)]
        rows.append(row("/recommend", f"a naive service, {by}", ratios, told=told))
    return rows


def ranking(size: Size) -> Row:
    what = f"features and scores of {size.shop.actions} actions"
    if find_spec("vowpalwabbit") is None:
        return missing(what, "vowpalwabbit is missing; pip install --group benchmarks")
    now = time.time_ns() // 1_000_000
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        make(home, size.shop, now)
        with closing(open_store(store_url(home))) as store:
            stored, record = store.catalogue(), store.read(Identifier("user_id", "c1"))
            if stored is None:
                raise RuntimeError("catalogue is absent; the shop has one; make it again")
            compiled = compile_catalogue(stored, store.vocabulary)
        scorer, rabbit, text = ModelScorer(load(bundle(size.shop.trees)), "7"), _rabbit(size), _example(size)

        def ours() -> object:
            return scorer.score(record, now, 0, compiled.all, compiled)

        def its() -> object:
            return rabbit.predict(text)

        ours(), its()
        pairs = [(_microseconds(ours, size.rounds), _microseconds(its, size.rounds)) for _ in range(size.turns)]
    mine, others = (float(np.median(one)) for one in zip(*pairs, strict=True))
    told = f"{mine:,.0f} and {others:,.0f} us"
    return row(what, "Vowpal Wabbit ranking as many", [b / a for a, b in pairs], told=told)


def _rabbit(size: Size) -> object:
    """A contextual bandit that has learned a little, so that its weights are not all zero."""
    learner = import_module("vowpalwabbit").Workspace("--cb_explore_adf --squarecb -q pa -q ha --quiet -b 18")
    example = _example(size)
    for number in range(20):
        chosen = 1 + number % size.shop.actions
        learner.learn([*example[:chosen], f"0:-1:0.1 {example[chosen]}", *example[chosen + 1 :]])
    return learner


def _example(size: Size) -> list[str]:
    rng = np.random.default_rng(3)
    person = " ".join(f"f{number}:{value:.3f}" for number, value in enumerate(rng.random(40)))
    actions = [
        f"|a id=a{number} group=g{number % 25} category={NAMES[number % len(NAMES)]} value:{1 + number % 9} "
        f"|h " + " ".join(f"h{place}:{value:.3f}" for place, value in enumerate(rng.random(12)))
        for number in range(size.shop.actions)
    ]
    return [f"shared |p {person}", *actions]


def _microseconds(work: object, rounds: int) -> float:
    assert callable(work)
    began = time.thread_time_ns()
    for _ in range(rounds):
        work()
    return (time.thread_time_ns() - began) / rounds / 1_000


def main(arguments: Sequence[str] | None = None) -> None:
    chosen = parser(__doc__).parse_args(arguments)
    size = QUICK if chosen.quick else Size()
    print(f"SYNTHETIC; {size.shop.actions} actions, {size.shop.events} events each, {size.shop.trees} trees")
    finish([*over_http(size), ranking(size)], chosen.json)


if __name__ == "__main__":
    main()
