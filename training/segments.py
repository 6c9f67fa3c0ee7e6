"""Of whom and where contacts are: the parts by which a model is looked at one by one, because an average hides them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Container, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

from features.history import Records
from features.progress import Progress
from features.stores.protocol import HistoryStore
from models.catalogue import Catalogue
from training.table import Dataset, Pairs

NEW_BELOW = 10
"""A person of whom fewer events were known at the time is new."""
VALUES = 12
"""Of a trait, the most frequent: a trait of more values tells people apart, not kinds of them."""
ANONYMOUS = 20
"""People: what fewer have in common may tell who they are, and reports go where no customer's data do."""
DISCRETE = frozenset({"text", "yes_no"})
"""Types of traits that make segments."""


class By(StrEnum):
    CHANNEL = "channel"
    ACTION = "action"
    HISTORY = "history"
    TRAIT = "trait"


@dataclass(frozen=True, slots=True, eq=False)
class Segment:
    """name: for people, as `channel email` or `tier gold`. rows: bool[n], which of n contacts are in it."""

    by: By
    name: str
    rows: NDArray[np.bool_]


@dataclass(frozen=True, slots=True, eq=False)
class Person:
    """traits: of the discrete ones that the catalogue declares, what was told, as text, as of now. known_at: int64[n]
    ms UTC, ascending, since when each event of theirs was known; none where they were not asked for."""

    traits: Mapping[str, str]
    known_at: NDArray[np.int64]


NOBODY = Person({}, np.zeros(0, np.int64))


def read_people(
    store: HistoryStore, catalogue: Catalogue, asked: Container[int], progress: Progress
) -> dict[int, Person]:
    """Everybody by the store's number. asked: of whom the events are wanted too."""
    wanted = [name for name, kind in catalogue.traits.items() if kind in DISCRETE]
    found: dict[int, Person] = {}
    with progress.step("Read traits", total=store.people()) as advance:
        for entry in store.scan(0, 1):
            told = {name: str(entry.traits[name]) for name in wanted if entry.traits.get(name) is not None}
            known = known_since(entry.records) if entry.person in asked else NOBODY.known_at
            found[entry.person] = Person(told, known)
            advance()
    return found


def known_since(records: Records) -> NDArray[np.int64]:
    """int64[n] ms UTC, ascending: when each had happened and was recorded."""
    return np.sort(np.maximum(records["occurred_at"], records["recorded_at"]))


def by_channel(dataset: Dataset, pairs: Pairs) -> list[Segment]:
    """Every channel that has a contact, in the catalogue's order."""
    channel, codes = dataset.compiled.all.channel[pairs.candidate], dataset.compiled.channel_codes
    every = [Segment(By.CHANNEL, f"channel {name}", channel == codes[name]) for name in codes]
    return [one for one in every if one.rows.any()]


def by_action(dataset: Dataset, pairs: Pairs) -> list[Segment]:
    """Every action that has a contact, the most frequent first."""
    action, names = dataset.compiled.action[pairs.candidate], list(dataset.compiled.action_number)
    numbers, counts = np.unique(action, return_counts=True)
    order = numbers[np.argsort(-counts, kind="stable")]
    return [Segment(By.ACTION, f"action {names[number]}", action == number) for number in order.tolist()]


def by_history(events: NDArray[np.int64]) -> list[Segment]:
    """events: int64[n], known of the person at the time."""
    new = events < NEW_BELOW
    named = {f"new, fewer than {NEW_BELOW} events": new, f"known, {NEW_BELOW} events or more": ~new}
    return [Segment(By.HISTORY, name, rows) for name, rows in named.items() if rows.any()]


def known_events(dataset: Dataset, pairs: Pairs) -> NDArray[np.int64]:
    """int64[n]: how many events of the person had happened, and were recorded, by the moment."""
    found = np.zeros(len(pairs), np.int64)
    for first, after in _people(pairs.person):
        known = known_since(dataset.histories[int(pairs.person[first])])
        found[first:after] = np.searchsorted(known, pairs.moment[first:after], side="right")
    return found


def _people(person: NDArray[np.int32]) -> Iterator[tuple[int, int]]:
    """Runs of the same."""
    edges = np.flatnonzero(np.diff(person, prepend=-1, append=-1))
    return zip(edges[:-1].tolist(), edges[1:].tolist(), strict=True)


def by_traits(said: Sequence[Mapping[str, str]], person: NDArray[np.int64] | NDArray[np.int32]) -> list[Segment]:
    """Of n contacts, what their person told and who that is. The VALUES most frequent values of each trait that
    ANONYMOUS people or more have in common; whoever told none is a segment too, where others did."""
    segments = []
    for name in sorted({name for one in said for name in one}):
        told = [one.get(name) for one in said]
        frequent = [value for value, _ in Counter(told).most_common(VALUES)]
        for value in sorted(frequent, key=lambda value: (value is None, value or "")):
            rows = np.array([one == value for one in told], np.bool_)
            if len(np.unique(person[rows])) >= ANONYMOUS:
                segments.append(Segment(By.TRAIT, f"{name} {'unknown' if value is None else value}", rows))
    return segments
