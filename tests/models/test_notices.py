"""What was only told, by the version of the catalogue that decided: SYNTHETIC catalogues in a real store."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from features.stores import open_store
from features.stores.protocol import Store, StoredCatalogue
from models.catalogue_items import to_ipc
from models.notices import GROUP, Noticed
from tests.models.shop import NOW, items_table

ITEMS = to_ipc(items_table({}))


class Counted:
    """The store's catalogues, and how often each was read."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self.reads = Counter[int | None]()

    def catalogue(self, version: int | None = None) -> StoredCatalogue | None:
        self.reads[version] += 1
        return self._store.catalogue(version)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    made = open_store(f"sqlite:///{tmp_path / 'store.db'}")
    yield made
    made.close()


def publish(store: Store, **groups: str | None) -> int:
    actions = [{"id": name} if group is None else {"id": name, "group": group} for name, group in groups.items()]
    document = json.dumps({"actions": actions, "channels": {}})
    return store.publish_catalogue(document, ITEMS, None, NOW, "test", "synthetic").version


def test_each_version_says_what_it_only_told_and_is_read_once(store: Store) -> None:
    versions = [publish(store, a=GROUP, b="offers", c=None), publish(store, a="offers", b=GROUP), publish(store)]
    read = Counted(store)
    noticed = Noticed(read)
    for _ in range(3):
        assert [noticed.then(one) for one in versions] == [{"a"}, {"b"}, frozenset()]
    assert read.reads == dict.fromkeys(versions, 1)


def test_a_version_that_is_not_there_yet_is_asked_for_again(store: Store) -> None:
    noticed = Noticed(store)
    assert noticed.then(1) is None
    assert publish(store, a=GROUP) == 1
    assert noticed.then(1) == {"a"}


def test_of_many_versions_each_is_still_right(store: Store) -> None:
    noticed = Noticed(store)
    versions = [publish(store, **{f"a-{number}": GROUP}) for number in range(100)]
    for number, version in [*enumerate(versions), *enumerate(versions)]:
        assert noticed.then(version) == {f"a-{number}"}
