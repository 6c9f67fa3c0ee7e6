"""Whoever erases and splits is killed at random moments: a person is there whole or gone whole, and what was
acknowledged stays done. SYNTHETIC people."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from features.stores import open_store
from tests.checks.killing import killing
from tests.checks.rights_load import CLERK, PEOPLE, faults_of, fill
from tests.checks.store_examples import VAULT

ROUND, MOST = 4, 200


@pytest.mark.long
def test_an_erasure_that_is_killed_is_done_or_not_begun(
    fresh_url: str, tmp_path: Path, came_to: Callable[[str], None]
) -> None:
    store = open_store(fresh_url, vault=VAULT)
    fill(store)
    store.close()
    with killing(fresh_url, tmp_path, 17, 0.1, names=(CLERK,)) as made:
        (clerk,) = made.writers
        while PEOPLE not in clerk.acknowledged:
            assert made.kills < MOST
            made.run(ROUND)
            store = open_store(fresh_url, vault=VAULT)
            faults = list(faults_of(store, clerk.acknowledged))
            store.close()
            assert faults == [], "\n".join(faults[:20])
    assert set(range(PEOPLE)) <= clerk.acknowledged
    came_to(f"{made.kills} times killed while {PEOPLE} people were erased or split")
