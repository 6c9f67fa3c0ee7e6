"""The decision log and what came of it, as columns: what is watched is worked out of these alone.

Decisions about people who object to profiling are left out, as from everything that is judged by.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Protocol

import msgspec
import numpy as np
from numpy.typing import NDArray

from features.consent import objects_to_profiling
from features.definitions import names
from features.history import text_code
from features.live_response import expectations_of
from features.progress import Progress
from features.stores.keeping import BundleStore
from features.stores.protocol import CatalogueStore, DecisionLog, HistoryStore, LoggedDecision
from models import bundle
from models.bundle import BundleError
from models.catalogue import Catalogue
from models.columns import CompiledCatalogue, compile_catalogue
from models.drift import Reference
from models.logged_rows import rows_of
from models.notices import Noticed
from training.contacts import DAY, contacts, reward_rules
from training.errors import NothingToLearn
from training.offpolicy.logged import Draw, Drawing
from training.watching.reference import important

_BESIDE = {"candidates", "eligible"}
"""What stands in a funnel beside its gates."""


class WatchedStore(HistoryStore, DecisionLog, CatalogueStore, BundleStore, Protocol):
    """What watching asks of a store."""


@dataclass(frozen=True, slots=True)
class Span:
    """ms UTC: (since, until]; and as many before it, (before, since]."""

    since: int
    until: int

    @property
    def before(self) -> int:
        return 2 * self.since - self.until

    @classmethod
    def last(cls, days: int, now: int) -> Span:
        return cls(now - days * DAY, now)


@dataclass(frozen=True, slots=True)
class Slate:
    """One channel of one decision. place: of the decision in Log.decisions. taken: how many actions. worth: the most
    that any of them is expected to earn, response times value, NaN unknown. offers: all of them are offers; fallbacks:
    all are what the catalogue falls back on. refused: first refusals, by gate in gate order, where there are any."""

    place: int
    channel: str
    taken: int
    worth: float
    offers: bool
    fallbacks: bool
    candidates: int
    eligible: int
    refused: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class Chosen:
    """One chosen action that is no notice, for what is only told succeeds and fails with nobody. response: its
    probability by the model itself, without live response, NaN unknown. contacted: it was sent or displayed, and that
    matured in the span; succeeded: and succeeded."""

    place: int
    channel: str
    action: str
    response: float
    contacted: bool
    succeeded: bool


@dataclass(frozen=True, slots=True)
class Decided:
    """at: ms UTC. model: its version. digest: of its bundle, "" unknown or none."""

    person: int
    at: int
    model: str
    digest: str
    degraded: bool


@dataclass(frozen=True, slots=True)
class Sampled:
    """The logged feature rows of one decision, those of Log.features. rows: float64[m, features]. weight: of each."""

    place: int
    rows: NDArray[np.float64]
    weight: float


@dataclass(slots=True)
class Log:
    """decisions: since before the span, the newest first. draws: of them, the matured. references: by bundle digest,
    where a bundle has one. features: whose columns `samples` holds: those of the reference of the newest decision that
    has one, else those by which its model gains most. strangers: versions whose reference has nothing to compare with.
    Left out are `objecting` decisions of people who object, `unreadable` ones, and with `cut` whatever is older than
    the limit. unmatched: contacts that matured in the span, of decisions that are not among these."""

    span: Span
    catalogue: Catalogue
    decisions: list[Decided] = field(default_factory=list)
    draws: tuple[Draw, ...] = ()
    slates: list[Slate] = field(default_factory=list)
    chosen: list[Chosen] = field(default_factory=list)
    samples: list[Sampled] = field(default_factory=list)
    references: dict[str, Reference] = field(default_factory=dict)
    features: tuple[str, ...] = ()
    strangers: set[str] = field(default_factory=set)
    newest: str = ""
    objecting: int = 0
    unreadable: int = 0
    unmatched: int = 0
    cut: bool = False

    @property
    def remarks(self) -> tuple[str, ...]:
        """Lines for people."""
        left = {
            "decisions about people who object to profiling": self.objecting,
            "decisions that could not be read": self.unreadable,
            "matured contacts of decisions that were not read": self.unmatched,
        }
        told = [f"{what} are {count:,}; they are left out" for what, count in left.items() if count]
        if self.cut:
            told.append(
                f"decisions read are the newest {len(self.decisions):,}; older ones are left out; raise --limit"
            )
        told += [
            f"model {version} was judged on contacts that others chose; nothing is compared with those; it is once a "
            "version has learned from contacts of decisions"
            for version in sorted(self.strangers)
        ]
        if self.decisions and not self.references:
            told.append("no model in the log knows what it learned from; nothing is compared with that; train again")
        return tuple(told)


class _Action(msgspec.Struct, frozen=True):
    action_id: str
    kind: str
    response_probability: float | None
    value: float


class _Slate(msgspec.Struct, frozen=True):
    channel: str
    actions: tuple[_Action, ...]
    funnel: dict[str, int]


class _Answer(msgspec.Struct, frozen=True):
    channels: tuple[_Slate, ...]
    degraded: bool


class _Question(msgspec.Struct, frozen=True):
    across: str


@dataclass(frozen=True, slots=True)
class _Outcomes:
    """matured: whether each contact of a decision that matured in the span succeeded, by the codes of decision, action
    and channel. objecting: people."""

    matured: dict[tuple[int, int, int], bool]
    objecting: frozenset[int]


def read(store: WatchedStore, span: Span, limit: int, progress: Progress) -> Log:
    """Raises NothingToLearn without a catalogue."""
    stored = store.catalogue()
    if stored is None:
        raise NothingToLearn("catalogue is absent; what is watched are its actions; import or publish one first")
    compiled = compile_catalogue(stored, store.vocabulary)
    catalogue = compiled.catalogue
    log, drawing = Log(span, catalogue), Drawing(catalogue, store.vocabulary, span.until)
    outcomes = _outcomes(store, compiled, span, drawing, progress)
    fallbacks = frozenset(action.id for action in catalogue.actions if action.fallback)
    noticed = Noticed(store)
    wanted = store.newest_decisions(_since(span, catalogue), limit)
    looked_at: set[str] = set()
    with progress.step("Read decisions", total=len(wanted)) as advance:
        for decision_id in wanted:
            advance()
            logged = store.decision(decision_id)
            if logged is None or logged.decided_at > span.until:  # erased meanwhile, or later than all that is judged
                continue
            if logged.person in outcomes.objecting:
                log.objecting += 1
                continue
            if logged.model_digest and logged.model_digest not in looked_at:
                looked_at.add(logged.model_digest)
                _take_reference(log, store, logged)
            drawing.take(logged)
            _take(log, logged, store, outcomes, fallbacks, noticed.then(logged.catalogue_version) or ())
    log.draws = drawing.reading.draws
    log.cut = len(wanted) == limit
    log.unmatched = len(outcomes.matured)
    return log


def _since(span: Span, catalogue: Catalogue) -> int:
    """Whose contacts may have matured in the span, as a rule; and the period before."""
    longest = max(one.reserve + int(one.reward_window_days * DAY) for one in catalogue.channels.values())
    return min(span.before + 1, span.since - longest)


def _outcomes(
    store: WatchedStore, compiled: CompiledCatalogue, span: Span, drawing: Drawing, progress: Progress
) -> _Outcomes:
    rules = reward_rules(compiled, store.vocabulary)
    matured: dict[tuple[int, int, int], bool] = {}
    objecting: set[int] = set()
    with progress.step("Read outcomes", total=store.people()) as advance:
        for entry in store.scan(0, 1):
            advance()
            if objects_to_profiling(entry.consents, span.until):
                objecting.add(entry.person)
                continue
            told = contacts(entry.records, rules, span.until)
            drawing.hear(told)
            for one in told:
                if one["decision"] != 0 and one["matured_at"] > span.since:
                    matured[int(one["decision"]), int(one["action"]), int(one["channel"])] = bool(one["success"])
    return _Outcomes(matured, frozenset(objecting))


def _take_reference(log: Log, store: WatchedStore, logged: LoggedDecision) -> None:
    files = store.bundle(logged.model_digest or "")
    try:
        model = None if files is None else bundle.load(files)
    except BundleError:  # another version's, whose decisions are watched without it
        return
    if model is None or model.reference is None:
        return
    found, digest = model.reference, logged.model_digest or ""
    log.references[digest] = found
    if not found.scores and not found.features:
        log.strangers.add(logged.model_version)
    if not log.features:
        watched = found.features or important(model.response)
        log.features, log.newest = tuple(name for name in watched if name in names()), digest


def _take(
    log: Log,
    logged: LoggedDecision,
    store: WatchedStore,
    outcomes: _Outcomes,
    fallbacks: frozenset[str],
    notices: Collection[str],
) -> None:
    try:
        answer = msgspec.json.decode(logged.response, type=_Answer)
        across = msgspec.json.decode(logged.request, type=_Question).across
    except msgspec.DecodeError:
        log.unreadable += 1
        return
    place = len(log.decisions)
    log.decisions.append(
        Decided(logged.person, logged.decided_at, logged.model_version, logged.model_digest or "", answer.degraded)
    )
    taken = any(slate.actions for slate in answer.channels)
    by_model = {(one.action, one.channel): one.probability for one in expectations_of(logged.expected)}
    for slate in answer.channels:
        if not (across == "best" and taken and not slate.actions):  # another channel was the best
            log.slates.append(_slate(place, slate, fallbacks))
        for action in slate.actions:
            codes = store.vocabulary.code("action", action.action_id), store.vocabulary.code("channel", slate.channel)
            outcome = outcomes.matured.pop((text_code(logged.decision_id), *codes), None)
            if action.action_id in notices:
                continue
            answered = math.nan if action.response_probability is None else action.response_probability
            chance = by_model.get((action.action_id, slate.channel), answered)  # logged before there were lifts: alike
            found = Chosen(place, slate.channel, action.action_id, chance, outcome is not None, bool(outcome))
            log.chosen.append(found)
    if logged.feature_rows is not None and log.features:
        _take_rows(log, place, logged.feature_rows)


def _slate(place: int, slate: _Slate, fallbacks: frozenset[str]) -> Slate:
    worth = [one.response_probability * one.value for one in slate.actions if one.response_probability is not None]
    return Slate(
        place=place,
        channel=slate.channel,
        taken=len(slate.actions),
        worth=max(worth, default=math.nan),
        offers=all(one.kind == "offer" for one in slate.actions),
        fallbacks=bool(slate.actions) and all(one.action_id in fallbacks for one in slate.actions),
        candidates=slate.funnel["candidates"],
        eligible=slate.funnel["eligible"],
        refused={gate: count for gate, count in slate.funnel.items() if count and gate not in _BESIDE},
    )


def _take_rows(log: Log, place: int, content: bytes) -> None:
    found = rows_of(content, [names().index(name) for name in log.features])
    if found is not None:
        log.samples.append(Sampled(place, found.rows, found.weight))
