"""A challenger judged from the store and the registry: what training.promotion is asked with."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from msgspec.structs import replace

from features.progress import Progress
from features.stores.keeping import BundleStore
from features.stores.protocol import LoggedDecision
from models import bundle
from models.bundle import Bundle, BundleError
from models.columns import compile_catalogue
from models.document_fields import text_of
from models.first_draws import Choice, FirstDraw
from training import holdout, promotion_text, table
from training.champions import Grounds, How
from training.contacts import DAY
from training.errors import NothingToLearn, Overtaken
from training.offpolicy.logged import Draw, LogStore, Reward, of_arms, read_draws, sampled
from training.offpolicy.paired import Policies, compared
from training.offpolicy.redrawn import Redraw
from training.promotion import TOLERANCE, Compared, Holdout, Limits, NotEvaluable, Replayed, Verdict, unchanged, verdict
from training.registry import Registered, Registry
from training.run import DATASET_TAG
from training.settings import TrainingSettings

VERDICT_TEXT, VERDICT_JSON = "verdict.md", "verdict.json"
ARMS = ("full", "random")
LOOKED_AT = 1_000
"""Of all draws so many are looked at for broken laws, besides those that are compared by."""


class JudgingStore(LogStore, table.TrainingStore, BundleStore, Protocol):
    """What judging asks of a store."""


class ByModel(Protocol):
    """The first draws of a model in the place of a logged decision, and what they broke (serving.redrawing.ByModel)."""

    @property
    def decisions(self) -> set[str]: ...

    @property
    def broken(self) -> list[str]: ...

    def __call__(
        self, logged: LoggedDecision, taken: Sequence[Sequence[Choice]]
    ) -> Sequence[FirstDraw | None] | None: ...


@dataclass(frozen=True, slots=True)
class Replay:
    """How logged decisions are made again: as they were, and by a model of that version."""

    logging: Redraw
    by_model: Callable[[Bundle, str], ByModel]


@dataclass(frozen=True, slots=True)
class Terms:
    """On which draws, and by which limits. known_at: ms UTC, the present; days: before it. reward: what a draw earns;
    value is what decisions rank by. sample: of the draws that left something to chance, so many at most."""

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
    found, replayed, remarks = _log(store, them, replay, terms, np.random.default_rng(settings.seed), progress)
    later = _holdout(store, registry, them, terms, settings, progress)
    champion = None if them.champion is None else them.champion.version
    made = verdict(them.challenger.version, champion, found, later, replayed, terms.limits)
    return made, remarks


def promoted(
    store: BundleStore, registry: Registry, them: Contest, made: Verdict, grounds: Grounds, since: int
) -> Registered | None:
    """The verdict goes to the challenger's run, and its version serves if that, or force, allows it. since: ms UTC.
    None: refused. Raises Overtaken, RegistryAway."""
    challenger, holder = them.challenger, registry.champion()
    if holder != them.holder:
        raise Overtaken(
            f"champion is {holder.version if holder else 'nobody'} by now; the verdict is about another; promote again"
        )
    if not them.is_champion:
        registry.challenge(challenger.version)
    if challenger.run_id:
        texts = {VERDICT_TEXT: promotion_text.markdown(made), VERDICT_JSON: promotion_text.as_json(made)}
        registry.keep(challenger.run_id, texts)
    if made.promoted:
        return registry.promote(store, challenger.version, since, replace(grounds, how=How.VERDICT))
    return registry.promote(store, challenger.version, since, grounds) if grounds.how is How.FORCED else None


def _log(
    store: LogStore, them: Contest, replay: Replay, terms: Terms, rng: np.random.Generator, progress: Progress
) -> tuple[Compared | NotEvaluable, Replayed, tuple[str, ...]]:
    challenger = replay.by_model(them.model, them.challenger.version)
    try:
        reading = read_draws(store, terms.known_at - terms.days * DAY, terms.known_at, progress)
    except NothingToLearn as error:
        return NotEvaluable(str(error)), Replayed(0, ()), ()
    draws, until = of_arms(reading.draws, ARMS), them.model.provenance.trained_until
    held_out = [one for one in draws if one.decision.decided_at > until]
    found: Compared | NotEvaluable
    if them.champion is None or them.its_model is None:
        found = NotEvaluable(them.remark or "there is no champion to compare with")
    elif draws and not held_out:
        found = NotEvaluable(
            f"the challenger learned from everything until {text_of(until)}, and none of the {len(draws):,} matured "
            "draws is later; wait for later ones, or train with --until"
        )
    else:
        champion = replay.by_model(them.its_model, them.champion.version)
        policies = Policies(replay.logging, champion, challenger, them.its_model.provenance.trained_until)
        found = compared(held_out, policies, store.vocabulary, progress, terms.reward, rng, terms.sample)
    _look(challenger, sampled(draws, LOOKED_AT, rng), progress)
    return found, Replayed(len(challenger.decisions), tuple(challenger.broken)), reading.remarks


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
    channels = compile_catalogue(stored, store.vocabulary).catalogue.channels.values()
    return min((one.reward_window_days * DAY for one in channels), default=math.inf)


def _holdout(
    store: table.TrainingStore,
    registry: Registry,
    them: Contest,
    terms: Terms,
    settings: TrainingSettings,
    progress: Progress,
) -> Holdout | NotEvaluable:
    both = [one for one in (them.model, them.its_model) if one is not None]
    since = max(one.provenance.trained_until for one in both)
    if terms.known_at - since > _shortest_window(store):  # else nothing later has matured, and reading takes long
        dataset = table.read(store, terms.known_at, progress)
        later = holdout.on_later_contacts(dataset, them.model, them.its_model, settings)
        if later is not None:
            return later
    ours = registry.figures(them.challenger.run_id)
    theirs = None if them.champion is None else registry.figures(them.champion.run_id)
    same = theirs is not None and ours.tags.get(DATASET_TAG) == theirs.tags.get(DATASET_TAG)
    return holdout.as_recorded(ours.metrics, None if theirs is None else theirs.metrics, same)
