"""What one worker holds while it serves: the store, and the catalogue, model and keys in force, kept current.

What is in force is replaced whole, so that a request which took it up at its start keeps one catalogue and one model.
"""

from __future__ import annotations

import asyncio
import hashlib
import logging
import threading
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from functools import partial
from math import inf
from pathlib import Path

import features
import models
from features import build
from features.live_response import Lifts
from features.published import NOTHING, Published
from features.stores.protocol import Store, StoreUnavailable
from models.columns import CompiledCatalogue, compile_catalogue
from models.learned_windows import with_learned_windows
from models.notices import Noticed
from models.policy.spending import day_of
from models.repricing import PriceLog, Repriced, repriced
from serving import metrics
from serving.action_names import ActionNames
from serving.admission import Admission, Limits, Line
from serving.clock import Clock, clock_of
from serving.errors import no_catalogue
from serving.item_names import CurrentItemNames
from serving.leaving import end_streams_when_asked_to, end_with_the_arbiter
from serving.lifting import Lifting
from serving.model_loader import LiveModel, Origin, no_model, resolve
from serving.opening import open_configured
from serving.replaying import Replayer
from serving.security import Keyring
from serving.settings import Settings
from serving.shadowing import Shadow
from serving.tokens import Signer, signing_secret
from serving.trials import NO_TRIALS, LiveTrial, Trials
from serving.trials import current as current_trials
from serving.turns import Turns
from serving.warming import warm
from serving.watching import Watch

logger = logging.getLogger("nextbest.runtime")

_NOT_PUBLISHED = "could not bring the metrics up to date; they stay as they were told last"
_NOT_DONE = "what is due could not be done; it stays due"
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
    """catalogue is None while none was published. published: what was spent, and what can be had; stock_version: of the
    item feed that it was read from, 0 for none. tried: published, for whoever is on the challenger's side of a trial:
    with what came of its own contacts."""

    catalogue: CompiledCatalogue | None
    catalogue_version: int
    model: LiveModel
    keyring: Keyring
    clock: Clock
    published: Published
    stock_version: int
    trials: Trials = NO_TRIALS
    tried: Published = NOTHING

    def beside(self, subject: str, moment: int) -> InForce:
        """The same with the challenger in the model's place, for whoever is on its side of a trial."""
        ab = self.trials.ab
        challenger = None if ab is None else ab.challenger(subject, moment, self.model.version)
        if ab is None or challenger is None:
            return self
        return replace(self, model=challenger, catalogue=ab.compiled, published=self.tried)


def with_lifts(before: Published, published: Published, lifts: Lifts) -> Published:
    return _same(before, replace(published, lifts=lifts))


def counted(store: Store, compiled: CompiledCatalogue, before: Published, day: int) -> Published:
    """With what the actions of the catalogue that have a budget or a ceiling have spent by now, on `day` and ever."""
    actions = [compiled.catalogue.actions[number].id for number in compiled.spending.counted]
    spent = store.spent(actions, day) if actions else {}
    return _same(before, replace(before, day=day if spent else 0, spent=spent))


def _same(before: Published, found: Published) -> Published:
    """The object itself where it says the same: such a one is kept by the store at a glance."""
    return before if (found or NOTHING) == before else found or NOTHING


class Runtime:
    """Opened once per worker by the service, closed at its end."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.store: Store = open_configured(settings)
        self.signer = Signer(signing_secret(self.store))
        self.item_names = CurrentItemNames(self.store)
        self.action_names = ActionNames(self.store)
        self.revision = code_revision()
        self._lifting = Lifting(self.store, settings.poll_seconds)
        self._lifting_tried = Lifting(self.store, settings.poll_seconds)
        self.replayer = Replayer(self.store, self.revision)
        self._prices, self._repriced = PriceLog(), Repriced()
        self.turns = Turns()
        waits = {Line.ANSWERS: settings.max_wait, Line.BACKGROUND: settings.max_background_wait}
        self.admission = Admission(Limits(settings.max_in_flight, waits))
        self.store.foresee(self.admission.somebody_waits)
        self.shadow = Shadow(self.store)
        self.watch = Watch()
        self.noticed = Noticed(self.store)
        self._faults_told: set[tuple[str, str]] = set()
        self._letters_told = False
        self._in_force = self._first_look()
        self._watch_taken_up()  # before the first request, which counts too
        self._tell_model(None)
        self._tell_catalogue(0)
        self.leaving = threading.Event()
        """Set when the worker is asked to end: whoever is told things for as long as they listen ends then."""
        self._looking = asyncio.Lock()
        self._watches: tuple[asyncio.Task[None], ...] = ()

    @property
    def in_force(self) -> InForce:
        return self._in_force

    def catalogue(self) -> CompiledCatalogue:
        """Raises Refusal while there is none."""
        compiled = self._in_force.catalogue
        if compiled is None:
            raise no_catalogue()
        return compiled

    def start_watching(self, *beside: Callable[[Runtime], Awaitable[None]]) -> None:
        """The model apart from the rest, so that a registry that does not answer keeps no catalogue waiting. beside:
        what else is looked for until the end."""
        loop = asyncio.get_running_loop()
        looks = (
            self._watching(self.look, _NOT_LOOKED, True),
            self._watching(self._look_for_model, _NOT_LOOKED, False),
            self._watching(self.publish_watch, _NOT_PUBLISHED, False),
        )
        others = (self._watching(partial(one, self), _NOT_DONE, False, 1.0) for one in beside)
        watched = (*looks, end_with_the_arbiter(self.settings.poll_seconds), self.shadow.run(), *others)
        end_streams_when_asked_to(self.leaving.set)
        self._watches = tuple(loop.create_task(one) for one in watched)

    async def close(self) -> None:
        for watch in self._watches:
            watch.cancel()
        await asyncio.gather(*self._watches, return_exceptions=True)
        await asyncio.to_thread(self.store.close)

    async def publish_watch(self) -> None:
        """What decisions look like lately, and who waits, goes to the metrics."""
        metrics.IN_FLIGHT.set(self.admission.in_flight)
        for line in Line:
            metrics.QUEUE_LENGTH.labels(line.value).set(self.admission.length(line))
        self._watch_taken_up()
        self.watch.publish(self._in_force.clock.present(None))

    def _watch_taken_up(self) -> None:
        catalogue, model = self._in_force.catalogue, self._in_force.model
        self.watch.take_up(None if catalogue is None else catalogue.catalogue, model.scorer)

    async def look(self) -> None:
        """Take up the newest catalogue and the keys. It runs beside the requests, so that a swap costs them nothing;
        one look at a time, so that none puts an older catalogue in the place of a newer."""
        async with self._looking:
            before = self._in_force
            found = await asyncio.to_thread(self._stored, before)
            self._in_force = replace(found, model=self._in_force.model)
            self._tell_catalogue(before.catalogue_version)

    def counted_afresh(self, before: InForce, compiled: CompiledCatalogue, day: int) -> InForce:
        """The same with the newest counts of `day`, which decisions that come after see too."""
        published = counted(self.store, compiled, before.published, day)
        newest = self._in_force
        if newest.catalogue_version == before.catalogue_version:
            known = newest.published
            published = replace(published, unavailable=known.unavailable, lifts=known.lifts, prices=known.prices)
            tried = with_lifts(newest.tried, published, newest.tried.lifts)
            self._in_force = replace(newest, published=published, tried=tried)
        return replace(before, published=published, tried=with_lifts(before.tried, published, before.tried.lifts))

    async def _look_for_model(self) -> None:
        before = self._in_force
        model = await asyncio.to_thread(self._champion, before.model, before.catalogue, before.clock)
        if model.digest == before.model.digest:
            self._in_force = replace(self._in_force, model=model)
        else:
            async with self._looking:
                catalogue = await asyncio.to_thread(self._with_windows, self._in_force.catalogue, model)
                self._in_force = replace(self._in_force, model=model, catalogue=catalogue)
        self._tell_model(before.model)

    def _tell_model(self, before: LiveModel | None) -> None:
        """When it is another than before, and requests are answered by it. before: None at the start."""
        model = self._in_force.model
        metrics.MODEL_LOADED.set(int(model.origin is not Origin.FALLBACK))
        if before is None or (before.version, before.origin) != (model.version, model.origin):
            logger.info("model in force", extra={"model_version": model.version, "origin": model.origin.value})

    def _tell_catalogue(self, before: int) -> None:
        """The same. before: its version, 0 for none."""
        version = self._in_force.catalogue_version
        metrics.CATALOGUE_VERSION.set(version)
        if version != before:
            logger.info("catalogue in force", extra={"catalogue_version": version})

    async def _watching(
        self, look: Callable[[], Awaitable[None]], fault: str, tells_of_store: bool, most: float = inf
    ) -> None:
        """fault: what is said when it fails. tells_of_store: of those who lose the same store, one says so. most:
        seconds between two looks, however rare the others are."""
        failing: type[Exception] | None = None
        while True:
            await asyncio.sleep(min(self.settings.poll_seconds, most))
            try:
                await look()
            except StoreUnavailable as error:
                if tells_of_store and failing is not StoreUnavailable:
                    logger.warning(fault, extra={"reason": str(error)})
                failing = StoreUnavailable
            except Exception as error:
                if failing is not type(error):
                    logger.exception(fault)
                failing = type(error)
            else:
                if failing is not None and (tells_of_store or failing is not StoreUnavailable):
                    logger.warning("well again; it was: %s", fault)
                failing = None

    def tell_degraded(self, model_version: str, fault: str, decision_id: str | None) -> None:
        """Once for each model and fault; how often it happens is in the metrics."""
        told = (model_version, fault)
        if told in self._faults_told or len(self._faults_told) >= _FAULTS_TOLD:
            return
        self._faults_told.add(told)
        extra = {"decision_id": decision_id, "model_version": model_version, "fault": fault}
        logging.getLogger("nextbest.decision").warning("degraded; told once", extra=extra)

    def tell_letters_left(self, count: int) -> None:
        """In the metrics each time, in the log once."""
        if not count:
            return
        metrics.LETTERS_LEFT.inc(count)
        if not self._letters_told:
            self._letters_told = True
            kept = {"kept": self.settings.dead_letters, "days": self.settings.dead_letter_days}
            logger.warning("the oldest dead letters leave, too many or too old; told once", extra=kept)

    def _first_look(self) -> InForce:
        build.warm()  # also while there is no catalogue, by whose publication nobody shall wait for it
        clock = clock_of(self.store)
        found = self._stored(InForce(None, 0, no_model(0), Keyring(()), clock, NOTHING, 0))
        model = self._champion(None, found.catalogue, clock)
        return replace(found, model=model, catalogue=self._with_windows(found.catalogue, model))

    def _stored(self, before: InForce) -> InForce:
        """With the newest catalogue, compiled and warmed, and the keys."""
        version, keyring = self.store.catalogue_version(), Keyring(self.store.keys())
        if version == before.catalogue_version:
            return self._with_shared(replace(before, keyring=keyring))
        stored = self.store.catalogue(version)
        catalogue = None if stored is None else compile_catalogue(stored, self.store.vocabulary)
        catalogue = self._with_windows(catalogue, before.model)
        if catalogue is not None:
            warm(catalogue, before.model.scorer, before.clock.present(None))
        taken_up = replace(before, catalogue=catalogue, catalogue_version=version, keyring=keyring)
        return self._with_shared(replace(taken_up, stock_version=0))  # others of the items may be asked for

    def _with_shared(self, found: InForce) -> InForce:
        """With what was spent, what can be had, and how actions do by now."""
        version = self.store.stock_version()
        published = found.published
        if version != found.stock_version:
            published = replace(published, unavailable=self._unavailable(found.catalogue))
        found = self._at_present_prices(found)
        if found.catalogue is not None and published.prices != found.catalogue.prices:
            published = replace(published, prices=found.catalogue.prices)
        present = found.clock.present(None)
        if found.catalogue is not None:
            published = self._lifting.lifted(published, found.catalogue, found.model, present)
            published = counted(
                self.store, found.catalogue, published, day_of(found.catalogue.catalogue.time_zone, present)
            )
        tried = current_trials(self.store, found.catalogue, found.trials, time.time_ns() // 1_000_000, present)
        apart = self._for_tried(found.tried, published, tried.ab, present)
        return replace(found, published=published, stock_version=version, trials=tried, tried=apart)

    def _at_present_prices(self, found: InForce) -> InForce:
        if self.store.price_version() > self._prices.newest:
            changes = self.store.price_changes(self._prices.newest)
            self._prices = self._prices.extended(changes, self.store.vocabulary)
        if found.catalogue is None:
            return found
        return replace(found, catalogue=repriced(found.catalogue, self._prices, self._prices.newest))

    def seen(
        self, compiled: CompiledCatalogue, in_force: InForce, at: int | None
    ) -> tuple[CompiledCatalogue, Published]:
        """What a decision is made from that shares with others: `compiled`, and what was published at its prices. As of
        `at` (ms UTC) only prices are known."""
        if at is not None:
            return self._repriced.at(compiled, self._prices, self._prices.until(at).newest), NOTHING
        published, prices = in_force.published, compiled.prices
        return compiled, published if published.prices == prices else replace(published, prices=prices)

    def _for_tried(self, before: Published, published: Published, ab: LiveTrial | None, moment: int) -> Published:
        """moment: ms UTC."""
        if ab is None or ab.model is None:
            return NOTHING
        known = with_lifts(before, published, before.lifts)
        return with_lifts(before, published, self._lifting_tried.lifted(known, ab.compiled, ab.model, moment).lifts)

    def _unavailable(self, compiled: CompiledCatalogue | None) -> frozenset[str]:
        """Of the items that actions promote: no decision asks for another, and a feed may tell of a million."""
        if compiled is None:
            return frozenset()
        promoted = {item for action in compiled.catalogue.actions for item in action.items}
        return self.store.unavailable_items() & promoted if promoted else frozenset()

    def _with_windows(self, catalogue: CompiledCatalogue | None, model: LiveModel) -> CompiledCatalogue | None:
        """The catalogue with the windows that the model has learned."""
        if catalogue is None:
            return None
        return with_learned_windows(catalogue, model, self.store.vocabulary)

    def _champion(self, current: LiveModel | None, catalogue: CompiledCatalogue | None, clock: Clock) -> LiveModel:
        """The model that should serve now, warmed."""
        settings, now = self.settings, time.time_ns() // 1_000_000
        model = resolve(self.store, settings.effective_tracking_uri, settings.model_name, now, current, catalogue)
        if catalogue is not None and (current is None or current.scorer is not model.scorer):
            warm(catalogue, model.scorer, clock.present(None))
        metrics.REGISTRY_REACHABLE.set(int(model.registry_reachable))
        return model
