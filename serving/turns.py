"""One at a time within a worker, for those who would otherwise keep overtaking one another."""

from __future__ import annotations

import asyncio
from collections.abc import MutableMapping
from weakref import WeakValueDictionary

from features.event import Identifier


class Turns:
    """`async with turns.of(somebody)`: in the order of asking. Holds nothing of those for whom nobody waits."""

    def __init__(self) -> None:
        self._locks: MutableMapping[Identifier, asyncio.Lock] = WeakValueDictionary()

    def of(self, who: Identifier) -> asyncio.Lock:
        return self._locks.setdefault(who, asyncio.Lock())
