"""Small synthetic events, decisions and tables for the checks of a store."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
import pyarrow as pa

from features.columns import CUSTOMER_SCHEMA, IMPORT_SCHEMA
from features.event import Event, Identifier, Kind
from features.stores.protocol import Append, Appended, LogDecision, LoggedDecision, Store
from features.vault import Vault

NOON = 1_700_000_000_000
SECRET = bytes(range(32))
VAULT = Vault(SECRET)


def user(name: str) -> Identifier:
    return Identifier("user_id", name)


def event(message_id: str, kind: Kind = Kind.VIEWED, at: int = NOON, **fields: object) -> Event:
    defaults: dict[str, object] = {"recorded_at": at, "name": kind.name.title()}
    return Event(message_id=message_id, kind=kind, occurred_at=at, **{**defaults, **fields})  # type: ignore[arg-type]


def append(store: Store, name: str, *events: Event, traits: Mapping[str, object] | None = None) -> Appended:
    return store.append([Append(user(name), events, traits or {})]).result(timeout=30)[0]


def decision(decision_id: str, request: str = "{}", decided_at: int = NOON) -> LoggedDecision:
    return LoggedDecision(
        decision_id=decision_id,
        person=-1,
        customer_id="c",
        decided_at=decided_at,
        request=request,
        request_digest=f"digest of {request}",
        response='{"channels":[]}',
        seed=2**64 - 1,
        arm="full",
        history_version=0,
        catalogue_version=1,
        model_version="m",
        policy_version="p",
        code_revision="r",
        feature_digest="ff",
        model_digest="bb",
        snapshot=0,
        subject="c",
        addresses='["email"]',
        feature_rows=b"\x93NUMPY",
    )


def log_decision(name: str, decision_id: str, request: str = "{}") -> LogDecision:
    decided = event(f"{decision_id}:decided", Kind.DECIDED, action="a-1", channel="email", decision=decision_id)
    return LogDecision(user(name), decision(decision_id, request), (decided,))


def reserving(name: str, decision_id: str, seen: int, request: str = "{}") -> LogDecision:
    """A decision that reserves, made from the version `seen` of the person."""
    fields = {"action": "a-1", "channel": "email", "decision": decision_id}
    made = log_decision(name, decision_id, request)
    held = event(f"reserved:{decision_id}", Kind.RESERVED, ends_at=NOON + 1000, **fields)
    return replace(made, decision=replace(made.decision, history_version=seen), events=(*made.events, held))


def items_table(ids: Sequence[str]) -> bytes:
    """An Arrow IPC table of items."""
    count = len(ids)
    table = pa.table({"id": list(ids), "category": ["k"] * count, "name": list(ids), "price": np.ones(count)})
    sink = pa.BufferOutputStream()
    with pa.ipc.new_file(sink, table.schema) as writer:
        writer.write_table(table)
    return bytes(sink.getvalue().to_pybytes())


def import_table(rows: Sequence[Mapping[str, object]]) -> pa.Table:
    """Rows for import_events; what a row leaves out is null."""
    defaults: dict[str, object] = {"kind": int(Kind.ORDERED), "occurred_at": NOON, "recorded_at": NOON}
    filled = [{**dict.fromkeys(IMPORT_SCHEMA.names), **defaults, **row} for row in rows]
    return pa.Table.from_pylist(filled, schema=IMPORT_SCHEMA)


def customer_table(rows: Sequence[Mapping[str, object]]) -> pa.Table:
    return pa.Table.from_pylist(
        [{**dict.fromkeys(CUSTOMER_SCHEMA.names), **row} for row in rows], schema=CUSTOMER_SCHEMA
    )
