"""Telling an open page that something new is known of its customer (server-sent events), within a second or so.

A page is told that there is something, and asks for it: so what it shows is always read as of then, with its rights.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Final

from starlette.responses import Response, StreamingResponse

from features.stores.protocol import StoreError
from serving.console.visit import Visit, person_of
from serving.person import Known
from serving.runtime import Runtime

LOOK_EVERY: Final = 0.8
"""Seconds between two looks into the store; one costs some ten microseconds."""
_AGAIN_AFTER: Final = 1_000
"""ms after which a browser asks again when the stream has ended."""
_LOOKS = 400
"""Then the page asks again, and whether it may is looked at anew; sooner where the session is over."""


async def live(visit: Visit, known: Known) -> Response:
    query = visit.request.query_params
    last = visit.request.headers.get("last-event-id") or query.get("since", "")
    since = int(last) if last.isascii() and last.isdecimal() and len(last) < 19 else 0
    headers = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
    return StreamingResponse(_told(visit, known, since), media_type="text/event-stream", headers=headers)


async def _told(visit: Visit, known: Known, since: int) -> AsyncIterator[bytes]:
    runtime = visit.runtime
    yield f"retry: {_AGAIN_AFTER}\n\n".encode()
    for looks in range(_LOOKS):
        if runtime.leaving.is_set() or (looks % 40 == 39 and person_of(runtime, visit.request) is None):
            return
        newest, version = _newest(runtime, known, since)
        if newest > since:
            yield f"id: {newest}\nevent: changed\ndata: {version}\n\n".encode()
            since = newest
        elif looks % 20 == 19:
            yield b": still here\n\n"
        await asyncio.sleep(LOOK_EVERY)


def _newest(runtime: Runtime, known: Known, otherwise: int) -> tuple[int, int]:
    """What was told last, and the version of what decisions read; of a store that is away for a moment nothing new."""
    try:
        version = runtime.store.read(known.identifier).version
        return max(runtime.store.newest_told(known.identifier), version), version
    except StoreError:
        return otherwise, otherwise
