"""What another catalogue would change: decisions that were made twice from the same past, counted side by side.

Each decision stands by itself: it is made from the history that there was, and not from one that the other catalogue
would have led to.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from models.decision import Decision
from models.policy_rules import RankBy


@dataclass(frozen=True, slots=True)
class Unanswerable:
    """A question that a catalogue refuses whole, for it names a channel or placement that is none of it. why: in
    words."""

    why: str


Answered = Decision | Unanswerable


@dataclass(frozen=True, slots=True)
class Volume:
    """How often the action was chosen on the channel, at any rank."""

    channel: str
    action_id: str
    before: int
    after: int


@dataclass(frozen=True, slots=True)
class Stage:
    """A line of the funnel, summed over all slates. name: "candidates", then each gate in gate order with the
    candidates that it was the first to refuse, then "eligible"."""

    name: str
    before: int
    after: int


@dataclass(frozen=True, slots=True)
class Reach:
    """People for whom something was chosen on the channel in at least one of their decisions. channel: None for any of
    them. lost: of those before, the ones with nothing there afterwards in any of their decisions; gained: the
    reverse."""

    channel: str | None
    before: int
    after: int
    lost: int
    gained: int


@dataclass(frozen=True, slots=True)
class Worth:
    """What one catalogue's slates promise, by the model. responses: the sum of response_probability over every action
    chosen in every decision, at any rank: how many successes to expect. value: the sum of response_probability x value
    over the same, in the catalogue's currency, with the value that the action has in that catalogue. Neither
    probabilities of selection nor levers, weights or costs are in them, and actions of one slate count as if none took
    from another. An action whose response_probability is unknown (the model failed) is in neither sum; unscored: how
    many those are. incremental: the sum of incremental_value over those that were ranked by it, in the catalogue's
    currency, None where none was; of what was ranked by response it is not known."""

    responses: float
    value: float
    unscored: int
    incremental: float | None


@dataclass(frozen=True, slots=True)
class Refused:
    """Questions that would be refused whole, by why; in such a one nothing is chosen and nothing is in the funnel."""

    why: str
    before: int
    after: int


@dataclass(frozen=True, slots=True)
class Comparison:
    """decisions: made with both. otherwise: of them, those with another slate on any channel: other actions, another
    order or another treatment. ranked_otherwise: of them, those in which one side ranked marketing by incremental value
    and the other by response, so that their worth is not of one kind. faults: decisions in which a gate, weight or
    model failed (models.decision.Decision)."""

    decisions: int
    otherwise: int
    ranked_otherwise: int
    worth_before: Worth
    worth_after: Worth
    faults_before: int
    faults_after: int
    volumes: tuple[Volume, ...]
    funnel: tuple[Stage, ...]
    reach: tuple[Reach, ...]
    refused: tuple[Refused, ...]


@dataclass(slots=True)
class _Tally:
    """Of one catalogue. reached: (channel, person); None for any channel."""

    chosen: Counter[tuple[str, str]] = field(default_factory=Counter)
    funnel: Counter[str] = field(default_factory=Counter)
    reached: set[tuple[str | None, int]] = field(default_factory=set)
    refused: Counter[str] = field(default_factory=Counter)
    responses: float = 0.0
    value: float = 0.0
    unscored: int = 0
    incremental: float | None = None
    faults: int = 0

    def add(self, person: int, answered: Answered) -> None:
        if isinstance(answered, Unanswerable):
            self.refused[answered.why] += 1
            return
        self.faults += bool(answered.faults)
        for slate in answered.slates:
            self.funnel.update(slate.funnel)
            for action in slate.actions:
                self.chosen[slate.channel, action.action_id] += 1
                self.reached |= {(slate.channel, person), (None, person)}
                self._weigh(action.response_probability, action.value)
                if action.incremental_value is not None:
                    self.incremental = (self.incremental or 0.0) + action.incremental_value

    def _weigh(self, probability: float, value: float) -> None:
        if math.isnan(probability):
            self.unscored += 1
        else:
            self.responses += probability
            self.value += probability * value

    @property
    def worth(self) -> Worth:
        return Worth(self.responses, self.value, self.unscored, self.incremental)


class Comparing:
    """Takes decisions one by one."""

    def __init__(self) -> None:
        self._before, self._after = _Tally(), _Tally()
        self._decisions = self._otherwise = self._ranked_otherwise = 0

    def add(self, person: int, before: Answered, after: Answered) -> None:
        """What the two catalogues made of one question about `person`."""
        self._before.add(person, before)
        self._after.add(person, after)
        self._decisions += 1
        self._otherwise += _chosen(before) != _chosen(after)
        self._ranked_otherwise += {_ranked(before), _ranked(after)} == set(RankBy)

    @property
    def result(self) -> Comparison:
        """Volumes, reach and refused questions by name."""
        before, after = self._before, self._after
        return Comparison(
            decisions=self._decisions,
            otherwise=self._otherwise,
            ranked_otherwise=self._ranked_otherwise,
            worth_before=before.worth,
            worth_after=after.worth,
            faults_before=before.faults,
            faults_after=after.faults,
            volumes=tuple(
                Volume(*key, before.chosen[key], after.chosen[key]) for key in sorted(before.chosen | after.chosen)
            ),
            funnel=tuple(
                Stage(name, before.funnel[name], after.funnel[name])
                for name in dict.fromkeys((*before.funnel, *after.funnel))
            ),
            reach=tuple(_reach(before.reached, after.reached)),
            refused=tuple(
                Refused(why, before.refused[why], after.refused[why]) for why in sorted(before.refused | after.refused)
            ),
        )


def _ranked(answered: Answered) -> RankBy | None:
    """None where nothing was."""
    if isinstance(answered, Unanswerable) or not any(slate.funnel["eligible"] for slate in answered.slates):
        return None
    return answered.ranked_by


def _chosen(answered: Answered) -> list[tuple[str, str, str]]:
    if isinstance(answered, Unanswerable):
        return []
    return sorted(_draws(answered), key=lambda one: one[0])  # where the channels stand is not what is chosen


def _draws(decision: Decision) -> Iterator[tuple[str, str, str]]:
    for slate in decision.slates:
        yield from ((slate.channel, action.action_id, action.treatment_id) for action in slate.actions)


def _reach(before: set[tuple[str | None, int]], after: set[tuple[str | None, int]]) -> Iterator[Reach]:
    """Any channel first."""
    had, have, lost, gained = (_by_channel(one) for one in (before, after, before - after, after - before))
    for channel in sorted(had | have, key=lambda name: (name is not None, name or "")):
        yield Reach(channel, had[channel], have[channel], lost[channel], gained[channel])


def _by_channel(reached: Iterable[tuple[str | None, int]]) -> Counter[str | None]:
    return Counter(channel for channel, _ in reached)
