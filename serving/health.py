"""GET /model, /healthz, /livez, /readyz, /metrics."""

from __future__ import annotations

import msgspec

from features.instants import render_instant
from serving import metrics
from serving.call import Call
from serving.errors import no_catalogue
from serving.runtime import Runtime


async def model(runtime: Runtime, call: Call) -> bytes:
    """Which version serves, since when, from which run, and why it is not the champion if it is not."""
    in_force = runtime.in_force
    in_force.keyring.require("read", call.key, call.peer)
    live = in_force.model
    return msgspec.json.encode(
        {
            "version": live.version,
            "digest": live.digest,
            "run_id": live.run_id,
            "since": render_instant(live.since),
            "origin": live.origin.value,
            "registry_reachable": live.registry_reachable,
            "message": live.message,
            "catalogue_version": in_force.catalogue_version,
            "code_revision": runtime.revision,
        }
    )


async def alive(_runtime: Runtime, _call: Call) -> bytes:
    return b'{"status":"alive"}'


async def ready(runtime: Runtime, _call: Call) -> bytes:
    """Ready once a catalogue is in force and the store answers; without a model the fallback ranking does."""
    if runtime.in_force.catalogue is None:
        raise no_catalogue()
    runtime.store.catalogue_version()
    return b'{"status":"ready"}'


async def exposition(_runtime: Runtime, _call: Call) -> bytes:
    return metrics.exposition()
