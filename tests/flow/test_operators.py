"""The operator's commands on people and on refused events: their output, their questions, their exit codes."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import pytest
from typer.testing import CliRunner

import nextbest as command_line
from features.event import Kind
from features.stores import open_store
from features.stores.protocol import DeadLetter
from serving.ingest import FROM_PAGE
from tests.checks.store_examples import NOON, append, event, user
from tests.serving.synthetic import make_shop, store_url

ORDER = {"order_id": "o-1", "products": [{"product_id": "vacuum-1", "quantity": 1}]}


@dataclass(frozen=True, slots=True)
class Done:
    returncode: int
    stdout: str
    stderr: str


def nextbest(home: Path, *arguments: str) -> Done:
    """The command in this process, nobody at a terminal: what starts and ends a process is in test_command_line.py."""
    done = CliRunner(env={"NEXTBEST_HOME": str(home), "NO_COLOR": "1"}).invoke(command_line.app, list(arguments))
    return Done(done.exit_code, done.stdout, done.stderr)


def one_line(done: Done) -> str:
    assert (done.returncode, done.stdout) == (2, ""), done.stderr
    (why,) = done.stderr.splitlines()
    return why


def call(event_name: str, message_id: str, **properties: object) -> str:
    told = {"type": "track", "event": event_name, "userId": "ann-17", "messageId": message_id}
    return json.dumps({**told, "properties": {**ORDER, **properties}})


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """SYNTHETIC: a shop that knows one person, and has refused four events."""
    make_shop(tmp_path, model=False)
    store = open_store(store_url(tmp_path))
    try:
        append(store, "ann-17", event("seen", item="vacuum-1"), traits={"city": "York"})
        letters = [
            DeadLetter(NOON, "properties.channel is fax; ...", call("Order Completed", "m-1", channel="web")),
            DeadLetter(NOON, "properties.channel is fax; ...", call("Order Completed", "m-2", channel="fax")),
            DeadLetter(NOON, FROM_PAGE + "a page may not; ...", call("Order Refunded", "m-3")),
            DeadLetter(NOON, "too large; ...", call("Order Completed", "m-4")[:60]),
        ]
        store.bury(letters).result(30)
    finally:
        store.close()
    return tmp_path


def test_refused_events_are_listed_read_again_and_dropped(home: Path) -> None:
    listed = nextbest(home, "letters", "list")
    header, *rows = (line.split("\t") for line in listed.stdout.splitlines())
    assert header == ["number", "received", "reason", "payload"]
    assert [row[2].split(";")[0] for row in rows[::-1]][:2] == ["properties.channel is fax"] * 2
    again = nextbest(home, "letters", "retry", "--all", "--json")
    assert (again.returncode, "1 taken, 3 refused again" in again.stderr) == (1, True)
    refused = {told["number"]: told["reason"] for told in json.loads(again.stdout)}
    for words, reason in zip(("fax", "page", "whole JSON"), refused.values(), strict=True):
        assert words in reason
    store = open_store(store_url(home))
    try:
        bought = [one.event for one in store.timeline(user("ann-17"), None, 10) if one.event.kind == Kind.ORDERED]
        assert [(one.message_id, one.occurred_at) for one in bought] == [("m-1", NOON)]
        assert bought[0].recorded_at > NOON
    finally:
        store.close()
    number = str(next(iter(refused)))
    unasked = nextbest(home, "letters", "drop", number)
    assert (unasked.returncode, "add --yes" in unasked.stderr) == (2, True)
    assert "1 dropped" in nextbest(home, "letters", "drop", number, "--yes").stderr
    assert "no letter has it" in one_line(nextbest(home, "letters", "drop", number, "--yes"))
    assert len(nextbest(home, "letters", "list").stdout.splitlines()) == 3
