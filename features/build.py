"""Histories x moments x candidates -> matrix: one compiled code path for one row and for a hundred million.

utc_offset is in milliseconds east of UTC at the moment. All else about columns is in features.definitions.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from features.candidates import CHANNELS, Candidates, ItemFacts
from features.definitions import FEATURES
from features.history import NO_CHANNEL, Records, empty
from features.kernel import fill, in_order
from features.kernel_codes import Known, Offers, Plan
from features.plan import plan_of_columns

Matrix = NDArray[np.float64]
Columns = NDArray[np.intp]


def category_feature_index() -> Columns:
    """Columns that depend on the customer, the moment and the candidate's category only: what an affinity may read."""
    return np.array([i for i, feature in enumerate(FEATURES) if feature.scope != "candidate"], dtype=np.intp)


def rows(
    page: Records,
    moment: int,
    utc_offset: int,
    candidates: Candidates,
    facts: ItemFacts,
    only: Columns | None = None,
) -> Matrix:
    """float64[m, F] for all m candidates at one moment (ms UTC), in the order of definitions.names().

    page: EVENT records of one customer, any superset of the page as of the moment: what was recorded or occurred later, and
    what the page would not hold, is left out. only: indices of the features wanted (default: all), in that order; what
    nobody wants costs nothing.
    """
    count = len(candidates)
    start = np.array([0, count], dtype=np.int64)
    chosen = np.arange(count, dtype=np.int32)
    moments, offsets = np.array([moment], dtype=np.int64), np.array([utc_offset], dtype=np.int64)
    return table(page, moments, offsets, start, chosen, candidates, facts, only)


def table(
    records: Records,
    moments: NDArray[np.int64],
    utc_offsets: NDArray[np.int64],
    start: NDArray[np.int64],
    chosen: NDArray[np.int32],
    candidates: Candidates,
    facts: ItemFacts,
    only: Columns | None = None,
) -> Matrix:
    """float64[n, F] for one person at k moments: rows start[j]:start[j + 1] are candidates chosen[...] at moments[j].
    Equal bit for bit to rows() of each moment. records: all of the person's EVENT records, in any order."""
    plan = _plan(only)
    out = np.empty((len(chosen), len(plan.customer_features) + len(plan.candidate_features)))
    _run(_sorted(records), moments, utc_offsets, start, chosen, plan, candidates, facts, out)
    return out


def warm() -> None:
    """Compiles, or loads from the cache beside the sources: seconds the first time ever, well under one after."""
    none = np.zeros(0, dtype=np.int32)
    facts = ItemFacts(none, none, np.zeros(0), none, none, np.full(len(CHANNELS), NO_CHANNEL, dtype=np.int32))
    one = np.full(1, -1, dtype=np.int32)
    worth, schedule = np.full(1, np.nan), np.zeros(1, dtype=np.int64)
    candidates = Candidates(
        action=one,
        group=one,
        category=one,
        channel=np.full(1, NO_CHANNEL, dtype=np.uint8),
        item_start=np.zeros(2, dtype=np.int32),
        item=none,
        price=worth,
        value=worth,
        kind=np.zeros(1, dtype=np.int8),
        starts_at=schedule,
        ends_at=schedule,
    )
    rows(empty(), 0, 0, candidates, facts)


def _plan(only: Columns | None) -> Plan:
    return plan_of_columns(None if only is None else np.asarray(only, dtype=np.int64).tobytes())


def _sorted(records: Records) -> Records:
    """By (occurred_at, sequence); as it is when it is so already."""
    if in_order(records):
        return records
    return records[np.lexsort((records["sequence"], records["occurred_at"]))]


def _run(
    records: Records,
    moments: NDArray[np.int64],
    utc_offsets: NDArray[np.int64],
    start: NDArray[np.int64],
    chosen: NDArray[np.int32],
    plan: Plan,
    candidates: Candidates,
    facts: ItemFacts,
    out: Matrix,
) -> None:
    known = Known(facts.category, facts.parent, facts.price, facts.action_group, facts.action_category, facts.channel)
    offers = Offers(
        candidates.action,
        candidates.group,
        candidates.category,
        candidates.channel,
        candidates.item_start,
        candidates.item,
        candidates.price,
        candidates.value,
        candidates.kind,
        candidates.starts_at,
        candidates.ends_at,
    )
    fill(records, moments, utc_offsets, start, chosen, plan, known, offers, out)
