"""Identifiers at rest, the key they hang on, and merges from several processes."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from features.event import Identifier, Kind
from features.stores import open_store
from features.stores.protocol import Append, DeadLetter, Store, StoreError
from features.vault import KEY_BYTES, Vault
from tests.checks.store_examples import NOON, VAULT, customer_table, decision, event, log_decision, user
from tests.checks.store_people_examples import MAIL, anonymous, seen, tell, viewed

ROOT = Path(__file__).parent.parent.parent
NAMES = ("userid-ann", "visitor-77", "ann@example.com", "447946018", "card-0099", "letter-secret", "wish-for-ann")


@pytest.fixture
def url(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path}/store.db"


def fill(store: Store) -> None:
    phone, card = Identifier("phone", "+447946018"), Identifier("loyalty_card", "CARD-0099")
    tell(store, anonymous("visitor-77"), viewed("a"))
    tell(store, user("userid-ann"), event("in"), also=[anonymous("visitor-77"), MAIL, phone, card])
    asked = decision("d-1", '{"identifier":"wish-for-ann"}')
    made = log_decision("userid-ann", "d-1")
    store.log_decisions([type(made)(made.identifier, asked, made.events)]).result()
    store.bury([DeadLetter(NOON, "no name", '{"userId":"letter-secret"}', (MAIL,))]).result()


def held_in(path: Path) -> bytes:
    return b"".join(one.read_bytes() for one in sorted(path.parent.iterdir()) if one.name.startswith("store.db"))


@pytest.mark.parametrize("omitted", [False, True])
def test_no_name_of_anybody_can_be_read_in_the_file(url: str, tmp_path: Path, omitted: bool) -> None:
    store = open_store(url, vault=Vault(bytes(KEY_BYTES), omitted))
    fill(store)
    assert store.decision("d-1").request == '{"identifier":"wish-for-ann"}'  # type: ignore[union-attr]
    assert "letter-secret" in store.dead_letters(1)[0].payload
    stored = held_in(tmp_path / "store.db").lower()
    assert len(stored) > 50_000
    assert [name for name in NAMES if name.encode() in stored] == []
    store.close()
    assert [name for name in NAMES if name.encode() in held_in(tmp_path / "store.db").lower()] == []


def test_what_is_omitted_still_finds_its_person(url: str) -> None:
    store = open_store(url, vault=Vault(bytes(KEY_BYTES), omitted=True))
    tell(store, anonymous("x"), viewed("a"))
    stranger = store.read(anonymous("x")).customer_id
    assert stranger == "digest:" + store.vault.digest(anonymous("x")).hex()  # type: ignore[attr-defined]
    assert seen(store, Identifier("digest", stranger.removeprefix("digest:"))) == {"a"}
    tell(store, user("ann"), event("in"), also=[anonymous("x"), MAIL])
    identity = store.identity(MAIL)  # type: ignore[attr-defined]
    assert identity.customer_id == "ann"
    assert {one.type: one.value for one in identity.identifiers} == {
        "user_id": "ann",
        "anonymous_id": None,
        "email": None,
    }
    assert seen(store, MAIL) == {"a"}
    assert store.check().faults == ()
    store.close()


def test_another_key_is_refused_before_anything_is_written(url: str, tmp_path: Path) -> None:
    store = open_store(url, vault=VAULT)
    tell(store, user("ann"), viewed("a"))
    store.close()
    before = (tmp_path / "store.db").read_bytes()
    with pytest.raises(StoreError, match="NEXTBEST_IDENTITY_KEY"):
        open_store(url, vault=Vault(b"\x07" * KEY_BYTES))
    assert (tmp_path / "store.db").read_bytes() == before
    again = open_store(url, vault=VAULT)
    assert seen(again, user("ann")) == {"a"}
    again.close()


def test_a_lost_key_is_told_and_its_return_heals(url: str, tmp_path: Path) -> None:
    store = open_store(url)
    tell(store, user("ann"), viewed("a"))
    store.close()
    key = tmp_path / "identity.key"
    kept = key.read_text()
    key.unlink()
    with pytest.raises(StoreError, match=r"identity\.key"):
        open_store(url)
    key.write_text(kept)
    key.chmod(0o600)
    again = open_store(url)
    assert seen(again, user("ann")) == {"a"}
    again.close()


def test_a_type_that_is_declared_strong_makes_one_person(url: str) -> None:
    store = open_store(url, vault=VAULT, declared=frozenset({"crm"}))
    for name in ("ann", "bob"):
        tell(store, user(name), viewed(name), also=[Identifier("crm", "1"), Identifier("club", "1")])
    assert store.people() == 1
    store.close()


def test_a_migrated_identifier_is_found_by_todays_form(url: str) -> None:
    store = open_store(url, vault=VAULT)
    row = {"customer_id": "ann", "identifiers": '[["loyalty_card","ab 12-3"],["Email","ANN@example.com"]]'}
    store.import_customers(customer_table([row]), "crm")
    assert store.read(Identifier("loyalty_card", "AB123")).customer_id == "ann"
    assert store.read(MAIL).customer_id == "ann"
    store.close()


_MERGER = """
import sys
from features.event import Identifier
from features.stores import open_store
from features.stores.protocol import Append
from tests.checks.store_examples import VAULT, event, user
url, first, step = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
store = open_store(url, vault=VAULT)
for number in range(first, 60, step):
    old = user(f"u{(number * 7) % 60}")
    told = event(f"m{number}", item=f"i{number}")
    store.append([Append(user(f"u{(number * 7 + 1) % 60}"), (told,), previous=(old,))]).result()
store.close()
"""


def test_merges_from_two_processes_lose_and_double_nothing(url: str) -> None:
    open_store(url, vault=VAULT).close()
    command = [sys.executable, "-c", _MERGER, url]
    both = [subprocess.Popen([*command, str(first), "2"], cwd=ROOT) for first in (0, 1)]
    assert [one.wait(timeout=120) for one in both] == [0, 0]
    store = open_store(url, vault=VAULT)
    report = store.check()
    assert (report.people, report.events, report.faults) == (1, 60, ())
    assert len(seen(store, user("u30"))) == 60
    store.close()


def test_a_thousand_events_merged_are_one_bounded_page(url: str) -> None:
    store = open_store(url, vault=VAULT)
    for name in ("old", "new"):
        kinds = [Kind.VIEWED if n % 10 else Kind.ORDERED for n in range(800)]
        told = [event(f"{name}-{n}", kind, NOON + n, item="i") for n, kind in enumerate(kinds)]
        store.append([Append(user(name), tuple(told))]).result()
    tell(store, user("new"), event("alias", at=NOON + 900), previous=[user("old")])
    record = store.read(user("old"))
    assert (len(record.page), len(record.ledger)) == (1024, 160)
    tell(store, user("old"), event("one more", at=NOON + 901))
    assert len(store.read(user("new")).page) == 1024
    assert store.check().faults == ()
    store.close()
