"""A warm process, everything imported and no store open, that forks writers of the mixed load on order, so that one is
at work milliseconds after it is asked for.

Standard input: `start URL WRITER FIRST FILE`, answered by the writer's process id; `reap PID`, answered by how it
ended. A writer appends to FILE the number of every operation that was acknowledged, or `<number> torn` when the store
took a part of it. What reached the file is there even when the writer is killed the next moment.
"""

from __future__ import annotations

import os
import sys
import tempfile
import time
import traceback
from concurrent.futures import Future
from importlib import import_module
from itertools import count

from features.stores import open_store
from features.stores.protocol import Appended, Store, StoreUnavailable
from tests.checks.mixed_load import Decided, Imported, Operation, Refused, Told, operation
from tests.checks.rights_load import CLERK, PEOPLE, demand
from tests.checks.store_examples import VAULT, import_table

FLIGHT = 8
"""Operations that a writer has under way at a time."""
PATIENCE = 60.0


def submit(store: Store, made: Operation) -> Future[object]:
    match made:
        case Told(writes):
            return store.append(writes)  # type: ignore[return-value]
        case Decided(write):
            return store.log_decisions([write])  # type: ignore[return-value]
        case Refused(letter):
            return store.bury([letter])  # type: ignore[return-value]
        case Imported():
            done: Future[object] = Future()
            done.set_result(store.import_events(import_table(made.rows), made.source))
            return done


def stubborn(store: Store, made: Operation) -> object:
    """Its outcome, however often the store is away meanwhile."""
    deadline = time.monotonic() + PATIENCE
    while True:
        try:
            return submit(store, made).result(timeout=PATIENCE)
        except StoreUnavailable:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.05)


def outcome_of(store: Store, made: Operation, future: Future[object] | None) -> object:
    try:
        return stubborn(store, made) if future is None else future.result(timeout=PATIENCE)
    except StoreUnavailable:
        return stubborn(store, made)


def begun(store: Store, made: Operation) -> Future[object] | None:
    try:
        return submit(store, made)
    except StoreUnavailable:
        return None


def torn(outcome: object) -> bool:
    """Whether the store took a part of what it must take whole."""
    if not isinstance(outcome, tuple) or not all(isinstance(one, Appended) for one in outcome):
        return False
    return bool(sum(one.stored for one in outcome)) and bool(sum(one.duplicates for one in outcome))


def write(url: str, writer: str, first: int, path: str) -> None:
    """Until it is killed."""
    store = open_store(url, vault=VAULT)
    acknowledged = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    if writer == CLERK:
        serve_rights(store, first, acknowledged)
    for start in count(first, FLIGHT):
        flight = [(number, operation(writer, number)) for number in range(start, start + FLIGHT)]
        futures = [begun(store, made) for _, made in flight]
        for (number, made), future in zip(flight, futures, strict=True):
            outcome = outcome_of(store, made, future)
            os.write(acknowledged, f"{number}{' torn' if torn(outcome) else ''}\n".encode())


def serve_rights(store: Store, first: int, acknowledged: int) -> None:
    """Erase and split one after another, then wait to be killed."""
    for number in range(first, PEOPLE):
        demand(store, number)
        os.write(acknowledged, f"{number}\n".encode())
    for idle in count(max(first, PEOPLE)):
        os.write(acknowledged, f"{idle}\n".encode())
        time.sleep(0.05)


def start(url: str, writer: str, first: str, path: str) -> int:
    child = os.fork()
    if child:
        return child
    try:
        write(url, writer, int(first), path)
    except BaseException:  # noqa: BLE001 - the fork must not return into the loop below
        traceback.print_exc()
    os._exit(1)


def warm() -> None:
    """What is imported only when there is a schema to make."""
    with tempfile.TemporaryDirectory() as folder:
        open_store(f"sqlite:///{folder}/store.db", vault=VAULT).close()
    import_module("features.stores.engines.postgres_upgrade")


def main() -> None:
    warm()
    for line in sys.stdin:
        what, *arguments = line.split()
        answer = start(*arguments) if what == "start" else os.waitstatus_to_exitcode(os.waitpid(int(*arguments), 0)[1])
        sys.stdout.write(f"{answer}\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
