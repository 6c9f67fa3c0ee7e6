"""How the suite is shared out when several processes run it beside one another."""

from __future__ import annotations

import numpy as np
import pytest
from xdist.scheduler import LoadScopeScheduling

from features import build
from features.history import LEDGER_ENTRY
from features.ledger import owned
from models import forest
from tests.checks.postgres import URL

LONGEST_FIRST = ("tests/flow/", "tests/serving/", "tests/console/", "tests/sdk/", "tests/training/")
"""What starts servers and trains takes longest, and comes first: files that take no time fill the gaps in the end."""
TOGETHER = ("tests/serving/", "tests/console/")
"""Folders whose files share servers that live as long as the session."""


class ByFile(LoadScopeScheduling):
    """The tests of a file stay in one process and in their order: they share what is made once for them."""

    def _split_scope(self, nodeid: str) -> str:
        return next((folder for folder in TOGETHER if nodeid.startswith(folder)), nodeid.partition("::")[0])


def in_order(items: list[pytest.Item]) -> None:
    items.sort(key=lambda item: next((n for n, one in enumerate(LONGEST_FIRST) if item.nodeid.startswith(one)), 9))


def compile_once() -> None:
    """Before there are several processes that would all do it."""
    build.warm()
    forest.warm()
    for lines in (np.zeros(1, LEDGER_ENTRY), np.frombuffer(np.zeros(1, LEDGER_ENTRY).tobytes(), LEDGER_ENTRY)):
        owned(lines, 1)


def refuse_one_server_for_several(environment: dict[str, str]) -> None:
    """Some checks look at, or set, what a PostgreSQL server has only once."""
    if environment.get(URL):
        raise pytest.UsageError(
            f"{URL} is set; only one process at a time may check that server; run the suite with PROCESSES=0"
        )
