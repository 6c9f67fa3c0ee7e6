"""What a store keeps that is true of everybody together: what actions have spent, which items can be had, and what of
both was published when decisions were made."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Final, Literal, NamedTuple, Protocol

from features.live_response import Tallies
from features.published import Published
from features.spending import Counts


class Untold(Enum):
    """That nothing is said of it, so that it stays as it is."""

    UNTOLD = 0


UNTOLD: Final = Untold.UNTOLD


@dataclass(frozen=True, slots=True)
class ItemState:
    """Of an item (the outside world's id), whether the catalogue has it or not. stock: units, 0: it cannot be had; None
    unknown, which is as good as there. price: for one unit, in the catalogue's currency, kept to a millionth of it;
    None: what the catalogue says holds again."""

    item: str
    stock: int | Literal[Untold.UNTOLD] | None = UNTOLD
    price: float | Literal[Untold.UNTOLD] | None = UNTOLD


class PriceChange(NamedTuple):
    """number: of the feed that told it, ascending. told_at: ms UTC. price: as in ItemState."""

    number: int
    told_at: int
    item: str
    price: float | None


class PriceStore(Protocol):
    def price_version(self) -> int:
        """The number of the newest price that was told, 0 for none; as cheap as stock_version."""

    def price_changes(self, after: int) -> Sequence[PriceChange]:
        """All prices that were told with a higher number than `after`, in the order of their numbers."""


class SharedState(PriceStore, Protocol):
    def spent(self, actions: Collection[str], day: int) -> Counts:
        """What the actions have spent on `day` (features.spending.Charge) and ever. Every acknowledged write is in
        it."""

    def tallies(self, model: str) -> Tallies:
        """What came of the contacts that decisions by that version of the model led to (LoggedDecision.expected).
        Every acknowledged write is in it, once."""

    def snapshot(self, number: int) -> Published | None:
        """What decisions that name the number were made from (LoggedDecision.snapshot); None where that is not kept, or
        not whole any more."""

    def feed_items(self, states: Sequence[ItemState], at: int) -> int:
        """The state of these items as of `at` (ms UTC), durable; how many have another than before. Of an item that is
        named twice what was told last holds. Raises InvalidEvent."""

    def stock_version(self) -> int:
        """Another number whenever the stock of an item has changed, 0 for none; cheap enough for a poll every
        second."""

    def unavailable_items(self) -> frozenset[str]:
        """Ids of the items whose stock is 0."""
