"""What people call the actions of a catalogue, also those that have left it: notices that are over, last year's offers.

The name of an action is that of the newest version that knew it. A version is read once in the life of a worker, and
only when an action is asked for that no newer one knows: what a catalogue has in force costs a look into memory. One
question reads few older versions, and the next goes on with those before: nobody waits for a whole history at once.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from threading import Lock
from typing import Final

from features.stores.catalogues import ActionNaming

MOST: Final = 20
"""Older versions that one question reads."""


class ActionNames:
    """Of all versions from `_oldest` to `_newest`, which were read; the newer one's name counts. Each number moves when
    its version is read: one that could not be is read again."""

    def __init__(self, store: ActionNaming, most: int = MOST) -> None:
        self._store, self._most = store, most
        self._names: dict[str, str] = {}
        self._newest = self._oldest = 0
        self._reading = Lock()

    def of(self, actions: Collection[str], version: int) -> Mapping[str, str]:
        """Names by id; an action that no version up to `version` has known is left out, and one that left long ago
        until as many have asked as it takes to read so far back. version: of a catalogue that was published, 0 of none.
        Not in the event loop: it may read versions."""
        if not version:
            return {}
        with self._reading:
            self._read_up_to(version)
            last = max(self._oldest - self._most, 1)
            while self._oldest > last and any(one not in self._names for one in actions):
                self._names = {**self._store.action_names(self._oldest - 1), **self._names}
                self._oldest -= 1
            return {one: self._names[one] for one in actions if one in self._names}

    def _read_up_to(self, version: int) -> None:
        """The newest alone at first; whatever comes later is read as it comes, so that none between is missed."""
        if not self._newest:
            self._names = dict(self._store.action_names(version))
            self._newest, self._oldest = version, version
        while self._newest < version:
            self._names |= self._store.action_names(self._newest + 1)
            self._newest += 1
