"""What is asked of training before and after a challenger is tried beside the champion."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from features.progress import Progress
from features.stores.trials import Trial
from models import bundle, self_test
from models.columns import compile_catalogue
from training import promotion_text, shadow
from training.judging import VERDICT_JSON, VERDICT_TEXT, JudgingStore, Replay, contest, judged, terms_of
from training.offpolicy import sides
from training.offpolicy.logged import Reward
from training.registry import Registry
from training.settings import TrainingSettings


@dataclass(frozen=True, slots=True)
class Offered:
    """See serving.commands.trials.Offered. files: by name."""

    version: str
    digest: str
    run_id: str
    files: Mapping[str, bytes]
    serves: bool


@dataclass(frozen=True, slots=True)
class Judgement:
    """See serving.commands.trials.Judgement."""

    champion: str | None
    against: tuple[str, ...]
    remarks: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Bench:
    """Implements serving.commands.trials.Bench. moment, everywhere: the present, ms UTC."""

    store: JudgingStore
    registry: Registry
    replay: Replay
    settings: TrainingSettings
    progress: Progress

    def offered(self, version: str | None, moment: int) -> Offered:
        """version: None, the alias challenger, else the newest. Raises NotRegistered, RegistryAway, BundleError."""
        holder = self.registry.challenger() if version is None else None
        found = self.registry.find(version) if holder is None else holder
        files = self.registry.bundle_files(found.version)
        loaded, stored = bundle.load(files), self.store.catalogue()
        if stored is None:
            self_test.check_recorded(loaded)
        else:
            self_test.check(loaded, compile_catalogue(stored, self.store.vocabulary), moment)
        champion, digest = self.registry.champion(), bundle.digest(files)
        serves = champion is not None and (champion.version == found.version or champion.digest == digest)
        return Offered(found.version, digest, found.run_id, files, serves)

    def judged(self, version: str, moment: int) -> Judgement:
        """By the gate of promotion; the verdict goes to the challenger's run. Raises StoreError, RegistryAway."""
        them = contest(self.store, self.registry, version)
        holder = None if them.holder is None else them.holder.version
        if them.is_champion:
            return Judgement(holder, (f"version {version} is what serves already; there is nothing to try",), ())
        terms = terms_of(moment)
        made, remarks = judged(self.store, self.registry, them, self.replay, terms, self.settings, self.progress)
        if them.challenger.run_id:
            texts = {VERDICT_TEXT: promotion_text.markdown(made), VERDICT_JSON: promotion_text.as_json(made)}
            self.registry.keep(them.challenger.run_id, texts)
        return Judgement(holder, made.against_trying, (*remarks, made.remark))

    def sides(self, trial: Trial, moment: int, *, value: bool, as_json: bool) -> str:
        """Markdown or JSON. Raises InvalidFeedback, NothingToLearn."""
        reward = Reward.VALUE if value else Reward.SUCCESS
        found = sides.report(self.store, trial, moment, reward, self.settings.seed, self.progress)
        return found.as_json() if as_json else found.markdown()

    def shadows(self, trial: Trial, moment: int, *, as_json: bool) -> str:
        """Likewise."""
        found = shadow.report(self.store, trial, moment, self.settings.seed, self.progress)
        return found.as_json() if as_json else found.markdown()
