"""What several folders of tests share: one PostgreSQL server, a fresh store on each engine; and how a run begins."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.checks import beside, leaving
from tests.checks.postgres import server_or_skip

_CAME_TO = "came to"
postgres = pytest.fixture(scope="session")(server_or_skip)


def _is_worker(config: pytest.Config) -> bool:
    return hasattr(config, "workerinput")


def _has_workers(config: pytest.Config) -> bool:
    return bool(config.getoption("tx", default=None)) and not _is_worker(config)


@pytest.hookimpl(tryfirst=True)
def pytest_sessionstart(session: pytest.Session) -> None:
    if _has_workers(session.config):
        beside.refuse_one_server_for_several(dict(os.environ))
        beside.compile_once()
    else:
        leaving.watch_over_this_process()


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: object) -> beside.ByFile | None:
    if config.getoption("dist") != "load":
        return None
    config.option.loadscopereorder = False
    return beside.ByFile(config, log)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if _is_worker(config):
        beside.in_order(items)


@pytest.fixture(scope="session", autouse=True)
def characters() -> None:
    """Hypothesis makes its table of them for the first text of all, which takes seconds, and would call the test slow
    that asked for it."""

    @settings(max_examples=1, database=None, deadline=None, suppress_health_check=[HealthCheck.too_slow])
    @given(st.text())
    def ask(_: str) -> None: ...

    ask()


@pytest.fixture
def came_to(record_property: Callable[[str, object], None]) -> Callable[[str], None]:
    """Tells at the end of the run what a test counted, whichever process ran it."""
    return lambda words: record_property(_CAME_TO, words)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    for report in terminalreporter.getreports("passed"):
        for name, words in report.user_properties:
            if name == _CAME_TO:
                terminalreporter.write_line(f"{report.nodeid}: {words}")


@pytest.fixture(params=["sqlite", "postgresql"])
def fresh_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """Where a store that does not exist yet may be made; each test runs once on each engine."""
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path}/store.db"
        return
    with request.getfixturevalue("postgres").schema() as url:
        yield url
