"""The operator's commands on people and on refused events: their output, their questions, their exit codes."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import pytest
from typer.testing import CliRunner

import nextbest as command_line
from features.event import Identifier, Kind
from features.stores import open_store
from features.stores.protocol import Append, DeadLetter
from serving.ingest import FROM_PAGE
from tests.checks.store_examples import NOON, append, event, user
from tests.checks.store_people_examples import tell
from tests.serving.synthetic import make_shop, store_url

ORDER = {"order_id": "o-1", "products": [{"product_id": "vacuum-1", "quantity": 1}]}


@dataclass(frozen=True, slots=True)
class Done:
    returncode: int
    stdout: str
    stderr: str


def nextbest(home: Path, *arguments: str, **environment: str) -> Done:
    """The command in this process, nobody at a terminal: what starts and ends a process is in test_command_line.py."""
    done = CliRunner(env={"NEXTBEST_HOME": str(home), "NO_COLOR": "1"} | environment).invoke(
        command_line.app, list(arguments)
    )
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
            DeadLetter(NOON, "too large; ...", call("Order Completed", "m-4")[:75]),
        ]
        store.bury(letters).result(30)
    finally:
        store.close()
    return tmp_path


def test_what_a_page_told_joins_nobody_when_it_is_read_again(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NEXTBEST_STRONG_IDENTIFIERS", "crm")
    told = {"type": "track", "event": "Product List Viewed", "userId": "eve", "messageId": "m-5"}
    payload = json.dumps({**told, "context": {"externalIds": [{"id": "9", "type": "crm"}]}})
    store = open_store(store_url(home), declared=frozenset({"crm"}))
    try:
        store.append([Append(user("ann-17"), (event("card"),), {}, (Identifier("crm", "9"),))]).result(30)
        store.bury([DeadLetter(NOON, FROM_PAGE + "properties.channel is fax; ...", payload)]).result(30)
        number = str(store.buried(1, None)[0].number)
    finally:
        store.close()
    assert nextbest(home, "letters", "retry", number).returncode == 0
    store = open_store(store_url(home), declared=frozenset({"crm"}))
    try:
        assert {name: store.read(user(name)).customer_id for name in ("ann-17", "eve")} == {
            "ann-17": "ann-17",
            "eve": "eve",
        }
    finally:
        store.close()


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


def test_who_somebody_is_and_cutting_off_what_is_not_theirs(home: Path) -> None:
    store = open_store(store_url(home))
    try:
        mail, card = Identifier("email", "ann@example.org"), Identifier("loyalty_card", "C9")
        store.append([Append(user("ann-17"), (event("told"),), {}, (mail, card))]).result(30)
        store.append([Append(card, (event("at the till"),))]).result(30)
    finally:
        store.close()
    shown = json.loads(nextbest(home, "identity", "show", "email:Ann@example.org", "--json").stdout)
    assert (shown["customer_id"], shown["names"]) == ("ann-17", ["ann-17", "loyalty_card:C9"])
    assert {one["value"] for one in shown["identifiers"]} == {"ann-17", "ann@example.org", "C9"}
    unasked = nextbest(home, "identity", "split", "ann-17", "loyalty_card:C9")
    assert (unasked.returncode, "never" in unasked.stderr) == (2, True)
    parted = nextbest(home, "identity", "split", "ann-17", "loyalty_card:C9", "--yes")
    assert parted.returncode == 0, parted.stderr
    header, *rows = (line.split("\t") for line in parted.stdout.splitlines())
    assert header == ["type", "value", "told under", "since", "role"]
    assert ("loyalty_card", "cut off") in {(row[0], row[4]) for row in rows}
    again = nextbest(home, "identity", "split", "ann-17", "loyalty_card:C9")
    assert (again.returncode, "already" in again.stderr, "will be" in again.stderr) == (0, True, False)
    unheard = one_line(nextbest(home, "identity", "split", "ann-17", "phone:+442079460018", "--yes"))
    assert unheard.startswith("phone is +442079460018; it cannot be cut off, ann-17 has no such identifier")
    assert "write user_id:ann-17" in one_line(nextbest(home, "identity", "split", "ann-17", "ann-17", "--yes"))
    assert "type:value" in one_line(nextbest(home, "identity", "split", "ann-17", "C9", "--yes"))
    assert "nobody has it" in one_line(nextbest(home, "identity", "show", "eve-1"))


def test_what_was_kept_can_be_omitted(home: Path) -> None:
    with_stranger = open_store(store_url(home))
    tell(with_stranger, Identifier("phone", "+442079460018"), event("rang"))
    with_stranger.close()
    kept = one_line(nextbest(home, "identity", "omit", "--yes"))
    assert kept.startswith("identifiers is encrypted; ")
    assert kept.endswith("; set NEXTBEST_IDENTIFIERS=omitted for every process")
    unasked = nextbest(home, "identity", "omit", NEXTBEST_IDENTIFIERS="omitted")
    assert (unasked.returncode, "the values of 1 identifier will be" in unasked.stderr) == (2, True)
    shown = nextbest(home, "identity", "show", "phone:+442079460018", NEXTBEST_IDENTIFIERS="omitted").stdout
    assert "+442079460018" in shown
    done = nextbest(home, "identity", "omit", "--yes", NEXTBEST_IDENTIFIERS="omitted")
    assert (done.returncode, "of 1 identifier are forgotten" in done.stderr) == (0, True)
    assert "nothing is changed" in nextbest(home, "identity", "omit", NEXTBEST_IDENTIFIERS="omitted").stderr
    shown = nextbest(home, "identity", "show", "phone:+442079460018", NEXTBEST_IDENTIFIERS="omitted").stdout
    assert ("+442079460018" in shown, "digest:" in shown) == (False, True)
    (line,) = nextbest(home, "audit").stdout.splitlines()[1:]
    assert line.split("\t")[2] == "omitted"
    assert "0 faults" in nextbest(home, "check").stdout


def test_keys_come_and_go(tmp_path: Path) -> None:
    made = nextbest(tmp_path, "keys", "add", "--right", "decide", "--right", "write", "--note", "till 4")
    key = made.stdout.strip()
    listed = nextbest(tmp_path, "keys", "list").stdout
    header, line = (row.split("\t") for row in listed.splitlines())
    assert header == ["key", "rights", "origins", "created", "note"]
    key_id, rights, origins, _, note = line
    assert (rights, origins, note) == ("decide,write", "", "till 4")
    (told,) = json.loads(nextbest(tmp_path, "keys", "list", "--json").stdout)
    assert (told["key"], told["rights"], told["origins"], told["note"]) == (key_id, ["decide", "write"], [], note)
    assert key not in listed
    assert key.encode() not in (tmp_path / "store.db").read_bytes()
    assert nextbest(tmp_path, "keys", "revoke", key_id).returncode == 0
    assert nextbest(tmp_path, "keys", "list").stdout == ""
    one_line(nextbest(tmp_path, "keys", "revoke", key_id))
    one_line(nextbest(tmp_path, "keys", "add", "--right", "everything"))
    page = nextbest(tmp_path, "keys", "add", "--right", "write", "--origin", "HTTPS://Shop.example:443/")
    assert "may write from pages of https://shop.example; it is not shown again" in page.stderr


def test_a_customer_is_copied_and_erased(home: Path, tmp_path: Path) -> None:
    copy = tmp_path / "ann.json"
    assert nextbest(home, "customers", "export", "ann-17", "--output", str(copy)).returncode == 0
    assert copy.stat().st_mode & 0o777 == 0o600
    assert json.loads(copy.read_text())["traits"] == {"city": "York"}
    assert "the file exists" in one_line(nextbest(home, "customers", "export", "ann-17", "--output", str(copy)))
    assert json.loads(nextbest(home, "customers", "export", "ann-17").stdout)["customer_id"] == "ann-17"
    unasked = nextbest(home, "customers", "erase", "ann-17")
    assert (unasked.returncode, "add --yes" in unasked.stderr, "no way back" in unasked.stderr) == (2, True, True)
    erased = json.loads(nextbest(home, "customers", "erase", "ann-17", "--yes", "--json").stdout)["erased"]
    assert (erased["events"], erased["dead_letters"]) == (1, 4)
    for command in (("customers", "export", "ann-17"), ("customers", "erase", "ann-17", "--yes")):
        assert "nobody has it" in one_line(nextbest(home, *command))
    header, *rows = (line.split("\t") for line in nextbest(home, "audit").stdout.splitlines())
    assert header == ["number", "at", "what", "author", "subject", "counts"]
    assert [row[2] for row in rows] == ["erased", "exported", "exported"]
    assert all(row[3].startswith("operator ") for row in rows)
    assert len(json.loads(nextbest(home, "audit", "--limit", "1", "--json").stdout)) == 1
    assert nextbest(home, "compact").returncode == 0
    assert "0 faults" in nextbest(home, "check").stdout


@pytest.mark.parametrize(
    "command",
    [
        ("identity", "show"),
        ("identity", "split"),
        ("identity", "omit"),
        ("customers", "export"),
        ("customers", "erase"),
        ("letters", "list"),
        ("letters", "retry"),
        ("letters", "drop"),
        ("keys", "add"),
        ("catalogue", "validate"),
        ("catalogue", "diff"),
        ("catalogue", "apply"),
        ("catalogue", "rollback"),
        ("catalogue", "history"),
        ("catalogue", "show"),
    ],
)
def test_help_gives_an_example_that_is_understood(tmp_path: Path, command: tuple[str, ...]) -> None:
    told = nextbest(tmp_path, *command, "--help")
    assert told.returncode == 0
    example = told.stdout[told.stdout.index(f"nextbest {' '.join(command)} ", 40) :].split()
    done = nextbest(tmp_path, *example[1:])
    assert "No such" not in done.stderr
    assert done.returncode in {0, 2}
    assert "Usage" not in done.stderr


def test_what_came_from_outside_steers_no_terminal(home: Path) -> None:
    store = open_store(store_url(home))
    try:
        store.bury([DeadLetter(NOON, "odd\x1b[2Jname\nnext", "{}")]).result(30)
    finally:
        store.close()
    listed = nextbest(home, "letters", "list", "--limit", "1").stdout
    assert "\x1b" not in listed
    assert len(listed.splitlines()) == 2
