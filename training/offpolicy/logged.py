"""Our own log as feedback: which draw was made, with what chance, and what came of it.

- A row is the first draw of one channel of one decision; of a request for the best over all channels, its one draw.
  Its chance is conditional on the person's arm and on what was drawn for earlier channels of the same request. Later
  ranks are no rows: how likely they were depends on the first, and no value of a whole slate is claimed.
- No action is a candidate like the others, with the chance that the log gives it.
- The reward is whether the drawn action succeeded: by a contact that was made while the decision was held (the
  channel's `reserve_hours` from the moment of delivery), in the channel's reward window after it (training.contacts).
  No action, and an action that was never sent, earned 0. Sales that no contact of ours brought are not counted.
- A row is matured when that time is over, whatever was drawn and whatever came of it: a rule that looked at the outcome
  would let the early successes in first.
- Nobody who objects to profiling is judged by.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

import msgspec
import numpy as np
from numpy.typing import NDArray

from features.consent import objects_to_profiling
from features.history import Records, text_code
from features.progress import Progress
from features.stores.protocol import CatalogueStore, DecisionLog, HistoryStore, LoggedDecision
from features.vocabulary import Vocabulary
from models.catalogue import Catalogue, Channel
from models.columns import compile_catalogue
from models.delivery import LoggedDelivery
from models.first_draws import Choice
from models.policy_rules import RankBy
from training.contacts import DAY, contacts, reward_rules
from training.errors import NothingToLearn
from training.offpolicy.feedback import NO_ACTION, UNNAMED, Feedback

NEGLIGIBLE = 1e-12
"""A remaining chance below which it is rounding."""

CREDITED = (
    "what a draw earns is the success that is credited to it, and not what it added to sales: who leaves alone whoever "
    "buys anyway earns nothing for that here"
)
"""Of a ranking by incremental value."""


class Reward(StrEnum):
    """What a success is worth: 1, or the action's value at that time in the catalogue's currency."""

    SUCCESS = "success"
    VALUE = "value"


class LogStore(HistoryStore, DecisionLog, CatalogueStore, Protocol):
    """What reading the log asks of a store."""


@dataclass(frozen=True, slots=True)
class Draw:
    """One logged draw. channels: that the draw was over, in order, more than one for the best of all. channel, action:
    where and what was drawn, None for no action; then channel is the first of them. propensity: of what was drawn.
    no_action: of drawing no action. value: of the drawn action at that time, in the catalogue's currency, 0 of none.
    success: see above. incremental: its decision ranked marketing by incremental value. slate: the place of its slate
    in `taken`, which is what all of the decision's slates took, rank by rank, as models.first_draws wants it."""

    decision: LoggedDecision
    slate: int
    taken: tuple[tuple[Choice, ...], ...]
    channels: tuple[str, ...]
    channel: str
    action: str | None
    propensity: float
    no_action: float
    value: float
    success: bool
    incremental: bool


@dataclass(frozen=True, slots=True)
class Reading:
    """draws: matured, the newest decision first. And how many decisions were left out: not yet matured, of people who
    object to profiling, and such as an earlier version logged in a form that is not understood."""

    draws: tuple[Draw, ...]
    unmatured: int
    objecting: int
    unreadable: int

    @property
    def remarks(self) -> tuple[str, ...]:
        """Lines for people."""
        left = {
            "decisions not matured yet": self.unmatured,
            "decisions about people who object to profiling": self.objecting,
            "decisions that could not be read": self.unreadable,
        }
        lines = [f"{what} are {count:,}; they are left out" for what, count in left.items() if count]
        versions = Counter(one.decision.model_version for one in self.draws)
        if incremental := sum(one.incremental for one in self.draws):
            lines.append(f"draws of decisions ranked by incremental value are {incremental:,}; {CREDITED}")
        if len(versions) > 1:
            several = ", ".join(f"{version} ({count:,})" for version, count in sorted(versions.items()))
            lines.append(f"draws are by the model versions {several}; each counts with the chances of its own version")
        return tuple(lines)


class _Action(msgspec.Struct, frozen=True):
    action_id: str
    selection_probability: float
    value: float


class _NoAction(msgspec.Struct, frozen=True):
    selection_probability: float


class _Slate(msgspec.Struct, frozen=True):
    channel: str
    actions: tuple[_Action, ...]
    no_action: _NoAction


class _Answer(msgspec.Struct, frozen=True):
    """ranked_by: earlier versions ranked by response, and did not say so."""

    channels: tuple[_Slate, ...]
    ranked_by: RankBy = RankBy.RESPONSE


class _Question(LoggedDelivery, frozen=True):
    across: str


def read_draws(store: LogStore, since: int, known_at: int, progress: Progress, limit: int = 1_000_000) -> Reading:
    """The draws of at most `limit` decisions of `since` (ms UTC) or later, the newest, with what was recorded of their
    outcomes by `known_at` (ms UTC). Raises NothingToLearn without a catalogue."""
    stored = store.catalogue()
    if stored is None:
        raise NothingToLearn("catalogue is absent; rewards need its actions; import or publish one first")
    compiled = compile_catalogue(stored, store.vocabulary)
    chosen = store.newest_decisions(since, limit)
    drawing = Drawing(compiled.catalogue, store.vocabulary, known_at)
    rules = reward_rules(compiled, store.vocabulary)
    with progress.step("Read outcomes", total=store.people()) as advance:
        for entry in store.scan(0, 1):
            advance()
            if objects_to_profiling(entry.consents, known_at):
                drawing.leave_out(entry.person)
            else:
                drawing.hear(contacts(entry.records, rules, known_at))
    with progress.step("Read decisions", total=len(chosen)) as advance:
        for decision_id in chosen:
            advance()
            logged = store.decision(decision_id)
            if logged is not None:  # its person was erased meanwhile
                drawing.take(logged)
    return drawing.reading


class Drawing:
    """Makes the Reading of what it is told: of everybody's contacts, or that they object, and then of decisions."""

    def __init__(self, catalogue: Catalogue, vocabulary: Vocabulary, known_at: int) -> None:
        """known_at: ms UTC."""
        self._catalogue, self._known_at = catalogue, known_at
        self._succeeded: dict[tuple[int, int, int], int] = {}
        self._objecting: set[int] = set()
        self._outcomes = _Outcomes(vocabulary, self._succeeded, self._objecting)
        self._draws: list[Draw] = []
        self._left = {"unmatured": 0, "objecting": 0, "unreadable": 0}

    def leave_out(self, person: int) -> None:
        self._objecting.add(person)

    def hear(self, told: Records) -> None:
        """told: CONTACT records of one person (training.contacts)."""
        for one in told:
            if one["success"] and one["decision"] != 0:
                self._succeeded[int(one["decision"]), int(one["action"]), int(one["channel"])] = int(one["at"])

    def take(self, logged: LoggedDecision) -> None:
        found = _rows(logged, self._catalogue, self._outcomes, self._known_at)
        if isinstance(found, str):
            self._left[found] += 1
        else:
            self._draws += found

    @property
    def reading(self) -> Reading:
        return Reading(tuple(self._draws), **self._left)


@dataclass(frozen=True, slots=True)
class _Outcomes:
    """succeeded: (decision, action, channel), as codes, of every contact that succeeded, and its moment (ms UTC).
    objecting: people."""

    vocabulary: Vocabulary
    succeeded: Mapping[tuple[int, int, int], int]
    objecting: Collection[int]

    def success(self, decision_id: str, action: str, channel: str, held_until: int) -> bool:
        codes = self.vocabulary.code("action", action), self.vocabulary.code("channel", channel)
        return self.succeeded.get((text_code(decision_id), *codes), held_until + 1) <= held_until


def _rows(logged: LoggedDecision, catalogue: Catalogue, outcomes: _Outcomes, known_at: int) -> list[Draw] | str:
    """The decision's matured draws; or why it has none, as Reading calls it."""
    if logged.person in outcomes.objecting:
        return "objecting"
    try:
        question = msgspec.json.decode(logged.request, type=_Question)
        answer = msgspec.json.decode(logged.response, type=_Answer)
    except msgspec.DecodeError:
        return "unreadable"
    slates, incremental = answer.channels, answer.ranked_by is RankBy.INCREMENTAL
    channels = [catalogue.channels.get(slate.channel) for slate in slates]
    if None in channels:
        return "unreadable"
    begins = question.delivery(logged.decided_at)
    groups = [slates] if question.across == "best" else [(slate,) for slate in slates]
    taken = tuple(
        tuple((slate.channel, action.action_id) for slate in group for action in slate.actions) for group in groups
    )
    draws = []
    for number, group in enumerate(groups):
        ours = [catalogue.channels[slate.channel] for slate in group]
        if max(begins + one.reserve + _window(one) for one in ours) <= known_at:
            draws.append(_draw(logged, number, taken, group, begins, catalogue, outcomes, incremental=incremental))
    return draws if draws or not slates else "unmatured"


def _window(channel: Channel) -> int:
    """ms."""
    return int(channel.reward_window_days * DAY)


def _draw(
    logged: LoggedDecision,
    number: int,
    taken: tuple[tuple[Choice, ...], ...],
    group: Sequence[_Slate],
    begins: int,
    catalogue: Catalogue,
    outcomes: _Outcomes,
    *,
    incremental: bool,
) -> Draw:
    names = tuple(slate.channel for slate in group)
    no_action = group[0].no_action.selection_probability
    drawn = next(((slate.channel, slate.actions[0]) for slate in group if slate.actions), None)
    if drawn is None:
        return Draw(logged, number, taken, names, names[0], None, no_action, no_action, 0.0, False, incremental)
    channel, action = drawn
    success = outcomes.success(
        logged.decision_id, action.action_id, channel, begins + catalogue.channels[channel].reserve
    )
    drawn_with = action.selection_probability, no_action, action.value
    return Draw(logged, number, taken, names, channel, action.action_id, *drawn_with, success, incremental)


@dataclass(frozen=True, slots=True, eq=False)
class Logged:
    """feedback: of the draws, in their order. logging: float64[m], the logging policy's own chances. Of each row the
    candidates are what was drawn, no action, and all the rest together, UNNAMED, which the answer does not list."""

    feedback: Feedback
    logging: NDArray[np.float64]

    @property
    def no_action(self) -> NDArray[np.float64]:
        """The target that never takes any action: float64[m]."""
        return np.where(self.feedback.action == NO_ACTION, 1.0, 0.0)


def feedback_of(draws: Sequence[Draw], vocabulary: Vocabulary, reward: Reward = Reward.SUCCESS) -> Logged:
    """Raises InvalidFeedback without draws."""
    sets = [_candidates(one, vocabulary) for one in draws]
    start = np.concatenate([[0], np.cumsum([len(one) for one in sets])]).astype(np.int64)
    action = np.array([action for one in sets for action, _ in one], np.int64)
    feedback = assembled(draws, start, action, start[:-1], reward)
    return Logged(feedback, np.array([chance for one in sets for _, chance in one], np.float64))


def of_arms(draws: Sequence[Draw], arms: Sequence[str]) -> tuple[Draw, ...]:
    return tuple(one for one in draws if one.decision.arm in arms)


def sampled(draws: Sequence[Draw], count: int, rng: np.random.Generator) -> tuple[Draw, ...]:
    """At most so many of them, all alike, in their order."""
    if len(draws) <= count:
        return tuple(draws)
    return tuple(draws[place] for place in np.sort(rng.choice(len(draws), count, replace=False)))


def earned(draws: Sequence[Draw], reward: Reward) -> NDArray[np.float64]:
    """float64[n]."""
    worth = [1.0 if reward is Reward.SUCCESS else one.value for one in draws]
    return np.array([one.success for one in draws], np.float64) * np.array(worth, np.float64)


def assembled(
    draws: Sequence[Draw],
    start: NDArray[np.int64],
    action: NDArray[np.int64],
    taken: NDArray[np.int64],
    reward: Reward,
) -> Feedback:
    """The draws over the candidates that start, action and taken tell, as in Feedback. Raises InvalidFeedback."""
    propensity = np.array([one.propensity for one in draws], np.float64)
    person = np.array([one.decision.person for one in draws], np.int64)
    return Feedback(start, action, taken, propensity, earned(draws, reward), person)


def _candidates(draw: Draw, vocabulary: Vocabulary) -> list[tuple[int, float]]:
    """(code, chance), what was drawn first."""
    found = [(NO_ACTION, draw.no_action)]
    if draw.action is not None:
        found.insert(0, (vocabulary.code("action", draw.action), draw.propensity))
    rest = 1.0 - sum(chance for _, chance in found)
    return [*found, (UNNAMED, rest)] if rest > NEGLIGIBLE else found
