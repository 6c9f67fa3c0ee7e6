"""GET /model, /healthz, /livez, /readyz, /metrics."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Mapping
from contextlib import suppress

import msgspec

from features.instants import render_instant
from features.stores.protocol import StoreUnavailable
from models.live_response import calibration
from serving import metrics
from serving.call import Call
from serving.errors import no_catalogue
from serving.model_loader import LiveModel
from serving.runtime import Runtime
from serving.trials import LiveTrial
from serving.watching import by_action, compared


async def model(runtime: Runtime, call: Call) -> bytes:
    """Which version serves, since when, from which run, and why it is not the champion if it is not. process_id: of the
    worker that answers, as each takes up a model by itself."""
    in_force = runtime.in_force
    in_force.keyring.admit("read", call)
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
            "refused": _refused(live),
            "ab": _in_ab(in_force.trials.ab, in_force.clock.present(None), live.version),
            "shadow": _tried(in_force.trials.shadow),
            "catalogue_version": in_force.catalogue_version,
            "code_revision": runtime.revision,
            "process_id": os.getpid(),
        }
    )


def _refused(live: LiveModel) -> dict[str, str] | None:
    """The champion that should serve and does not."""
    one = live.refused
    if one is None:
        return None
    return {"version": one.version, "digest": one.digest, "reason": one.reason.value, "message": one.message}


def _tried(live: LiveTrial | None) -> dict[str, object] | None:
    """A challenger beside the champion, and why it is not loaded if it is not."""
    if live is None:
        return None
    trial = live.trial
    return {
        "version": trial.version,
        "digest": trial.digest,
        "champion": trial.champion,
        "share": trial.share,
        "since": render_instant(trial.since),
        "until": render_instant(trial.until) if trial.until else None,
        "message": live.message,
    }


def _in_ab(live: LiveTrial | None, moment: int, champion: str) -> dict[str, object] | None:
    """deciding: false while it rests beside another champion, or is not loaded."""
    told = _tried(live)
    return None if live is None or told is None else {**told, "deciding": live.decides(moment, champion)}


async def alive(_runtime: Runtime, _call: Call) -> bytes:
    return b'{"status":"alive"}'


async def ready(runtime: Runtime, _call: Call) -> bytes:
    """Ready once a catalogue is in force and the store answers; without a model the fallback ranking does. A champion
    that was refused is named, and why."""
    if runtime.in_force.catalogue is None:
        raise no_catalogue()
    runtime.store.catalogue_version()
    refused = runtime.in_force.model.refused
    if refused is None:
        return b'{"status":"ready"}'
    named = {"version": refused.version, "reason": refused.reason.value}
    return msgspec.json.encode({"status": "ready", "model_refused": named})


async def exposition(runtime: Runtime, _call: Call) -> bytes:
    calibrated: Mapping[tuple[str, str], float] = {}
    with suppress(StoreUnavailable):  # whose clock it may be; the counts tell the rest
        await runtime.publish_watch()
        calibrated = await asyncio.to_thread(_calibration, runtime)
    return metrics.exposition(lambda told: (*compared(told, runtime.watch.reference), by_action(calibrated)))


def _calibration(runtime: Runtime) -> Mapping[tuple[str, str], float]:
    """Of the model in force, of what the store has counted for all replicas."""
    in_force = runtime.in_force
    compiled, live = in_force.catalogue, in_force.model
    if compiled is None or live.response_delay is None:
        return {}
    moment = in_force.clock.present(None)
    return calibration(runtime.store.tallies(live.version), compiled, live.response_delay, moment)
