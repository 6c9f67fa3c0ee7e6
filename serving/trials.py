"""The challengers that are being tried beside the champion, loaded and tested as the champion is."""

from __future__ import annotations

import logging
from dataclasses import dataclass, replace

from features.stores.protocol import Store, StoreUnavailable
from features.stores.trials import Trial, TrialKind, running
from models.columns import CompiledCatalogue
from models.learned_windows import with_learned_windows
from models.policy.sides import takes
from serving import metrics
from serving.model_loader import LiveModel, Look, Origin, reason_of, taken_up
from serving.registry import Champion
from serving.warming import warm

logger = logging.getLogger("nextbest.model")

NEWEST = 100
"""Entries that are read to find the newest of each kind."""


@dataclass(frozen=True, slots=True)
class LiveTrial:
    """model: None when it was refused, and then message says why and nobody meets it. compiled: the catalogue in force
    as the challenger sees it."""

    trial: Trial
    model: LiveModel | None
    compiled: CompiledCatalogue
    message: str

    def challenger(self, subject: str, moment: int, champion: str) -> LiveModel | None:
        """The model that decides for `subject` at `moment` (ms UTC), None where `champion`, the version that serves,
        does: outside the share, before and after the trial, and beside another champion than it was begun with."""
        trial = self.trial
        return self.model if self.decides(moment, champion) and takes(trial.name, subject, trial.share) else None

    def decides(self, moment: int, champion: str) -> bool:
        """Whether it has a share at all by then, beside that version."""
        trial = self.trial
        begun = trial.since <= moment < trial.until
        return self.model is not None and champion == trial.champion and begun


@dataclass(frozen=True, slots=True)
class Trials:
    """version: the store's trial_version that they are of; catalogue: the one in force then, and the very object."""

    version: int
    catalogue: CompiledCatalogue | None
    ab: LiveTrial | None
    shadow: LiveTrial | None


NO_TRIALS = Trials(0, None, None, None)


def current(store: Store, compiled: CompiledCatalogue | None, before: Trials, now: int, moment: int) -> Trials:
    """now: ms UTC of this process. moment: of the store's clock."""
    version = store.trial_version()
    if version == before.version and compiled is before.catalogue:
        over = before.ab is not None and moment >= before.ab.trial.until
        return replace(before, ab=None) if over else before
    if compiled is None or not version:
        return replace(NO_TRIALS, version=version, catalogue=compiled)
    entries = store.trials(NEWEST)
    ab, shadow = (
        _live(store, running(entries, kind, moment), compiled, held, now, moment)
        for kind, held in ((TrialKind.AB, before.ab), (TrialKind.SHADOW, before.shadow))
    )
    return Trials(version, compiled, ab, shadow)


def _live(
    store: Store, trial: Trial | None, compiled: CompiledCatalogue, before: LiveTrial | None, now: int, moment: int
) -> LiveTrial | None:
    if trial is None:
        return None
    held = before.model if before is not None else None
    look, wanted = Look(store, now, held, compiled), Champion(trial.version, trial.digest, trial.run_id)
    try:
        model = taken_up(look, wanted, Origin.STORE, reachable=True, message="")
        seen = with_learned_windows(compiled, model, store.vocabulary)
        warm(seen, model.scorer, moment)
    except StoreUnavailable:
        raise
    except Exception as error:
        reason = reason_of(error).value
        message = f"challenger {trial.version} cannot be loaded: {error}"
        if before is None or before.message != message:
            metrics.MODEL_REFUSED.labels(reason).inc()
            logger.exception("challenger cannot be loaded", extra={"model_version": trial.version, "reason": reason})
        return LiveTrial(trial, None, compiled, message)
    if before is None or before.trial != trial:
        told = {"model_version": trial.version, "share": trial.share}
        logger.info("challenger is tried (%s)", trial.kind.value, extra=told)
    return LiveTrial(trial, model, seen, "")
