"""Reading refused events again: what was wrong may have been the catalogue, or the reader."""

from __future__ import annotations

from msgspec.structs import replace
from pydantic_core import from_json

from features.stores.protocol import Append, DeadLetter
from features.wire.errors import WireError
from serving.ingest import FROM_PAGE, Reader
from serving.runtime import Runtime


def reread(runtime: Runtime, letter: DeadLetter, present: int) -> tuple[Append, ...]:
    """What the letter asks of the store, known since `present` (ms UTC) and not before: no decision made meanwhile can
    have seen it. The sender's clock is corrected as of its arrival. Raises WireError."""
    try:
        payload = from_json(letter.payload, allow_inf_nan=False)
    except ValueError as error:
        raise WireError("", letter.payload, "a letter that is read again is whole JSON", "tell it anew") from error
    reader = Reader.of(runtime, letter.received_at, from_page=letter.reason.startswith(FROM_PAGE))
    appends = reader.appends(payload)
    return tuple(
        replace(append, events=tuple(replace(event, recorded_at=present) for event in append.events))
        for append in appends
    )
