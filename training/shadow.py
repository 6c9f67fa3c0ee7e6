"""What a challenger in the shadow said of decisions that it did not make, and which of the two was nearer to what came.

The champion is whoever made the newest of the decisions; those of another before it are left out. Agreement is over the
slates of the full arm: an arm that draws by lot or not at all agrees with everybody. Means are over all decisions, log
loss and calibration over their matured contacts. Those are the contacts that the champion chose to make, so they tell
how well the challenger knows them, not what it would have earned.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass

import msgspec
import numpy as np
from numpy.typing import NDArray

from features.history import text_code
from features.progress import Progress
from features.stores.protocol import LoggedDecision
from features.stores.trials import Trial
from models.columns import compile_catalogue
from models.document_fields import text_of
from models.policy_rules import Arm
from models.shadow import Choice, ShadowScores
from training.contacts import contacts, reward_rules
from training.errors import NothingToLearn
from training.metrics import calibration_error, log_loss, losses
from training.offpolicy.estimators import Terms
from training.offpolicy.intervals import Interval, bootstrapped_difference
from training.offpolicy.logged import LogStore
from training.promotion_text import finite


@dataclass(frozen=True, slots=True)
class Matured:
    """On the same contacts. difference: of log loss, challenger - champion, over people; None where they are fewer than
    two."""

    contacts: int
    successes: int
    champion_log_loss: float
    challenger_log_loss: float
    difference: Interval | None
    champion_calibration: float
    challenger_calibration: float


@dataclass(frozen=True, slots=True)
class ShadowReport:
    """champion: its version. decisions: scored. others: left out, of another champion. faults: where it failed. slates:
    compared, those of the full arm. agreed: the share in which the first choice is the
    same, NaN of none. chosen: actions that the champion chose. withheld: of these, what the challenger's windows would
    not let through. champion_mean, challenger_mean: of response probability over the others, NaN of none. matured: None
    while nothing is."""

    trial: Trial
    champion: str
    decisions: int
    others: int
    faults: int
    slates: int
    agreed: float
    chosen: int
    withheld: int
    champion_mean: float
    challenger_mean: float
    matured: Matured | None

    def as_json(self) -> str:
        told = {name: one for name, one in asdict(self).items() if name != "trial"}
        trial = {"challenger": self.trial.version, "share": self.trial.share, "since": text_of(self.trial.since)}
        return json.dumps(finite({**trial, **told}), indent=2)

    def markdown(self) -> str:
        trial = self.trial
        lines = [
            f"Challenger {trial.version} beside champion {self.champion} in {trial.share:.1%} of the decisions since "
            f"{text_of(trial.since)}: {self.decisions:,} scored, {self.faults:,} faults",
            "",
            "| what | champion | challenger |",
            "|---|---|---|",
            f"| mean response probability of what was chosen ({self.chosen - self.withheld:,}) | "
            f"{self.champion_mean:.4f} | {self.challenger_mean:.4f} |",
            *_rows(self.matured),
            "",
            f"the first choice is the same in {self.agreed:.1%} of {self.slates:,} slates of the full arm; of what "
            f"was chosen the challenger would have withheld {self.withheld:,}",
        ]
        if self.others:
            lines.append(f"{self.others:,} decisions of another champion are left out")
        return "\n".join(lines)


def report(store: LogStore, trial: Trial, known_at: int, seed: int, progress: Progress) -> ShadowReport:
    """known_at: ms UTC. Raises NothingToLearn without a catalogue or a scored decision."""
    every, found = _scored(store, trial, progress)
    if not every:
        raise NothingToLearn(
            f"decisions that challenger {trial.version} scored are 0; let some be made, and look again"
        )
    champion = every[0].model_version
    both_of = [pair for pair in zip(every, found, strict=True) if pair[0].model_version == champion]
    stood, scored = [one for one, _ in both_of], [one for _, one in both_of]
    faults = sum(one.fault is not None for one in scored)
    pairs = [
        (ours, theirs)
        for logged, shadow in zip(stood, scored, strict=True)
        if shadow.fault is None and logged.arm == Arm.FULL
        for ours, theirs in zip(shadow.first, _first(logged), strict=True)
    ]
    chosen = [one for shadow in scored for one in shadow.chosen if one.champion is not None]
    both = np.array([(one.champion, one.response) for one in chosen if one.response is not None], np.float64)
    means = both.reshape(-1, 2).mean(axis=0).tolist() if len(both) else [math.nan, math.nan]
    return ShadowReport(
        trial=trial,
        champion=champion,
        decisions=len(stood),
        others=len(every) - len(stood),
        faults=faults,
        slates=len(pairs),
        agreed=sum(ours == theirs for ours, theirs in pairs) / len(pairs) if pairs else math.nan,
        chosen=len(chosen),
        withheld=len(chosen) - len(both),
        champion_mean=means[0],
        challenger_mean=means[1],
        matured=_matured(store, stood, scored, known_at, np.random.default_rng(seed), progress),
    )


def _scored(
    store: LogStore, trial: Trial, progress: Progress
) -> tuple[Sequence[LoggedDecision], Sequence[ShadowScores]]:
    """The newest first."""
    chosen = store.newest_decisions(trial.since, 1_000_000)
    stood, scored = [], []
    with progress.step("Read decisions", total=len(chosen)) as advance:
        for decision_id in chosen:
            advance()
            logged = store.decision(decision_id)
            if logged is None or logged.shadow is None:
                continue
            found = msgspec.json.decode(logged.shadow, type=ShadowScores)
            if (found.version, found.digest) == (trial.version, trial.digest):
                stood.append(logged)
                scored.append(found)
    return stood, scored


class _Action(msgspec.Struct, frozen=True):
    action_id: str


class _Slate(msgspec.Struct, frozen=True):
    channel: str
    actions: tuple[_Action, ...]


class _Answer(msgspec.Struct, frozen=True):
    channels: tuple[_Slate, ...]


class _Question(msgspec.Struct, frozen=True):
    across: str


def _first(logged: LoggedDecision) -> tuple[Choice | None, ...]:
    """What the champion chose first, as in ShadowScores.first."""
    slates = msgspec.json.decode(logged.response, type=_Answer).channels
    found = tuple(Choice(one.channel, one.actions[0].action_id) if one.actions else None for one in slates)
    if msgspec.json.decode(logged.request, type=_Question).across == "best":
        return (next((one for one in found if one is not None), None),)
    return found


def _matured(
    store: LogStore,
    stood: Sequence[LoggedDecision],
    scored: Sequence[ShadowScores],
    known_at: int,
    rng: np.random.Generator,
    progress: Progress,
) -> Matured | None:
    outcome = _outcomes(store, known_at, progress)
    code = store.vocabulary.code
    rows = []
    for logged, shadow in zip(stood, scored, strict=True):
        for one in shadow.chosen:
            key = text_code(logged.decision_id), code("action", one.action), code("channel", one.channel)
            if one.champion is not None and one.response is not None and key in outcome:
                rows.append((one.champion, one.response, outcome[key], logged.person))
    return _compared(np.array(rows, np.float64).reshape(-1, 4), rng)


def _outcomes(store: LogStore, known_at: int, progress: Progress) -> Mapping[tuple[int, int, int], bool]:
    """Whether each matured contact succeeded, by decision, action and channel, as codes."""
    stored = store.catalogue()
    if stored is None:
        raise NothingToLearn("catalogue is absent; outcomes need its actions; import or publish one first")
    rules = reward_rules(compile_catalogue(stored, store.vocabulary), store.vocabulary)
    found = {}
    with progress.step("Read outcomes", total=store.people()) as advance:
        for entry in store.scan(0, 1):
            advance()
            for one in contacts(entry.records, rules, known_at):
                if one["decision"] != 0:
                    found[int(one["decision"]), int(one["action"]), int(one["channel"])] = bool(one["success"])
    return found


def _compared(rows: NDArray[np.float64], rng: np.random.Generator) -> Matured | None:
    """rows: float64[n, 4]: champion's and challenger's probability, success, person."""
    if not len(rows):
        return None
    champion, challenger, label, person = rows[:, 0], rows[:, 1], rows[:, 2] > 0.0, rows[:, 3].astype(np.int64)
    weight = np.ones(len(rows))
    difference = None
    if len(np.unique(person)) > 1:
        terms = [Terms(losses(one, label), weight) for one in (challenger, champion)]
        difference = bootstrapped_difference(terms[0], terms[1], person, rng)
    return Matured(
        contacts=len(rows),
        successes=int(label.sum()),
        champion_log_loss=log_loss(champion, label, weight),
        challenger_log_loss=log_loss(challenger, label, weight),
        difference=difference,
        champion_calibration=calibration_error(champion, label, weight),
        challenger_calibration=calibration_error(challenger, label, weight),
    )


def _rows(matured: Matured | None) -> list[str]:
    if matured is None:
        return ["| contacts that have matured | none | none |"]
    one = matured.difference
    ahead = "" if one is None else f" ({one.value:+.4f}, {one.low:+.4f} to {one.high:+.4f} at {one.level:.0%})"
    return [
        f"| log loss on {matured.contacts:,} matured contacts, {matured.successes:,} successes | "
        f"{matured.champion_log_loss:.4f} | {matured.challenger_log_loss:.4f}{ahead} |",
        f"| calibration error on them | {matured.champion_calibration:.4f} | {matured.challenger_calibration:.4f} |",
    ]
