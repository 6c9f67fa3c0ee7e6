"""What a team lead's page of promises leaves out is said on it, and it asks for all at once."""

from __future__ import annotations

import asyncio
import datetime as dt
import json
from pathlib import Path

import pytest
from msgspec.structs import replace

from features.event import Event, Kind
from features.identity import customer_identifier
from features.stores.people import LoggedEvent
from features.stores.protocol import Append, Store
from serving.console import promises
from serving.context import NOTES_READ, context_of
from tests.console.test_live import CUSTOMER, begun, known_now, publish
from tests.console.test_one_person import Desk
from tests.serving.synthetic import PUBLISHED_AT


def promised_by(agent: str) -> Event:
    told = json.dumps({"told": "sorry", "promised": "a call", "agent_id": agent})
    return Event(agent, Kind.NOTE_WRITTEN, "Note Written", PUBLISHED_AT, PUBLISHED_AT, decision=agent, properties=told)


@pytest.mark.parametrize("beyond", [0, 1])
def test_a_page_says_that_it_leaves_something_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, beyond: int) -> None:
    monkeypatch.setattr(promises, "TEAM_READ", 20)
    with begun(tmp_path) as runtime:
        publish(runtime)
        notes = tuple(promised_by(f"agent-{at:04d}") for at in range(promises.TEAM_READ + beyond))
        runtime.store.append([Append(customer_identifier(CUSTOMER), notes)]).result(60)
        shown = bytes(asyncio.run(promises.show_team(Desk(runtime).visit())).body).decode()
    assert shown.count("1 open</span>") == promises.TEAM_READ
    assert ("of what is older nothing is shown" in shown) == bool(beyond)


class Heard:
    """A store that notes whose promises it is asked for."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self.asked: list[str | None] = []

    def promises(self, account: str | None, limit: int) -> tuple[tuple[str, LoggedEvent], ...]:
        self.asked.append(account)
        return self._store.promises(account, limit)

    def __getattr__(self, name: str) -> object:
        return getattr(self._store, name)


def test_the_promises_of_all_are_asked_for_at_once(tmp_path: Path) -> None:
    """However many gave them."""
    with begun(tmp_path) as runtime:
        publish(runtime)
        notes = tuple(promised_by(f"agent-{at:04d}") for at in range(promises.TEAM + 1))
        runtime.store.append([Append(customer_identifier(CUSTOMER), notes)]).result(60)
        store = Heard(runtime.store)
        found = promises.of_team(store, dt.date(2026, 1, 1))  # type: ignore[arg-type]
    assert store.asked == [None]
    assert sum(one.open for one in found.givers) == promises.TEAM


def test_a_promise_is_seen_however_much_was_noted_since_and_no_more_once_it_is_kept(tmp_path: Path) -> None:
    with begun(tmp_path) as runtime:
        publish(runtime)

        def noted(*events: Event) -> list[str]:
            runtime.store.append([Append(customer_identifier(CUSTOMER), events)]).result(60)
            catalogue = runtime.catalogue().catalogue
            return [
                one.note_id for one in context_of(runtime, known_now(runtime), None, catalogue).notes if one.is_open
            ]

        said = [
            Event(f"n-{at}", Kind.NOTE_WRITTEN, "Note Written", PUBLISHED_AT + 1, PUBLISHED_AT + 1, properties="{}")
            for at in range(NOTES_READ)
        ]
        assert noted(promised_by("ada"), *said) == ["ada"]
        kept = json.dumps({"keeps": "ada", "promised_by": "ada", "agent_id": "bo"})
        assert noted(replace(promised_by("ada"), message_id="kept", properties=kept)) == []
