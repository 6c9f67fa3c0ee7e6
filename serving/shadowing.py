"""The challenger in the shadow: scores some of the decisions that were made without it, after they were answered.

What it scores is written beside the decision in groups, by a thread. It changes no decision and delays no answer but by
the time that its own scoring takes on the worker's core; what cannot be kept up with is left out, and counted.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections import deque
from dataclasses import dataclass

import msgspec

from features.history import CustomerRecord
from features.published import Published
from features.stores.protocol import StoreError
from features.stores.trials import TrialStore
from models.decision import Decision, DecisionRequest
from models.policy.sides import takes
from models.shadow import ShadowScores, shadowed
from serving import metrics
from serving.trials import LiveTrial, Trials

logger = logging.getLogger("nextbest.shadow")

WAITING = 500
"""Decisions that wait to be scored, at most; each holds a page of up to 64 kB."""
PAUSE = 0.5
"""Seconds between two groups; a decision is durable by then."""
_FAULTS_TOLD = 100
_encode = msgspec.json.Encoder().encode


@dataclass(frozen=True, slots=True)
class Made:
    """A decision of the champion's, and what it was made from."""

    decision_id: str
    request: DecisionRequest
    record: CustomerRecord
    moment: int
    published: Published
    decision: Decision


class Shadow:
    """One per worker."""

    def __init__(self, store: TrialStore) -> None:
        self._store = store
        self._waiting: deque[tuple[LiveTrial, Made]] = deque()
        self._told: set[str] = set()

    def offer(self, trials: Trials, made: Made) -> None:
        """Remembered, when it is in the trial's share; costs the request next to nothing."""
        live = trials.shadow
        if live is None or live.model is None or made.decision.model_version == live.trial.version:
            return
        if not takes(live.trial.name, made.decision_id, live.trial.share):
            return
        if len(self._waiting) >= WAITING:
            metrics.SHADOWED.labels("left_out").inc()
            return
        self._waiting.append((live, made))

    async def run(self) -> None:
        """Until it is cancelled."""
        while True:
            await asyncio.sleep(PAUSE)
            scores = [
                (made.decision_id, _encode(await self._scored(live, made)).decode()) for live, made in self._taken()
            ]
            if scores:
                await self._written(scores)

    def _taken(self) -> list[tuple[LiveTrial, Made]]:
        taken = list(self._waiting)
        self._waiting.clear()
        return taken

    async def _scored(self, live: LiveTrial, made: Made) -> ShadowScores:
        await asyncio.sleep(0)  # requests wait for one scoring, not for all of them
        began = time.perf_counter()
        found = scores_of(live, made)
        metrics.SHADOW_SECONDS.observe(time.perf_counter() - began)
        metrics.SHADOWED.labels("fault" if found.fault else "scored").inc()
        if found.fault and found.fault not in self._told and len(self._told) < _FAULTS_TOLD:
            self._told.add(found.fault)
            told = {"model_version": found.version, "decision_id": made.decision_id, "fault": found.fault}
            logger.warning("challenger failed in the shadow; told once", extra=told)
        return found

    async def _written(self, scores: list[tuple[str, str]]) -> None:
        try:
            kept = await asyncio.to_thread(self._store.log_shadows, scores)
        except StoreError as error:
            kept = 0
            logger.warning("shadow scores could not be kept", extra={"reason": str(error)})
        metrics.SHADOWED.labels("lost").inc(len(scores) - kept)


def scores_of(live: LiveTrial, made: Made) -> ShadowScores:
    """Whatever the challenger raises is a fault of its own."""
    trial, model = live.trial, live.model
    if model is None:
        return ShadowScores(trial.version, trial.digest, (), (), live.message)
    asked = (made.request, made.record, live.compiled, model.scorer, trial.digest, made.moment, made.published)
    try:
        return shadowed(*asked, made.decision)
    except Exception as error:  # noqa: BLE001 nothing that a challenger does may reach a request
        return ShadowScores(trial.version, trial.digest, (), (), f"{type(error).__name__}: {error}")
