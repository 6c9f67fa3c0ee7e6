"""A challenger judged from the store and the registry: what training.promotion is asked with."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from msgspec.structs import replace

from features.progress import Progress
from features.stores.keeping import BundleStore
from features.vocabulary import Vocabulary
from models import bundle
from models.bundle import Bundle, BundleError
from models.catalogue import parse
from models.document_fields import text_of
from training import beside, holdout, promotion_text, table
from training.beside import OnContacts, OnLog, Segments
from training.champions import Grounds, How
from training.contacts import DAY
from training.errors import NothingToLearn, Overtaken
from training.holdout import Later
from training.offpolicy.logged import Draw, LogStore, Reward, of_arms, read_draws, sampled
from training.offpolicy.paired import Pair, Policies, over_all, paired
from training.offpolicy.redrawn import Redraw
from training.pace import TimedModel, paced
from training.promotion import TOLERANCE, Holdout, Limits, NotEvaluable, Paced, Replayed, Verdict, unchanged, verdict
from training.registry import Registered, Registry
from training.run import CARD, DATASET_TAG
from training.segments import read_people
from training.settings import TrainingSettings
from training.skew import RowsAgain, measure_skew
from training.skew import remarks as skew_remarks
from training.table import Dataset

VERDICT_TEXT, VERDICT_JSON = "verdict.md", "verdict.json"
ARMS = ("full", "random")
LOOKED_AT = 1_000
"""Of all draws so many are looked at for broken laws, besides those that are compared by."""


class JudgingStore(LogStore, table.TrainingStore, BundleStore, Protocol):
    """What judging asks of a store."""


class ByModel(TimedModel, Protocol):
    """decisions: that it decided. broken: what its draws would have offered (serving.redrawing.ByModel)."""

    @property
    def decisions(self) -> set[str]: ...

    @property
    def broken(self) -> list[str]: ...


@dataclass(frozen=True, slots=True)
class Replay:
    """How logged decisions are made again: as they were, and by a model of that version; and their feature rows.
    revision: of the code that runs."""

    logging: Redraw
    by_model: Callable[[Bundle, str], ByModel]
    rows: RowsAgain
    revision: str


@dataclass(frozen=True, slots=True)
class Terms:
    """On which draws, and by which limits. known_at: ms UTC, the present; days: before it. reward: what a draw earns;
    value is what decisions by response rank by. sample: of the draws that left something to chance, so many at most."""

    known_at: int
    days: int
    reward: Reward
    limits: Limits
    sample: int = 10_000


def terms_of(known_at: int, days: int = 90, tolerance: float = TOLERANCE, *, successes: bool = False) -> Terms:
    """successes: each counts 1. Raises InvalidLimits."""
    return Terms(known_at, days, Reward.SUCCESS if successes else Reward.VALUE, Limits(tolerance=tolerance))


@dataclass(frozen=True, slots=True)
class Contest:
    """champion, its_model: None where nobody is, or it cannot be read by this version any more; then remark says so.
    holder: of the alias champion all the same."""

    challenger: Registered
    model: Bundle
    champion: Registered | None
    its_model: Bundle | None
    holder: Registered | None
    remark: str

    @property
    def is_champion(self) -> bool:
        """The challenger is what serves already, or the same bundle."""
        ours, theirs = self.challenger, self.champion
        return theirs is not None and (ours.version == theirs.version or ours.digest == theirs.digest != "")


def contest(store: BundleStore, registry: Registry, version: str | None) -> Contest:
    """version: None, the newest. Raises NotRegistered, RegistryAway, BundleError."""
    challenger, champion = registry.find(version), registry.champion()
    model = bundle.load(registry.bundle_files(challenger.version))
    if champion is None or champion.version == challenger.version:
        return Contest(challenger, model, champion, model if champion else None, champion, "")
    try:
        files = store.bundle(champion.digest) or registry.bundle_files(champion.version)
        return Contest(challenger, model, champion, bundle.load(files), champion, "")
    except BundleError as error:
        remark = f"champion {champion.version} cannot serve with this version ({error}); nothing is compared with it"
        return Contest(challenger, model, None, None, champion, remark)


def judged(
    store: JudgingStore,
    registry: Registry,
    them: Contest,
    replay: Replay,
    terms: Terms,
    settings: TrainingSettings,
    progress: Progress,
) -> tuple[Verdict, tuple[str, ...]]:
    """The verdict and lines for people; nothing is changed. Raises StoreError, RegistryAway."""
    if them.champion is not None and them.is_champion:
        return unchanged(them.challenger.version, them.champion.version), ()
    rng = np.random.default_rng(settings.seed)
    log = _log(store, them, replay, terms, rng, progress)
    contacts = _later(store, them, terms, settings, progress)
    later = _recorded(registry, them) if contacts is None else contacts.later.holdout
    champion = None if them.champion is None else them.champion.version
    since = terms.known_at - terms.days * DAY
    skew = measure_skew(store, replay.rows, replay.revision, since, terms.known_at, progress)
    pair = log.pair
    compared = pair if isinstance(pair, NotEvaluable) else over_all(pair, _until(them.its_model), rng)
    figures = (compared, later, log.replayed, terms.limits, skew.judged(), log.pace)
    made = verdict(them.challenger.version, champion, *figures)
    segments = _segments(store, contacts, pair, terms.limits, rng, progress)
    return dataclasses.replace(made, segments=segments), (*log.remarks, *skew_remarks(skew))


def promoted(
    store: BundleStore, registry: Registry, them: Contest, made: Verdict, grounds: Grounds, since: int
) -> Registered | None:
    """The verdict, with who put it forward and the model card, goes to the challenger's run, its figures go beside its
    version, and that serves if it, or force, allows it. since: ms UTC. None: refused. Raises Overtaken,
    RegistryAway."""
    challenger, holder = them.challenger, registry.champion()
    if holder != them.holder:
        raise Overtaken(
            f"champion is {holder.version if holder else 'nobody'} by now; the verdict is about another; promote again"
        )
    if not them.is_champion:
        registry.challenge(challenger.version)
        registry.tell_verdict(challenger.version, promotion_text.kept(made, grounds, since))
    if challenger.run_id:
        told = (made, grounds, registry.text(challenger.run_id, CARD))
        texts = {VERDICT_TEXT: promotion_text.markdown(*told), VERDICT_JSON: promotion_text.as_json(*told)}
        registry.keep(challenger.run_id, texts)
    if made.promoted:
        return registry.promote(store, challenger.version, since, replace(grounds, how=How.VERDICT))
    return registry.promote(store, challenger.version, since, grounds) if grounds.how is How.FORCED else None


@dataclass(frozen=True, slots=True, eq=False)
class _Log:
    """What it says of the two."""

    pair: Pair | NotEvaluable
    replayed: Replayed
    pace: Paced | NotEvaluable
    remarks: tuple[str, ...]


def _log(
    store: LogStore, them: Contest, replay: Replay, terms: Terms, rng: np.random.Generator, progress: Progress
) -> _Log:
    try:
        reading = read_draws(store, terms.known_at - terms.days * DAY, terms.known_at, progress)
    except NothingToLearn as error:
        nothing = NotEvaluable(str(error))
        return _Log(nothing, Replayed(0, ()), nothing, ())
    draws = of_arms(reading.draws, ARMS)
    challenger, champion = replay.by_model(them.model, them.challenger.version), _champion(them, replay)
    if isinstance(champion, NotEvaluable):
        found: Pair | NotEvaluable = champion
        pace: Paced | NotEvaluable = champion
    else:
        policies = Policies(replay.logging, champion, challenger, _until(them.its_model))
        found = _paired(draws, them.model, policies, store.vocabulary, terms, rng, progress)
        pace = paced(challenger, champion, draws, rng, progress)
    _look(challenger, sampled(draws, LOOKED_AT, rng), progress)
    replayed = Replayed(len(challenger.decisions), tuple(challenger.broken))
    return _Log(found, replayed, pace, reading.remarks)


def _champion(them: Contest, replay: Replay) -> ByModel | NotEvaluable:
    if them.champion is None or them.its_model is None:
        return NotEvaluable(them.remark or "there is no champion to compare with")
    return replay.by_model(them.its_model, them.champion.version)


def _paired(
    draws: Sequence[Draw],
    model: Bundle,
    policies: Policies,
    vocabulary: Vocabulary,
    terms: Terms,
    rng: np.random.Generator,
    progress: Progress,
) -> Pair | NotEvaluable:
    """On the draws from which the challenger `model` did not learn."""
    until = model.provenance.trained_until
    held_out = [one for one in draws if one.decision.decided_at > until]
    if draws and not held_out:
        return NotEvaluable(
            f"the challenger learned from everything until {text_of(until)}, and none of the {len(draws):,} matured "
            "draws is later; wait for later ones, or train with --until"
        )
    return paired(held_out, policies, vocabulary, progress, terms.reward, rng, terms.sample)


def _until(model: Bundle | None) -> int:
    """ms UTC, what it learned from."""
    return 0 if model is None else model.provenance.trained_until


def _look(challenger: ByModel, draws: Sequence[Draw], progress: Progress) -> None:
    """Whatever it has not decided anew yet."""
    with progress.step("Look for broken laws", total=len(draws)) as advance:
        for one in draws:
            advance()
            if one.decision.decision_id not in challenger.decisions:
                challenger(one.decision, one.taken)


def _shortest_window(store: table.TrainingStore) -> float:
    """ms until a contact's reward has matured; infinite without a catalogue."""
    stored = store.catalogue()
    if stored is None:
        return math.inf
    channels = parse(stored.document, stored.version).channels.values()
    return min((one.reward_window_days * DAY for one in channels), default=math.inf)


@dataclass(frozen=True, slots=True, eq=False)
class _Contacts:
    dataset: Dataset
    later: Later


def _later(
    store: table.TrainingStore, them: Contest, terms: Terms, settings: TrainingSettings, progress: Progress
) -> _Contacts | None:
    """None where too few contacts are later than both models."""
    since = max(_until(them.model), _until(them.its_model))
    if terms.known_at - since <= _shortest_window(store):  # nothing later has matured, and reading takes long
        return None
    dataset = table.read_share(store, terms.known_at, progress, settings.people)
    later = holdout.later_contacts(dataset, them.model, them.its_model, settings)
    return None if later is None else _Contacts(dataset, later)


def _recorded(registry: Registry, them: Contest) -> Holdout | NotEvaluable:
    ours = registry.figures(them.challenger.run_id)
    if them.champion is not None:
        at_once = holdout.champion_beside(ours, them.champion.version)
        if at_once is not None:
            return holdout.as_recorded(ours.metrics, at_once, same=True)
    theirs = None if them.champion is None else registry.figures(them.champion.run_id)
    same = theirs is not None and ours.tags.get(DATASET_TAG) == theirs.tags.get(DATASET_TAG)
    return holdout.as_recorded(ours.metrics, None if theirs is None else theirs.metrics, same)


def _segments(
    store: JudgingStore,
    contacts: _Contacts | None,
    pair: Pair | NotEvaluable,
    limits: Limits,
    rng: np.random.Generator,
    progress: Progress,
) -> Segments | None:
    """None where there is nothing to look at, one segment at a time."""
    stored = store.catalogue()
    if stored is None or (contacts is None and isinstance(pair, NotEvaluable)):
        return None
    catalogue = parse(stored.document, stored.version)
    drawn_for = frozenset() if isinstance(pair, NotEvaluable) else frozenset(one.decision.person for one in pair.draws)
    people = read_people(store, catalogue, drawn_for, progress)
    on_contacts: tuple[OnContacts, ...] = ()
    on_log: tuple[OnLog, ...] = ()
    if contacts is not None:
        on_contacts = beside.on_contacts(contacts.later, beside.of_contacts(contacts.dataset, contacts.later, people))
    if not isinstance(pair, NotEvaluable):
        on_log = beside.on_log(pair, beside.of_draws(pair.draws, people), limits.effective_people, rng)
    return Segments(on_contacts, on_log)
