"""What bulk imports into any store must do; part of the store's contract."""

from __future__ import annotations

import dataclasses

import pyarrow as pa
import pytest

from features.event import Identifier, Kind
from features.stores.protocol import AmbiguousIdentifier, InvalidImport, Store
from tests.checks.store_examples import NOON, append, customer_table, event, import_table, log_decision, user


class ImportContract:
    """Takes the fixtures `store`, and `other`, a second handle on it."""

    def test_an_import_repeated_is_an_import_once(self, store: Store, other: Store) -> None:
        rows = [{"customer_id": f"00{number % 4}", "item": f"i{number}", "order": f"o{number}"} for number in range(50)]
        first = store.import_events(import_table(rows), "file-1")
        assert (first.rows, first.stored, first.duplicates, first.people) == (50, 50, 0, 4)
        again = other.import_events(import_table(rows), "file-1")
        assert (again.stored, again.duplicates) == (0, 50)
        assert other.import_events(import_table(rows), "file-2").stored == 50
        assert store.read(user("001")).customer_id == "001"

    def test_imported_and_told_events_share_their_message_ids(self, store: Store) -> None:
        store.import_events(import_table([{"customer_id": "c"}, {"customer_id": "c", "message_id": "x"}]), "file")
        assert append(store, "c", event("file:0"), event("x"), event("file:1"), event("file:00")).stored == 2
        told = [{"customer_id": "c", "message_id": "x"}, {"customer_id": "c", "message_id": "y"}]
        again = store.import_events(import_table([*told, told[1], {**told[1], "line": 1}]), "more")
        assert (again.stored, again.duplicates) == (2, 2)

    def test_a_source_that_contradicts_told_messages_is_refused(self, store: Store) -> None:
        append(store, "c", event("file:0"))
        with pytest.raises(InvalidImport, match="source is 'file'"):
            store.import_events(import_table([{"customer_id": "c"}]), "file")

    def test_an_import_continues_what_is_there(self, store: Store) -> None:
        append(store, "c", *(event(f"m{number}", Kind.ORDERED, NOON + number, item="a") for number in range(40)))
        rows = [{"customer_id": "c", "item": "b", "occurred_at": NOON + 2 * number} for number in range(40)]
        store.import_events(import_table([{**row, "recorded_at": NOON + 999} for row in rows]), "file")
        append(store, "c", event("last", Kind.REFUNDED, NOON + 7, item="a"))
        record = store.read(user("c"))
        assert len(record.page) == len(record.ledger) == 81
        assert (record.page["occurred_at"][1:] >= record.page["occurred_at"][:-1]).all()
        assert (record.ledger["sequence"][1:] > record.ledger["sequence"][:-1]).all()

    @pytest.mark.parametrize(
        ("broken", "words"),
        [
            ({"kind": 250}, "kind of row 1 is 250"),
            ({"occurred_at": NOON + 1}, "occurred_at of row 1"),
            ({"amount": float("inf")}, "amount of row 1 is inf"),
            ({"customer_id": ""}, "customer_id of row 1 is ''"),
            ({"customer_id": "a\x00b"}, "control characters"),
            ({"line": -4}, "line of row 1 is -4"),
            ({"message_id": ""}, "message_id of row 1"),
            ({"properties": "a\x00b"}, "properties of row 1"),
        ],
    )
    def test_one_bad_row_refuses_the_whole_import(self, store: Store, broken: dict[str, object], words: str) -> None:
        rows: list[dict[str, object]] = [{"customer_id": "a", "item": "i"}, {"customer_id": "b", **broken}]
        with pytest.raises(InvalidImport, match=words):
            store.import_events(import_table(rows), "file")
        assert store.people() == 0
        assert store.vocabulary.size("item") == 0
        assert store.import_events(import_table(rows[:1]), "file").stored == 1

    def test_wrong_columns_are_refused_by_name(self, store: Store) -> None:
        table = import_table([{"customer_id": "a"}])
        with pytest.raises(InvalidImport, match="column is colour"):
            store.import_events(table.append_column("colour", [["red"]]), "file")
        with pytest.raises(InvalidImport, match="column kind is missing"):
            store.import_events(table.drop_columns(["kind"]), "file")
        index = table.schema.get_field_index("occurred_at")
        with pytest.raises(InvalidImport, match="column occurred_at is string"):
            store.import_events(table.set_column(index, "occurred_at", [["noon"]]), "file")
        with pytest.raises(InvalidImport, match="customer_id of row 0 is None"):
            store.import_events(table.set_column(0, "customer_id", pa.array([None], pa.string())), "file")

    def test_an_empty_import(self, store: Store) -> None:
        assert store.import_events(import_table([]), "file").stored == 0
        assert store.import_customers(customer_table([]), "file").stored == 0

    def test_customers_bring_traits_identifiers_and_a_time_zone(self, store: Store) -> None:
        row = {
            "customer_id": "007",
            "traits": '{"postcode":"01234"}',
            "identifiers": '[["email","Ann@Example.com"],["loyalty_card","00042"]]',
            "time_zone": "America/New_York",
        }
        assert store.import_customers(customer_table([row]), "crm").stored == 1
        assert store.import_customers(customer_table([row]), "crm").duplicates == 1
        for identifier in (user("007"), Identifier("email", "ann@example.com"), Identifier("loyalty_card", "00042")):
            record = store.read(identifier)
            assert (record.customer_id, record.known) == ("007", True)
            assert record.traits["postcode"] == "01234"
            assert record.time_zone == "America/New_York"

    @pytest.mark.parametrize(
        "broken",
        [
            {"traits": "[1]"},
            {"traits": '{"x":NaN}'},
            {"traits": "{"},
            {"identifiers": '[["phone","0123"]]'},
            {"identifiers": '["email"]'},
            {"time_zone": "Mars/Olympus"},
            {"customer_id": " "},
        ],
    )
    def test_one_bad_customer_refuses_them_all(self, store: Store, broken: dict[str, object]) -> None:
        with pytest.raises(InvalidImport):
            store.import_customers(customer_table([{"customer_id": "a"}, {"customer_id": "b", **broken}]), "crm")
        assert store.people() == 0

    def test_an_identifier_of_several_people_is_ambiguous(self, store: Store) -> None:
        phone = Identifier("phone", "+442079460018")
        rows = [{"customer_id": name, "identifiers": '[["phone","+44 20 7946 0018"]]'} for name in ("ann", "bob")]
        store.import_customers(customer_table(rows), "crm")
        for asking in (store.read, store.resolve, lambda one: store.read_as_of(one, NOON)):
            with pytest.raises(AmbiguousIdentifier) as refusal:
                asking(phone)
            assert refusal.value.customer_ids == ("ann", "bob")
        decided = dataclasses.replace(log_decision("ann", "d-1"), identifier=phone)
        with pytest.raises(AmbiguousIdentifier):
            store.log_decisions([log_decision("cat", "d-2"), decided]).result()
        assert store.people() == 2
