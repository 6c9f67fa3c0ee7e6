"""A logged decision as the draws that it made, each with what was drawn, or withheld, and by which chances."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import msgspec

from features.stores.protocol import LoggedDecision
from models.delivery import LoggedDelivery
from models.first_draws import Choice
from models.policy_rules import Arm
from models.withheld_first import Withheld

ARMS = tuple(Arm)
SAME = 1e-9
"""How far the chance of no action, decided anew, may be from the logged one."""


class LeftOut(msgspec.Struct, frozen=True):
    """Draws that are no rows. unmatured; unreadable: logged by an earlier version in a form that is not understood;
    unmade: a control whose decision cannot be made again, for something of it is not kept; different: one that does
    not come out as it was; nothing: one to which nothing was withheld; withdrawn: the catalogue has no such action on
    that channel any more, or only tells it."""

    unmatured: int = 0
    unreadable: int = 0
    unmade: int = 0
    different: int = 0
    nothing: int = 0
    withdrawn: int = 0

    def __add__(self, other: LeftOut) -> LeftOut:
        names = self.__struct_fields__
        return LeftOut(**{name: getattr(self, name) + getattr(other, name) for name in names})

    @property
    def remarks(self) -> tuple[str, ...]:
        """Lines for people."""
        words = {
            "draws not matured yet": self.unmatured,
            "draws that could not be read": self.unreadable,
            "draws of no action that cannot be made again": self.unmade,
            "draws of no action that come out differently when made again": self.different,
            "draws of no action with nothing that was withheld": self.nothing,
            "draws of actions that the catalogue has no more, or only tells": self.withdrawn,
        }
        return tuple(f"{what} are {count:,}; they are left out" for what, count in words.items() if count)


class _Action(msgspec.Struct, frozen=True):
    action_id: str
    selection_probability: float


class _NoAction(msgspec.Struct, frozen=True):
    selection_probability: float


class DecidedSlate(msgspec.Struct, frozen=True):
    channel: str
    actions: tuple[_Action, ...]
    no_action: _NoAction


class _Answer(msgspec.Struct, frozen=True):
    channels: tuple[DecidedSlate, ...]


class _Question(LoggedDelivery, frozen=True):
    across: str


@dataclass(frozen=True, slots=True)
class Decided:
    """A logged decision. groups: the slates of each draw; taken: what each took, rank by rank. begins: ms UTC, of
    delivery."""

    logged: LoggedDecision
    groups: tuple[tuple[DecidedSlate, ...], ...]
    taken: tuple[tuple[Choice, ...], ...]
    begins: int


def decided_of(logged: LoggedDecision) -> Decided | None:
    """None: in a form that is not understood."""
    try:
        question = msgspec.json.decode(logged.request, type=_Question)
        slates = msgspec.json.decode(logged.response, type=_Answer).channels
    except msgspec.DecodeError:
        return None
    if logged.arm not in {one.value for one in ARMS}:
        return None
    groups = ((slates,) if slates else ()) if question.across == "best" else tuple((slate,) for slate in slates)
    taken = tuple(
        tuple((slate.channel, action.action_id) for slate in group for action in slate.actions) for group in groups
    )
    return Decided(logged, groups, taken, question.delivery(logged.decided_at))


@dataclass(frozen=True, slots=True)
class Drawn:
    """choice: channel and action id, drawn or withheld."""

    choice: Choice
    treated: bool
    propensity: float
    no_action: float


def drawn_of(group: Sequence[DecidedSlate], withheld: Withheld | None, *, made: bool, arm: str) -> Drawn | LeftOut:
    """made: the decision could be made again."""
    no_action = group[0].no_action.selection_probability
    for slate in group:
        if slate.actions:
            first = slate.actions[0]
            return Drawn((slate.channel, first.action_id), True, first.selection_probability, no_action)
    if not made:
        return LeftOut(unmade=1)
    if withheld is None:
        return LeftOut(nothing=1)
    if arm != Arm.HOLDOUT and abs(withheld.no_action - no_action) > SAME:
        return LeftOut(different=1)
    return Drawn(withheld.choice, False, withheld.chance, withheld.no_action)
