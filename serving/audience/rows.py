"""Decisions as rows of a table: one for each chosen action, one for each customer and channel where nothing was."""

from __future__ import annotations

import io
from collections.abc import Iterator, Mapping, Sequence

import msgspec
import pyarrow as pa
import pyarrow.parquet as pq

from features.instants import parse_instant
from serving.errors import ErrorBody

SCHEMA = pa.schema(
    [
        ("customer_id", pa.string()),
        ("decision_id", pa.string()),
        ("decided_at", pa.timestamp("ms", tz="UTC")),
        ("channel", pa.string()),
        ("rank", pa.int32()),
        ("action_id", pa.string()),
        ("kind", pa.string()),
        ("treatment_id", pa.string()),
        ("content", pa.string()),
        ("response_probability", pa.float64()),
        ("value", pa.float64()),
        ("priority", pa.float64()),
        ("incremental_value", pa.float64()),
        ("selection_probability", pa.float64()),
        ("maturity", pa.float64()),
        ("token", pa.string()),
        ("no_action_probability", pa.float64()),
        ("end_probability", pa.float64()),
        ("funnel", pa.string()),
        ("arm", pa.string()),
        ("known", pa.bool_()),
        ("degraded", pa.bool_()),
        ("personalised", pa.bool_()),
        ("ranked_by", pa.string()),
        ("model_version", pa.string()),
        ("catalogue_version", pa.int32()),
        ("policy_version", pa.string()),
        ("error", pa.string()),
    ]
)
"""Described in docs/scoring.md. Texts in `content` and `funnel` are JSON."""


class _Action(msgspec.Struct, frozen=True):
    rank: int
    action_id: str
    kind: str
    treatment_id: str
    content: msgspec.Raw
    response_probability: float | None
    value: float
    priority: float | None
    incremental_value: float | None
    selection_probability: float
    maturity: float
    token: str | None


class _NoAction(msgspec.Struct, frozen=True):
    selection_probability: float
    end_probability: float


class _Slate(msgspec.Struct, frozen=True):
    channel: str
    actions: tuple[_Action, ...]
    no_action: _NoAction
    funnel: Mapping[str, int]


class _Decision(msgspec.Struct, frozen=True):
    """As answered; with error alone, a customer of whom none could be made."""

    customer_id: str
    decision_id: str | None = None
    decided_at: str = ""
    arm: str = ""
    known: bool = False
    degraded: bool = False
    personalised: bool = False
    ranked_by: str = ""
    model_version: str = ""
    catalogue_version: int = 0
    policy_version: str = ""
    channels: tuple[_Slate, ...] = ()
    error: ErrorBody | None = None


class _Batch(msgspec.Struct, frozen=True):
    decisions: tuple[_Decision, ...]


_read = msgspec.json.Decoder(_Batch).decode
_text = msgspec.json.Encoder().encode
_Row = Mapping[str, object]


def table_of(answer: bytes, named: Sequence[str], unknown: Mapping[int, str]) -> pa.Table:
    """Of an answer of /recommend_batch. named: its customers as the audience names them; unknown: by place, why one was
    not asked about."""
    rows: list[_Row] = []
    for place, (customer_id, one) in enumerate(zip(named, _read(answer).decisions, strict=True)):
        why = unknown.get(place, None if one.error is None else one.error.message)
        rows.extend([{"customer_id": customer_id, "error": why}] if why is not None else _rows(customer_id, one))
    return pa.Table.from_pylist(rows, SCHEMA)


def _rows(customer_id: str, decision: _Decision) -> Iterator[_Row]:
    shared = {
        "customer_id": customer_id,
        "decided_at": parse_instant(decision.decided_at),
        **{name: getattr(decision, name) for name in _SHARED},
    }
    for slate in decision.channels:
        of_slate = {
            **shared,
            "channel": slate.channel,
            "no_action_probability": slate.no_action.selection_probability,
            "end_probability": slate.no_action.end_probability,
        }
        if not slate.actions:
            refused = {name: count for name, count in slate.funnel.items() if count}
            yield {**of_slate, "funnel": _text(refused).decode()}
        for action in slate.actions:
            yield {**of_slate, **_chosen(action)}


_SHARED = (
    "decision_id",
    "arm",
    "known",
    "degraded",
    "personalised",
    "ranked_by",
    "model_version",
    "catalogue_version",
    "policy_version",
)


def _chosen(action: _Action) -> _Row:
    told = {name: getattr(action, name) for name in _Action.__struct_fields__}
    return {**told, "content": bytes(action.content).decode()}


def parquet(table: pa.Table) -> bytes:
    buffer = io.BytesIO()
    pq.write_table(table, buffer, compression="zstd")
    return buffer.getvalue()
