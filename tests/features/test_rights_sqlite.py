"""Erasure in the file itself: nothing of the person is in its bytes any more, whatever had been rewritten before."""

from __future__ import annotations

import json
import random
import re
import sqlite3
from collections.abc import Iterator
from dataclasses import fields, replace
from pathlib import Path

import pytest

from features.event import Identifier, Kind
from features.live_response import Expectation, expected_text
from features.stores import open_store
from features.stores.engines import sqlite
from features.stores.protocol import Append, DeadLetter, LoggedDecision, Store
from features.stores.sql.rights import HELD
from tests.checks.store_examples import NOON, VAULT, event, log_decision, user

PEOPLE = [f"person-{number:03d}-mark" for number in range(40)]
ANN = PEOPLE[17]
ADDRESS = Identifier("email", f"{ANN}@example.org")

ABOUT_NOBODY = {
    "alembic_version",
    "access_key",
    "bundle",
    "catalogue",
    "catalogue_items",
    "counter",
    "serving",
    "setting",
    "source",
    "vocabulary",
}
KEPT = {"audit", "erased_decision", "addressed"}
"""What stays after an erasure: see docs/rights.md."""


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    opened = open_store(f"sqlite:///{tmp_path / 'store.db'}", vault=VAULT)
    yield opened
    assert opened.check().faults == ()
    opened.close()


def written(folder: Path) -> bytes:
    """Every byte of the store's files."""
    return b"".join(file.read_bytes() for file in sorted(folder.iterdir()) if file.name.startswith("store.db"))


def live(store: Store, rounds: int, seed: int) -> None:
    """Lives in random order, so that rows are rewritten, pages split and blobs move."""
    dice = random.Random(seed)
    for number in range(rounds):
        name = dice.choice([*PEOPLE, ANN, ANN])
        address = Identifier("email", f"{name}@example.org")
        words = json.dumps({"said": f"{name} said {'x' * dice.randrange(600)}"})
        line = event(
            f"{name}-m{number}",
            Kind.ORDERED if number % 3 else Kind.VIEWED,
            NOON + number,
            item=f"item-{number % 7}",
            order=f"{name}-o{number}",
            properties=words,
        )
        traits = {"motto": f"{name} {'y' * dice.randrange(400)}"}
        store.append([Append(user(name), (line,), traits, (address,))]).result(30)
        if number % 5 == 0:
            store.log_decisions([log_decision(name, f"{name}-d{number}", f'{{"of": "{name}"}}')]).result(30)
        if number % 11 == 0:
            store.bury([DeadLetter(NOON, f"refused for {name}", f'{{"userId": "{name}"}}', (user(name),))]).result(30)


@pytest.mark.parametrize("seed", [1, 2])
def test_no_byte_of_an_erased_person_is_left(store: Store, tmp_path: Path, seed: int) -> None:
    live(store, 900, seed)
    marks = [ANN.encode(), VAULT.digest(user(ANN)), VAULT.digest(ADDRESS)]
    assert marks[0] in written(tmp_path)
    assert store.erase(user(ANN), NOON, "test") is not None
    left = written(tmp_path)
    assert [mark for mark in marks if mark in left] == []
    assert all(name.encode() in left for name in PEOPLE if name != ANN)


DOCS = Path(__file__).resolve().parents[2] / "docs" / "rights.md"
MEANINGLESS = {"model_version", "policy_version", "code_revision", "feature_digest", "model_digest"}
"""Versions and digests, which are in clear too."""


def test_what_is_in_clear_of_a_decision_is_named_in_the_docs(store: Store, tmp_path: Path) -> None:
    made = log_decision(ANN, "d")
    told = [one.name for one in fields(LoggedDecision) if isinstance(getattr(made.decision, one.name), str)]
    texts = [*told, "expected", "shadow"]  # of those two there are none yet
    marks = {name: f'["mark of {name}"]' for name in texts}
    expected = expected_text([Expectation(marks["expected"], "email", 0.5, Kind.CLICKED, 1)])
    at_once = {**marks, "expected": expected, "shadow": None, "decision_id": "d"}
    logged = replace(made.decision, **at_once)  # type: ignore[arg-type]
    store.log_decisions([replace(made, decision=logged)]).result(30)
    assert store.log_shadows([("d", marks["shadow"])]) == 1
    legible = {name for name in texts if f"mark of {name}".encode() in written(tmp_path)}
    (clear,) = re.findall(r"Beside versions, digests, numbers and feature rows that is (.*?): ", DOCS.read_text(), re.S)
    assert legible - MEANINGLESS == set(re.findall("`([a-z]+)`", clear))


def test_a_large_file_is_written_anew_when_asked(store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sqlite, "COMPACTED_AT_ONCE", 0)
    live(store, 300, 5)
    assert store.erase(user(ANN), NOON, "test") is not None
    assert not (tmp_path / "store.db-wal").stat().st_size
    store.compact()
    assert ANN.encode() not in written(tmp_path)


def test_of_the_only_person_nothing_but_what_is_kept_on_purpose_is_left(store: Store, tmp_path: Path) -> None:
    """Every table is either about nobody, or empty, or one of those that docs/rights.md names. A new table fails here
    until somebody has decided which."""
    for number in range(60):
        line = event(f"m{number}", Kind.ORDERED, NOON + number, item="i", order=f"o{number}")
        store.append([Append(user(ANN), (line,), {"n": number}, (ADDRESS,))]).result(30)
    store.append([Append(user(ANN), (event("no", Kind.CONSENT_WITHDRAWN, channel="email"),))]).result(30)
    store.log_decisions([log_decision(ANN, "d")]).result(30)
    store.bury([DeadLetter(NOON, "r", "{}", (ADDRESS,))]).result(30)
    before = rows(tmp_path / "store.db")
    assert all(before[name] for name in (*HELD, "person", "identifier", "dead_letter", "dead_letter_about"))
    assert store.erase(user(ANN), NOON, "test") is not None
    after = {name for name, count in rows(tmp_path / "store.db").items() if count}
    assert after - ABOUT_NOBODY == KEPT


def rows(path: Path) -> dict[str, int]:
    connection = sqlite3.connect(path)
    try:
        names = [name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        return {name: connection.execute(f"SELECT count(*) FROM {name}").fetchone()[0] for name in names}  # noqa: S608
    finally:
        connection.close()


def test_a_reader_in_the_middle_does_not_hold_an_erasure_up(store: Store, tmp_path: Path) -> None:
    """The log is then cut later."""
    live(store, 60, 3)
    reader = sqlite3.connect(tmp_path / "store.db", isolation_level=None)
    reader.execute("BEGIN")
    reader.execute("SELECT count(*) FROM event").fetchone()
    try:
        quick = open_store(f"sqlite:///{tmp_path / 'store.db'}", patience=0.2, vault=VAULT)
        assert quick.erase(user(ANN), NOON, "test") is not None
        assert not quick.read(user(ANN)).known
    finally:
        reader.close()
    quick.compact()
    assert ANN.encode() not in written(tmp_path)
    quick.close()


def test_a_refused_event_is_unreadable_in_the_file(store: Store, tmp_path: Path) -> None:
    """Its reason too: it quotes what was refused."""
    store.bury([DeadLetter(NOON, f"email is '{ANN}'; ...", f'"{ANN}\\u0000\\ud800"')]).result(30)
    (letter,) = store.dead_letters(1)
    assert ANN in letter.reason
    assert ANN in letter.payload
    assert ANN.encode() not in written(tmp_path)
