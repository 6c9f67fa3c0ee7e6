"""What a store keeps that is true of everybody together: what actions have spent, which items can be had, and what of
both was published when decisions were made."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Protocol

from features.published import Published
from features.spending import Counts


@dataclass(frozen=True, slots=True)
class ItemState:
    """Of an item (the outside world's id), whether the catalogue has it or not. stock: units, 0: it cannot be had; None
    unknown, which is as good as there."""

    item: str
    stock: int | None


class SharedState(Protocol):
    def spent(self, actions: Collection[str], day: int) -> Counts:
        """What the actions have spent on `day` (features.spending.Charge) and ever. Every acknowledged write is in
        it."""

    def snapshot(self, number: int) -> Published | None:
        """What decisions that name the number were made from (LoggedDecision.snapshot); None where that is not kept, or
        not whole any more."""

    def feed_items(self, states: Sequence[ItemState], at: int) -> int:
        """The state of these items as of `at` (ms UTC), durable; how many have another than before. Of an item that is
        named twice the last state holds. Raises InvalidEvent."""

    def stock_version(self) -> int:
        """Another number whenever the state of an item has changed, 0 for none; cheap enough for a poll every
        second."""

    def unavailable_items(self) -> frozenset[str]:
        """Ids of the items whose stock is 0."""
