"""Keeps what is published of live response current: read from the store, worked out, and published when it says
something else than before."""

from __future__ import annotations

import time
from dataclasses import replace

from features.live_response import NO_LIFTS
from features.published import NOTHING, Published
from features.stores.protocol import Store
from models.columns import CompiledCatalogue
from models.live_response import lifts
from serving.model_loader import LiveModel

_LOOKS = 5
"""It is worked out at every so many looks at most: each that says something else is kept for replay."""


class Lifting:
    """Of one worker. For one thread at a time."""

    def __init__(self, store: Store, poll_seconds: float) -> None:
        self._store = store
        self._pace = _LOOKS * poll_seconds
        self._due = 0.0
        self._of: tuple[str, int] | None = None

    def lifted(self, before: Published, compiled: CompiledCatalogue, model: LiveModel, moment: int) -> Published:
        """With how the actions do as of `moment` (ms UTC); at once for another model or catalogue than the last."""
        of, now = (model.digest, compiled.version), time.monotonic()
        if of == self._of and now < self._due:
            return before
        self._of, self._due = of, now + self._pace
        asked = model.response_delay is not None and compiled.catalogue.live_response
        tallies = self._store.tallies(model.version) if asked else {}
        found = lifts(tallies, compiled, model.response_delay, model.version, moment) or NO_LIFTS
        return before if found == before.lifts else replace(before, lifts=found) or NOTHING
