"""What one worker holds while it serves: the store, and the catalogue, model and keys in force, kept current.

What is in force is replaced whole, so that a request which took it up at its start keeps one catalogue and one model.
"""

from __future__ import annotations

import asyncio
import hashlib
import logging
import os
import signal
import time
from dataclasses import dataclass
from pathlib import Path

import features
import models
from features.stores.protocol import Store, StoreUnavailable
from models.columns import CompiledCatalogue, compile_catalogue
from serving import metrics
from serving.clock import Clock, clock_of
from serving.errors import unavailable
from serving.item_names import CurrentItemNames
from serving.model_loader import LiveModel, Origin, resolve
from serving.opening import open_configured
from serving.security import Keyring
from serving.settings import Settings
from serving.tokens import Signer, signing_secret
from serving.turns import Turns
from serving.warming import warm

logger = logging.getLogger("nextbest.runtime")

_NOT_LOOKED = "could not look for a newer catalogue, model or key; what is in force stays"
"""Said when it begins, not at each look."""
_FAULTS_TOLD = 100
"""Different ones; a fault may name what it failed at."""


def code_revision() -> str:
    """A digest of the code that decides: replay compares exactly on the same one only."""
    digest = hashlib.sha256()
    for package in (features, models):
        root = Path(package.__path__[0])
        for source in sorted(root.rglob("*.py")):
            digest.update(source.relative_to(root).as_posix().encode() + b"\0" + source.read_bytes())
    return digest.hexdigest()[:16]


@dataclass(frozen=True, slots=True)
class InForce:
    """catalogue is None while none was published."""

    catalogue: CompiledCatalogue | None
    catalogue_version: int
    model: LiveModel
    keyring: Keyring
    clock: Clock


class Runtime:
    """Opened once per worker by the service, closed at its end."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.store: Store = open_configured(settings)
        self.signer = Signer(signing_secret(self.store))
        self.item_names = CurrentItemNames(self.store)
        self.revision = code_revision()
        self.turns = Turns()
        self._faults_told: set[tuple[str, str]] = set()
        self._in_force = self._look(None)
        self._watch: asyncio.Task[None] | None = None

    @property
    def in_force(self) -> InForce:
        return self._in_force

    def catalogue(self) -> CompiledCatalogue:
        """Raises Refusal while there is none."""
        compiled = self._in_force.catalogue
        if compiled is None:
            raise unavailable("no catalogue is published yet; import one with `nextbest import --catalogue`")
        return compiled

    def start_watching(self) -> None:
        self._watch = asyncio.get_running_loop().create_task(self._watching())

    async def close(self) -> None:
        if self._watch is not None:
            self._watch.cancel()
            await asyncio.gather(self._watch, return_exceptions=True)
        await asyncio.to_thread(self.store.close)

    async def _watching(self) -> None:
        parent = os.getppid()
        failing: type[Exception] | None = None
        while True:
            await asyncio.sleep(self.settings.poll_seconds)
            if os.getppid() != parent:
                logger.error("the arbiter is gone; this worker ends, so that the port becomes free")
                os.kill(os.getpid(), signal.SIGTERM)
                return
            try:
                self._in_force = await asyncio.to_thread(self._look, self._in_force)
            except StoreUnavailable as error:
                if failing is None:
                    logger.warning(_NOT_LOOKED, extra={"reason": str(error)})
                failing = StoreUnavailable
            except Exception as error:
                if failing is not type(error):
                    logger.exception(_NOT_LOOKED)
                failing = type(error)
            else:
                if failing is not None:
                    logger.warning("catalogue, model and keys are looked at again")
                failing = None

    def tell_degraded(self, model_version: str, fault: str, decision_id: str | None) -> None:
        """Once for each model and fault; how often it happens is in the metrics."""
        told = (model_version, fault)
        if told in self._faults_told or len(self._faults_told) >= _FAULTS_TOLD:
            return
        self._faults_told.add(told)
        extra = {"decision_id": decision_id, "model_version": model_version, "fault": fault}
        logging.getLogger("nextbest.decision").warning("degraded; told once", extra=extra)

    def _look(self, before: InForce | None) -> InForce:
        """What should be in force now; runs beside the requests, so that a swap costs them nothing."""
        store, settings = self.store, self.settings
        version = store.catalogue_version()
        catalogue = before.catalogue if before and before.catalogue_version == version else self._compiled(version)
        clock = before.clock if before else clock_of(store)
        now = time.time_ns() // 1_000_000
        current = before.model if before else None
        model = resolve(store, settings.effective_tracking_uri, settings.model_name, now, current)
        found = InForce(catalogue, version, model, Keyring(store.keys()), clock)
        _take_up(before, found)
        return found

    def _compiled(self, version: int) -> CompiledCatalogue | None:
        stored = self.store.catalogue(version) if version else None
        if stored is None:
            return None
        logger.info("catalogue in force", extra={"catalogue_version": version})
        return compile_catalogue(stored, self.store.vocabulary)


def _take_up(before: InForce | None, found: InForce) -> None:
    """Warm what is new, say so, and show what is in force in the metrics."""
    model = found.model
    if before is None or before.model.version != model.version or before.model.origin != model.origin:
        logger.info("model in force", extra={"model_version": model.version, "origin": model.origin.value})
    fresh = before is None or before.catalogue is not found.catalogue or before.model.scorer is not model.scorer
    if found.catalogue is not None and fresh:
        warm(found.catalogue, model.scorer, found.clock.present(None))
    metrics.REGISTRY_REACHABLE.set(int(model.registry_reachable))
    metrics.MODEL_LOADED.set(int(model.origin is not Origin.FALLBACK))
    metrics.CATALOGUE_VERSION.set(found.catalogue_version)
