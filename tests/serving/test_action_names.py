"""An action is called as the newest version of the catalogue called it that knew it, and each version is read once."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from features.stores import open_store
from features.stores.protocol import Store, StoreError
from serving.action_names import ActionNames
from tests.checks.store_examples import NOON, items_table

FEW = settings(max_examples=20, deadline=None)
IDS = "abcde"
VERSIONS = st.lists(st.dictionaries(st.sampled_from(IDS), st.sampled_from(["x", "y", "z"])), min_size=1, max_size=8)
ASKED = st.lists(st.tuples(st.sets(st.sampled_from(IDS)), st.integers(1, 8), st.integers(0, 2)), max_size=8)


class Looked:
    """A store, and which versions were asked of it."""

    def __init__(self, store: Store) -> None:
        self._store, self.read, self.away = store, list[int](), 0

    def action_names(self, version: int) -> Mapping[str, str]:
        """Raises StoreError as often as it is `away`."""
        if self.away:
            self.away -= 1
            raise StoreError("the store is away; nothing is read; try again")
        self.read.append(version)
        return self._store.action_names(version)


@contextmanager
def published(versions: list[dict[str, str]]) -> Iterator[Looked]:
    with TemporaryDirectory() as folder:
        store = open_store(f"sqlite:///{Path(folder) / 'store.db'}")
        try:
            for number, names in enumerate(versions):
                actions = [{"id": one, "name": name} for one, name in names.items()]
                document = json.dumps({"actions": actions, "channels": {}, "number": number})
                store.publish_catalogue(document, items_table([]), number, NOON, "test", "")
            yield Looked(store)
        finally:
            store.close()


@FEW
@given(VERSIONS, ASKED)
def test_the_newest_version_that_knew_it_counts_and_none_is_read_twice(
    versions: list[dict[str, str]], asked: list[tuple[set[str], int, int]]
) -> None:
    newest = 1
    with published(versions) as store:
        names = ActionNames(store)
        for actions, version, away in asked:
            newest = max(newest, min(version, len(versions)))  # a worker takes up newer ones only
            store.away = away
            while store.away:
                left = store.away
                with suppress(StoreError):
                    names.of(actions, newest)
                if store.away == left:  # nothing had to be read
                    store.away = 0
            slow = {one: name for known in versions[:newest] for one, name in known.items() if one in actions}
            assert names.of(actions, newest) == slow
            assert len(store.read) == len(set(store.read))


@FEW
@given(VERSIONS)
def test_what_the_newest_version_knows_costs_no_look_into_older_ones(versions: list[dict[str, str]]) -> None:
    with published(versions) as store:
        names = ActionNames(store)
        for _ in range(3):
            assert names.of(versions[-1], len(versions)) == versions[-1]
        assert store.read == [len(versions)]
        assert names.of(["a"], 0) == {}


@FEW
@given(VERSIONS, st.integers(1, 3), st.sets(st.sampled_from(IDS), min_size=1))
def test_one_question_reads_few_older_versions_and_the_next_goes_on(
    versions: list[dict[str, str]], most: int, actions: set[str]
) -> None:
    slow = {one: name for known in versions for one, name in known.items() if one in actions}
    with published(versions) as store:
        names = ActionNames(store, most)
        found, read = names.of(actions, len(versions)), len(store.read)
        assert read <= 1 + most
        while found != slow:
            assert found.items() <= slow.items()
            found = names.of(actions, len(versions))
            assert read < len(store.read) <= read + most
            read = len(store.read)
        assert len(store.read) == len(set(store.read))


def test_what_cannot_be_read_is_read_when_somebody_asks_again() -> None:
    with published([{"a": "Old"}, {"b": "B"}, {"b": "B", "c": "New"}]) as store:
        names = ActionNames(store)
        for version, action in ((2, "b"), (2, "a"), (3, "c")):
            store.away = 1
            with pytest.raises(StoreError):
                names.of([action], version)
            assert len(names.of([action], version)) == 1
