"""PostgreSQL keeps the contract, and what is true of PostgreSQL alone."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.checks.postgres import Server
from tests.checks.store_contract import StoreContract


class TestPostgres(StoreContract):
    @pytest.fixture
    def place(self, postgres: Server) -> Iterator[str]:
        with postgres.store() as url:
            yield url
