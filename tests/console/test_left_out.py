"""Whose promises a team lead's page leaves out is said on it."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import pytest

from features.event import Event, Kind
from features.identity import customer_identifier
from features.stores.protocol import Append
from serving.console import promises
from tests.console.test_live import CUSTOMER, begun, publish
from tests.console.test_one_person import Desk
from tests.serving.synthetic import PUBLISHED_AT


def promised_by(agent: str) -> Event:
    told = json.dumps({"told": "sorry", "promised": "a call", "agent_id": agent, "note_id": agent})
    return Event(agent, Kind.NOTE_WRITTEN, "Note Written", PUBLISHED_AT, PUBLISHED_AT, decision=agent, properties=told)


@pytest.mark.parametrize("beyond", [0, 1])
def test_a_page_says_that_it_leaves_somebody_out(tmp_path: Path, beyond: int) -> None:
    with begun(tmp_path) as runtime:
        publish(runtime)
        notes = tuple(promised_by(f"agent-{at:04d}") for at in range(promises.TEAM + beyond))
        runtime.store.append([Append(customer_identifier(CUSTOMER), notes)]).result(60)
        shown = bytes(asyncio.run(promises.show_team(Desk(runtime).visit())).body).decode()
    assert shown.count("1 open</span>") == promises.TEAM
    assert ("of the others nothing is shown" in shown) == bool(beyond)
