"""Which of ten offers, on which channel, for whom: what our choice is worth beside Vowpal Wabbit's, the best single
offer and chance, estimated by IPS from offers that went out at random.

    python benchmarks/offers.py DIR        # the folder of offers_received.parquet
    python benchmarks/offers.py --small    # a few SYNTHETIC members, of whom nothing is measured

SIMULATED members of a coffee chain (benchmarks/parts/rewards.py), not real customers. Everybody learns from what was
known when the last two waves went out and is judged on those; ours through the product's own import, training table and
training, which sees no age, income or gender; Vowpal Wabbit sees them too. Intervals at 95 % are over customers.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

sys.path.insert(0, str(Path(__file__).parents[1]))

from rich.console import Console

from benchmarks.parts import rabbit, rewards
from benchmarks.parts.rewards import BEGIN, HOUR, Log
from features.progress import Progress, Terminal
from features.stores import open_store
from training import table
from training.affinity import AffinityFit
from training.offpolicy.estimators import IPS
from training.offpolicy.feedback import Evaluation, Feedback
from training.offpolicy.intervals import bootstrapped, bootstrapped_difference
from training.settings import TrainingSettings
from training.sources.columns_file import import_files
from training.table import Dataset, Exposures, Pairs
from training.train import Trained, response_rows, train

SINCE = 504
"""Hour of the first wave that everybody is judged on."""
SMALL = 300
FEW = TrainingSettings(rounds=10, affinity_rounds=5, refits=1, negatives=2_000, judged=2_000)
"""Members and settings of --small."""
OURS, BEST, CHANCE = "nextbest", "best single offer", "random"


@dataclass(frozen=True, slots=True)
class Judged:
    """place: intp[n], the rows of the log that everybody is judged on. evaluated: feedback with every offer a candidate
    of every row, in the order of the offers."""

    place: NDArray[np.intp]
    feedback: Feedback


def judged(log: Log) -> Judged:
    place = np.flatnonzero(log.hour >= SINCE)
    _, person = np.unique(log.customer[place], return_inverse=True)
    count, offers = len(place), len(log.names)
    start = np.arange(count + 1, dtype=np.int64) * offers
    feedback = Feedback(
        start,
        np.tile(np.arange(offers, dtype=np.int64), count),
        start[:-1] + log.offer[place],
        np.full(count, 1.0 / offers),
        log.success[place].astype(np.float64),
        person.astype(np.int64),
    )
    return Judged(place, feedback)


def by_nextbest(
    log: Log, these: Judged, folder: Path, settings: TrainingSettings, progress: Progress
) -> NDArray[np.float64]:
    """float64[n x offers]: the chance of 1 for the offer of the highest probability."""
    rewards.write_events(log, folder / "events.parquet")
    rewards.write_catalogue(log, folder / "catalogue.yaml")
    end = BEGIN + int(np.nanmax(log.completed_hour) + 1) * HOUR
    store = open_store(f"sqlite:///{folder / 'store.db'}")
    try:
        import_files(store, progress, end, folder / "events.parquet", catalogue=folder / "catalogue.yaml")
        trained = train(table.read(store, BEGIN + SINCE * HOUR - 1, progress), settings, progress)
        whole = table.read(store, end, progress)
        people = {entry.customer_id: place for place, entry in enumerate(store.scan(0, 1))}
        actions = [store.vocabulary.code("action", name) for name in log.names]
    finally:
        store.close()
    candidate = np.array([np.flatnonzero(whole.compiled.all.action == code)[0] for code in actions], np.int32)
    return greedy(_scores(trained, whole, log, these, people, candidate))


def _scores(
    trained: Trained,
    whole: Dataset,
    log: Log,
    these: Judged,
    people: Mapping[str, int],
    candidate: NDArray[np.int32],
) -> NDArray[np.float64]:
    """float64[n, offers]: the probability of every offer as of the moment before its wave."""
    person = np.array([people[name] for name in log.customer[these.place]], np.int32)
    moment = BEGIN + log.hour[these.place] * HOUR - 1
    order = np.lexsort((moment, person))
    offers = len(candidate)
    asked = np.tile(candidate, len(order))
    pairs = Pairs(
        np.repeat(person[order], offers), np.repeat(moment[order], offers), asked, whole.compiled.all.category[asked]
    )
    newest = np.full(len(pairs), whole.compiled.version, np.int64)
    nothing = Exposures(pairs, pairs.moment, np.zeros(len(pairs), np.bool_), newest)
    fit = AffinityFit(trained.bundle.affinity, trained.bundle.population, trained.bundle.interest)
    raw = trained.bundle.response.raw(response_rows(whole, nothing, [fit], [trained.bundle.track_record]))
    scores = np.empty((len(order), offers))
    scores[order] = raw.reshape(len(order), offers)
    return scores


def greedy(scores: NDArray[np.float64]) -> NDArray[np.float64]:
    """float64[n x offers]: the chance of 1 for the highest of each row."""
    chances = np.zeros_like(scores)
    chances[np.arange(len(scores)), scores.argmax(axis=1)] = 1.0
    return chances.ravel()


def best_single(log: Log, these: Judged) -> NDArray[np.float64]:
    """By the share of completions among what was known when the judged waves began."""
    known = log.hour + rewards.WINDOW_HOURS < SINCE
    tried = np.bincount(log.offer[known], minlength=len(log.names))
    worked = np.bincount(log.offer[known & log.success], minlength=len(log.names))
    return greedy(np.tile(worked / np.maximum(tried, 1), (len(these.place), 1)))


def report(policies: Mapping[str, NDArray[np.float64]], feedback: Feedback, resamples: int) -> None:
    print("| policy | completed, by IPS (95 %) | nextbest ahead by (95 %) |\n|---|---|---|")
    terms = {name: IPS().terms(Evaluation(feedback, chances)) for name, chances in policies.items()}
    for name, one in terms.items():
        found = bootstrapped(one, feedback.person, np.random.default_rng(1), resamples=resamples)
        ahead = bootstrapped_difference(
            terms[OURS], one, feedback.person, np.random.default_rng(1), resamples=resamples
        )
        lead = "" if name == OURS else f"{ahead.value:+.4f} ({ahead.low:+.4f} to {ahead.high:+.4f})"
        print(f"| {name} | {found.value:.4f} ({found.low:.4f} to {found.high:.4f}) | {lead} |")


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", nargs="?", type=Path, metavar="DIR", help="folder of offers_received.parquet")
    parser.add_argument("--customers", type=int, metavar="N", help="only the first so many: does it run at all?")
    parser.add_argument("--small", action="store_true", help="a few SYNTHETIC members: does it run at all?")
    told = parser.parse_args(arguments)
    if told.folder is None and not told.small:
        print("The rewards offers were not given; nothing was measured. Give the folder of offers_received.parquet.")
        return 0
    try:
        log = rewards.invented(SMALL, np.random.default_rng(1)) if told.small else rewards.read(told.folder)
    except rewards.NotThere as error:
        print(error, file=sys.stderr)
        return 2
    if told.customers is not None:
        log = rewards.sample(log, told.customers)
    these, progress = judged(log), Terminal(Console(stderr=True))
    with tempfile.TemporaryDirectory() as folder:
        ours = by_nextbest(log, these, Path(folder), FEW if told.small else TrainingSettings(), progress)
    policies = {OURS: ours, **rabbit.policies(log, these.place, SINCE)}
    policies[BEST] = best_single(log, these)
    policies[CHANCE] = np.full(these.feedback.candidates, 1.0 / len(log.names))
    kinds = f"{len(these.place):,} offers of {len(np.unique(these.feedback.person)):,} customers"
    print(f"\n{'SYNTHETIC' if told.small else 'SIMULATED'} rewards offers; judged on {kinds} in the last two waves\n")
    if not rabbit.INSTALLED:
        print("Vowpal Wabbit is not installed (package vowpalwabbit); it is left out\n")
    report(policies, these.feedback, 200 if told.customers or told.small else 2_000)
    return 0


if __name__ == "__main__":
    sys.exit(main())
