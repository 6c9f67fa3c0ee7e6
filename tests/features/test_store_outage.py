"""The server goes away in the middle of traffic: refused cleanly, recovered by itself, nothing acknowledged lost."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import psycopg
import pytest

from features.event import Kind
from features.stores import open_store
from features.stores.protocol import Store, StoreUnavailable
from tests.checks.postgres import Server, binaries_or_skip, cluster
from tests.checks.store_examples import NOON, VAULT, append, event, import_table, user

OUTAGES = (
    ("restart", "-m", "immediate"),  # as a power cut: the server recovers from its log
    ("restart", "-m", "fast"),
)

TERMINATE = "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE application_name = 'nextbest'"


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    """A cluster of its own: others must not feel its restarts."""
    with cluster(binaries_or_skip()) as started:
        yield started


@pytest.fixture
def url(server: Server) -> Iterator[str]:
    with server.schema() as url:
        open_store(url, vault=VAULT).close()
        yield url


@dataclass(slots=True)
class Traffic:
    """What clients that send again until they are answered were told."""

    acknowledged: list[str] = field(default_factory=list)
    refused: int = 0
    other: list[Exception] = field(default_factory=list)
    stop: threading.Event = field(default_factory=threading.Event)


def write(store: Store, name: str, traffic: Traffic) -> None:
    number = 0
    while not traffic.stop.is_set():
        message = f"{name}-{number}"
        try:
            append(store, name, event(message, Kind.ORDERED, NOON + number, item=f"i{number % 7}", order=message))
        except StoreUnavailable:
            traffic.refused += 1
            time.sleep(0.02)
        except Exception as error:  # noqa: BLE001
            traffic.other.append(error)
        else:
            traffic.acknowledged.append(message)
            number += 1


def read(store: Store, name: str, traffic: Traffic) -> None:
    """Never fewer events than were there before."""
    seen = 0
    while not traffic.stop.is_set():
        try:
            now = len(store.read(user(name)).ledger)
        except StoreUnavailable:
            traffic.refused += 1
            time.sleep(0.02)
        except Exception as error:  # noqa: BLE001
            traffic.other.append(error)
        else:
            if now < seen:
                traffic.other.append(AssertionError(f"{now} events after {seen}"))
            seen = now


def until(happened: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 60
    while not happened():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_outages_in_the_middle_of_traffic_lose_and_double_nothing(server: Server, url: str) -> None:
    stores = [open_store(url, patience=2.0, vault=VAULT) for _ in range(2)]
    writes, reads = [Traffic() for _ in range(4)], Traffic()
    threads = [
        threading.Thread(target=write, args=(stores[number % 2], f"c{number}", traffic))
        for number, traffic in enumerate(writes)
    ]
    threads.append(threading.Thread(target=read, args=(stores[0], "c1", reads)))
    for thread in threads:
        thread.start()
    try:
        for outage in OUTAGES:
            marks = [len(one.acknowledged) for one in writes]
            until(lambda: all(len(one.acknowledged) > mark + 20 for one, mark in zip(writes, marks, strict=True)))  # noqa: B023
            server.control(*outage)
        marks = [len(one.acknowledged) for one in writes]
        until(lambda: all(len(one.acknowledged) > mark + 20 for one, mark in zip(writes, marks, strict=True)))
    finally:
        for one in (*writes, reads):
            one.stop.set()
        for thread in threads:
            thread.join()
    assert [error for one in (*writes, reads) for error in one.other] == []
    assert sum(one.refused for one in writes) > 0
    logged = [one.event.message_id for _, one in stores[1].logged(Kind)]
    assert len(logged) == len(set(logged))
    assert {message for one in writes for message in one.acknowledged} <= set(logged)
    # What was in flight at the end of each outage may have been stored; each client sent it again under its id.
    assert len(logged) == sum(len(one.acknowledged) for one in writes)
    assert stores[0].check().faults == ()
    for store in stores:
        store.close()


def test_while_the_server_is_down_all_is_refused_and_afterwards_all_is_well(server: Server, url: str) -> None:
    store = open_store(url, patience=1.0, vault=VAULT)
    append(store, "c", event("m1"))
    store.read(user("c"))
    server.control("stop", "-m", "fast")
    try:
        asked: list[Callable[[], object]] = [
            lambda: append(store, "c", event("m2")),
            lambda: store.read(user("c")),
            lambda: store.vocabulary,
            lambda: store.timeline(user("c"), None, 5),
            lambda: list(store.scan(0, 1)),
            lambda: store.put_setting("x", "y"),
            store.check,
            lambda: open_store(url, patience=1.0, vault=VAULT),
        ]
        for one in asked:
            with pytest.raises(StoreUnavailable, match="nothing was changed"):
                one()
    finally:
        server.control("start")
    # The first call after the server is back is answered: nobody must fail for a connection to be found dead.
    assert len(store.read(user("c")).page) == 1
    assert append(store, "c", event("m2")).stored == 1
    assert store.setting("x") is None
    store.close()


def test_a_server_that_does_not_answer_holds_up_one_caller_and_not_the_next(server: Server, url: str) -> None:
    store = open_store(url, patience=1.0, vault=VAULT)
    append(store, "c", event("m1"))
    assert server.data is not None
    socket_file = server.data.parent / ".s.PGSQL.5432"
    with psycopg.connect(url, autocommit=True) as connection, socket.socket(socket.AF_UNIX) as deaf:
        real = socket_file.rename(socket_file.with_name("real"))
        deaf.bind(str(socket_file))
        deaf.listen(8)
        deaf.setblocking(False)
        try:
            connection.execute(TERMINATE)
            for asked in (store.read, store.resolve, store.read):
                with pytest.raises(StoreUnavailable):
                    asked(user("c"))
            deaf.accept()[0].close()
            with pytest.raises(BlockingIOError):
                deaf.accept()
        finally:
            real.rename(socket_file)
    until(lambda: _answered(lambda: len(store.read(user("c")).page) == 1))
    assert append(store, "c", event("m2")).stored == 1
    store.close()


def _answered(asked: Callable[[], bool]) -> bool:
    try:
        return asked()
    except StoreUnavailable:
        return False


def test_connections_that_an_operator_ends_are_made_anew_unnoticed(url: str) -> None:
    store = open_store(url, vault=VAULT)
    append(store, "c", event("m1"))
    store.read(user("c"))
    with psycopg.connect(url, autocommit=True) as connection:
        assert len(connection.execute(TERMINATE).fetchall()) == 2
    assert len(store.read(user("c")).page) == 1
    assert append(store, "c", event("m2")).stored == 1
    store.close()


def test_an_import_that_loses_its_server_is_not_there_and_can_be_repeated(server: Server, url: str) -> None:
    store = open_store(url, patience=2.0, vault=VAULT)
    table = import_table([{"customer_id": f"c{row % 50}", "item": f"i{row}"} for row in range(40_000)])
    refusals: list[Exception] = []
    importing = threading.Thread(target=lambda: _refused(lambda: store.import_events(table, "file"), refusals))
    importing.start()
    with psycopg.connect(url, autocommit=True) as connection:
        copying = "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'nextbest' AND query LIKE 'COPY%'"
        until(lambda: connection.execute(copying).fetchall()[0][0] > 0)
    server.control("restart", "-m", "immediate")
    importing.join()
    assert [type(one) for one in refusals] == [StoreUnavailable]
    assert store.check().events == 0
    assert store.import_events(table, "file").stored == 40_000
    assert store.check().faults == ()
    store.close()


def _refused(work: Callable[[], object], refusals: list[Exception]) -> None:
    try:
        work()
    except Exception as error:  # noqa: BLE001
        refusals.append(error)
