"""Histories x moments x candidates -> matrix: one compiled code path for one row and for a hundred million.

utc_offset is in milliseconds east of UTC at the moment. All else about columns is in features.definitions.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

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
    start = _whole(count)
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
    asked = Asked(_whole(len(records)), _whole(len(moments)), moments, utc_offsets, start, chosen)
    return people_table(records, asked, candidates, facts, only, out)


@dataclass(frozen=True, slots=True, eq=False)
class Asked:
    """What n rows are about. records_start, moments_start: int64[p + 1], where each person's begin. moments: int64[k],
    ms UTC. start: int64[k + 1], where the rows of each moment begin. chosen: int32[n], rows of the candidates."""

    records_start: NDArray[np.int64]
    moments_start: NDArray[np.int64]
    moments: NDArray[np.int64]
    utc_offsets: NDArray[np.int64]
    start: NDArray[np.int64]
    chosen: NDArray[np.int32]


def people_table(
    records: Records,
    asked: Asked,
    candidates: Candidates,
    facts: ItemFacts,
    only: Columns | None = None,
    out: Matrix | None = None,
) -> Matrix:
    """float64[n, F], the rows of table() of each person, one below the other. records: one person's after the other's;
    each person's in any order."""
    plan = _plan(only)
    shape = len(asked.chosen), len(plan.customer_features) + len(plan.category_features) + len(plan.candidate_features)
    if out is None:
        out = np.empty(shape)
    elif out.shape != shape:
        message = f"out has shape {out.shape}; {shape[0]} rows of {shape[1]} features are asked for; pass such an array"
        raise ValueError(message)
    if not _run(records, asked, candidates, facts, plan, out):
        person = np.repeat(np.arange(len(asked.records_start) - 1), np.diff(asked.records_start))
        in_order = records[np.lexsort((records["sequence"], records["occurred_at"], person))]
        _run(in_order, asked, candidates, facts, plan, out)
    return out


@lru_cache(maxsize=4096)
def _whole(count: int) -> NDArray[np.int64]:
    """int64[2]: of one person, all."""
    ends = np.array([0, count], dtype=np.int64)
    ends.flags.writeable = False
    return ends


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
    asked = (np.int64, np.int64, np.int64, np.int64, np.int64, np.int32)
    facts = (np.int32, np.int32, np.float64, np.int32, np.int32, np.int32)
    codes = (np.int32, np.int32, np.int32, np.uint8, np.int32, np.int32)
    worth = (np.float64, np.float64, np.int8, np.int64, np.int64)
    for dtype in (EVENT, *asked, *facts, *codes, *worth):
        example = np.zeros(0, dtype=dtype)
        example.flags.writeable = False
        yield example


def _plan(only: Columns | None) -> Plan:
    return plan_of_columns(None if only is None else np.asarray(only, dtype=np.int64).tobytes())


def _run(records: Records, asked: Asked, candidates: Candidates, facts: ItemFacts, plan: Plan, out: Matrix) -> bool:
    """False, and nothing written, when the records are not sorted."""
    warm()
    revised = fill(
        records,
        asked.records_start,
        asked.moments_start,
        asked.moments,
        asked.utc_offsets,
        asked.start,
        asked.chosen,
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
