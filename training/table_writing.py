"""The training table written bucket by bucket: never more than one bucket of people is in memory for each process."""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import AbstractContextManager
from functools import partial, reduce
from multiprocessing import get_context
from operator import add
from pathlib import Path
from typing import Protocol

import msgspec

from features.definitions import names
from features.progress import Progress
from training.decided import ARMS
from training.decision_rows import MadeAgain
from training.errors import InvalidTable
from training.parquet_table import (
    FORMAT,
    MANIFEST,
    Counts,
    File,
    Manifest,
    NotThere,
    digest_of,
    feature_schema,
    put,
    require_free,
    to_json,
    write_part,
)
from training.table_parts import Made, TableStore, made


class Log(Protocol):
    """A store, and what makes its decisions again."""

    @property
    def store(self) -> TableStore: ...

    @property
    def again(self) -> MadeAgain: ...


OpenLog = Callable[[], AbstractContextManager[Log]]
"""A function of a module, so that other processes find it."""


class _Bucket(msgspec.Struct, frozen=True):
    files: tuple[File, File]
    counts: Counts
    left_out: NotThere
    dataset_digest: str
    catalogue_version: int


def write_table(
    open_log: OpenLog,
    out: Path,
    known_at: int,
    buckets: int,
    processes: int,
    progress: Progress,
    *,
    overwrite: bool = False,
) -> Manifest:
    """Everything recorded by `known_at` (ms UTC), into the folder `out`. Raises InvalidTable, NothingToLearn and
    StoreError, and then leaves whatever was there."""
    require_free(out, overwrite=overwrite)
    partial_ = out.with_name(f".{out.name}.partial")
    shutil.rmtree(partial_, ignore_errors=True)
    partial_.mkdir(parents=True)
    try:
        found = []
        write = partial(_write_bucket, open_log, partial_, known_at, buckets)
        with progress.step("Write the training table", total=buckets) as advance:
            for one in _each(write, buckets, processes):
                found.append(one)
                advance()
        manifest = _manifest(found, known_at)
        (partial_ / MANIFEST).write_bytes(to_json(manifest))
        put(partial_, out)
    finally:
        shutil.rmtree(partial_, ignore_errors=True)
    return manifest


def _each(write: Callable[[int], _Bucket], buckets: int, processes: int) -> Iterator[_Bucket]:
    """In order, by so many processes beside one another."""
    if processes == 1:
        yield from map(write, range(buckets))
        return
    with ProcessPoolExecutor(processes, mp_context=get_context("spawn")) as pool:
        try:
            yield from pool.map(write, range(buckets))
        except BaseException:
            pool.shutdown(cancel_futures=True)
            raise


def _write_bucket(open_log: OpenLog, folder: Path, known_at: int, buckets: int, bucket: int) -> _Bucket:
    with open_log() as log:
        found = made(log.store, log.again, known_at, bucket, buckets)
    files = write_part(folder, bucket, found.part, found.compiled)
    left = NotThere(found.objecting, found.withdrawn, found.unmatured, found.left)
    return _Bucket(files, _counts(found), left, found.dataset_digest, found.compiled.version)


def _counts(found: Made) -> Counts:
    exposures, decisions = found.part.exposures, found.part.decisions
    return Counts(
        people=found.people,
        exposures=len(exposures),
        successes=int(exposures.success.sum()),
        decisions=len(decisions),
        treated=int(decisions.treated.sum()),
        by_hand=int(decisions.by_hand.sum()),
    )


def _manifest(found: list[_Bucket], known_at: int) -> Manifest:
    if len({one.catalogue_version for one in found}) > 1:
        raise InvalidTable("catalogue is another than at the beginning; a table has one; write it again")
    files = tuple(sorted((file for one in found for file in one.files), key=lambda file: file.path))
    seen = "\n".join(one.dataset_digest for one in found)
    return Manifest(
        format=FORMAT,
        known_at=known_at,
        catalogue_version=found[0].catalogue_version,
        features=len(names()),
        feature_schema=feature_schema(),
        arms=tuple(one.value for one in ARMS),
        buckets=len(found),
        dataset_digest=hashlib.sha256(seen.encode()).hexdigest(),
        counts=reduce(add, (one.counts for one in found)),
        left_out=reduce(add, (one.left_out for one in found)),
        files=files,
        digest=digest_of(files),
    )
