"""PostgreSQL keeps the contract, and what is true of PostgreSQL alone."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.checks.postgres import Server, server_or_skip
from tests.checks.store_contract import StoreContract

server = pytest.fixture(scope="session")(server_or_skip)


@pytest.fixture
def schema(server: Server) -> Iterator[str]:
    with server.schema() as url:
        yield url


class TestPostgres(StoreContract):
    @pytest.fixture
    def place(self, schema: str) -> str:
        return schema
