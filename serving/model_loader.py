"""Which model serves: the registry's champion; else the one that serves already, or the store's last good one; else the
fallback ranking.

A bundle comes from the store only, by its digest, so that a replica needs neither MLflow nor its artifact store. It is
loaded and tested (models.self_test) beside the model that serves; what does not pass is refused, and not tried again
until it is another, or the catalogue is.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass, replace
from enum import StrEnum

from features.candidates import Candidates
from features.history import CustomerRecord
from features.stores.keeping import BundleStore
from features.stores.protocol import StoreUnavailable
from models import bundle, self_test
from models.bundle import BundleCorrupt, BundleFailed, BundleIncompatible
from models.columns import CompiledCatalogue
from models.contact_reason import ContactReasonModel
from models.cool_off import CoolOffModel
from models.repurchase import RepurchaseModel
from models.response import ModelScorer
from models.response_delay import ResponseDelay
from models.scoring import Scorer, Scores
from serving import metrics
from serving.registry import Champion, RegistryError, champion

logger = logging.getLogger("nextbest.model")


class Origin(StrEnum):
    REGISTRY = "registry"
    STORE = "store"
    FALLBACK = "fallback"


class Refusal(StrEnum):
    """Why a champion is not taken up: its bundle is not in the store; is altered or unreadable; was made for other
    features or another format; does not score as it must; or something that nobody thought of."""

    MISSING = "missing"
    CORRUPT = "corrupt"
    INCOMPATIBLE = "incompatible"
    SELF_TEST = "self_test"
    OTHER = "other"


@dataclass(frozen=True, slots=True)
class Refused:
    """A champion that was not taken up. catalogue_version: of the one that it was tested over, 0 for none. message: a
    sentence."""

    version: str
    digest: str
    reason: Refusal
    catalogue_version: int
    message: str


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
    it. repurchase, cool_off: None likewise; `learned` then falls back to the catalogue's days. response_delay: None
    likewise; nothing is then lifted by live response. refused: the champion that should serve and was refused, None
    while there is none."""

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
    response_delay: ResponseDelay | None
    refused: Refused | None = None


class BundleMissing(Exception):
    """The champion's bundle is not in the store."""


def no_model(now: int, *, reachable: bool = False, message: str = "", refused: Refused | None = None) -> LiveModel:
    """now: ms UTC."""
    scorer = NoModel()
    return LiveModel(
        scorer, scorer.version, "", "", now, Origin.FALLBACK, reachable, message, None, None, None, None, refused
    )


@dataclass(frozen=True, slots=True)
class Look:
    """One look for the model that should serve. now: ms UTC. current: what serves. compiled: what a bundle is tested
    over; None while there is no catalogue."""

    store: BundleStore
    now: int
    current: LiveModel | None
    compiled: CompiledCatalogue | None

    @property
    def catalogue_version(self) -> int:
        return 0 if self.compiled is None else self.compiled.version


def resolve(
    store: BundleStore,
    tracking_uri: str,
    name: str,
    now: int,
    current: LiveModel | None,
    compiled: CompiledCatalogue | None = None,
) -> LiveModel:
    """The model that should serve now; `current` itself, but for its notes, when nothing changed. Raises
    StoreUnavailable."""
    look = Look(store, now, current, compiled)
    try:
        wanted = champion(tracking_uri, name)
    except RegistryError as error:
        return _last_good(look, reachable=False, message=str(error))
    if wanted is None:
        return _last_good(look, reachable=True, message=f"registry has no champion of {name}")
    before = None if current is None else current.refused
    if before is not None and _stands(before, wanted, look):
        return _serving_on(look, before)
    try:
        return taken_up(look, wanted, Origin.REGISTRY, reachable=True, message="")
    except StoreUnavailable:
        raise
    except Exception as error:  # noqa: BLE001 whatever is wrong with it, the model that serves is not
        return _serving_on(look, _refused(look, wanted, error, before))


def _stands(before: Refused, wanted: Champion, look: Look) -> bool:
    """Whether it need not be tried again. A bundle that is missing may come."""
    same = (before.version, before.digest) == (wanted.version, wanted.digest)
    return same and before.reason is not Refusal.MISSING and before.catalogue_version == look.catalogue_version


def reason_of(error: Exception) -> Refusal:
    reasons: tuple[tuple[type[Exception], Refusal], ...] = (
        (BundleMissing, Refusal.MISSING),
        (BundleCorrupt, Refusal.CORRUPT),
        (BundleIncompatible, Refusal.INCOMPATIBLE),
        (BundleFailed, Refusal.SELF_TEST),
    )
    return next((reason for kind, reason in reasons if isinstance(error, kind)), Refusal.OTHER)


def _refused(look: Look, wanted: Champion, error: Exception, before: Refused | None) -> Refused:
    """Told in the log and counted, unless that was done at an earlier look; there is one every second."""
    message = f"champion {wanted.version} cannot be loaded: {error}"
    made = Refused(wanted.version, wanted.digest, reason_of(error), look.catalogue_version, message)
    if before is None or replace(before, catalogue_version=made.catalogue_version) != made:
        metrics.MODEL_REFUSED.labels(made.reason.value).inc()
        extra = {"model_version": wanted.version, "reason": made.reason.value}
        logger.error("champion cannot be loaded", exc_info=error, extra=extra)
    return made


def _serving_on(look: Look, refused: Refused) -> LiveModel:
    current = look.current
    if current is not None and current.origin is not Origin.FALLBACK:
        return replace(current, origin=Origin.STORE, registry_reachable=True, message=refused.message, refused=refused)
    return _last_good(look, reachable=True, message=refused.message, refused=refused)


def _told(current: LiveModel | None, message: str) -> bool:
    """Whether the log has it from an earlier look."""
    return current is not None and current.message.startswith(message)


def _last_good(look: Look, *, reachable: bool, message: str, refused: Refused | None = None) -> LiveModel:
    serving, current = look.store.serving(), look.current
    if serving is not None and (refused is None or serving.digest != refused.digest):
        wanted = Champion(serving.version, serving.digest, serving.run_id)
        try:
            found = taken_up(look, wanted, Origin.STORE, reachable=reachable, message=message)
            return replace(found, refused=refused)
        except StoreUnavailable:
            raise
        except Exception as error:
            message = f"{message}; last good {wanted.version} cannot be loaded: {error}"
            if not _told(current, message):
                logger.exception("last good model cannot be loaded", extra={"model_version": wanted.version})
    if current is not None and current.origin is not Origin.FALLBACK:
        return replace(current, registry_reachable=reachable, message=message, refused=refused)
    since = look.now if current is None else current.since
    return no_model(since, reachable=reachable, message=message, refused=refused)


def taken_up(look: Look, wanted: Champion, origin: Origin, *, reachable: bool, message: str) -> LiveModel:
    """Loaded and tested, unless it serves already. Raises BundleMissing, BundleError, StoreError."""
    current = look.current
    if current is not None and (current.version, current.digest) == (wanted.version, wanted.digest):
        return replace(current, origin=origin, registry_reachable=reachable, message=message, refused=None)
    files = look.store.bundle(wanted.digest)
    if files is None:
        raise BundleMissing(f"bundle is {wanted.digest}; the store lacks it; promote again with `nextbest promote`")
    loaded = bundle.load(files)
    if look.compiled is None:
        self_test.check_recorded(loaded)
    else:
        self_test.check(loaded, look.compiled, look.now)
    scorer = ModelScorer(loaded, wanted.version)
    identity = (wanted.version, wanted.digest, wanted.run_id)
    learned = (loaded.contact_reason, loaded.repurchase, loaded.cool_off)
    return LiveModel(scorer, *identity, look.now, origin, reachable, message, *learned, loaded.response_delay)
