"""Point-in-time feature rows beside DuckDB, on SYNTHETIC histories: `python benchmarks/duckdb_features.py`.

People with 200 events each; several moments of each, several candidates at each moment. The features are those of
our declared table that the SQL of benchmarks/parts/feature_sql.py has a form for, 150 at least; every value of DuckDB's
must be ours. Both sides read columns in memory and leave a matrix, on one thread, by CPU time. Then how cost grows: ten
times the people, and the same work in two processes at once. `pip install --group benchmarks` brings DuckDB; without it
a line says so.
"""

from __future__ import annotations

import multiprocessing
import os
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

sys.path.insert(0, str(Path(__file__).parents[1]))

from benchmarks.parts.feature_sql import FeatureSql, feature_sql
from benchmarks.parts.rows import Row, finish, missing, parser, row
from features import build
from features.candidates import Candidates, ItemFacts
from features.event import Kind
from features.history import EVENT
from features.kernel_codes import HOUR
from tests.features.histories import DAY, NOW, crowd, crowded_world
from training.table import TOGETHER

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

GOAL, LEAST_FEATURES = 10.0, 150
GROWTH, LEAST_GAIN = 11.0, 1.7
OFFERS = 400
WHAT = "point-in-time feature rows"


@dataclass(frozen=True, slots=True)
class Size:
    """moments: of a person. offered: candidates at a moment. turns: of each measure. grown: people of the larger
    share, ten times fewer in the smaller."""

    people: int = 400
    events: int = 200
    moments: int = 10
    offered: int = 5
    turns: int = 5
    grown: int = 4_000


QUICK = Size(people=6, events=40, moments=3, offered=3, turns=1, grown=20)


@dataclass(frozen=True, slots=True)
class Asked:
    """records: EVENT[people * events], a person's together. moments: int64[people, moments], ascending. chosen:
    int32[people, moments * offered], places among the candidates."""

    records: NDArray[np.void]
    moments: NDArray[np.int64]
    chosen: NDArray[np.int32]
    candidates: Candidates
    facts: ItemFacts

    @property
    def rows(self) -> int:
        return self.chosen.size


def asked(size: Size, people: int) -> Asked:
    rng, world = np.random.default_rng(11), crowded_world(1, size.events, OFFERS)
    records = np.concatenate([crowd(seed, size.events) for seed in range(people)])
    moments = np.sort(NOW - rng.integers(0, 120, (people, size.moments)) * DAY - rng.integers(0, DAY), axis=1)
    chosen = rng.integers(0, OFFERS, (people, size.moments * size.offered)).astype(np.int32)
    return Asked(records.astype(EVENT), moments, chosen, world.candidates, world.facts)


def ours(told: Asked, only: NDArray[np.intp], first: int, last: int) -> NDArray[np.float64]:
    """Rows of the people first..last - 1, so many people at a call as training has it."""
    per_person = told.chosen.shape[1]
    rows = np.empty(((last - first) * per_person, len(only)))
    for begin in range(first, last, TOGETHER):
        end = min(begin + TOGETHER, last)
        place = slice((begin - first) * per_person, (end - first) * per_person)
        _fill(told, only, begin, end, rows[place])
    return rows


def _fill(told: Asked, only: NDArray[np.intp], first: int, last: int, out: NDArray[np.float64]) -> None:
    people, moments = told.moments.shape
    events, per_moment, count = len(told.records) // people, told.chosen.shape[1] // moments, last - first
    these = build.Asked(
        records_start=np.arange(count + 1, dtype=np.int64) * events,
        moments_start=np.arange(count + 1, dtype=np.int64) * moments,
        moments=told.moments[first:last].ravel(),
        utc_offsets=np.zeros(count * moments, np.int64),
        start=np.arange(count * moments + 1, dtype=np.int64) * per_moment,
        chosen=told.chosen[first:last].ravel(),
    )
    records = told.records[first * events : last * events]
    build.people_table(records, these, told.candidates, told.facts, only, out)


def loaded(told: Asked) -> DuckDBPyConnection:
    """A database in memory of one thread, with everything that can be known of an event before any moment is."""
    import duckdb  # noqa: PLC0415 optional

    database = duckdb.connect()
    database.execute("SET threads = 1; SET preserve_insertion_order = false")
    for name, table in (("e", _events(told)), ("m", _moments(told)), ("r", _rows(told))):
        database.register("arrow", table)
        database.execute(f"CREATE TABLE {name} AS SELECT * FROM arrow")  # noqa: S608 our own names
        database.unregister("arrow")
    parent = pa.table({"category": np.arange(len(told.facts.parent)), "above": _nulls(told.facts.parent)})
    database.register("parents", parent)
    database.execute(
        """CREATE TABLE ec AS WITH RECURSIVE chain AS (
               SELECT category AS own, category FROM parents
               UNION ALL SELECT c.own, p.above FROM chain c JOIN parents p ON p.category = c.category
               WHERE p.above IS NOT NULL)
           SELECT e.*, chain.category FROM e JOIN chain ON chain.own = e.own_category"""
    )
    return database


def _events(told: Asked) -> pa.Table:
    all_of_them = told.records
    known_kind = np.isin(all_of_them["kind"], [int(kind) for kind in Kind])
    records, facts = all_of_them[known_kind], told.facts
    person = (np.arange(len(all_of_them)) // (len(all_of_them) // len(told.moments)))[known_kind]
    amount, quantity = records["amount"].astype(float), records["quantity"].astype(float)
    priced = ~np.isnan(amount) & (quantity > 0)
    category = np.where(
        records["item"] >= 0, _at(facts.category, records["item"]), _at(facts.action_category, records["action"])
    )
    price = np.where(
        (records["item"] >= 0) & (records["item"] < len(facts.price)),
        facts.price[np.clip(records["item"], 0, len(facts.price) - 1)],
        np.nan,
    )
    at = records["occurred_at"]
    contact = np.unique(
        np.stack([records["decision"], records["channel"].astype(np.int64), at]), axis=1, return_inverse=True
    )[1]
    return pa.table(
        {
            "person": person,
            "at": at,
            "known_at": np.maximum(at, records["recorded_at"]),
            "kind": records["kind"],
            "item": _nulls(records["item"]),
            "own_category": _nulls(category),
            "action": _nulls(records["action"]),
            "action_group": _nulls(_at(facts.action_group, records["action"])),
            "channel": pa.array(records["channel"]),
            "order_key": np.where(records["order"] != 0, records["order"], -at),
            "contact_key": contact.ravel(),
            "amount": _unknown(amount),
            "quantity": _unknown(quantity),
            "severity": records["severity"].astype(float),
            "priced_amount": _unknown(np.where(priced, amount, 0.0)),
            "priced_quantity": _unknown(np.where(priced, quantity, 0.0)),
            "list_price": _unknown(price),
            "hour": at // HOUR % 24,
            "weekday": (at // DAY + 3) % 7,
        }
    )


def _moments(told: Asked) -> pa.Table:
    people, moments = told.moments.shape
    flat = told.moments.ravel()
    return pa.table(
        {
            "moment_id": np.arange(len(flat)),
            "person": np.repeat(np.arange(people), moments),
            "moment": flat,
            "hour": flat // HOUR % 24,
            "weekday": (flat // DAY + 3) % 7,
        }
    )


def _rows(told: Asked) -> pa.Table:
    moments, per_moment = told.moments.shape[1], told.chosen.shape[1] // told.moments.shape[1]
    moment = np.repeat(np.arange(told.moments.size), per_moment)
    chosen, offered = told.chosen.ravel(), told.candidates
    flat = told.moments.ravel()[moment]
    channel = offered.channel[chosen].astype(np.int32)
    return pa.table(
        {
            "row_id": np.arange(len(chosen)),
            "moment_id": moment,
            "person": moment // moments,
            "moment": flat,
            "hour": flat // HOUR % 24,
            "weekday": (flat // DAY + 3) % 7,
            "action": _nulls(offered.action[chosen]),
            "action_group": _nulls(offered.group[chosen]),
            "category": _nulls(offered.category[chosen]),
            "parent": _nulls(_at(told.facts.parent, offered.category[chosen])),
            "channel": pa.array(channel, mask=channel == 255),
        }
    )


def _at(codes: NDArray[np.int32], places: NDArray[np.int32]) -> NDArray[np.int32]:
    known = (places >= 0) & (places < len(codes))
    return np.where(known, codes[np.clip(places, 0, max(len(codes) - 1, 0))], -1)


def _nulls(codes: NDArray[np.int32]) -> pa.Array:
    return pa.array(codes, mask=codes < 0)


def _unknown(values: NDArray[np.float64]) -> pa.Array:
    return pa.array(values, mask=np.isnan(values))


def theirs(database: DuckDBPyConnection, sql: FeatureSql) -> NDArray[np.float64]:
    for view in sql.views:
        database.execute(view)
    columns = database.execute(sql.final).fetchnumpy()
    return np.column_stack([np.ma.filled(columns[name].astype(float), np.nan) for name in columns])


def require_equal(mine: NDArray[np.float64], its: NDArray[np.float64], sql: FeatureSql) -> None:
    """Sums of floats may differ by the order in which they were added up."""
    wrong = ~np.isclose(mine, its, rtol=1e-9, atol=1e-9, equal_nan=True)
    if wrong.any():
        place, column = np.argwhere(wrong)[0]
        name = build.FEATURES[sql.numbers[column]].name
        shown = f"{mine[place, column]!r} and DuckDB's {its[place, column]!r}"
        raise RuntimeError(f"{name} of row {place} is {shown}; they must be equal; mend the SQL ({wrong.sum()} differ)")


def seconds(work: Callable[[], object]) -> float:
    """CPU time of all threads."""
    began = time.process_time()
    work()
    return time.process_time() - began


def beside(size: Size) -> Row:
    told = asked(size, size.people)
    sql = feature_sql([int(code) for code in told.facts.channel])
    if len(sql.numbers) < LEAST_FEATURES:
        raise RuntimeError(f"features is {len(sql.numbers)}; {LEAST_FEATURES} at least; give more of them a form")
    only = np.array(sql.numbers, np.intp)
    with loaded(told) as database:
        require_equal(ours(told, only, 0, size.people), theirs(database, sql), sql)
        pairs = [
            (seconds(lambda: ours(told, only, 0, size.people)), seconds(lambda: theirs(database, sql)))
            for _ in range(size.turns)
        ]
    mine, its = (told.rows / np.median(one) for one in zip(*pairs, strict=True))
    figures = f"{mine:,.0f} and {its:,.0f} rows a second, {len(sql.numbers)} features, all values equal"
    return row(WHAT, "DuckDB SQL, one thread each", [b / a for a, b in pairs], GOAL, told=figures)


def growth(size: Size) -> Row:
    """What ten times the people cost, in times."""
    few, many = asked(size, max(1, size.grown // 10)), asked(size, size.grown)
    only = np.arange(len(build.FEATURES), dtype=np.intp)
    ratios = []
    for _ in range(size.turns):
        small = seconds(lambda: [ours(few, only, 0, len(few.moments)) for _ in range(10)]) / 10
        ratios.append(seconds(lambda: ours(many, only, 0, len(many.moments))) / small)
    return row(f"{WHAT}, ten times the customers", "the tenth of them", ratios, GROWTH, "at_most")


def _share(size: Size, first: int, last: int, ready: object, begun: object) -> None:
    told = asked(size, size.grown)
    only = np.arange(len(build.FEATURES), dtype=np.intp)
    ours(told, only, 0, 1)
    ready.release()  # type: ignore[attr-defined]
    begun.wait()  # type: ignore[attr-defined]
    ours(told, only, first, last)


def at_once(size: Size, processes: int) -> float:
    """Seconds by the clock of the same work shared by so many processes, once all are ready."""
    spawning = multiprocessing.get_context("spawn")
    ready, begun = spawning.Semaphore(0), spawning.Event()
    edges = np.linspace(0, size.grown, processes + 1).astype(int).tolist()
    working = [
        spawning.Process(target=_share, args=(size, first, last, ready, begun)) for first, last in pairwise(edges)
    ]
    for one in working:
        one.start()
    for _ in working:
        ready.acquire()
    began = time.perf_counter()
    begun.set()
    for one in working:
        one.join()
    return time.perf_counter() - began


def sharing(size: Size) -> Row:
    what = f"{WHAT}, two processes at once"
    if (os.cpu_count() or 1) < 2:
        return missing(what, "there is one core; run it on two", LEAST_GAIN)
    ratios = [at_once(size, 1) / at_once(size, 2) for _ in range(max(1, size.turns // 2))]
    return row(what, "one process, by the clock", ratios, LEAST_GAIN)


def main(arguments: Sequence[str] | None = None) -> None:
    chosen = parser(__doc__).parse_args(arguments)
    size = QUICK if chosen.quick else Size()
    build.warm()
    print(f"SYNTHETIC; {size.people} people, {size.events} events each, {size.moments} moments x {size.offered} rows")
    has = find_spec("duckdb") is not None
    compared = beside(size) if has else missing(WHAT, "duckdb is missing; pip install --group benchmarks", GOAL)
    finish([compared, growth(size), sharing(size)], chosen.json)


if __name__ == "__main__":
    main()
