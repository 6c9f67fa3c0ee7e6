"""A digest of feature rows that is cheap enough for every decision: it tells equal from different, it is no
signature.

What is the customer's is the same in all rows of a decision, and is more than half of each; it is read from the first
row alone (`v2-` and 64 hexadecimal digits). Until then all of every row was (64 digits): what was logged with such a
digest is compared by it still.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from features.compiled import compiled
from features.definitions import FEATURES

_LANES = 4
_PRIME = np.uint64(0x9E3779B97F4A7C15)
_SHIFT = np.uint64(29)
_PREFIX = "v2-"


def _shared() -> int:
    """How many columns come first that are the customer's."""
    scopes = [feature.scope == "customer" for feature in FEATURES]
    return scopes.index(False) if False in scopes else len(scopes)


_SHARED, _COLUMNS = _shared(), len(FEATURES)


def rows_digest(rows: NDArray[np.float64]) -> str:
    """Of the shape and the bits of float64[m, F], all of one customer at one moment; rows with other bits have another
    digest but for a chance of 2**-64 or less. Rows of other columns than features.definitions has are read whole."""
    words = np.ascontiguousarray(rows, np.float64).view(np.uint64)
    shared = _SHARED if words.shape[1] == _COLUMNS else 0
    return _PREFIX + _text(_mixed(words, shared, np.array([*rows.shape, rows.size, 2], np.uint64)))


def digest_like(logged: str, rows: NDArray[np.float64]) -> str:
    """The digest of the rows in the form of `logged`, that was made when that was."""
    if logged.startswith(_PREFIX):
        return rows_digest(rows)
    words = np.ascontiguousarray(rows, np.float64).view(np.uint64).reshape(1, -1)
    return _text(_mixed(words, words.size, np.array([*rows.shape, words.size, 1], np.uint64)))


def _text(lanes: NDArray[np.uint64]) -> str:
    return lanes.astype(">u8").tobytes().hex()


@compiled
def _mixed(words: NDArray[np.uint64], shared: int, lanes: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """The first `shared` columns of the first row, then the others of every row."""
    first, second, third, fourth = lanes[0], lanes[1], lanes[2], lanes[3]
    count, width = words.shape
    for part in range(count + 1 if count else 0):
        line = words[max(part - 1, 0)]
        begin, end = (shared, width) if part else (0, shared)
        whole = begin + (end - begin) // _LANES * _LANES
        for at in range(begin, whole, _LANES):
            first = (first ^ line[at]) * _PRIME
            second = (second ^ line[at + 1]) * _PRIME
            third = (third ^ line[at + 2]) * _PRIME
            fourth = (fourth ^ line[at + 3]) * _PRIME
            first ^= first >> _SHIFT
            second ^= second >> _SHIFT
            third ^= third >> _SHIFT
            fourth ^= fourth >> _SHIFT
        for at in range(whole, end):
            first = (first ^ line[at]) * _PRIME
            first ^= first >> _SHIFT
    return np.array([first, second, third, fourth])
