"""What is being scored: the columns of the actions (or categories) that compete, and what the catalogue knows by code.

Built by the catalogue once per version; codes are the store's vocabulary codes unless said otherwise.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from features.compiled import compiled
from features.event import NO_CODE
from features.history import NO_CHANNEL
from features.vocabulary import Vocabulary

CHANNELS = ("email", "sms", "push", "mail", "social", "web", "app", "ivr", "agent", "chat", "store")
"""The channels that have features of their own, by name, because codes differ from store to store. Any other channel
still counts in everything that is about "the candidate's channel"."""


@dataclass(frozen=True, slots=True)
class ItemFacts:
    """category: int32[items] by item code, -1 unknown (codes past the end are unknown too). parent: int32[categories],
    the parent of each category, -1 for a root. price: float64[items] by item code, per unit, NaN unknown. Category
    numbers belong to one catalogue version: they index arrays and never enter a model.

    action_group, action_category: int32[actions] by action code: the group (numbered as Candidates.group) and the
    category of any action that the catalogue knows, on offer now or not, so that past events of an action count for
    both; -1 unknown, as is any code past the end. channel: int32[len(CHANNELS)], the vocabulary code of each of
    CHANNELS, 255 when the store has none."""

    category: NDArray[np.int32]
    parent: NDArray[np.int32]
    price: NDArray[np.float64]
    action_group: NDArray[np.int32]
    action_category: NDArray[np.int32]
    channel: NDArray[np.int32]


def channel_codes(vocabulary: Vocabulary) -> NDArray[np.int32]:
    """ItemFacts.channel for a store's vocabulary."""
    return np.array([vocabulary.code("channel", name) for name in CHANNELS], dtype=np.int32)


@dataclass(frozen=True, slots=True)
class Candidates:
    """m candidates. action: int32[m] vocabulary code, -1 for a bare category. group: int32[m] index of the action
    group, -1 none. category: int32[m] category number that the action promotes, -1 none. channel: uint8[m]
    vocabulary code, 255 none. item_start: int32[m + 1] and item: int32[...]: the items that candidate i promotes by
    name are item[item_start[i]:item_start[i + 1]]. price: float64[m] per unit of what is promoted, NaN unknown. value:
    float64[m] currency, worth of a positive outcome. kind: int8[m] 0 offer, 1 message, 2 service. starts_at, ends_at:
    int64[m] ms UTC of the action's schedule; 0 and 2**62 when open."""

    action: NDArray[np.int32]
    group: NDArray[np.int32]
    category: NDArray[np.int32]
    channel: NDArray[np.uint8]
    item_start: NDArray[np.int32]
    item: NDArray[np.int32]
    price: NDArray[np.float64]
    value: NDArray[np.float64]
    kind: NDArray[np.int8]
    starts_at: NDArray[np.int64]
    ends_at: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.action)


def take(candidates: Candidates, rows: NDArray[np.intp]) -> Candidates:
    """The candidates at `rows`, in that order."""
    one = candidates
    whole = one.action, one.group, one.category, one.channel, one.price, one.value, one.kind, one.starts_at, one.ends_at
    action, group, category, channel, price, value, kind, starts_at, ends_at = _taken(whole, rows)
    item_start, item = _items_of(one.item_start, one.item, rows)
    return Candidates(
        action, group, category, channel, item_start, item, price, value, kind, starts_at, ends_at
    )  # fmt: skip


_Columns = tuple[
    NDArray[np.int32], NDArray[np.int32], NDArray[np.int32], NDArray[np.uint8], NDArray[np.float64],
    NDArray[np.float64], NDArray[np.int8], NDArray[np.int64], NDArray[np.int64],
]  # fmt: skip


@compiled
def _taken(columns: _Columns, rows: NDArray[np.intp]) -> _Columns:
    """One call, where each column by itself would be one of numpy's."""
    action, group, category, channel, price, value, kind, starts_at, ends_at = columns
    return (
        action[rows], group[rows], category[rows], channel[rows], price[rows],
        value[rows], kind[rows], starts_at[rows], ends_at[rows],
    )  # fmt: skip


@compiled
def _items_of(
    start: NDArray[np.int32], item: NDArray[np.int32], rows: NDArray[np.intp]
) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
    begins = np.zeros(len(rows) + 1, np.int32)
    for at in range(len(rows)):
        begins[at + 1] = begins[at] + start[rows[at] + 1] - start[rows[at]]
    items = np.empty(begins[len(rows)], np.int32)
    for at in range(len(rows)):
        for place in range(begins[at + 1] - begins[at]):
            items[begins[at] + place] = item[start[rows[at]] + place]
    return begins, items


def no_offer() -> Candidates:
    """One candidate that promotes nothing anywhere, for whoever asks only for features of the customer."""
    return Candidates(
        action=np.full(1, NO_CODE, np.int32),
        group=np.full(1, NO_CODE, np.int32),
        category=np.full(1, NO_CODE, np.int32),
        channel=np.full(1, NO_CHANNEL, np.uint8),
        item_start=np.zeros(2, np.int32),
        item=np.zeros(0, np.int32),
        price=np.full(1, np.nan),
        value=np.zeros(1),
        kind=np.zeros(1, np.int8),
        starts_at=np.zeros(1, np.int64),
        ends_at=np.full(1, 2**62, np.int64),
    )
