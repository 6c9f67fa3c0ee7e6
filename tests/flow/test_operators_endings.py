"""How the operators' commands end when they cannot do what was asked, what they leave, and what programs read."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from features.stores import open_store
from features.stores.protocol import DeadLetter
from tests.checks.store_examples import NOON, append, event
from tests.flow.test_operators import nextbest, one_line
from tests.serving.synthetic import make_shop, store_url


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """SYNTHETIC: a shop that knows one person, and has refused two events."""
    make_shop(tmp_path, model=False)
    store = open_store(store_url(tmp_path))
    try:
        append(store, "ann-17", event("seen", item="vacuum-1"))
        store.bury([DeadLetter(NOON, "odd", '{"event": {"a": [1]}}'), DeadLetter(NOON, "cut", '{"event": ')]).result(30)
    finally:
        store.close()
    return tmp_path


def test_a_copy_that_cannot_be_written_is_not_made(home: Path) -> None:
    absent = home / "absent" / "copy.json"
    assert "absent" in one_line(nextbest(home, "customers", "export", "ann-17", "--output", str(absent)))
    assert json.loads(nextbest(home, "audit", "--json").stdout) == []
    target = home / "copy.json"
    assert "nobody has it" in one_line(nextbest(home, "customers", "export", "eve-1", "--output", str(target)))
    assert not target.exists()


def test_a_copy_that_fails_leaves_no_file(home: Path) -> None:
    target = home / "copy.json"
    (home / "identity.key").write_text("00" * 32)
    assert nextbest(home, "customers", "export", "ann-17", "--output", str(target)).returncode == 2
    assert not target.exists()


def test_what_programs_read_is_json_all_the_way(home: Path) -> None:
    made = nextbest(home, "keys", "add", "--right", "write", "--origin", "https://shop.example")
    assert made.returncode == 0, made.stderr
    (key,) = json.loads(nextbest(home, "keys", "list", "--json").stdout)
    assert (key["rights"], key["origins"]) == (["write"], ["https://shop.example"])
    cut, whole = json.loads(nextbest(home, "letters", "list", "--json").stdout)
    assert (cut["payload"], whole["payload"]) == ('{"event": ', {"event": {"a": [1]}})
    assert nextbest(home, "customers", "export", "ann-17").returncode == 0
    (entry,) = json.loads(nextbest(home, "audit", "--json").stdout)
    assert entry["counts"]["events"] == 1


def test_a_letter_is_named_by_its_number(home: Path) -> None:
    for command in (("letters", "retry"), ("letters", "drop", "--yes")):
        assert one_line(nextbest(home, *command, "abc")).startswith("number is abc; ")
