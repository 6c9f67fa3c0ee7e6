"""Servers that live as long as the test session; each test names customers of its own."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest

from features.stores import open_store
from serving.security import RIGHTS, new_key
from tests.serving.desk import Desk, desk
from tests.serving.editor import Editor, editing
from tests.serving.running import Running, server
from tests.serving.synthetic import PUBLISHED_AT, make_shop, store_url

_numbers = itertools.count()


@pytest.fixture(scope="session")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """Two workers, no keys, the system's clock, a model of noise."""
    home = tmp_path_factory.mktemp("shop")
    make_shop(home)
    with server(home, workers=2) as running:
        yield running


@pytest.fixture
def client(shop: Running) -> Iterator[httpx.Client]:
    with shop.client() as client:
        yield client


@pytest.fixture
def person() -> str:
    """A customer id that no other test uses."""
    return f"person-{next(_numbers)}"


@dataclass(frozen=True, slots=True)
class Demo:
    """A store with a driven clock and keys, served twice: with the fast lane, and with it switched off. keys: by right,
    and "all"."""

    home: Path
    fast: Running
    slow: Running
    keys: Mapping[str, str]


@pytest.fixture(scope="session")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Demo]:
    home = tmp_path_factory.mktemp("demo")
    make_shop(home, driven=True)
    store = open_store(store_url(home))
    keys: dict[str, str] = {}
    try:
        for name, rights in {**{right: {right} for right in RIGHTS}, "all": RIGHTS}.items():
            keys[name], record = new_key(rights, PUBLISHED_AT, f"test: {name}")
            store.add_key(record)
    finally:
        store.close()
    with server(home) as fast, server(home, NEXTBEST_FAST_LANE="false", BENTOML_HOME=str(home / "slow")) as slow:
        yield Demo(home, fast, slow, keys)


@pytest.fixture(scope="session")
def agent(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    """An agent's desktop, on a store with a driven clock."""
    with desk(tmp_path_factory.mktemp("desk")) as opened:
        yield opened


@pytest.fixture(scope="session")
def editor(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Editor]:
    """Somebody who changes a catalogue that no other test relies on."""
    with editing(tmp_path_factory.mktemp("edited")) as opened:
        yield opened
