"""When Python looks for cycles of garbage. Imported first by the service, for that alone.

A worker's modules, catalogue and model are some hundred thousand objects that live as long as it does. While they are
loaded, looking through them again and again took a sixth of the start; later a seventh of the time of an ingest
(benchmarks/ingest.py).
"""

from __future__ import annotations

import gc

_WHILE_LOADING = (1_000_000, 50, 100)
_THRESHOLDS = (20_000, 20, 20)
"""A batch of a hundred calls makes some thousands of objects, nearly all of which go with their last reference."""

gc.set_threshold(*_WHILE_LOADING)


def settle() -> None:
    """Call once all that stays is loaded: it is never looked through again, and what comes after less often. Nor is it
    now: some thousand objects of it are garbage, and to find them took 0.4 s of CPU and gave no memory back."""
    gc.freeze()
    gc.set_threshold(*_THRESHOLDS)
