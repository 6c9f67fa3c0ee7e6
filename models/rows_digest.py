"""A digest of feature rows that is cheap enough for every decision: it tells equal from different, it is no
signature."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from features.compiled import compiled

_LANES = 4
_PRIME = np.uint64(0x9E3779B97F4A7C15)
_SHIFT = np.uint64(29)


def rows_digest(rows: NDArray[np.float64]) -> str:
    """64 hexadecimal digits for the shape and the bits of float64[m, F]; rows with other bits have another digest but
    for a chance of 2**-64 or less."""
    words = np.ascontiguousarray(rows, np.float64).view(np.uint64).ravel()
    lanes = _mixed(words, np.array([*rows.shape, len(words), 1], np.uint64))
    return lanes.astype(">u8").tobytes().hex()


@compiled
def _mixed(words: NDArray[np.uint64], lanes: NDArray[np.uint64]) -> NDArray[np.uint64]:
    whole = len(words) - len(words) % _LANES
    first, second, third, fourth = lanes[0], lanes[1], lanes[2], lanes[3]
    for at in range(0, whole, _LANES):
        first = (first ^ words[at]) * _PRIME
        second = (second ^ words[at + 1]) * _PRIME
        third = (third ^ words[at + 2]) * _PRIME
        fourth = (fourth ^ words[at + 3]) * _PRIME
        first ^= first >> _SHIFT
        second ^= second >> _SHIFT
        third ^= third >> _SHIFT
        fourth ^= fourth >> _SHIFT
    for at in range(whole, len(words)):
        first = (first ^ words[at]) * _PRIME
        first ^= first >> _SHIFT
    return np.array([first, second, third, fourth])
