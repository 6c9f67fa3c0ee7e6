"""Figures of everybody for those who look after actions and models: counted from the newest logged decisions and what
came of them. Nothing here reads a clock or a store."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import msgspec
import numpy as np

from features.stores.desk import DecidedContact, Lately
from models.catalogue import Action, Catalogue
from serving.console.ratios import NO_LEAD, Z, lead

REFERENCE: Final = "full"


class _Chosen(msgspec.Struct, frozen=True):
    action_id: str


class _Slate(msgspec.Struct, frozen=True):
    channel: str
    actions: list[_Chosen]
    funnel: dict[str, int]


class _Answer(msgspec.Struct, frozen=True):
    channels: list[_Slate]
    catalogue_version: int = 0


@dataclass(frozen=True, slots=True)
class Share:
    """successes of trials, with a 95 % interval (Wilson 1927); NaN of no trials."""

    successes: int
    trials: int

    @property
    def rate(self) -> float:
        return self.successes / self.trials if self.trials else math.nan

    @property
    def interval(self) -> tuple[float, float]:
        if not self.trials:
            return math.nan, math.nan
        n, p = self.trials, self.rate
        middle = (p + Z * Z / (2 * n)) / (1 + Z * Z / n)
        half = Z / (1 + Z * Z / n) * math.sqrt(p * (1 - p) / n + Z * Z / (4 * n * n))
        return min(p, max(0.0, middle - half)), max(p, min(1.0, middle + half))  # rounding aside


@dataclass(frozen=True, slots=True)
class ActionFigures:
    """On one channel. chosen: by the decisions looked at. response: of the contacts; of none of a notice, which is only
    told. expected: the mean of the model's probability over them, NaN of none. maturity: 0..1 of its exposure ceiling,
    1 without one. live: whether it runs now."""

    action_id: str
    channel: str
    name: str
    notice: bool
    chosen: int
    contacts: int
    response: Share
    expected: float
    maturity: float
    live: bool


@dataclass(frozen=True, slots=True)
class Funnel:
    """Of the slates of one channel, or of all: steps are (gate, how many it was the first to refuse), in the order of
    the gates."""

    slates: int
    candidates: int
    steps: tuple[tuple[str, int], ...]
    eligible: int
    chosen: int


@dataclass(frozen=True, slots=True)
class ArmFigures:
    """people: for whom decisions were made. response: of contacts but those by notices. ahead: of the reference arm's
    response, with its 95 % interval over people; NaN where there is nothing to compare."""

    arm: str
    people: int
    response: Share
    ahead: float
    interval: tuple[float, float]


@dataclass(frozen=True, slots=True)
class Overview:
    decisions: int
    actions: tuple[ActionFigures, ...]
    funnel: Funnel
    by_channel: Mapping[str, Funnel]
    arms: tuple[ArmFigures, ...]

    @property
    def told(self) -> tuple[ActionFigures, ...]:
        """Actions of which there is something to tell."""
        return tuple(one for one in self.actions if one.chosen or one.contacts)

    @property
    def untold(self) -> tuple[ActionFigures, ...]:
        return tuple(one for one in self.actions if not (one.chosen or one.contacts))


def chosen_by(lately: Lately) -> dict[str, int]:
    """Every action that was chosen, with the version of the catalogue of the newest decision that chose it."""
    found: dict[str, int] = {}
    for *_, text in lately.decisions:
        made = msgspec.json.decode(text, type=_Answer)
        for slate in made.channels:
            for one in slate.actions:
                found.setdefault(one.action_id, made.catalogue_version)
    return found


def overview(
    lately: Lately,
    catalogue: Catalogue,
    spent: Callable[[str], int],
    moment: int,
    notices: Collection[str],
    gone: Mapping[str, str],
) -> Overview:
    """spent: contacts of an action so far, as its ceiling counts them. moment: ms UTC. notices: actions that are only
    told, and are in no response. gone: what actions were called that have left the catalogue, by id."""
    slates = [slate for *_, text in lately.decisions for slate in msgspec.json.decode(text, type=_Answer).channels]
    channels = sorted({slate.channel for slate in slates})
    return Overview(
        decisions=len(lately.decisions),
        actions=_actions(slates, lately.contacts, catalogue, spent, moment, notices, gone),
        funnel=funnel(slates),
        by_channel={channel: funnel([one for one in slates if one.channel == channel]) for channel in channels},
        arms=arms(lately, notices),
    )


def funnel(slates: Sequence[_Slate]) -> Funnel:
    counts = Counter[str]()
    order = dict.fromkeys(gate for slate in slates for gate in slate.funnel)
    for slate in slates:
        counts.update(slate.funnel)
    steps = tuple((gate, counts[gate]) for gate in order if gate not in {"candidates", "eligible"})
    chosen = sum(len(slate.actions) for slate in slates)
    return Funnel(len(slates), counts["candidates"], steps, counts["eligible"], chosen)


def _actions(
    slates: Iterable[_Slate],
    contacts: Iterable[DecidedContact],
    catalogue: Catalogue,
    spent: Callable[[str], int],
    moment: int,
    notices: Collection[str],
    gone: Mapping[str, str],
) -> tuple[ActionFigures, ...]:
    chosen = Counter((one.action_id, slate.channel) for slate in slates for one in slate.actions)
    told: dict[tuple[str, str], list[DecidedContact]] = {}
    for contact in contacts:
        told.setdefault((contact.action, contact.channel), []).append(contact)
    known = {action.id: action for action in catalogue.actions}
    names = {**gone, **{action.id: action.name for action in catalogue.actions}}
    pairs = {(action.id, one.channel) for action in catalogue.actions for one in action.treatments}
    made = [
        _figures(
            known.get(one[0]),
            one,
            names.get(one[0], one[0]),
            chosen[one],
            told.get(one, []),
            spent,
            moment,
            one[0] in notices,
        )
        for one in sorted({*pairs, *chosen, *told})
    ]
    return tuple(sorted(made, key=lambda one: (-one.chosen, one.name, one.channel)))


def _figures(
    action: Action | None,
    of: tuple[str, str],
    name: str,
    chosen: int,
    contacts: Sequence[DecidedContact],
    spent: Callable[[str], int],
    moment: int,
    notice: bool,
) -> ActionFigures:
    judged = [] if notice else contacts
    response = Share(sum(one.succeeded for one in judged), len(judged))
    expected = float(np.mean([one.expected for one in judged])) if judged else math.nan
    live = action is not None and (action.starts_at or 0) <= moment < (action.ends_at or math.inf)
    ceiling = None if action is None else action.ceiling
    maturity = 1.0 if ceiling is None else min(1.0, spent(of[0]) / ceiling.until)
    return ActionFigures(*of, name, notice, chosen, len(contacts), response, expected, maturity, live)


def arms(lately: Lately, notices: Collection[str]) -> tuple[ArmFigures, ...]:
    """The reference first, then by name. notices: as in overview."""
    contacts = [one for one in lately.contacts if one.action not in notices]
    people: dict[str, set[int]] = {}
    for arm, person, _ in lately.decisions:
        people.setdefault(arm, set()).add(person)
    by_arm = {arm: _by_person([one for one in contacts if one.arm == arm]) for arm in people}
    reference = by_arm.get(REFERENCE, np.zeros((0, 2)))
    order = sorted(people, key=lambda arm: (arm != REFERENCE, arm))
    return tuple(_arm(arm, len(people[arm]), by_arm[arm], reference) for arm in order)


def _by_person(contacts: Iterable[DecidedContact]) -> np.ndarray[tuple[int, int], np.dtype[np.float64]]:
    """float64[people, (contacts, successes)]."""
    counted: dict[int, list[int]] = {}
    for one in contacts:
        row = counted.setdefault(one.person, [0, 0])
        row[0] += 1
        row[1] += one.succeeded
    return np.array(list(counted.values()), np.float64).reshape(-1, 2)


def _arm(
    arm: str,
    people: int,
    own: np.ndarray[tuple[int, int], np.dtype[np.float64]],
    reference: np.ndarray[tuple[int, int], np.dtype[np.float64]],
) -> ArmFigures:
    response = Share(int(own[:, 1].sum()), int(own[:, 0].sum()))
    ahead, interval = NO_LEAD if arm == REFERENCE else lead(own, reference)
    return ArmFigures(arm, people, response, ahead, interval)
