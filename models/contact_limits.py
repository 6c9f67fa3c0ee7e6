"""The contact limits of a catalogue as columns: which contacts each limit counts, and which candidates it binds.

A limit counts contacts by one of their keys: the action, the action's group, the channel, or the channel's direction.
The same key of a candidate says whether the limit binds it. One that names a direction sees nothing of the other.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import IntEnum

import numpy as np
from numpy.typing import NDArray

from features.event import NO_CODE
from features.vocabulary import Vocabulary
from models.catalogue import Catalogue
from models.policy_rules import OWED, Direction, Limit

_DIRECTIONS = tuple(Direction)


class Scope(IntEnum):
    """By what a limit counts; the place of that key among the keys of a contact."""

    ACTION = 0
    GROUP = 1
    CHANNEL = 2
    DIRECTION = 3


@dataclass(frozen=True, slots=True)
class ContactLimits:
    """L limits. limits and of (of whom, in words): one each. scope: intp[L]. key: int32[L], the code in the scope.
    only: int32[L], the code of the only direction that it sees, NO_CODE where it sees both.
    most: int64[L], contacts allowed. window: intp[L], the place of its span in `windows`, the distinct (days, ms).
    owed: bool[actions of the catalogue], those that no limit binds. group: int32[action codes] and direction: int32[256
    channel codes], NO_CODE where the catalogue knows none."""

    limits: tuple[Limit, ...]
    of: tuple[str, ...]
    scope: NDArray[np.intp]
    key: NDArray[np.int32]
    only: NDArray[np.int32]
    most: NDArray[np.int64]
    window: NDArray[np.intp]
    windows: tuple[tuple[int | None, int | None], ...]
    owed: NDArray[np.bool_]
    group: NDArray[np.int32]
    direction: NDArray[np.int32]

    def __len__(self) -> int:
        return len(self.limits)

    def keys(self, action: NDArray[np.int32], channel: NDArray[np.uint8]) -> NDArray[np.int32]:
        """int32[4, n]: the keys of contacts or candidates in the order of Scope, from vocabulary codes. NO_CODE, which
        no limit counts by, for what the catalogue does not know."""
        known = (action >= 0) & (action < len(self.group))
        group = np.where(known, self.group[np.where(known, action, 0)], np.int32(NO_CODE))
        return np.stack([action, group, channel.astype(np.int32), self.direction[channel]])

    def counted(self, keys: NDArray[np.int32]) -> NDArray[np.bool_]:
        """bool[L, n]: whether each limit counts, or binds, what has these keys."""
        seen = (self.only[:, None] == NO_CODE) | (self.only[:, None] == keys[Scope.DIRECTION])
        return np.asarray((keys[self.scope] == self.key[:, None]) & seen, np.bool_)


def contact_limits(
    catalogue: Catalogue,
    vocabulary: Vocabulary,
    groups: Sequence[str],
    action_group: NDArray[np.int32],
    channel_codes: dict[str, int],
) -> ContactLimits:
    """groups: the action groups in the order of their numbers. action_group: int32[action codes], their numbers."""
    declared = list(_declared(catalogue, vocabulary, groups, channel_codes))
    limits = tuple(limit for _, _, _, limit in declared)
    windows = tuple(dict.fromkeys((limit.days, limit.span) for limit in limits))
    direction = np.full(256, NO_CODE, np.int32)
    for name, channel in catalogue.channels.items():
        direction[channel_codes[name]] = _DIRECTIONS.index(channel.direction)
    return ContactLimits(
        limits=limits,
        of=tuple(words for words, _, _, _ in declared),
        scope=np.array([scope for _, scope, _, _ in declared], np.intp),
        key=np.array([key for _, _, key, _ in declared], np.int32),
        only=np.array([_direction(limit) for limit in limits], np.int32),
        most=np.array([limit.contacts for limit in limits], np.int64),
        window=np.array([windows.index((limit.days, limit.span)) for limit in limits], np.intp),
        windows=windows,
        owed=np.array([action.purpose in OWED for action in catalogue.actions], np.bool_),
        group=action_group,
        direction=direction,
    )


def _declared(
    catalogue: Catalogue, vocabulary: Vocabulary, groups: Sequence[str], channel_codes: dict[str, int]
) -> Iterator[tuple[str, Scope, int, Limit]]:
    """Each limit with the words for whom it binds, and the key by which it counts."""
    for action in catalogue.actions:
        code = vocabulary.code("action", action.id)
        of = f"action {action.id}"
        yield from ((of + _where(limit), Scope.ACTION, code, limit) for limit in action.limits)
    for number, group in enumerate(groups):
        rules, of = catalogue.groups.get(group), f"group {group}"
        yield from ((of + _where(limit), Scope.GROUP, number, limit) for limit in (rules.limits if rules else ()))
    for name, channel in catalogue.channels.items():
        yield from ((f"channel {name}", Scope.CHANNEL, channel_codes[name], limit) for limit in channel.limits)
    for limit in catalogue.limits:
        yield f"all {limit.direction} channels", Scope.DIRECTION, _direction(limit), limit


def _where(limit: Limit) -> str:
    return "" if limit.direction is None else f" on {limit.direction} channels"


def _direction(limit: Limit) -> int:
    return NO_CODE if limit.direction is None else _DIRECTIONS.index(limit.direction)
