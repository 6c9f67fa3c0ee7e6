"""The feature rows that are logged whole, of a share of decisions."""

from __future__ import annotations

import io

import numpy as np

from models.decision import Decision

_SAMPLE_GRAIN = 10_000


def sampled_rows(decision: Decision, seed: int, share: float) -> bytes | None:
    """The feature rows as npy bytes for a share of decisions, drawn by the seed, so that a replay samples the same."""
    if seed % _SAMPLE_GRAIN >= share * _SAMPLE_GRAIN:
        return None
    buffer = io.BytesIO()
    np.save(buffer, decision.feature_rows, allow_pickle=False)
    return buffer.getvalue()
