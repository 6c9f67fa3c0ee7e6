"""A past decision made again from what it was made from: its person's record, catalogue, model and dice of then.

It looks and changes nothing. What is not kept any more is named; the same is compared as canonical JSON, but for what
is signed or is there only when asked for. On the same revision of the code a difference is a fault.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache, partial
from threading import Lock
from typing import TypeVar

import msgspec
import numpy as np

from features.history import CustomerRecord
from features.published import Published
from features.stores.protocol import LoggedDecision, Store
from models import bundle
from models.bundle import BundleError
from models.catalogue import CatalogueError
from models.columns import CompiledCatalogue, compile_catalogue
from models.cool_off import CoolOffModel
from models.decide import Weighed, decide, weigh
from models.decision import Decision, DecisionRequest
from models.delivery import LoggedDelivery
from models.first_draws import Choice, FirstDraw, first_draws
from models.learned_windows import Learned, with_learned_windows
from models.policy.arms import arm_of
from models.policy.version import POLICY, Policy
from models.policy_rules import Arm
from models.repricing import PriceLog, Repriced
from models.repurchase import RepurchaseModel
from models.response import ModelScorer
from models.rows_digest import digest_like
from models.scoring import Scorer
from serving import metrics
from serving.answers import decision_answer
from serving.model_loader import NoModel

logger = logging.getLogger("nextbest.decision")
_canonical = msgspec.json.Encoder(order="deterministic").encode
_KEPT = 4
"""Catalogues, models and snapshots of then that stay loaded; a catalogue may hold a million items."""
_ON_REQUEST = ("token", "reasons")
"""Of an action: signed with the store's secret, or there only when asked for."""

T = TypeVar("T")


class _NotKept(Exception):
    """A part of what the decision was made from is not there any more."""


class Question(LoggedDelivery, frozen=True):
    """The request as it is logged; serving.deciding writes it. identifier: type and value."""

    channels: tuple[str, ...] | None
    limit: int
    across: str
    distinct: bool
    placement: str | None
    context: dict[str, object]
    exclude: tuple[str, ...]
    identifier: tuple[str, str]


@dataclass(frozen=True, slots=True)
class Difference:
    """path: a JSON pointer into the answer. logged and replayed: canonical JSON; None: there is no such member."""

    path: str
    logged: bytes | None
    replayed: bytes | None


@dataclass(frozen=True, slots=True)
class Replay:
    """identical: None when it could not be made again, for `missing` is not kept: request, catalogue, model, snapshot
    or record. answer: the replayed one with refusals and reasons, None likewise."""

    identical: bool | None
    same_revision: bool
    differences: tuple[Difference, ...]
    missing: tuple[str, ...]
    answer: bytes | None

    @property
    def is_fault(self) -> bool:
        return self.identical is False and self.same_revision

    @property
    def result(self) -> str:
        """In a word, for counting."""
        if self.identical is None:
            return "missing"
        return "identical" if self.identical else "fault" if self.same_revision else "different"


@dataclass(frozen=True, slots=True)
class _Model:
    scorer: Scorer
    repurchase: RepurchaseModel | None
    cool_off: CoolOffModel | None


_NO_MODEL = _Model(NoModel(), None, None)


@dataclass(frozen=True, slots=True)
class Then:
    """Everything that a decision was made from. compiled: its own catalogue, as its model saw it, at the prices that it
    has itself. priced: a catalogue at the prices of then, as decisions are made."""

    logged: LoggedDecision
    question: Question
    compiled: CompiledCatalogue
    model: _Model
    published: Published
    record: CustomerRecord
    priced: Callable[[CompiledCatalogue], CompiledCatalogue]

    def decided(self, compiled: CompiledCatalogue, explain: bool) -> Decision:
        """The decision, by its own catalogue or by another. Raises UnknownChannel and UnknownPlacement by another."""
        asked = _asked(self.question, compiled, self.logged, self.record, explain)
        dice, seen, moment = np.random.default_rng(self.logged.seed), self.priced(compiled), self.logged.decided_at
        return decide(asked, self.record, seen, self.model.scorer, moment, dice, self.published)

    def weighed(self, compiled: CompiledCatalogue) -> Weighed:
        """All of it but its draws, by its own catalogue or by another. Raises UnknownChannel and UnknownPlacement by
        another."""
        asked = _asked(self.question, compiled, self.logged, self.record, explain=False)
        seen, moment = self.priced(compiled), self.logged.decided_at
        arm = arm_of(seen.catalogue.arms, asked.subject, moment)
        return weigh(asked, self.record, seen, self.model.scorer, moment, self.published, POLICY, arm)

    def first_draws(
        self,
        compiled: CompiledCatalogue,
        taken: Sequence[Sequence[Choice]],
        policy: Policy = POLICY,
        arm: Arm | None = None,
        scorer: Scorer | None = None,
    ) -> tuple[FirstDraw | None, ...]:
        """With what chances its slates were drawn, given what they took, or by whatever else is given. Raises
        UnknownChannel and UnknownPlacement by another catalogue."""
        asked = _asked(self.question, compiled, self.logged, self.record, explain=False)
        seen, moment = self.priced(compiled), self.logged.decided_at
        made = (asked, self.record, seen, scorer or self.model.scorer, moment, self.published)
        return first_draws(*made, taken, policy, arm)


@dataclass(frozen=True, slots=True)
class NotKept:
    """What a decision was made from, and is not there any more: request, catalogue, model, snapshot or record."""

    missing: tuple[str, ...]


class Replayer:
    """Keeps the newest catalogues, models and snapshots that it was asked for. Safe to use from any thread; one
    decision at a time."""

    def __init__(self, store: Store, revision: str) -> None:
        """revision: of the code that runs."""
        self._store = store
        self._revision = revision
        self._one = Lock()
        self._catalogue = lru_cache(_KEPT)(self._compiled)
        self._model = lru_cache(_KEPT)(self._loaded)
        self._windows = lru_cache(_KEPT)(self._with_windows)
        self._published = lru_cache(_KEPT)(self._snapshot)
        self._prices = PriceLog()
        self._repriced = Repriced()

    def replay(self, logged: LoggedDecision) -> Replay:
        """Raises StoreError."""
        with self._one:
            then = self.then(logged)
            made = self._made(then) if isinstance(then, Then) else self._unmade(logged, then)
        metrics.REPLAYS.labels(made.result).inc()
        if made.is_fault:
            paths = [one.path for one in made.differences]
            extra = {"decision_id": logged.decision_id, "model_version": logged.model_version, "paths": paths}
            logger.warning("the same code decides otherwise than it did", extra=extra)
        return made

    def _made(self, then: Then) -> Replay:
        return self.compared(then, then.decided(then.compiled, explain=True))

    def _unmade(self, logged: LoggedDecision, why: NotKept) -> Replay:
        return Replay(None, self._is_same(logged), (), why.missing, None)

    def then(self, logged: LoggedDecision) -> Then | NotKept:
        """What it was made from; to be asked by one thread. Raises StoreError."""
        missing = list[str]()
        question = _kept(missing, "request", lambda: msgspec.json.decode(logged.request, type=Question))
        bare = _kept(missing, "catalogue", lambda: self._catalogue(logged.catalogue_version))
        model = _kept(missing, "model", lambda: self._model(logged.model_version, logged.model_digest))
        published = _kept(missing, "snapshot", lambda: self._published(logged.snapshot))
        record = _kept(missing, "record", lambda: self._record(logged))
        if question is None or bare is None or model is None or published is None or record is None:
            return NotKept(tuple(missing))
        compiled = self.seen(logged.catalogue_version, logged)
        return Then(logged, question, compiled, model, published, record, partial(self._priced, published.prices))

    def seen(self, catalogue: int, logged: LoggedDecision) -> CompiledCatalogue:
        """A version of the catalogue as the decision's model sees it. Raises CatalogueError when it is unreadable."""
        return self._windows(catalogue, logged.model_version, logged.model_digest)

    def seen_with(self, catalogue: int, model: Learned) -> CompiledCatalogue:
        """A version of the catalogue as another model sees it. Raises CatalogueError when it is unreadable."""
        return with_learned_windows(self._catalogue(catalogue), model, self._store.vocabulary)

    def compared(self, then: Then, decision: Decision) -> Replay:
        """decision: made again by its own catalogue."""
        logged, known = then.logged, then.record.known
        answer = decision_answer(decision, logged.decision_id, logged.customer_id, logged.decided_at, True, known, None)
        found = _compared(logged, answer, digest_like(logged.feature_digest, decision.feature_rows))
        return Replay(not found, self._is_same(logged), found, (), answer)

    def _is_same(self, logged: LoggedDecision) -> bool:
        """Whether the code that made it is this code."""
        return logged.code_revision == self._revision

    def _compiled(self, version: int) -> CompiledCatalogue:
        stored = self._store.catalogue(version)
        if stored is None:
            raise _NotKept
        return compile_catalogue(stored, self._store.vocabulary)

    def _loaded(self, version: str, digest: str | None) -> _Model:
        if digest == "":
            return _NO_MODEL
        files = None if digest is None else self._store.bundle(digest)
        if files is None:
            raise _NotKept
        loaded = bundle.load(files)
        return _Model(ModelScorer(loaded, version), loaded.repurchase, loaded.cool_off)

    def _snapshot(self, number: int | None) -> Published:
        published = None if number is None else self._store.snapshot(number)
        if published is None:
            raise _NotKept
        self._follow_prices(published.prices)
        return published

    def _follow_prices(self, number: int) -> None:
        if number > self._prices.newest:
            found = self._store.price_changes(self._prices.newest)
            self._prices = self._prices.extended(found, self._store.vocabulary)
        if number > self._prices.newest:
            raise _NotKept

    def _priced(self, number: int, compiled: CompiledCatalogue) -> CompiledCatalogue:
        return self._repriced.at(compiled, self._prices, number)

    def _with_windows(self, catalogue: int, version: str, digest: str | None) -> CompiledCatalogue:
        model = self._model(version, digest)
        return with_learned_windows(self._catalogue(catalogue), model, self._store.vocabulary)

    def _record(self, logged: LoggedDecision) -> CustomerRecord:
        record = self._store.record_of(logged.decision_id)
        if record is None or logged.subject is None:
            raise _NotKept
        if logged.addresses is None:
            return record
        return replace(record, addresses=frozenset(msgspec.json.decode(logged.addresses, type=list[str])))


def _kept(missing: list[str], name: str, read: Callable[[], T]) -> T | None:
    """None, and its name is among the missing, when it is not there, or is in a form that this revision cannot read."""
    try:
        return read()
    except (_NotKept, BundleError, CatalogueError, msgspec.DecodeError):
        missing.append(name)
        return None


def _asked(
    question: Question, compiled: CompiledCatalogue, logged: LoggedDecision, record: CustomerRecord, explain: bool
) -> DecisionRequest:
    return DecisionRequest(
        channels=tuple(compiled.catalogue.channels) if question.channels is None else question.channels,
        limit=question.limit,
        across=question.across,
        distinct=question.distinct,
        deliver_at=question.delivery(logged.decided_at),
        placement=question.placement,
        exclude=frozenset(question.exclude),
        explain=explain,
        seed=logged.seed,
        subject=record.customer_id,
        context=question.context,
    )


def _compared(logged: LoggedDecision, answer: bytes, feature_digest: str) -> tuple[Difference, ...]:
    then = {**_bare(msgspec.json.decode(logged.response)), "feature_digest": logged.feature_digest}
    now = {**_bare(msgspec.json.decode(answer)), "feature_digest": feature_digest}
    return tuple(_differences(then, now, ""))


def _bare(answer: dict[str, object]) -> dict[str, object]:
    """Without what is there on request or is signed; whatever content holds stays."""
    return {**answer, "channels": [_bare_slate(slate) for slate in _members(answer, "channels")]}


def _bare_slate(slate: dict[str, object]) -> dict[str, object]:
    actions = [
        {name: one for name, one in action.items() if name not in _ON_REQUEST} for action in _members(slate, "actions")
    ]
    return {**{name: one for name, one in slate.items() if name not in ("refused", "withheld")}, "actions": actions}


def _members(document: dict[str, object], name: str) -> list[dict[str, object]]:
    """Raises ValidationError for what no answer of ours is."""
    return msgspec.convert(document[name], list[dict[str, object]])


def _differences(then: object, now: object, path: str) -> Iterator[Difference]:
    if type(then) is type(now) and isinstance(then, dict | list):
        before, after = _named(then), _named(now)
        for name in [*before, *(one for one in after if one not in before)]:
            below = f"{path}/{name.replace('~', '~0').replace('/', '~1')}"
            if name in before and name in after:
                yield from _differences(before[name], after[name], below)
            else:
                yield Difference(below, _written(before, name), _written(after, name))
    elif (was := _canonical(then)) != (remains := _canonical(now)):
        yield Difference(path, was, remains)


def _named(value: object) -> dict[str, object]:
    """The members of a list by their places, those of an object by their names."""
    if isinstance(value, list):
        return {str(place): one for place, one in enumerate(value)}
    return msgspec.convert(value, dict[str, object])


def _written(members: dict[str, object], name: str) -> bytes | None:
    return _canonical(members[name]) if name in members else None
