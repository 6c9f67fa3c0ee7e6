"""Which model serves: the registry's champion; else the store's last good one; else the fallback ranking.

A bundle comes from the store only, by its digest, so that a replica needs neither MLflow nor its artifact store.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass, replace
from enum import StrEnum

from features.candidates import Candidates
from features.history import CustomerRecord
from features.stores.keeping import BundleStore
from models import bundle
from models.columns import CompiledCatalogue
from models.contact_reason import ContactReasonModel
from models.cool_off import CoolOffModel
from models.repurchase import RepurchaseModel
from models.response import ModelScorer
from models.scoring import Scorer, Scores
from serving.registry import Champion, RegistryError, champion

logger = logging.getLogger("nextbest.model")


class Origin(StrEnum):
    REGISTRY = "registry"
    STORE = "store"
    FALLBACK = "fallback"


class ModelMissing(Exception):
    """There is no model; the decision falls back to its documented ranking."""


class NoModel:
    """Refuses to score, which is what makes a decision fall back to value times lever, flagged as degraded."""

    version = "none"

    def score(
        self,
        record: CustomerRecord,  # noqa: ARG002 - the protocol's
        moment: int,  # noqa: ARG002
        utc_offset: int,  # noqa: ARG002
        candidates: Candidates,  # noqa: ARG002
        compiled: CompiledCatalogue,  # noqa: ARG002
    ) -> Scores:
        raise ModelMissing("model is absent; none was promoted yet; run `nextbest train` and `nextbest promote`")


@dataclass(frozen=True, slots=True)
class LiveModel:
    """What serves. since: ms UTC of the moment at which this process took it up. message: why it is not the champion,
    "" if it is. registry_reachable: at the last look. contact_reason: None when the bundle has none; no decision reads
    it. repurchase, cool_off: None likewise; `learned` then falls back to the catalogue's days."""

    scorer: Scorer
    version: str
    digest: str
    run_id: str
    since: int
    origin: Origin
    registry_reachable: bool
    message: str
    contact_reason: ContactReasonModel | None
    repurchase: RepurchaseModel | None
    cool_off: CoolOffModel | None


class BundleMissing(Exception):
    """The champion's bundle is not in the store."""


def resolve(store: BundleStore, tracking_uri: str, name: str, now: int, current: LiveModel | None) -> LiveModel:
    """The model that should serve now; `current` itself, but for its notes, when nothing changed."""
    try:
        wanted = champion(tracking_uri, name)
    except RegistryError as error:
        return _last_good(store, now, current, reachable=False, message=str(error))
    if wanted is None:
        return _last_good(store, now, current, reachable=True, message=f"registry has no champion of {name}")
    try:
        return _taken_up(store, wanted, Origin.REGISTRY, now, current, reachable=True, message="")
    except Exception as error:
        message = f"champion {wanted.version} cannot be loaded: {error}"
        if not _told(current, message):
            logger.exception("champion cannot be loaded", extra={"model_version": wanted.version})
        return _last_good(store, now, current, reachable=True, message=message)


def _told(current: LiveModel | None, message: str) -> bool:
    """Whether the log has it from an earlier look; there is one every second."""
    return current is not None and current.message.startswith(message)


def _last_good(store: BundleStore, now: int, current: LiveModel | None, *, reachable: bool, message: str) -> LiveModel:
    serving = store.serving()
    if serving is not None:
        wanted = Champion(serving.version, serving.digest, serving.run_id)
        try:
            return _taken_up(store, wanted, Origin.STORE, now, current, reachable=reachable, message=message)
        except Exception as error:
            message = f"{message}; last good {wanted.version} cannot be loaded: {error}"
            if not _told(current, message):
                logger.exception("last good model cannot be loaded", extra={"model_version": wanted.version})
    if current is not None and current.origin is not Origin.FALLBACK:
        return replace(current, registry_reachable=reachable, message=message)
    since = now if current is None else current.since
    return LiveModel(NoModel(), NoModel.version, "", "", since, Origin.FALLBACK, reachable, message, None, None, None)


def _taken_up(
    store: BundleStore,
    wanted: Champion,
    origin: Origin,
    now: int,
    current: LiveModel | None,
    *,
    reachable: bool,
    message: str,
) -> LiveModel:
    if current is not None and (current.version, current.digest) == (wanted.version, wanted.digest):
        return replace(current, origin=origin, registry_reachable=reachable, message=message)
    files = store.bundle(wanted.digest)
    if files is None:
        raise BundleMissing(f"bundle is {wanted.digest}; the store lacks it; promote again with `nextbest promote`")
    loaded = bundle.load(files)
    scorer = ModelScorer(loaded, wanted.version)
    identity = (wanted.version, wanted.digest, wanted.run_id)
    learned = (loaded.contact_reason, loaded.repurchase, loaded.cool_off)
    return LiveModel(scorer, *identity, now, origin, reachable, message, *learned)
