"""What every store must do. An implementation joins by one line:

class TestMine(StoreContract): url = "mine:///{folder}/store"
"""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from features.candidates import CHANNELS
from features.event import Identifier, Kind
from features.history import text_code
from features.stores import open_store
from features.stores.keeping import ServingModel
from features.stores.protocol import (
    AccessKey,
    Append,
    CatalogueConflict,
    DeadLetter,
    DecisionConflict,
    InvalidEvent,
    Store,
    StoreError,
)
from tests.checks.store_desk_contract import DeskContract
from tests.checks.store_examples import (
    NOON,
    VAULT,
    append,
    event,
    items_table,
    log_decision,
    user,
)
from tests.checks.store_identity_contract import IdentityContract
from tests.checks.store_import_contract import ImportContract
from tests.checks.store_letters_contract import LettersContract
from tests.checks.store_merge_contract import MergeContract
from tests.checks.store_moment_contract import MomentContract
from tests.checks.store_omission_contract import OmissionContract
from tests.checks.store_order_contract import OrderContract
from tests.checks.store_replay_contract import ReplayContract
from tests.checks.store_reservation_contract import ReservationContract
from tests.checks.store_response_contract import ResponseContract
from tests.checks.store_rights_contract import RightsContract
from tests.checks.store_snapshot_contract import SnapshotContract
from tests.checks.store_spending_contract import SpendingContract
from tests.checks.store_timeline_contract import TimelineContract
from tests.checks.store_trial_contract import TrialContract

DOCUMENT = '{"actions":[{"id":"a-1"},{"id":"a-2"}],"channels":{"email":{},"web":{}}}'


class StoreContract(
    DeskContract,
    IdentityContract,
    MergeContract,
    OrderContract,
    ImportContract,
    TimelineContract,
    RightsContract,
    ReservationContract,
    SpendingContract,
    ResponseContract,
    SnapshotContract,
    ReplayContract,
    LettersContract,
    MomentContract,
    OmissionContract,
    TrialContract,
):
    """url: where to open a fresh store; `{folder}` is an empty folder."""

    url: str

    @pytest.fixture
    def place(self, tmp_path: Path) -> str:
        return self.url.format(folder=tmp_path)

    @pytest.fixture
    def store(self, place: str) -> Iterator[Store]:
        opened = open_store(place, vault=VAULT)
        yield opened
        assert opened.check().faults == ()
        opened.close()

    @pytest.fixture
    def other(self, place: str, store: Store) -> Iterator[Store]:
        """A second handle on the same store, as another worker has it."""
        del store
        opened = open_store(place, vault=VAULT)
        yield opened
        opened.close()

    # Events

    def test_an_acknowledged_event_is_read_by_every_worker(self, store: Store, other: Store) -> None:
        for number in range(80):
            appended = append(store, "c", event(f"m{number}", at=NOON + number, item=f"i{number % 3}"))
            for reader in (store, other):
                record = reader.read(user("c"))
                assert record.known
                assert (record.version, len(record.page)) == (appended.version, number + 1)
                assert reader.vocabulary.text("item", record.page["item"][-1]) == f"i{number % 3}"

    def test_every_field_of_an_event_reaches_the_page(self, store: Store) -> None:
        texts = {"channel": "store", "item": "007", "action": "a", "order": "o-1", "decision": "d-1"}
        sent = event("m", Kind.ORDERED, recorded_at=NOON + 5, quantity=2.0, amount=9.5, severity=-3, **texts)
        append(store, "c", sent)
        (row,) = store.read(user("c")).page
        assert (row["occurred_at"], row["recorded_at"], row["kind"]) == (NOON, NOON + 5, Kind.ORDERED)
        assert (row["quantity"], row["amount"], row["severity"]) == (2.0, 9.5, -3)
        assert (row["order"], row["decision"]) == (text_code("o-1"), text_code("d-1"))
        for domain in ("channel", "item", "action"):
            assert store.vocabulary.text(domain, row[domain]) == texts[domain]

    def test_the_same_message_and_line_is_one_event(self, store: Store, other: Store) -> None:
        first, second = event("m", line=0), event("m", line=1)
        assert append(store, "c", first, second, first).stored == 2
        again = append(other, "c", first, second, event("m", line=2))
        assert (again.stored, again.duplicates) == (1, 2)
        assert len(store.read(user("c")).page) == 3

    def test_an_unknown_person_is_an_empty_record(self, store: Store) -> None:
        record = store.read(Identifier("anonymous_id", "x"))
        assert (record.person, record.customer_id, record.known, len(record.page)) == (-1, "anon:x", False, 0)
        assert store.resolve(user("c")) is None
        assert store.people() == 0

    def test_one_write_of_several_people_in_order(self, store: Store) -> None:
        writes = [Append(user(name), (event(f"m-{name}"),)) for name in ("a", "b", "a2")]
        results = store.append(writes).result()
        assert [one.person for one in results] == [store.resolve(user(name)) for name in ("a", "b", "a2")]
        assert store.people() == 3

    def test_many_threads_lose_nothing(self, store: Store) -> None:
        with ThreadPoolExecutor(8) as pool:
            futures = [pool.submit(append, store, f"c{number % 5}", event(f"m{number}")) for number in range(200)]
            versions = [one.result().version for one in futures]
        assert len(set(versions)) == 200
        assert sum(len(store.read(user(f"c{number}")).page) for number in range(5)) == 200

    @pytest.mark.parametrize(
        "broken",
        [
            {"occurred_at": NOON + 1},
            {"occurred_at": -(2**63), "recorded_at": NOON},
            {"recorded_at": 2**62},
            {"amount": float("inf")},
            {"quantity": 1e300},
            {"line": -1},
            {"severity": 40_000},
            {"message_id": ""},
            {"item": "\ud800"},
            {"properties": "\udfff"},
            {"order": "o\x00"},
        ],
    )
    def test_what_cannot_be_stored_is_refused_whole(self, store: Store, broken: dict[str, object]) -> None:
        sound = {"message_id": "m", "kind": Kind.VIEWED, "name": "v", "occurred_at": NOON, "recorded_at": NOON}
        with pytest.raises(InvalidEvent):
            append(store, "c", event("fine"), type(event("x"))(**{**sound, **broken}))  # type: ignore[arg-type]
        assert store.people() == 0

    def test_the_two_hundred_and_fifty_sixth_channel_is_refused_and_leaves_no_code(self, store: Store) -> None:
        append(store, "c", *(event(f"m{number}", channel=f"ch{number}") for number in range(255)))
        with pytest.raises(StoreError, match="at most 255"):
            append(store, "c", event("n", channel="ch0", item="never", action="never"), event("o", channel="one more"))
        append(store, "c", event("p", channel="ch7", item="later"))
        assert store.vocabulary.texts["item"] == ["later"]
        assert store.vocabulary.size("channel") == 255
        assert len(store.read(user("c")).page) == 256

    # Traits

    def test_traits_merge_and_none_removes(self, store: Store) -> None:
        append(store, "c", event("m1"), traits={"city": "York", "age": 30})
        append(store, "c", event("m2"), traits={"age": None, "time_zone": "Europe/London"})
        record = store.read(user("c"))
        assert record.traits == {"city": "York", "time_zone": "Europe/London"}
        assert record.time_zone == "Europe/London"

    def test_a_retry_does_not_bring_old_traits_back(self, store: Store) -> None:
        append(store, "c", event("m1"), traits={"city": "York"})
        append(store, "c", event("m2"), traits={"city": "Leeds"})
        before = store.read(user("c")).version
        append(store, "c", event("m1"), traits={"city": "York"})
        assert store.read(user("c")).traits == {"city": "Leeds"}
        assert store.read(user("c")).version == before

    def test_traits_as_of(self, store: Store) -> None:
        append(store, "c", event("m1", at=NOON), traits={"city": "York"})
        append(store, "c", event("m2", at=NOON + 10), traits={"city": "Leeds"})
        assert store.read_as_of(user("c"), NOON + 9).traits == {"city": "York"}
        assert store.read_as_of(user("c"), NOON - 1).known is False
        assert store.read_as_of(user("c"), NOON + 10).traits == {"city": "Leeds"}

    def test_traits_that_json_cannot_say_are_refused(self, store: Store) -> None:
        for wrong in (float("nan"), {1, 2}, b"x"):
            with pytest.raises(InvalidEvent):
                append(store, "c", event("m"), traits={"x": wrong})

    # Decisions

    def test_a_decision_is_an_event_of_the_log_and_changes_no_record(self, store: Store) -> None:
        append(store, "c", event("m"))
        before = store.read(user("c"))
        (receipt,) = store.log_decisions([log_decision("c", "d-1")]).result()
        assert not receipt.replayed
        assert receipt.decision.person == before.person
        after = store.read(user("c"))
        assert (after.version, len(after.page)) == (before.version, 1)
        kinds = [kind for person in store.scan(0, 1) for kind in person.records["kind"]]
        assert kinds == [Kind.VIEWED, Kind.DECIDED]

    def test_deciding_for_somebody_unknown_does_not_make_them_known(self, store: Store) -> None:
        (receipt,) = store.log_decisions([log_decision("new", "d-1")]).result()
        record = store.read(user("new"))
        assert (record.person, record.known) == (receipt.decision.person, False)

    def test_the_same_decision_twice_is_the_first(self, store: Store, other: Store) -> None:
        (first,) = store.log_decisions([log_decision("c", "d-1")]).result()
        (again,) = other.log_decisions([log_decision("c", "d-1")]).result()
        assert again.replayed
        assert again.decision == first.decision == store.decision("d-1")
        assert first.decision.seed == 2**64 - 1
        assert sum(len(person.records) for person in store.scan(0, 1)) == 1

    def test_a_decision_id_used_otherwise_is_a_conflict_and_stores_nothing_beside_it(self, store: Store) -> None:
        store.log_decisions([log_decision("c", "d-1", '{"limit":1}')]).result()
        pair = [log_decision("new", "d-2"), log_decision("c", "d-1", '{"limit":2}')]
        with pytest.raises(DecisionConflict):
            store.log_decisions(pair).result()
        assert store.decision("d-2") is None
        assert store.people() == 1

    def test_a_refused_member_does_not_hinder_its_group(self, store: Store) -> None:
        store.log_decisions([log_decision("c", "d-1", '{"limit":1}')]).result()
        futures = [
            store.log_decisions([log_decision("c", f"d-{number % 3 + 1}", f'{{"limit":{number % 3 + 1}}}')])
            for number in range(30)
        ]
        futures.append(store.log_decisions([log_decision("c", "d-1", '{"limit":9}')]))
        assert sum(not one.result()[0].replayed for one in futures[:-1]) == 2
        assert isinstance(futures[-1].exception(), DecisionConflict)

    def test_decisions_of_a_person_newest_first(self, store: Store) -> None:
        store.log_decisions([log_decision("c", f"d-{number}") for number in range(4)]).result()
        person = store.resolve(user("c"))
        assert person is not None
        assert [one.decision_id for one in store.decisions_of(person, 2)] == ["d-3", "d-2"]
        assert store.decision("d-9") is None

    def test_a_scan_meets_everyone_once(self, store: Store) -> None:
        for number in range(10):
            append(store, f"c{number}", event(f"m{number}", at=NOON + 5), event(f"n{number}", at=NOON))
        met = [person for bucket in range(3) for person in store.scan(bucket, 3)]
        assert sorted(person.customer_id for person in met) == [f"c{number}" for number in range(10)]
        assert all((person.records["sequence"][1:] > person.records["sequence"][:-1]).all() for person in met)
        assert sum(len(person.records) for person in met) == 20
        some = [met[7], met[2]]
        again = list(store.scan_of([*(one.person for one in some), 10**9]))
        assert [one.person for one in again] == sorted(one.person for one in some)
        told = {one.person: (one.customer_id, one.records.tobytes(), one.traits) for one in again}
        assert told == {one.person: (one.customer_id, one.records.tobytes(), one.traits) for one in some}

    # Catalogue, bundles, keys, settings, dead letters

    def test_catalogue_versions(self, store: Store, other: Store) -> None:
        assert (store.catalogue(), store.catalogue_version()) == (None, 0)
        first = store.publish_catalogue(DOCUMENT, items_table(["i-1", "i-2"]), 0, NOON, "ann", "first")
        again = other.publish_catalogue(DOCUMENT, items_table(["i-1", "i-2"]), None, NOON + 1, "bob", "same")
        assert first == again
        second = other.publish_catalogue(DOCUMENT, items_table(["i-1", "i-3"]), 1, NOON + 2, "bob", "second")
        assert (first.version, second.version, store.catalogue_version()) == (1, 2, 2)
        assert store.catalogue() == second
        assert store.catalogue(1) == first
        assert store.catalogue(3) is None
        told = store.catalogue_versions(10)
        assert [(one.version, one.digest, one.published_at, one.author, one.note) for one in told] == [
            (one.version, one.digest, one.published_at, one.author, one.note) for one in (second, first)
        ]
        counts = {(one.channels, one.topics, one.categories, one.actions, one.items) for one in told}
        assert counts == {(2, 0, 0, 2, 2)}
        assert [one.version for one in store.catalogue_versions(1)] == [2]
        assert [one.version for one in store.catalogue_versions(10, before=2)] == [1]
        assert store.catalogue_versions(10, before=1) == ()
        assert store.vocabulary.texts["item"] == ["i-1", "i-2", "i-3"]
        assert store.vocabulary.texts["action"] == ["a-1", "a-2"]
        channels = store.vocabulary.texts["channel"]
        assert (channels[:2], sorted(channels)) == (["email", "web"], sorted(CHANNELS))

    def test_each_version_says_what_it_called_its_actions(self, store: Store, other: Store) -> None:
        named = '{"actions":[{"id":"a-1","name":"Strike ☎"},{"id":"a-2"}],"channels":{}}'
        store.publish_catalogue(named, items_table([]), 0, NOON, "ann", "")
        store.publish_catalogue('{"channels":{}}', items_table([]), 1, NOON, "ann", "over")
        called = [other.action_names(version) for version in (0, 1, 2, 3)]
        assert called == [{}, {"a-1": "Strike ☎", "a-2": "a-2"}, {}, {}]

    def test_a_lost_update_is_a_conflict_and_interns_nothing(self, store: Store, other: Store) -> None:
        store.publish_catalogue(DOCUMENT, items_table(["i-1"]), 0, NOON, "ann", "")
        with pytest.raises(CatalogueConflict):
            other.publish_catalogue(DOCUMENT, items_table(["i-9"]), 0, NOON, "bob", "")
        with pytest.raises(StoreError, match="unreadable"):
            store.publish_catalogue("{", items_table(["i-9"]), None, NOON, "bob", "")
        with pytest.raises(StoreError, match="unreadable"):
            store.publish_catalogue(DOCUMENT, b"no table", None, NOON, "bob", "")
        assert store.catalogue_version() == 1
        assert store.vocabulary.texts["item"] == ["i-1"]

    def test_bundles_and_what_serves(self, store: Store, other: Store) -> None:
        assert (store.bundle("d"), store.serving()) == (None, None)
        with pytest.raises(StoreError):
            store.set_serving("1", "d", "run", NOON)
        store.put_bundle("d", {"model.txt": b"tree\x00", "about.json": b""})
        store.put_bundle("d", {"model.txt": b"tree\x00", "about.json": b""})
        store.set_serving("1", "d", "run", NOON)
        assert other.bundle("d") == {"model.txt": b"tree\x00", "about.json": b""}
        assert other.serving() == ServingModel("1", "d", "run", NOON)

    def test_keys(self, store: Store, other: Store) -> None:
        key = AccessKey("k-1", "ab" * 32, frozenset({"read", "write"}), NOON, "desk")
        store.add_key(key)
        with pytest.raises(StoreError):
            other.add_key(key)
        origins = frozenset({"https://shop.example", "http://localhost:8080"})
        browsers = AccessKey("k-2", "cd" * 32, frozenset({"write"}), NOON + 1, "shop", origins)
        other.add_key(browsers)
        assert other.keys() == (key, browsers)
        assert store.revoke_key("k-2")
        assert other.revoke_key("k-1")
        assert not store.revoke_key("k-1")
        assert store.keys() == ()

    def test_settings_and_the_driven_clock(self, store: Store, other: Store) -> None:
        assert store.setting("clock") is None
        store.put_setting("clock", "system")
        store.put_setting("clock", "driven")
        assert other.setting("clock") == "driven"
        assert store.put_setting_once("secret", "mine") == "mine"
        assert other.put_setting_once("secret", "yours") == "mine"
        assert other.setting("secret") == "mine"
        assert store.advance_present(NOON) == NOON
        assert other.advance_present(NOON + 7) == NOON + 7
        assert store.advance_present(NOON + 3) == NOON + 7

    def test_dead_letters_newest_first_and_cut(self, store: Store) -> None:
        store.bury([DeadLetter(NOON, "first", "x"), DeadLetter(NOON + 1, "second", "y" * 40_000)]).result()
        second, first = store.dead_letters(5)
        assert (first.reason, second.reason) == ("first", "second")
        assert len(second.payload) == 32 * 1024
        assert store.dead_letters(1) == (second,)
        store.bury([DeadLetter(NOON, "unreadable", "a\x00\ud800b")]).result()
        assert store.dead_letters(1)[0].payload == "a\ufffd?b"

    # Life and death

    def test_what_was_submitted_before_closing_is_stored(self, place: str) -> None:
        store = open_store(place, vault=VAULT)
        futures = [store.append([Append(user("c"), (event(f"m{number}"),))]) for number in range(50)]
        store.close()
        store.close()
        assert all(one.result(timeout=0)[0].stored == 1 for one in futures)
        with pytest.raises(StoreError):
            store.append([Append(user("c"), ())])
        with pytest.raises(StoreError):
            store.read(user("c"))
        again = open_store(place, vault=VAULT)
        assert len(again.read(user("c")).page) == 50
        again.close()
