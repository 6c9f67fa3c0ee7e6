"""Histories x moments x candidates -> matrix: one compiled code path for one row and for a hundred million.

utc_offset is in milliseconds east of UTC at the moment. All else about columns is in features.definitions.
"""

from __future__ import annotations

from collections.abc import Iterator

import numba
import numpy as np
from numpy.typing import NDArray

from features.candidates import Candidates, ItemFacts, no_offer
from features.definitions import FEATURES
from features.history import EVENT, Records
from features.kernel import fill
from features.kernel_codes import Plan
from features.once import once
from features.plan import plan_of_columns

Matrix = NDArray[np.float64]
Columns = NDArray[np.intp]

_NO_OFFER = no_offer()


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
    out: Matrix | None = None,
) -> Matrix:
    """float64[m, F] for all m candidates at one moment (ms UTC), in the order of definitions.names().

    page: EVENT records of one customer, any superset of the page as of the moment: what was recorded or occurred later,
    and what the page would not hold, is left out. only: indices of the features wanted (default: all), in that order;
    what nobody wants costs nothing. out: where to write, for callers who would else have fresh memory
    mapped in at each call; returned. Raises TypeError for arrays of other dtypes than the declared ones.
    """
    count = len(candidates)
    start = np.array([0, count], dtype=np.int64)
    chosen = np.arange(count, dtype=np.int32)
    moments, offsets = np.array([moment], dtype=np.int64), np.array([utc_offset], dtype=np.int64)
    return table(page, moments, offsets, start, chosen, candidates, facts, only, out)


def customer_row(page: Records, moment: int, utc_offset: int, facts: ItemFacts, only: Columns) -> NDArray[np.float64]:
    """float64[len(only)]: features of scope "customer", without a candidate; equal to those columns of any row."""
    row: NDArray[np.float64] = rows(page, moment, utc_offset, _NO_OFFER, facts, only)[0]
    return row


def table(
    records: Records,
    moments: NDArray[np.int64],
    utc_offsets: NDArray[np.int64],
    start: NDArray[np.int64],
    chosen: NDArray[np.int32],
    candidates: Candidates,
    facts: ItemFacts,
    only: Columns | None = None,
    out: Matrix | None = None,
) -> Matrix:
    """float64[n, F] for one person at k moments: rows start[j]:start[j + 1] are candidates chosen[...] at moments[j].
    Equal bit for bit to rows() of each moment. records: all of the person's EVENT records, in any order;
    the rest as for rows()."""
    plan = _plan(only)
    shape = len(chosen), len(plan.customer_features) + len(plan.category_features) + len(plan.candidate_features)
    if out is None:
        out = np.empty(shape)
    elif out.shape != shape:
        message = f"out has shape {out.shape}; {shape[0]} rows of {shape[1]} features are asked for; pass such an array"
        raise ValueError(message)
    if not _run(records, moments, utc_offsets, start, chosen, candidates, facts, plan, out):
        in_order = records[np.lexsort((records["sequence"], records["occurred_at"]))]
        _run(in_order, moments, utc_offsets, start, chosen, candidates, facts, plan, out)
    return out


@once
def warm() -> None:
    """Compiles, or loads from the cache beside the sources: half a minute the first time ever, well under a second
    after. Done by the first call at the latest. From then on exactly the declared dtypes are taken, contiguous,
    writable or not; any other is a TypeError and never a silent second compilation."""
    arguments = (*_examples(), plan_of_columns(None), np.zeros((0, len(FEATURES))))
    fill.compile(tuple(numba.typeof(argument) for argument in arguments))
    fill.disable_compile()


def _examples() -> Iterator[NDArray[np.generic]]:
    """An empty read-only array for each array that callers hand over."""
    moments = (np.int64, np.int64, np.int64, np.int32)
    facts = (np.int32, np.int32, np.float64, np.int32, np.int32, np.int32)
    codes = (np.int32, np.int32, np.int32, np.uint8, np.int32, np.int32)
    worth = (np.float64, np.float64, np.int8, np.int64, np.int64)
    for dtype in (EVENT, *moments, *facts, *codes, *worth):
        example = np.zeros(0, dtype=dtype)
        example.flags.writeable = False
        yield example


def _plan(only: Columns | None) -> Plan:
    return plan_of_columns(None if only is None else np.asarray(only, dtype=np.int64).tobytes())


def _run(
    records: Records,
    moments: NDArray[np.int64],
    utc_offsets: NDArray[np.int64],
    start: NDArray[np.int64],
    chosen: NDArray[np.int32],
    candidates: Candidates,
    facts: ItemFacts,
    plan: Plan,
    out: Matrix,
) -> bool:
    """False, and nothing written, when the records are not sorted."""
    warm()
    revised = fill(
        records,
        moments,
        utc_offsets,
        start,
        chosen,
        facts.category,
        facts.parent,
        facts.price,
        facts.action_group,
        facts.action_category,
        facts.channel,
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
        plan,
        out,
    )
    return revised != 0
