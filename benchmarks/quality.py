"""How well we foretell, beside others: same data, same splits, same metric code, in one run.

    python benchmarks/quality.py --ta-feng FOLDER

Next purchase: what is in a customer's last basket, from all the baskets before? Ours is what `nextbest next-items` fits
and judges, by the same functions, from histories of our own event log. What has a setting got it from earlier baskets
than the judged, or (ours) from other customers; docs/evaluation.md says which. Judged are recall and NDCG of the best
ten, and the intervals are over customers. Data: Ta-Feng in the two published splits (a folder; see
benchmarks/parts/next_basket_files.py), and The Complete Journey (extra `demo`), categories and products.
--small: tiny SYNTHETIC baskets instead, which measure nothing.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from rich.console import Console

sys.path.insert(0, str(Path(__file__).parents[1]))

from benchmarks.parts import next_basket_files
from benchmarks.parts.next_basket_files import NotThere
from benchmarks.parts.next_basket_peers import OPTIONS, SEED
from features.progress import Progress, Terminal
from features.stores import open_store
from training import table
from training.errors import NothingToLearn
from training.next_purchase.baskets import Baskets, baskets, renumbered
from training.next_purchase.counting import Method
from training.next_purchase.judging import by_lot, compared, foretold, worth
from training.next_purchase.ranker import Settings
from training.sources import complete_journey
from training.sources.errors import SourceMissing
from training.tables import OURS

TUNED_ON = 400
SPLITS: Mapping[str, str | None] = {
    "reality-check split": "tafeng",
    "fair split": "fair_tafeng",
    "categories": None,
    "products": None,
}
"""The tasks: the name of Ta-Feng's files; None: a level of The Complete Journey."""

FOREVER = np.iinfo(np.int64).max
PUBLISHED = "Published for Ta-Feng, at 10: TIFUKNN recall .130, NDCG .105; time-aware item weighting (RecSys 2023, own \
preprocessing) .157, .127."


@dataclass(frozen=True, slots=True)
class Task:
    """baskets: the last of each of `judged` (int64[asked], ascending) is foretold from the others."""

    name: str
    baskets: Baskets
    judged: NDArray[np.int64]


def ta_feng(folder: Path, files: Mapping[str, str], people: int) -> Iterator[Task]:
    """Raises NotThere."""
    for title, name in files.items():
        split = next_basket_files.read(folder, name)
        everything = baskets(split.histories, np.arange(split.items, dtype=np.int32), FOREVER)
        yield task(f"Ta-Feng, {title}", everything, split.judged, people)


def journey(levels: Sequence[str], people: int, progress: Progress) -> Iterator[Task]:
    """Raises SourceMissing."""
    with tempfile.TemporaryDirectory() as folder:
        store = open_store(f"sqlite:///{folder}/store.db")
        complete_journey.import_into(store, progress)
        dataset = table.read(store, None, progress)
        store.close()
    category = dataset.compiled.facts.category
    things = {"categories": category, "products": np.arange(len(category), dtype=np.int32)}
    for level in levels:
        everything, _ = renumbered(baskets(dataset.histories, things[level], FOREVER))
        yield task(f"The Complete Journey, {level}", everything, np.ones(everything.people, np.bool_), people)


def synthetic() -> Task:
    """Customers with tastes and habits; nothing of the real world in them."""
    rng = np.random.default_rng(SEED)
    histories = []
    for customer in range(60):
        taste = rng.dirichlet(np.full(40, 0.1))
        orders = [np.unique(rng.choice(40, 4, p=taste)).tolist() for _ in range(rng.integers(4, 8))]
        histories.append(next_basket_files.records(orders, customer))
    everything = baskets(histories, np.arange(40, dtype=np.int32), FOREVER)
    return task("SYNTHETIC baskets", everything, np.ones(60, np.bool_), 60)


def task(name: str, everything: Baskets, judged: NDArray[np.bool_], people: int) -> Task:
    """Those who have a basket before the last; at most `people` of them, by lot."""
    return Task(name, everything, by_lot(np.flatnonzero(judged & (everything.count() > 1)), people, SEED))


def tuned(known: Baskets, options: Mapping[str, Method]) -> tuple[str, Method]:
    """The option with the best NDCG on the last basket of `known`."""
    if len(options) == 1:
        return next(iter(options.items()))
    asked = by_lot(np.flatnonzero(known.count() > 1), TUNED_ON, SEED)
    before = known.without_last(1)
    found = {name: float(worth(known, asked, peer(before, asked))[:, 1].mean()) for name, peer in options.items()}
    chosen = max(found, key=found.__getitem__)
    return chosen, options[chosen]


def judge(one: Task, settings: Settings, progress: Progress) -> str:
    """A table, and what was chosen."""
    known = one.baskets.without_last(1)
    each: dict[str, NDArray[np.float64]] = {}
    notes = []
    begun = time.perf_counter()
    each[OURS] = foretold(one.baskets, one.judged, settings, progress, None).worth[0]
    notes.append(f"{OURS} took {time.perf_counter() - begun:,.0f} s to learn and to rank")
    with progress.step("Ask the peers", total=len(OPTIONS)) as advance:
        for name, options in OPTIONS.items():
            chosen, peer = tuned(known, options)
            each[name] = worth(one.baskets, one.judged, peer(known, one.judged))
            notes += [f"{name}: {chosen}"] if chosen else []
            advance()
    found = compared(one.name, one.baskets, one.judged, each, SEED)
    of = f"{len(one.judged):,} customers judged of {one.baskets.people:,}"
    about = f"{of}; {known.things:,} things; {len(known):,} baskets known"
    return "\n\n".join([found.markdown(), f"{about}. {'; '.join(notes)}."])


def tasks(told: argparse.Namespace, progress: Progress) -> Iterator[Task]:
    """Raises NotThere, SourceMissing."""
    if told.small:
        yield synthetic()
        return
    wanted = SPLITS if told.only is None else {told.only: SPLITS[told.only]}
    files = {title: name for title, name in wanted.items() if name is not None}
    if files and told.ta_feng is None:
        print("The Ta-Feng data were not given (--ta-feng FOLDER).\n")
    elif files:
        print(PUBLISHED, end="\n\n")
        yield from ta_feng(told.ta_feng, files, told.people)
    levels = [title for title, name in wanted.items() if name is None]
    if levels:
        yield from journey(levels, told.people, progress)


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--ta-feng", type=Path, metavar="FOLDER", help="where the published splits of Ta-Feng are")
    parser.add_argument("--only", choices=SPLITS, help="one task alone")
    parser.add_argument("--people", type=int, default=FOREVER, metavar="N", help="judge at most N customers, by lot")
    parser.add_argument("--small", action="store_true", help="tiny synthetic baskets: does it run at all?")
    told = parser.parse_args(arguments)
    if told.people < 1:
        parser.error(f"--people is {told.people}; somebody has to be judged; give 1 or more")
    settings = Settings(rounds=5, forests=1) if told.small else Settings()
    progress = Terminal(Console(stderr=True))
    try:
        for one in tasks(told, progress):
            print(judge(one, settings, progress), end="\n\n", flush=True)
    except (NotThere, NothingToLearn) as error:
        print(error, file=sys.stderr)
        return 2
    except SourceMissing as error:
        print(error)
    return 0


if __name__ == "__main__":
    sys.exit(main())
