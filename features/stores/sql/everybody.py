"""What a store keeps that is true of everybody together."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from features.live_response import Tallies
from features.published import Published
from features.spending import Counts
from features.stores.acceptance import check_item_states
from features.stores.shared import ItemState, PriceChange
from features.stores.sql import responses, snapshots, spending, stock
from features.stores.sql.session import Engine
from features.stores.sql.writer import WriterThread


class Everybody:
    """Implements features.stores.shared.SharedState."""

    def __init__(self, engine: Engine, writer: WriterThread) -> None:
        self._engine = engine
        self._writer = writer

    def spent(self, actions: Collection[str], day: int) -> Counts:
        with self._engine.reading() as session:
            return spending.spent(session, actions, day)

    def tallies(self, model: str) -> Tallies:
        with self._engine.moment() as session:
            return responses.tallies(session, model)

    def snapshot(self, number: int) -> Published | None:
        with self._engine.moment() as session:
            return snapshots.snapshot(session, number)

    def feed_items(self, states: Sequence[ItemState], at: int) -> int:
        check_item_states(states, at)
        return self._writer.alone(lambda session: stock.feed_items(session, states, at))

    def stock_version(self) -> int:
        with self._engine.reading() as session:
            return stock.stock_version(session)

    def unavailable_items(self) -> frozenset[str]:
        with self._engine.reading() as session:
            return stock.unavailable(session)

    def price_version(self) -> int:
        with self._engine.reading() as session:
            return stock.price_version(session)

    def price_changes(self, after: int) -> Sequence[PriceChange]:
        with self._engine.reading() as session:
            return stock.price_changes(session, after)
