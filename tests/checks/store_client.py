"""A process that writes to a store and says on standard output what was acknowledged.

python -m tests.checks.store_client write URL NAME FIRST LAST   events NAME-FIRST.. to shared customers, in flights of 8
python -m tests.checks.store_client meet URL NAME OTHER COUNT   write COUNT events, read each back, wait for OTHER's
python -m tests.checks.store_client import URL SOURCE ROWS      one bulk import
"""

from __future__ import annotations

import sys
import time

from features.event import Kind
from features.stores import open_store
from features.stores.protocol import Append, Store
from tests.checks.store_examples import NOON, VAULT, append, event, import_table, user

CUSTOMERS = 4
FLIGHT = 8


def say(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def write(store: Store, name: str, first: int, last: int) -> None:
    """Say `<name>-<number>` only after its event is acknowledged."""
    for start in range(first, last, FLIGHT):
        numbers = range(start, min(start + FLIGHT, last))
        flight = [
            (number, store.append([Append(user(f"c{number % CUSTOMERS}"), (_purchase(name, number),))]))
            for number in numbers
        ]
        for number, future in flight:
            future.result(timeout=30)
            say(f"{name}-{number}")


def _purchase(name: str, number: int) -> object:
    kind = Kind.ORDERED if number % 2 else Kind.VIEWED
    return event(
        f"{name}-{number}", kind, NOON + number, item=f"i{number % 50}", order=f"{name}-{number}", quantity=1.0
    )


def meet(store: Store, name: str, other: str, count: int) -> None:
    """Every own event is seen at once; the other process's last one in the end."""
    for number in range(count):
        version = append(store, name, event(f"{name}-{number}", item=f"{name}-item-{number % 20}")).version
        record = store.read(user(name))
        if record.version != version or len(record.page) != number + 1:
            sys.exit(f"{name} does not see its event {number}")
    deadline = time.monotonic() + 30
    while len(store.read(user(other)).page) < count:
        if time.monotonic() > deadline:
            sys.exit(f"{name} does not see what {other} wrote")
        time.sleep(0.002)
    page = store.read(user(other)).page
    texts = {store.vocabulary.text("item", code) for code in page["item"]}
    if texts != {f"{other}-item-{number}" for number in range(20)}:
        sys.exit(f"{name} reads other words than {other} wrote")
    say("met")


def bulk(store: Store, source: str, rows: int) -> None:
    say("begin")
    table = import_table([{"customer_id": f"c{row % 50}", "item": f"i{row}"} for row in range(rows)])
    say(f"stored {store.import_events(table, source).stored}")


def main(what: str, url: str, *arguments: str) -> None:
    store = open_store(url, vault=VAULT)
    say("ready")
    if what == "write":
        write(store, arguments[0], int(arguments[1]), int(arguments[2]))
    elif what == "meet":
        meet(store, arguments[0], arguments[1], int(arguments[2]))
    elif what == "import":
        bulk(store, arguments[0], int(arguments[1]))
    store.close()


if __name__ == "__main__":
    main(*sys.argv[1:])
