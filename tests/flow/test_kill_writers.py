"""Processes that write to one store are killed at random moments, hundreds of times; whatever was acknowledged is there
in the end, once. SYNTHETIC load."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from features.stores import open_store
from tests.checks.killing import killing
from tests.checks.reconcile import reconcile
from tests.checks.store_examples import VAULT

QUICK, LONG, ROUND = 10, 200, 25


def kill_and_reconcile(url: str, folder: Path, kills: int, alive: float) -> str:
    """Two writers at a time; every ROUND kills all is still and is compared. In every other round somebody else has
    the store open meanwhile, so that the dead are not always the last to have had it. What it came to, in words."""
    report, unanswered = "", 0
    with killing(url, folder, 11, alive) as made:
        while made.kills < kills:
            watching = open_store(url, vault=VAULT) if made.kills // ROUND % 2 else None
            made.run(min(ROUND, kills - made.kills))
            store = watching or open_store(url, vault=VAULT)
            reconciled = reconcile(store, made.acknowledged)
            store.close()
            assert reconciled.faults == [], "\n".join(reconciled.faults[:30])
            unanswered += reconciled.unacknowledged
            report = (
                f"{made.kills} writers killed, {unanswered} operations found stored without an answer; {reconciled}"
            )
        assert reconciled.acknowledged >= kills
    return report


def test_killed_writers_lose_and_double_nothing(fresh_url: str, tmp_path: Path) -> None:
    kill_and_reconcile(fresh_url, tmp_path, QUICK, 0.3)


@pytest.mark.long
def test_hundreds_of_killed_writers_lose_and_double_nothing(
    fresh_url: str, tmp_path: Path, came_to: Callable[[str], None]
) -> None:
    report = kill_and_reconcile(fresh_url, tmp_path, LONG, 0.3)
    came_to(report)
