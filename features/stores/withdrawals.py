"""Which withdrawals of consent outlive an erased person (docs/rights.md)."""

from __future__ import annotations

from typing import Final

import numpy as np

from features.consent import PROFILING
from features.history import NO_CHANNEL, Records

CONTACT: Final = frozenset({"user_id", "email", "phone", "device_token"})
"""Types of identifiers under which somebody comes back or is written to: under these a withdrawal is kept."""


def in_force(consents: Records) -> Records:
    """Of each channel and topic the newest statement, where it is a withdrawal; of profiling, which is on no channel in
    particular, the newest on any. Grants are not kept, so what is left may be stricter, never more lenient: a
    withdrawal on every channel stays one though a single channel was granted later."""
    about = consents["topic"] == PROFILING
    # A grant that names no channel grants nothing, unless it is about profiling.
    meant = consents[(consents["granted"] == 0) | (consents["channel"] != NO_CHANNEL) | about]
    told: Records = meant.copy()
    told["channel"][told["topic"] == PROFILING] = NO_CHANNEL
    # At equal moments a withdrawal comes last.
    order = np.lexsort((-told["granted"].astype(np.int64), told["occurred_at"], told["topic"], told["channel"]))
    told = told[order]
    follows = (told["channel"][1:] == told["channel"][:-1]) & (told["topic"][1:] == told["topic"][:-1])
    newest: Records = told[np.append(~follows, np.ones(min(len(told), 1), dtype=np.bool_))]
    kept: Records = newest[newest["granted"] == 0]
    return kept
