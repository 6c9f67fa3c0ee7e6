"""A process that decides parts of an audience, as many as it is given, with a store and a model of its own."""

from __future__ import annotations

import asyncio
import logging
import resource
import signal
import sqlite3
import time
from collections.abc import Sequence
from multiprocessing.connection import Connection
from pathlib import Path

import msgspec
import pyarrow as pa
import pyarrow.parquet as pq
from pydantic import JsonValue

from features.customer_lists import COLUMN
from features.identity import IdentityError, customer_identifier
from features.stores.protocol import AmbiguousIdentifier, Store, StoreError
from features.vault import VaultError
from models.bundle import BundleError
from models.policy.version import POLICY
from serving.audience.rows import SCHEMA, parquet, table_of
from serving.audience.run import Folder, Run, Versions, changed, write_whole
from serving.deciding import batch_at_hand
from serving.errors import Refusal
from serving.runtime import Runtime
from serving.settings import Settings

UNKNOWN = "customer_id is not known; nobody is decided about who was never told of; add --strangers to do so"


class Advanced(msgspec.Struct, frozen=True, tag=True):
    """So many more customers of a part are decided."""

    customers: int


class Spent(msgspec.Struct, frozen=True):
    """customers: of the part. resident: kB that the process holds after it. cpu: seconds that it has used so far. at:
    seconds of a clock that only moves forward."""

    customers: int
    resident: int
    cpu: float
    at: float


class PartMade(msgspec.Struct, frozen=True, tag=True):
    """The part is written."""

    spent: Spent


class Failed(msgspec.Struct, frozen=True, tag=True):
    """No part can be made any more; what stands in the log stays there."""

    line: str


Said = Advanced | PartMade | Failed


def versions_of(runtime: Runtime) -> Versions:
    in_force = runtime.in_force
    model = in_force.model
    return Versions(in_force.catalogue_version, model.version, model.digest, POLICY.version)


def work(connection: Connection, settings: Settings, run: Run, out: str) -> None:
    """Until the other end is closed, which it also is when its process is killed. Ctrl-C is the other end's to hear."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    logging.getLogger("nextbest").addHandler(logging.NullHandler())
    try:
        asyncio.run(_work(connection, settings, run, Folder(Path(out))))
    except (EOFError, ConnectionError):
        return
    except (StoreError, Refusal, VaultError, BundleError) as error:
        _say(connection, Failed(str(error)))
    except (OSError, sqlite3.Error) as error:
        _say(connection, Failed(f"part is not made ({error}); what was decided is kept; mend that, and run it again"))


def _say(connection: Connection, said: Said) -> None:
    connection.send_bytes(msgspec.json.encode(said))


async def _work(connection: Connection, settings: Settings, run: Run, folder: Folder) -> None:
    runtime = Runtime(settings)
    try:
        while True:
            part = int((await asyncio.to_thread(connection.recv_bytes)).decode())
            await runtime.look()
            now = versions_of(runtime)
            if now != run.versions:
                _say(connection, Failed(changed(folder.path, run.versions, now)))
                return
            await _make(connection, runtime, run, folder, part)
    finally:
        await runtime.close()


async def _make(connection: Connection, runtime: Runtime, run: Run, folder: Folder, part: int) -> None:
    named: list[str] = pq.read_table(folder.listed(part)).column(COLUMN).to_pylist()
    tables: list[pa.Table] = []
    for start in range(0, len(named), run.together):
        if connection.poll():  # told to stop, or nobody is there any more
            raise EOFError
        customers = named[start : start + run.together]
        tables.append(await _decided(runtime, run, customers, run.window(part, start)))
        _say(connection, Advanced(len(customers)))
    write_whole(folder.made(part), parquet(pa.concat_tables(tables) if tables else SCHEMA.empty_table()))
    _say(connection, PartMade(Spent(len(named), _resident(), time.process_time(), time.monotonic())))


def _resident() -> int:
    """kB; where the system does not tell, the most that it was so far."""
    told = Path("/proc/self/statm")
    if told.exists():
        return int(told.read_text().split()[1]) * resource.getpagesize() // 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


async def _decided(runtime: Runtime, run: Run, customers: Sequence[str], window: int) -> pa.Table:
    """Whoever is not asked about keeps the place, since decisions are called by it."""
    unknown = {} if run.question.strangers else dict.fromkeys(_strangers(runtime.store, customers), UNKNOWN)
    asked: list[JsonValue] = [None if place in unknown else one for place, one in enumerate(customers)]
    answer = await batch_at_hand(runtime, run.question.of(asked, run.decisions(window)))
    return table_of(answer, customers, unknown)


def _strangers(store: Store, customers: Sequence[str]) -> list[int]:
    """Places of those whom the store does not know. Of an id that is none, or is several people's, an answer says more
    than that."""
    found = []
    for place, name in enumerate(customers):
        try:
            if store.resolve(customer_identifier(name)) is None:
                found.append(place)
        except (IdentityError, AmbiguousIdentifier):
            continue
    return found
