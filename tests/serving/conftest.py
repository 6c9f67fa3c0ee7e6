"""Servers that live as long as the test session; each test names customers of its own."""

from __future__ import annotations

import itertools
from collections.abc import Iterator

import httpx
import pytest

from tests.serving.running import Running, server
from tests.serving.synthetic import make_shop

_numbers = itertools.count()


@pytest.fixture(scope="session")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """Two workers, no keys, the system's clock."""
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
