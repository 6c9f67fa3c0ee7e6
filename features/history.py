"""A customer's history as columns, and the page: the bounded part of it that a decision reads.

The page is the newest PAGE_LIMIT events under the order (lasting before fleeting, occurred_at, sequence). Because that
order never changes, keeping the top PAGE_LIMIT one event at a time gives the same page as choosing them at once, so a
page can always be rebuilt from the log, for now and for any earlier moment.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from features.event import FLEETING, LOG_ONLY

PAGE_LIMIT = 1024

EVENT = np.dtype(
    [
        ("occurred_at", "<i8"),  # ms UTC
        ("recorded_at", "<i8"),  # ms UTC
        ("sequence", "<i8"),  # the log's own order, unique
        ("order", "<i8"),  # text_code of the order id; 0 none. Of a reservation: ms UTC, until when it is held
        ("decision", "<i8"),  # text_code of the decision id; 0 none
        ("amount", "<f8"),  # currency of the catalogue, whole line; NaN unknown
        ("quantity", "<f4"),  # units; NaN unknown
        ("item", "<i4"),  # vocabulary code; -1 none
        ("action", "<i4"),  # vocabulary code; -1 none
        ("kind", "u1"),
        ("channel", "u1"),  # vocabulary code; 255 none
        ("severity", "<i2"),
    ]
)
"""One event, 64 bytes, little-endian: a stored format (tests/golden)."""

LEDGER_ENTRY = np.dtype(
    [
        ("occurred_at", "<i8"),
        ("recorded_at", "<i8"),
        ("sequence", "<i8"),
        ("order", "<i8"),  # text_code of the order id, or of the subscription's; 0 none
        ("ends_at", "<i8"),  # ms UTC, end of a subscription's term; 0 none
        ("quantity", "<f4"),
        ("item", "<i4"),
        ("kind", "u1"),
        ("padding", "u1", (7,)),
    ]
)
"""A line of a purchase, refund or cancellation, or a statement about a subscription, 56 bytes: a stored format. What is
owned is made of them on reading (features.ledger)."""

CONSENT_ENTRY = np.dtype(
    [
        ("occurred_at", "<i8"),
        ("recorded_at", "<i8"),
        ("sequence", "<i8"),
        ("topic", "<i8"),  # text_code of the topic; 0 everything on the channel
        ("channel", "u1"),  # vocabulary code; 255 none was named
        ("granted", "u1"),
        ("padding", "u1", (6,)),
    ]
)
"""One grant (1) or withdrawal (0) for one channel and topic, 40 bytes, little-endian: a stored format."""

NO_CHANNEL = 255

Records = NDArray[np.void]
"""A one-dimensional array of one of the dtypes above."""

_NOTHING = np.zeros(0, f"V{EVENT.itemsize}")

_RANK = np.ones(256, dtype=np.int8)
_RANK[[int(kind) for kind in FLEETING]] = 0
_LOG_ONLY = np.zeros(256, dtype=np.bool_)
_LOG_ONLY[[int(kind) for kind in LOG_ONLY]] = True


def text_code(text: str | None) -> int:
    """A positive 63-bit code for an order or decision id; 0 for none. Equal texts have equal codes."""
    if text is None:
        return 0
    return (int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest(), "little") >> 1) | 1


def as_of(records: Records, moment: int) -> Records:
    """What was recorded (and had occurred) by `moment`; the law of no leakage in one line. The records themselves, not
    a copy, when that is all of them."""
    recorded_at, occurred_at = records["recorded_at"], records["occurred_at"]
    if len(records) and recorded_at.max() <= moment and occurred_at.max() <= moment:
        return records
    return records[(recorded_at <= moment) & (occurred_at <= moment)]


def page(records: Records) -> Records:
    """The page of any set of EVENT records: at most PAGE_LIMIT, sorted by (occurred_at, sequence)."""
    kept: Records = records[~_LOG_ONLY[records["kind"]]]
    if len(kept) > PAGE_LIMIT:
        order = np.lexsort((kept["sequence"], kept["occurred_at"], _RANK[kept["kind"]]))
        kept = kept[order[-PAGE_LIMIT:]]
    return kept[np.lexsort((kept["sequence"], kept["occurred_at"]))]


def merged(first: Records, second: Records) -> Records:
    """The EVENT records of both, each once, sorted by (occurred_at, sequence)."""
    both = np.concatenate([first, second])
    once = both[np.unique(both["sequence"], return_index=True)[1]]
    return once[np.argsort(once["occurred_at"], kind="stable")]


def joined(parts: Sequence[Records]) -> Records:
    """EVENT records, one part below the other. As bytes, for numpy compares the fields of each part with those of the
    first, which takes longer than to copy them."""
    whole = np.concatenate([_NOTHING, *(part.view(_NOTHING.dtype) for part in parts)])
    return whole.view(EVENT)


def empty(dtype: np.dtype[np.void] = EVENT) -> Records:
    return np.zeros(0, dtype=dtype)


@dataclass(frozen=True, slots=True)
class CustomerRecord:
    """Everything held on one person that a decision may read, consistent at one version.

    person: the internal integer, -1 when unknown. customer_id: the outside name. known: something of the person has
    been recorded other than what we meant to do (features.event.INTENTS). version: the sequence of the newest event or
    change of traits (0 none); a decision that reserves nothing changes nothing. page: EVENT records sorted by
    (occurred_at, sequence). ledger and consents: complete, sorted by sequence. traits: the latest value by trait
    name. time_zone: IANA name, None when unknown. addresses: the types of the person's identifiers; None: they were
    not asked for. Arrays are read-only.
    """

    person: int
    customer_id: str
    known: bool
    version: int = 0
    page: Records = field(default_factory=empty)
    ledger: Records = field(default_factory=lambda: empty(LEDGER_ENTRY))
    consents: Records = field(default_factory=lambda: empty(CONSENT_ENTRY))
    traits: Mapping[str, object] = field(default_factory=dict)
    time_zone: str | None = None
    addresses: frozenset[str] | None = None
