"""What other systems report of the desk's suggestions, many at once: each customer's record is read once."""

from __future__ import annotations

import asyncio
import sqlite3
from pathlib import Path

import msgspec
import pytest

from features.stores.engines import sqlite, sqlite_file
from models.notices import GROUP
from serving import deciding
from serving.console.suggesting import suggestions
from serving.errors import Refusal
from serving.feedback import feedback
from serving.schemas import RecommendRequest
from tests.console.call_centre import CATALOGUE
from tests.console.test_live import NOBODY, begun, publish
from tests.console.test_one_person import ACTION, Desk

_RECORD = "SELECT p.person, p.customer_id, p.version"


@pytest.fixture
def records(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Every record that is read from a store that is opened from now on, as the statement that reads it."""
    read: list[str] = []

    def traced(path: Path, patience: float, cache_megabytes: int) -> sqlite3.Connection:
        connection = sqlite_file.connect(path, patience, cache_megabytes)
        connection.set_trace_callback(lambda said: read.append(said) if said.startswith(_RECORD) else None)
        return connection

    monkeypatch.setattr(sqlite, "connect", traced)
    return read


def test_a_customers_record_is_read_once_for_all_that_is_reported_of_them(tmp_path: Path, records: list[str]) -> None:
    with begun(tmp_path) as runtime:
        publish(runtime)
        desk = Desk(runtime)
        tokens: dict[str, list[str]] = {}
        for customer in ("c-1", "c-2"):
            desk.come(customer)
            tokens[customer] = [
                one.token for one in asyncio.run(suggestions(runtime, desk.known(customer), NOBODY, "UTC")).actions
            ]
        assert all(len(several) > 2 for several in tokens.values())
        reports = [{"token": one, "outcome": "accepted"} for several in tokens.values() for one in several]
        records.clear()
        told = msgspec.json.decode(asyncio.run(feedback(runtime, reports, NOBODY)))
        assert told == {"stored": len(reports), "duplicates": 0}
        assert len(records) == len(set(records)) == len(tokens)
        # Once more for what the store says of them by then: it was told by somebody else at the same moment.
        records.clear()
        told = msgspec.json.decode(asyncio.run(feedback(runtime, reports, NOBODY)))
        assert told == {"stored": 0, "duplicates": len(reports)}
        assert sorted(records) == sorted([*set(records)] * 2)
        assert len(set(records)) == len(tokens)
        with pytest.raises(Refusal) as refused:
            asyncio.run(feedback(runtime, {**reports[-1], "outcome": "rejected"}, NOBODY))
        assert refused.value.status == 409


def test_what_was_an_offer_when_it_was_decided_is_answered_as_one(tmp_path: Path) -> None:
    """Whatever group it was put into since; and the reverse."""
    with begun(tmp_path) as runtime:
        publish(runtime)
        Desk(runtime).come("c-1")
        for version, group in enumerate(("cleaning", GROUP), 1):
            publish(runtime, CATALOGUE.replace("group: cleaning", f"group: {group}"))
            asked = RecommendRequest(customer_id="c-1", channels=["agent"], limit=5, decision_id=f"crm-{version}")
            asyncio.run(deciding.recommend(runtime, asked, NOBODY))
        report = {"action_id": ACTION, "channel": "agent", "outcome": "accepted"}
        answer = asyncio.run(feedback(runtime, {**report, "decision_id": "crm-1"}, NOBODY))
        assert msgspec.json.decode(answer) == {"stored": 1, "duplicates": 0}
        publish(runtime)
        with pytest.raises(Refusal) as refused:
            asyncio.run(feedback(runtime, {**report, "decision_id": "crm-2"}, NOBODY))
        assert (refused.value.status, refused.value.body.field) == (422, "outcome")
