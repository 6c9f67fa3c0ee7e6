"""What several folders of tests share: one PostgreSQL server, a fresh store on each engine; and how a run begins."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.checks import leaving
from tests.checks.postgres import server_or_skip

postgres = pytest.fixture(scope="session")(server_or_skip)


def pytest_sessionstart() -> None:
    leaving.watch_over_this_process()


@pytest.fixture(params=["sqlite", "postgresql"])
def fresh_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """Where a store that does not exist yet may be made; each test runs once on each engine."""
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path}/store.db"
        return
    with request.getfixturevalue("postgres").schema() as url:
        yield url
