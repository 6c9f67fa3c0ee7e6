"""PostgreSQL keeps the contract, and what is true of PostgreSQL alone."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import psycopg
import pytest

from features.event import Identifier, Kind
from features.stores import open_store
from features.stores.protocol import Append, Appended, Store, StoreError, StoreUnavailable
from features.stores.sql.session import MustBeAlone, Session, value
from tests.checks.postgres import Server
from tests.checks.store_contract import StoreContract
from tests.checks.store_examples import NOON, VAULT, append, event, log_decision, user


class TestPostgres(StoreContract):
    @pytest.fixture
    def place(self, postgres: Server) -> Iterator[str]:
        with postgres.store() as url:
            yield url


@pytest.fixture
def place(postgres: Server) -> Iterator[str]:
    with postgres.store() as url:
        yield url


@pytest.fixture
def stores(place: str) -> Iterator[list[Store]]:
    """Three handles, as three replicas have them."""
    opened = [open_store(place, patience=20.0, vault=VAULT) for _ in range(3)]
    yield opened
    report = opened[0].check()
    for one in opened:
        one.close()
    assert report.faults == ()


def test_no_key_no_store(place: str) -> None:
    with pytest.raises(StoreError, match="NEXTBEST_IDENTITY_KEY"):
        open_store(place)


def test_an_address_where_nobody_answers(place: str) -> None:
    with pytest.raises(StoreUnavailable, match="nothing was changed"):
        open_store("postgresql://127.0.0.1:1/none", patience=1.0, vault=VAULT)
    with pytest.raises(StoreError, match="no valid URL") as refusal:
        open_store("postgresql://user:secret@host/x?nonsense=1", vault=VAULT)
    assert "secret" not in str(refusal.value)
    with pytest.raises(StoreError, match="search path"):
        open_store(place.replace("check_", "missing_"), vault=VAULT)


def test_replicas_that_tell_the_same_at_once_tell_it_once(stores: list[Store]) -> None:
    """The same messages, new names, new words and new identifiers from three sides, in different orders."""
    rng = random.Random(3)
    told = [
        Append(
            user(f"c{number % 17}"),
            (event(f"m{number}", Kind.ORDERED, NOON + number, item=f"i{number % 23}", order=f"o{number}"),),
            {"number": number},
            also=(Identifier("email", f"c{number % 17}@example.com"),) if number % 5 == 0 else (),
        )
        for number in range(150)
    ]

    def tell(store: Store) -> list[Appended]:
        mine = rng.sample(told, len(told))
        futures = [store.append(mine[at : at + 3]) for at in range(0, len(mine), 3)]
        return [one for future in futures for one in future.result(timeout=60)]

    with ThreadPoolExecutor(3) as pool:
        results = [one for part in pool.map(tell, stores) for one in part]
    assert sum(one.stored for one in results) == len(told)
    assert sum(one.duplicates for one in results) == 2 * len(told)
    assert stores[0].people() == 17
    assert sum(len(person.records) for person in stores[1].scan(0, 1)) == len(told)
    assert stores[2].vocabulary.size("item") == 23
    assert stores[0].read(Identifier("email", "c5@example.com")).customer_id == "c5"


def test_replicas_that_decide_under_one_id_decide_once(stores: list[Store]) -> None:
    def decide(store: Store) -> list[bool]:
        futures = [store.log_decisions([log_decision(f"c{number % 3}", f"d{number}")]) for number in range(60)]
        return [one.result(timeout=60)[0].replayed for one in futures]

    with ThreadPoolExecutor(3) as pool:
        replayed = [one for part in pool.map(decide, stores) for one in part]
    assert replayed.count(False) == 60


def test_groups_share_the_store_and_one_that_must_be_alone_waits(stores: list[Store]) -> None:
    """Two transactions inside at once, seen from inside; then one that must not be."""
    engines = [store._engine for store in stores]  # type: ignore[attr-defined]
    both = threading.Barrier(2, timeout=20)
    inside: list[str] = []

    def shared(session: Session) -> bool:
        assert not session.alone
        both.wait()
        inside.append("shared")
        both.wait()
        return True

    def alone(session: Session) -> int:
        if not session.alone:
            raise MustBeAlone
        inside.append("alone")
        return len(inside)

    with ThreadPoolExecutor(3) as pool:
        pair = [pool.submit(engine.write, shared, False) for engine in engines[:2]]
        assert [one.result() for one in pair] == [True, True]
        assert pool.submit(engines[2].write, alone, False).result() == 3


def test_a_thread_that_ends_gives_its_connection_back(place: str) -> None:
    store = open_store(place, vault=VAULT)
    store.read(user("c"))
    with psycopg.connect(place, autocommit=True) as connection:
        query = "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'nextbest'"

        def held() -> int:
            return int(connection.execute(query).fetchall()[0][0])

        before = held()
        for _ in range(5):
            reading = threading.Thread(target=store.read, args=(user("c"),))
            reading.start()
            reading.join()
        deadline = time.monotonic() + 20
        while held() > before and time.monotonic() < deadline:
            time.sleep(0.02)
        assert held() == before
    store.close()


def test_what_is_acknowledged_is_forced_to_disk_whatever_the_server_is_set_to(place: str) -> None:
    with psycopg.connect(place, autocommit=True) as connection:
        connection.execute("ALTER ROLE CURRENT_USER SET synchronous_commit = off")
    try:
        store = open_store(place, vault=VAULT)
        asked: list[str] = store._engine.write(lambda session: value(session, "SHOW synchronous_commit"), False)  # type: ignore[attr-defined]
        store.close()
        assert asked == "on"
    finally:
        with psycopg.connect(place, autocommit=True) as connection:
            connection.execute("ALTER ROLE CURRENT_USER RESET synchronous_commit")


def test_another_that_writes_alone_is_waited_for_no_longer_than_patience(place: str) -> None:
    store, held, release = open_store(place, patience=0.5, vault=VAULT), threading.Event(), threading.Event()
    other = open_store(place, vault=VAULT)

    def hold(session: Session) -> None:
        assert session.alone
        held.set()
        release.wait(20)

    with ThreadPoolExecutor(1) as pool:
        holding = pool.submit(other._engine.write, hold, True)  # type: ignore[attr-defined]
        held.wait(20)
        with pytest.raises(StoreUnavailable, match="lock timeout"):
            append(store, "c", event("m"))
        release.set()
        holding.result()
    assert append(store, "c", event("m")).stored == 1
    store.close()
    other.close()


def test_a_program_whose_schema_was_changed_stops_writing(place: str) -> None:
    store = open_store(place, vault=VAULT)
    with psycopg.connect(place) as connection:
        ((now,),) = connection.execute("SELECT version_num FROM alembic_version").fetchall()
        connection.execute("UPDATE alembic_version SET version_num = '9999'")
    with pytest.raises(StoreUnavailable, match="start it again"):
        append(store, "c", event("m"))
    with psycopg.connect(place) as connection:
        connection.execute("UPDATE alembic_version SET version_num = %s", (now,))
    assert append(store, "c", event("m")).stored == 1
    store.close()


SLOW_COMMIT = """CREATE FUNCTION linger() RETURNS trigger LANGUAGE plpgsql AS
                 'BEGIN PERFORM pg_sleep(30); RETURN NULL; END';
                 CREATE CONSTRAINT TRIGGER slow_commit AFTER INSERT ON event DEFERRABLE INITIALLY DEFERRED
                 FOR EACH ROW EXECUTE FUNCTION linger()"""
CUT = """SELECT pg_terminate_backend(pid) FROM pg_stat_activity
         WHERE application_name = 'nextbest' AND query = 'COMMIT' AND wait_event = 'PgSleep'"""


def test_of_a_commit_that_is_cut_off_nobody_knows_whether_it_was_done(place: str) -> None:
    store = open_store(place, vault=VAULT)
    with psycopg.connect(place, autocommit=True) as connection:
        connection.execute(SLOW_COMMIT)
        with ThreadPoolExecutor(1) as pool:
            writing = pool.submit(append, store, "c", event("m"))
            while not connection.execute(CUT).fetchall():
                assert not writing.done()
            with pytest.raises(StoreUnavailable, match="may or may not be stored; send the same again"):
                writing.result(30)
        connection.execute("DROP TRIGGER slow_commit ON event")
    assert append(store, "c", event("m")).stored == 1
    store.close()
