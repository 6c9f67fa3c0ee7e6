"""What a store made by an earlier version becomes when it is opened. An engine joins by one line and four ways:

class TestMine(MigrationContract):
    earlier(place, store): put the rows of an earlier store at a place; raise_to(place, revision): bring it up so far;
    alter(place, statement): run a statement there; dump(place): all that is there, to compare
"""

from __future__ import annotations

import json
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from features.event import Identifier, Kind
from features.identity import customer_identifier
from features.naming import key_of
from features.published import Published
from features.spending import Spent
from features.stores import open_store
from features.stores.keeping import ServingModel
from features.stores.protocol import AccessKey, Store, StoreCorrupt
from tests.checks.store_examples import NOON, VAULT, append, event, import_table, log_decision, user

GOLDEN = Path(__file__).parent.parent / "golden" / "store_schema_1.json"
Value = int | str | bytes | None


@dataclass(frozen=True, slots=True)
class EarlierStore:
    """A synthetic store as an earlier version left it. statements: its schema in SQLite's words. columns and rows by
    table."""

    application_id: int
    statements: tuple[str, ...]
    columns: Mapping[str, Sequence[str]]
    rows: Mapping[str, Sequence[tuple[Value, ...]]]


def earlier_store() -> EarlierStore:
    golden = json.loads(GOLDEN.read_text())
    tables = golden["rows"]
    return EarlierStore(
        golden["application_id"],
        tuple(golden["statements"]),
        {name: table["columns"] for name, table in tables.items()},
        {name: [tuple(map(_value, row)) for row in table["rows"]] for name, table in tables.items()},
    )


def _value(value: int | str | Mapping[str, str] | None) -> Value:
    return bytes.fromhex(value["hex"]) if isinstance(value, dict) else value  # type: ignore[return-value]


class MigrationContract(ABC):
    """Takes the fixture `place`: where a store may be made."""

    @abstractmethod
    def earlier(self, place: str, store: EarlierStore) -> None: ...

    @abstractmethod
    def raise_to(self, place: str, revision: int) -> None: ...

    @abstractmethod
    def alter(self, place: str, statement: str) -> None: ...

    @abstractmethod
    def dump(self, place: str) -> Mapping[str, object]: ...

    @pytest.fixture
    def old(self, place: str) -> str:
        """Where an earlier store stands."""
        self.earlier(place, earlier_store())
        return place

    def test_all_that_was_told_is_there(self, old: str) -> None:
        store = open_store(old, vault=VAULT)
        report = store.check()
        assert (report.people, report.events, report.faults) == (4, 61, ())
        ann = store.read(user("ann"))
        assert (len(ann.page), len(ann.ledger)) == (49, 17)
        assert ann.traits == {"city": "Leeds", "segment": "gold", "time_zone": "Europe/London"}
        assert store.read_as_of(user("ann"), NOON + 45).traits["city"] == "York"
        told = {one.event.message_id: one.event for one in store.timeline(user("ann"), None, 100)}
        assert len(told) == 50
        assert told["m0"].order == "o0"
        assert store.resolve(Identifier("order_number", "o0")) == store.resolve(user("ann"))
        assert told["m0"].channel == "web"
        assert told["d-1:decided"].kind == Kind.DECIDED
        assert {name for name in told if name.startswith("till:")} == {"till:4", "till:5", "till:10", "till:14"}
        assert store.read(Identifier("anonymous_id", "cookie")).customer_id == "anon:cookie"
        assert store.read(Identifier("email", "ann@example.com")).customer_id == "ann"
        store.close()

    def test_names_of_then_are_written_as_today_and_no_two_forms_of_one_stand_in_the_way(self, place: str) -> None:
        """A card in two forms was two people, and a user id could look like a telephone."""
        whole = earlier_store()
        named = {
            91: ("loyalty_card", "00 77"),
            92: ("loyalty_card", "0077"),
            93: ("crm_id", "5"),
            94: ("user_id", "email:x"),
        }
        people = [self._nameless(whole, one, f"{type_}:{text}") for one, (type_, text) in named.items() if one != 94]
        people.append(self._nameless(whole, 94, "email:x"))
        assert whole.columns["identifier"] == ["type", "value", "person"]
        held = [(*one, person) for person, one in named.items()]
        rows = {"person": [*whole.rows["person"], *people], "identifier": [*whole.rows["identifier"], *held]}
        self.earlier(place, EarlierStore(whole.application_id, whole.statements, whole.columns, {**whole.rows, **rows}))
        store = open_store(place, vault=VAULT)
        assert store.check().faults == ()
        card = store.identity(Identifier("loyalty_card", "0077"))
        assert card is not None
        assert len(card.names) == 2
        assert {store.read(Identifier(*one)).customer_id for one in list(named.values())[2:]} == {
            "external:crm_id:5",
            "user_id:email:x",
        }
        for name in (*card.names, "external:crm_id:5", "user_id:email:x"):
            assert store.resolve(customer_identifier(name)) is not None
        store.close()

    @staticmethod
    def _nameless(whole: EarlierStore, person: int, name: str) -> tuple[Value, ...]:
        """A row of somebody who told nothing."""
        values: dict[str, Value] = {
            "person": person,
            "customer_id": name,
            "version": 0,
            "merged_into": None,
            "traits": "{}",
            "tail": b"",
        }
        return tuple(values[column] for column in whole.columns["person"])

    def test_all_else_is_there(self, old: str) -> None:
        store = open_store(old, vault=VAULT)
        decision, catalogue = store.decision("d-1"), store.catalogue()
        assert decision is not None
        assert (decision.customer_id, decision.seed, decision.request) == ("c", 2**64 - 1, "{}")
        assert store.decisions_of(decision.person, 5) == (decision,)
        assert catalogue is not None
        assert catalogue.version == 1
        assert store.bundle("d") == {"model.txt": b"tree\x00"}
        assert store.serving() == ServingModel("1", "d", "run", NOON)
        assert store.keys() == (AccessKey("k-1", "ab" * 32, frozenset({"read", "write"}), NOON, "desk"),)
        assert (store.setting("secret"), store.advance_present(0)) == ("synthetic", NOON + 99)
        (letter,) = store.dead_letters(5)
        assert (letter.received_at, letter.reason, letter.payload) == (NOON, "no name", '{"userId":"ann","event":7}')
        store.close()

    def test_who_was_told_of_before_is_found_by_name(self, old: str) -> None:
        self.raise_to(old, 12)
        told = '{"name":"Ann Lee","zip":"LS1 1AA"}'
        self.alter(old, f"UPDATE trait_change SET changes = '{told}' WHERE sequence = 44")  # noqa: S608
        store = open_store(old, vault=VAULT)
        key = key_of("lee", "ls11aa")
        assert key is not None
        assert store.named(key, 5) == ("ann",)
        store.close()

    def test_what_was_told_is_not_told_twice_and_life_goes_on(self, old: str) -> None:
        store = open_store(old, vault=VAULT)
        before = store.read(user("ann")).version
        again = append(store, "ann", event("m0"), event("till:4"), event("file-0", line=1), event("new"))
        assert (again.stored, again.duplicates) == (1, 3)
        assert again.version > before
        rows = [{"customer_id": "eve", "item": "i"} for _ in range(20)]
        assert store.import_events(import_table(rows), "till").duplicates == 10
        assert store.import_events(import_table(rows), "another").stored == 20
        assert append(store, "fay", event("first")).person > store.resolve(user("eve"))  # type: ignore[operator]
        assert store.check().faults == ()
        store.close()

    @pytest.mark.parametrize(("named", "known"), [(0, 0), (812, None)])
    def test_a_snapshot_that_nobody_kept_is_not_taken_for_one_that_is(
        self, old: str, named: int, known: int | None
    ) -> None:
        """Decisions once named a number of the log, which was no snapshot's."""
        self.raise_to(old, 9)
        self.alter(old, f"UPDATE decision SET snapshot = {named:d}")  # noqa: S608
        store = open_store(old, vault=VAULT)
        decision = store.decision("d-1")
        assert decision is not None
        assert decision.snapshot == known
        made = replace(log_decision("eve", "d-2"), published=Published(9, {"a-1": Spent(1, 2, 3, 4)}))
        (receipt,) = store.log_decisions([made]).result()
        assert receipt.decision.snapshot == 1
        assert store.snapshot(1) == made.published
        store.close()

    def test_two_that_open_it_at_once_find_one_store(self, old: str) -> None:
        with ThreadPoolExecutor(3) as pool:
            stores: list[Store] = list(pool.map(lambda _: open_store(old, patience=30.0, vault=VAULT), range(3)))
        for number, store in enumerate(stores):
            assert append(store, "ann", event(f"new-{number}")).stored == 1
        assert stores[0].check().faults == ()
        for store in stores:
            store.close()

    def test_what_cannot_be_brought_up_stays_as_it_was(self, place: str) -> None:
        whole = earlier_store()
        at = whole.columns["event"].index("record")
        events = [(*row[:at], row[at][:-1], *row[at + 1 :]) for row in whole.rows["event"]]  # type: ignore[index]
        damaged = EarlierStore(whole.application_id, whole.statements, whole.columns, {**whole.rows, "event": events})
        self.earlier(place, damaged)
        before = self.dump(place)
        with pytest.raises(StoreCorrupt, match="schema version is 1"):
            open_store(place, vault=VAULT)
        assert self.dump(place) == before
