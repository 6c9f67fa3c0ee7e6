"""What contact reasons are worth and cost, on SYNTHETIC people whose chances are known:
`python benchmarks/contact_reasons.py`.
"The best possible" knows the very chances that the contacts were drawn from. Times are CPU time."""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1]))

from features.history import CustomerRecord, as_of, page
from features.progress import Silent
from models.contact_moment import Question
from models.contact_ranking import contact_reasons
from models.contact_rules import OTHER
from tests.training.contact_world import Called, contact_world
from tests.training.small_shop import as_table, open_shop
from training import table
from training.contact_reasons import Judged, Learned, learn, tested
from training.settings import TrainingSettings
from training.table import Dataset

SIZES = ((80, 5), (350, 5), (2_400, 5))
"""People, and contacts of each."""
QUICK = SIZES[:1]
REPEATS = 200


def read(people: int, each: int) -> tuple[Dataset, list[Called]]:
    rows, calls = contact_world(people, each, 11)
    with tempfile.TemporaryDirectory() as folder:
        store = open_shop(Path(folder) / "store.db", rows=as_table(rows))
        names = [entry.customer_id for entry in store.scan(0, 1)]
        dataset = table.read(store, None, Silent())
        store.close()
    known = {(one.customer, one.began - 1): one for one in calls}
    contacts = dataset.contacts
    keys = zip(contacts.person[tested(contacts)].tolist(), contacts.moment[tested(contacts)].tolist(), strict=True)
    return dataset, [known[names[person], moment] for person, moment in keys]


def best_possible(judged: Judged, called: list[Called]) -> tuple[float, float]:
    """Log loss and top-1 accuracy."""
    classes = judged.test.classes
    chances = np.zeros((len(called), len(classes)))
    for number, one in enumerate(called):
        for reason, chance in one.chances.items():
            chances[number, classes.index(reason if reason in classes else OTHER)] += chance
    label = judged.test.label
    return float(-np.log(chances[np.arange(len(label)), label]).mean()), float((chances.argmax(1) == label).mean())


def milliseconds(dataset: Dataset, learned: Learned) -> tuple[float, float]:
    """One answer from a record in memory, without evidence: by the model, and by the rules."""
    moment = int(dataset.contacts.moment[0])
    kept = page(as_of(dataset.histories[int(dataset.contacts.person[0])], moment))
    record = CustomerRecord(1, "c", known=True, page=kept)
    took = []
    for model in (learned.model, None):
        start = time.process_time()
        for _ in range(REPEATS):
            contact_reasons(record, (), Question.at(moment), dataset.compiled, model, str, 3, objects=False)
        took.append((time.process_time() - start) / REPEATS * 1e3)
    return took[0], took[1]


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", maxsplit=1)[0])
    parser.add_argument("--quick", action="store_true", help="the smallest size: does it run at all?")
    for people, each in QUICK if parser.parse_args(arguments).quick else SIZES:
        dataset, called = read(people, each)
        start = time.process_time()
        learned = learn(dataset, TrainingSettings(threads=1), Silent())
        took = time.process_time() - start
        assert learned.judged is not None
        loss, accuracy = best_possible(learned.judged, called)
        print(f"\n{len(dataset.contacts):,} synthetic contacts, {len(called):,} of them judge; {took:.0f} s to learn")
        print(learned.judged.table.markdown())
        print(f"| the best possible | {loss:.4f} | {accuracy:.4f} | |")
        by_model, by_rules = milliseconds(dataset, learned)
        print(f"one answer: {by_model:.2f} ms by the model, {by_rules:.2f} ms by the rules")


if __name__ == "__main__":
    main()
