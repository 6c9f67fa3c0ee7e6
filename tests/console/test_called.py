"""What actions are called that have left the catalogue: looked for beside the event loop, and nothing else is."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from pathlib import Path

import pytest

from features.event import Event, Kind
from features.identity import customer_identifier
from features.stores.protocol import Append, Store
from serving import deciding
from serving.action_names import ActionNames
from serving.console import insight, record
from serving.errors import Refusal
from serving.runtime import Runtime
from serving.schemas import RecommendRequest
from tests.console.call_centre import CATALOGUE
from tests.console.test_live import CUSTOMER, NOBODY, begun, publish
from tests.console.test_one_person import Desk

GONE, ITS_NAME = "offer-vacuum", "Vacuum cleaner"


class Looked:
    """A store's names: which versions were asked for, and whether in an event loop."""

    def __init__(self, store: Store) -> None:
        self._store, self.read, self.in_the_loop = store, list[int](), False

    def action_names(self, version: int) -> Mapping[str, str]:
        self.read.append(version)
        try:
            asyncio.get_running_loop()
            self.in_the_loop = True
        except RuntimeError:
            pass
        return self._store.action_names(version)


def watched(runtime: Runtime) -> Looked:
    looked = Looked(runtime.store)
    runtime.action_names = ActionNames(looked)
    return looked


def called_about(runtime: Runtime, reason: str, action: str | None = None) -> None:
    at = runtime.in_force.clock.present(None)
    properties = json.dumps({"reason": reason})
    call = Event(
        reason, Kind.CALL_STARTED, "Call Started", at, at, channel="agent", action=action, properties=properties
    )
    runtime.store.append([Append(customer_identifier(CUSTOMER), (call,))]).result(60)


def test_a_word_that_somebody_said_is_not_looked_for_among_the_actions(tmp_path: Path) -> None:
    with begun(tmp_path) as runtime:
        for value in range(5):
            publish(runtime, CATALOGUE.replace("value: 60", f"value: 6{value}"))
        looked, desk = watched(runtime), Desk(runtime)
        called_about(runtime, "broken_drum")
        now = record.read_now(desk.visit(), desk.known(CUSTOMER))
        assert now.context.journey is not None
        assert any("broken drum" in one for one in now.context.journey.about)
        assert looked.read == [runtime.in_force.catalogue_version]
        called_about(runtime, "an_offer", GONE)
        assert record.read_now(desk.visit(), desk.known(CUSTOMER)).names == {GONE: ITS_NAME}


def test_the_figures_ask_for_names_beside_the_event_loop(tmp_path: Path) -> None:
    with begun(tmp_path) as runtime:
        publish(runtime)
        request = RecommendRequest(customer_id=CUSTOMER, channels=["agent"], limit=5)
        assert GONE in asyncio.run(deciding.recommend(runtime, request, NOBODY)).decode()
        without = CATALOGUE.replace(f"id: {GONE}", "id: offer-other").replace(f"name: {ITS_NAME}", "name: Another")
        assert without.count("id: offer-other") == 1
        publish(runtime, without)
        looked = watched(runtime)
        shown = bytes(asyncio.run(insight.actions(Desk(runtime).visit())).body).decode()
        assert ITS_NAME in shown
        assert looked.read
        assert not looked.in_the_loop


def test_who_is_refused_an_answer_reads_the_name_of_an_action_that_has_ended(tmp_path: Path) -> None:
    with begun(tmp_path) as runtime:
        publish(runtime)
        ada, bob = Desk(runtime), Desk(runtime, "bob")
        ada.come(CUSTOMER)
        token = ada.token(CUSTOMER)
        ada.press(CUSTOMER, token, "accepted")
        publish(
            runtime, CATALOGUE.replace(f"id: {GONE}", "id: offer-other").replace(f"name: {ITS_NAME}", "name: Another")
        )
        looked = watched(runtime)
        with pytest.raises(Refusal) as refused:
            bob.press(CUSTOMER, token, "rejected")
        assert f"“{ITS_NAME}” was answered" in str(refused.value.body.message)
        assert not looked.in_the_loop
