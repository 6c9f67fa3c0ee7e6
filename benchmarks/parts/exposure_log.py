"""A SYNTHETIC log of many contacts, in memory, that training reads as it reads a store."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa

from features.event import Kind
from features.history import EVENT, Records
from features.stores import open_store
from features.stores.people import LoggedEvent, PersonEvents
from features.stores.protocol import StoredCatalogue
from features.stores.shared import PriceChange
from features.vocabulary import Vocabulary
from models.catalogue_file import checked

DAY = 86_400_000
BEGIN = 1_700_000_000_000
DAYS, LEAVES, CHANNELS, CONTACTS, ORDERED = 360, 40, ("email", "push", "mail"), 50, 30
"""CONTACTS, ORDERED: contacts and lines of orders of a person."""
WINDOW_DAYS = 14


class ExposureLog:
    """What training.table.TrainingStore asks of a store. people x CONTACTS exposures, of which about 2 % succeed, more
    where a person's taste is the action's category."""

    def __init__(self, people: int, seed: int, folder: Path) -> None:
        self._people = people
        self._histories = histories(people, seed)
        store = open_store(f"sqlite:///{folder}/catalogue.db")
        store.publish_catalogue(*_catalogue(), None, BEGIN, "benchmark", "synthetic")
        self._stored, self.vocabulary = store.catalogue(), _coded(store.vocabulary)
        store.close()

    def catalogue(self, version: int | None = None) -> StoredCatalogue | None:  # noqa: ARG002
        return self._stored

    def people(self) -> int:
        return self._people

    def scan(self, bucket: int, buckets: int) -> Iterator[PersonEvents]:  # noqa: ARG002
        nothing: Records = np.zeros(0, [("topic", "<i4"), ("channel", "u1")])
        for person, records in enumerate(self._histories):
            yield PersonEvents(person, f"c-{person}", records, {}, nothing, ())

    def decided_by_earlier(self, version: int, bucket: int, buckets: int) -> Iterator[tuple[str, int]]:  # noqa: ARG002
        return iter(())

    def price_version(self) -> int:
        return 0

    def price_changes(self, after: int) -> Sequence[PriceChange]:  # noqa: ARG002
        return ()

    def logged(self, kinds: Collection[Kind]) -> Iterator[tuple[int, LoggedEvent]]:  # noqa: ARG002
        """Nobody gives a reason."""
        return iter(())


def _coded(vocabulary: Vocabulary) -> Vocabulary:
    """Histories are made of codes, which must be those that the catalogue's names got. Raises AssertionError."""
    assert [vocabulary.code("action", f"save-{leaf}") for leaf in range(LEAVES)] == list(range(LEAVES))
    assert [vocabulary.code("item", f"i{item}") for item in range(LEAVES)] == list(range(LEAVES))
    return vocabulary


def histories(people: int, seed: int) -> list[Records]:
    rng = np.random.default_rng(seed)
    taste = rng.dirichlet(np.full(LEAVES, 0.3), people)
    contacts, answers = _contacts(people, taste, rng)
    lines = _orders(people, taste, rng)
    person = np.concatenate([one for one, _ in (contacts, answers, lines)])
    records = np.concatenate([rows for _, rows in (contacts, answers, lines)])
    order = np.lexsort((records["occurred_at"], person))
    records = records[order]
    records["sequence"] = np.arange(1, len(records) + 1)
    return np.split(records, np.searchsorted(person[order], np.arange(1, people)))


Rows = tuple[np.ndarray[tuple[int], np.dtype[np.intp]], Records]


def _contacts(people: int, taste: np.ndarray, rng: np.random.Generator) -> tuple[Rows, Rows]:
    person = np.repeat(np.arange(people), CONTACTS)
    rows = _rows(len(person), Kind.SENT, rng.integers(0, DAYS, len(person)) + rng.random(len(person)))
    rows["action"] = rng.integers(0, LEAVES, len(person))
    rows["channel"] = rng.integers(0, len(CHANNELS), len(person))
    liked = taste[person, rows["action"]] * LEAVES
    chance = 1 / (1 + np.exp(4.6 - 0.35 * liked + 0.5 * rows["channel"]))
    won = rng.random(len(person)) < chance
    answers = rows[won]
    answers["kind"] = int(Kind.CONVERTED)
    later = (rng.uniform(0.1, WINDOW_DAYS - 1, len(answers)) * DAY).astype(np.int64)
    for clock in ("occurred_at", "recorded_at"):
        answers[clock] += later
    return (person, rows), (person[won], answers)


def _orders(people: int, taste: np.ndarray, rng: np.random.Generator) -> Rows:
    person = np.repeat(np.arange(people), ORDERED)
    rows = _rows(len(person), Kind.ORDERED, rng.uniform(0, DAYS, len(person)))
    likely = np.cumsum(taste, axis=1)[person]
    rows["item"] = np.minimum((likely < rng.random((len(person), 1))).sum(axis=1), LEAVES - 1)
    rows["order"] = np.arange(1, len(person) + 1)
    rows["quantity"], rows["amount"] = 1.0, 1.0 + rows["item"]
    return person, rows


def _rows(count: int, kind: Kind, days: np.ndarray) -> Records:
    rows = np.zeros(count, EVENT)
    rows["kind"], rows["item"], rows["action"], rows["channel"] = int(kind), -1, -1, 255
    rows["amount"], rows["quantity"] = np.nan, np.nan
    rows["occurred_at"] = rows["recorded_at"] = BEGIN + (days * DAY).astype(np.int64)
    return rows


def _catalogue() -> tuple[str, bytes]:
    actions = [
        {
            "id": f"save-{leaf}",
            "kind": "offer",
            "success": "converted",
            "group": f"g{leaf % 5}",
            "categories": [f"c{leaf}"],
            "value": 1.0 + leaf,
            "suppression": {"rule": "always", "match": "any"},
            "treatments": [{"id": f"t{leaf}-{name}", "channel": name} for name in CHANNELS],
        }
        for leaf in range(LEAVES)
    ]
    channel = {"direction": "outbound", "consent": "not_needed", "reward_window_days": WINDOW_DAYS}
    document = {
        "currency": "EUR",
        "time_zone": "Europe/Vienna",
        "channels": dict.fromkeys(CHANNELS, channel),
        "categories": [{"id": f"c{leaf}"} for leaf in range(LEAVES)],
        "actions": actions,
    }
    names = [f"i{item}" for item in range(LEAVES)]
    columns = {"id": names, "category": [f"c{item}" for item in range(LEAVES)], "name": names}
    source = checked(document, pa.table({**columns, "price": [1.0 + item for item in range(LEAVES)]}))
    return source.document, source.items_ipc()
