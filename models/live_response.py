"""How much better or worse than the model expects an action does by now: the lift of each action on each channel, and
what it makes of a probability.

The ratio of successes to what was expected of the contacts by their age is gamma distributed about that of the other
actions of its group on the channel, that about the channel's other groups', that about 1: each level is held towards
the one above, without its own counts, by as many expected successes as HELD says (Gamma-Poisson, as in empirical
Bayes). So an action without contacts of its own has what others of its group have shown. A lift is the difference of
log odds between what succeeds and what the model expects, at the level's mean expectation, at most MOST either way.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from features.event import Kind
from features.live_response import Expectation, Lift, Lifts, Tallies
from models.columns import CompiledCatalogue
from models.decision import Decision
from models.notices import only_told
from models.policy_rules import DAY
from models.response_delay import ResponseDelay

SUCCESS: Final = {"converted": Kind.CONVERTED, "accepted": Kind.ACCEPTED, "clicked": Kind.CLICKED}
"""The kind of event that is an action's declared success."""

HELD: Final = {"channel": 20.0, "group": 8.0, "action": 4.0}
"""Expected successes by which each level is held towards the one above: an action's ratio is taken to be within a half
of its group's, a group's within a third, a channel's within a quarter."""

MOST: Final = math.log(8)
"""Log odds."""

_CERTAIN: Final = 0.99
"""No ratio makes a probability more than that."""

FEWEST_EXPECTED: Final = 20.0
"""Successes expected by now without which an action's calibration is not told: its standard error is below a quarter
then."""

MOST_TOLD: Final = 500
"""Pairs of action and channel whose calibration is told, those with most to expect first."""

LATELY: Final = {
    "action": "how it does lately on the channel, against what the model expects",
    "group": "how others of its group do lately on the channel, against what the model expects; it is new there",
    "channel": "how others do lately on the channel, against what the model expects; it is new there",
}
"""What a lift goes by, in words, by the level that has counts."""


@dataclass(frozen=True, slots=True)
class _Counts:
    """Of things, or of those that a thing is held towards. Each float64[things]: contacts, what was expected of them in
    the end, what was expected of them by now, and what has succeeded."""

    contacts: NDArray[np.float64]
    in_the_end: NDArray[np.float64]
    by_now: NDArray[np.float64]
    succeeded: NDArray[np.float64]

    def by(self, kind: NDArray[np.intp], kinds: int) -> _Counts:
        """Together by kind, for each thing."""
        return _Counts(*(np.bincount(kind, one, kinds)[kind].astype(np.float64) for one in self._columns()))

    def without(self, other: _Counts) -> _Counts:
        pairs = zip(self._columns(), other._columns(), strict=True)
        return _Counts(*(np.maximum(one - its_own, 0.0) for one, its_own in pairs))

    def held(self, above: NDArray[np.float64], strength: float) -> NDArray[np.float64]:
        """Ratios."""
        ratio: NDArray[np.float64] = (strength * above + self.succeeded) / (strength + self.by_now)
        return ratio

    def _columns(self) -> tuple[NDArray[np.float64], ...]:
        return self.contacts, self.in_the_end, self.by_now, self.succeeded


def lifts(tallies: Tallies, compiled: CompiledCatalogue, delay: ResponseDelay | None, model: str, moment: int) -> Lifts:
    """As of `moment` (ms UTC), of every action on every channel where it has a treatment; what is as expected is not in
    it. model: the version that expected it. delay None: it has not learned how late successes come, and nothing is
    lifted; nor is anything by a catalogue that will not have it, nor what is only told."""
    if delay is None or not compiled.catalogue.live_response or not tallies:
        return Lifts(model)
    names = _names(compiled)
    if not names:
        return Lifts(model)
    action = _counts(tallies, names, delay, moment)
    channels, groups = _numbers(channel for _, channel in names), _numbers(_groups(compiled, names))
    group, channel = action.by(groups, int(groups.max()) + 1), action.by(channels, int(channels.max()) + 1)
    others, elsewhere = group.without(action), channel.without(group)
    ratio = elsewhere.held(np.ones(len(names)), HELD["channel"])
    ratio = others.held(ratio, HELD["group"])
    ratio = action.held(ratio, HELD["action"])
    found = {}
    for place, name in enumerate(names):
        of, counts = _seen(place, (("action", action), ("group", group), ("channel", channel)))
        hundredths = round(100 * _log_odds(float(ratio[place]), _mean(counts, place)))
        if hundredths:
            found[name] = Lift(hundredths, _two_digits(float(counts.contacts[place])), of)
    return Lifts(model, found)


def _names(compiled: CompiledCatalogue) -> list[tuple[str, str]]:
    """(action, channel) of the rows of `all`, but of what is only told: nobody accepts it, and its contacts would count
    as failures of its channel."""
    channel = np.repeat(np.arange(len(compiled.row_start) - 1), np.diff(compiled.row_start))
    actions, channels = compiled.catalogue.actions, list(compiled.catalogue.channels)
    rows = zip(compiled.action.tolist(), channel.tolist(), strict=True)
    return [(actions[row].id, channels[at]) for row, at in rows if not only_told(actions[row])]


def _groups(compiled: CompiledCatalogue, names: Iterable[tuple[str, str]]) -> Iterable[tuple[str, str]]:
    actions = compiled.catalogue.actions
    return ((actions[compiled.action_number[action]].group, channel) for action, channel in names)


def _numbers(kinds: Iterable[object]) -> NDArray[np.intp]:
    known: dict[object, int] = {}
    return np.array([known.setdefault(one, len(known)) for one in kinds], np.intp)


def _counts(tallies: Tallies, names: list[tuple[str, str]], delay: ResponseDelay, moment: int) -> _Counts:
    found = np.zeros((len(names), 4))
    for place, name in enumerate(names):
        if name in tallies:
            sums = tallies[name].aged(moment)
            first, second = np.split(sums[3:], 2)
            to_come = float(delay.of(name[1]) @ (first + second))
            found[place] = sums[0], sums[1], sums[1] - to_come, sums[2]
    return _Counts(*np.maximum(found, 0.0).T)


def _seen(place: int, levels: Iterable[tuple[str, _Counts]]) -> tuple[str, _Counts]:
    """The lowest level that has counts, by now at least one; the last where none has."""
    every = list(levels)
    return next((one for one in every if one[1].contacts[place] >= 1.0), every[-1])


def _mean(counts: _Counts, place: int) -> float:
    contacts = float(counts.contacts[place])
    return float(counts.in_the_end[place]) / contacts if contacts > 0.0 else 0.0


def _log_odds(ratio: float, expected: float) -> float:
    """From a probability of `expected` to `ratio` times that."""
    if not 0.0 < expected < _CERTAIN or ratio == 1.0:
        return 0.0
    becomes = min(ratio * expected, _CERTAIN)
    if becomes <= 0.0:
        return -MOST
    return max(-MOST, min(MOST, _logit(becomes) - _logit(expected)))


def _logit(chance: float) -> float:
    return math.log(chance) - math.log1p(-chance)


def _two_digits(count: float) -> int:
    """So that what is published changes with what it says, not with every contact."""
    return int(float(f"{count:.1e}"))


def lifted(probability: NDArray[np.float64], log_odds: NDArray[np.float64]) -> NDArray[np.float64]:
    """float64[m], of float64[m]; exactly as it was where log_odds is 0."""
    odds = probability * np.exp(log_odds)
    return np.where(log_odds == 0.0, probability, odds / (1.0 - probability + odds))


def reason(lifts: Lifts, model: str, action: str, channel: str) -> tuple[str, ...]:
    """In the words of models.reasons; none where the model's own probability stood."""
    lift = lifts.by.get((action, channel)) if lifts.model == model else None
    if lift is None:
        return ()
    factor = math.exp(lift.hundredths / 100)
    effect = f"raises the odds {factor:.2f} times" if factor > 1 else f"lowers the odds to {factor:.2f} of it"
    return (f"{LATELY[lift.of]}: {lift.contacts:,} contacts; {effect}",)


def expectations(decision: Decision, compiled: CompiledCatalogue) -> tuple[Expectation, ...]:
    """What its contacts will be measured by, action by action; nothing of a model that failed. What is only told is
    among it, so that its contacts are counted; `lifts` does not look at them."""
    actions, channels, number = compiled.catalogue.actions, compiled.catalogue.channels, compiled.action_number
    return tuple(
        Expectation(
            action=chosen.action_id,
            channel=slate.channel,
            probability=chosen.model_probability,
            success=int(SUCCESS[actions[number[chosen.action_id]].success]),
            window=int(channels[slate.channel].reward_window_days * DAY),
        )
        for slate in decision.slates
        for chosen in slate.actions
        if not math.isnan(chosen.model_probability)
    )


def calibration(
    tallies: Tallies, compiled: CompiledCatalogue, delay: ResponseDelay | None, moment: int
) -> dict[tuple[str, str], float]:
    """By action id and channel: what has succeeded over what was expected of the contacts by `moment` (ms UTC), 1 where
    the model is right; of nothing with less than FEWEST_EXPECTED to expect, nor of what is only told. delay None: it is
    not known what to expect by now, and nothing is told. Whether the catalogue lifts by it makes no difference."""
    names = _names(compiled)
    if delay is None or not names:
        return {}
    counts = _counts(tallies, names, delay, moment)
    enough = [place for place in range(len(names)) if counts.by_now[place] >= FEWEST_EXPECTED]
    first = sorted(enough, key=lambda place: float(counts.by_now[place]), reverse=True)[:MOST_TOLD]
    return {names[place]: float(counts.succeeded[place] / counts.by_now[place]) for place in first}
