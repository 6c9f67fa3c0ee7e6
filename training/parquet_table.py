"""The training table as files: Parquet by bucket of people, and a manifest that says what it holds and vouches for it.

    DIR/manifest.json
    DIR/exposures/bucket=0/part.parquet
    DIR/decisions/bucket=0/part.parquet

What is written is a function of the store and `known_at`: the same bytes again, by however many processes. It is made
beside its place and put there when it is whole; what a killed run left is replaced by the next one.
"""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from features.definitions import names
from models.columns import CompiledCatalogue
from training.decided import ARMS, LeftOut
from training.decision_rows import DecisionRows
from training.errors import InvalidTable
from training.table import Exposures, Pairs
from training.table_parts import Part

FORMAT = 2
MANIFEST = "manifest.json"
EXPOSURES, DECISIONS = "exposures", "decisions"
_PAIRS = tuple(one.name for one in fields(Pairs))


class File(msgspec.Struct, frozen=True):
    """path: below the table's folder. digest: SHA-256 of its bytes, hex."""

    path: str
    digest: str
    rows: int


class Counts(msgspec.Struct, frozen=True):
    """people: whose histories were read, without those who object."""

    people: int = 0
    exposures: int = 0
    successes: int = 0
    decisions: int = 0
    treated: int = 0
    by_hand: int = 0

    def __add__(self, other: Counts) -> Counts:
        return Counts(**{name: getattr(self, name) + getattr(other, name) for name in self.__struct_fields__})


class NotThere(msgspec.Struct, frozen=True):
    """What was left out, and why. people_objecting: to profiling. contacts_withdrawn, contacts_unmatured: as in
    Dataset. draws: of decisions."""

    people_objecting: int
    contacts_withdrawn: int
    contacts_unmatured: int
    draws: LeftOut

    def __add__(self, other: NotThere) -> NotThere:
        return NotThere(
            self.people_objecting + other.people_objecting,
            self.contacts_withdrawn + other.contacts_withdrawn,
            self.contacts_unmatured + other.contacts_unmatured,
            self.draws + other.draws,
        )


class Manifest(msgspec.Struct, frozen=True):
    """known_at: ms UTC. catalogue_version: of which candidates are rows. features: how many; feature_schema: SHA-256 of
    their names, hex. arms: what the numbers of arms mean. dataset_digest: of everything that was seen, bucket after
    bucket. digest: of the files, hex."""

    format: int
    known_at: int
    catalogue_version: int
    features: int
    feature_schema: str
    arms: tuple[str, ...]
    buckets: int
    dataset_digest: str
    counts: Counts
    left_out: NotThere
    files: tuple[File, ...]
    digest: str


def feature_schema() -> str:
    return hashlib.sha256("\n".join(names()).encode()).hexdigest()


def digest_of(files: tuple[File, ...]) -> str:
    return hashlib.sha256("\n".join(f"{one.path} {one.digest}" for one in files).encode()).hexdigest()


def path_of(table: str, bucket: int) -> str:
    return f"{table}/bucket={bucket}/part.parquet"


def write_part(folder: Path, bucket: int, part: Part, compiled: CompiledCatalogue) -> tuple[File, File]:
    """The files of one bucket, below `folder`."""
    exposures, decisions = part.exposures, part.decisions
    told = {
        EXPOSURES: ({**_own(exposures), "weight": np.ones(len(exposures))}, exposures.pairs, part.exposure_features),
        DECISIONS: ({**_own(decisions), "weight": decisions.weight}, decisions.pairs, part.decision_features),
    }
    first, second = (
        _write(folder, path_of(name, bucket), _columns(part.people, pairs, rest, features, compiled))
        for name, (rest, pairs, features) in told.items()
    )
    return first, second


def _own(rows: Exposures | DecisionRows) -> Mapping[str, NDArray[Any]]:
    """Its columns, but for those of its pairs."""
    return {one.name: getattr(rows, one.name) for one in fields(rows)[1:]}


def _columns(
    people: NDArray[np.int64],
    pairs: Pairs,
    rest: Mapping[str, NDArray[Any]],
    features: NDArray[np.float64],
    compiled: CompiledCatalogue,
) -> pa.Table:
    """person is the store's number; action and channel say in words what candidate says."""
    channels = np.repeat(np.array(tuple(compiled.catalogue.channels), object), np.diff(compiled.row_start))
    actions = np.array([one.id for one in compiled.catalogue.actions], object)[compiled.action]
    columns: dict[str, pa.Array] = {"person": pa.array(people[pairs.person])}
    columns |= {name: pa.array(getattr(pairs, name)) for name in _PAIRS if name != "person"}
    columns["action"] = pa.array(actions[pairs.candidate], pa.string())
    columns["channel"] = pa.array(channels[pairs.candidate], pa.string())
    columns |= {name: pa.array(values) for name, values in rest.items()}
    columns |= {name: pa.array(np.ascontiguousarray(features[:, at])) for at, name in enumerate(names())}
    return pa.table(columns)


def _write(folder: Path, path: str, table: pa.Table) -> File:
    where = folder / path
    where.parent.mkdir(parents=True, exist_ok=True)
    # Dictionaries and statistics would cost time, and a dictionary takes different bits of NaN for one value.
    pq.write_table(table, where, compression="zstd", use_dictionary=False, write_statistics=False)
    return File(path, _digest(where), table.num_rows)


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def to_json(manifest: Manifest) -> bytes:
    return msgspec.json.format(msgspec.json.encode(manifest, order="sorted"), indent=2) + b"\n"


def require_free(out: Path, *, overwrite: bool) -> None:
    """Raises InvalidTable where something is that is not to be overwritten, or that is no training table."""
    if not out.exists() or (out.is_dir() and not any(out.iterdir())):
        return
    if not out.is_dir() or not (out / MANIFEST).is_file():
        raise InvalidTable(f"out is {out}; something else than a training table is there; name another folder")
    if not overwrite:
        raise InvalidTable(f"out is {out}; a training table is there; name another folder, or add --overwrite")


def put(partial: Path, out: Path) -> None:
    """The whole table takes its place."""
    if out.exists():
        before = out.with_name(f".{out.name}.before")
        shutil.rmtree(before, ignore_errors=True)
        out.rename(before)
        partial.rename(out)
        shutil.rmtree(before)
    else:
        partial.rename(out)


@dataclass(frozen=True, slots=True)
class WrittenTable:
    """What is in a folder, opened by `open_table`."""

    folder: Path
    manifest: Manifest

    def parts(self) -> Iterator[Part]:
        """By bucket, each as it was written, to the last bit. Raises InvalidTable when a file was altered."""
        for bucket in range(self.manifest.buckets):
            yield self.part(bucket)

    def part(self, bucket: int) -> Part:
        exposures, decisions = (self._read(path_of(name, bucket)) for name in (EXPOSURES, DECISIONS))
        people = np.unique(np.concatenate([exposures["person"].to_numpy(), decisions["person"].to_numpy()]))
        pairs = _pairs(exposures, people)
        told = [_numpy(exposures, one.name) for one in fields(Exposures)[1:]]
        rest = [_numpy(decisions, one.name) for one in fields(DecisionRows)[1:]]
        return Part(
            people=people,
            exposures=Exposures(pairs, *told),
            exposure_features=_features(exposures),
            decisions=DecisionRows(_pairs(decisions, people), *rest),
            decision_features=_features(decisions),
        )

    def _read(self, path: str) -> pa.Table:
        (told,) = (one for one in self.manifest.files if one.path == path)
        where = self.folder / path
        if not where.is_file() or _digest(where) != told.digest:
            raise InvalidTable(f"file is {where}; it is not what the manifest tells of; write the table again")
        return pq.read_table(where, partitioning=None)


def open_table(folder: Path) -> WrittenTable:
    """Raises InvalidTable when there is none, or it is of another format or of other features."""
    path = folder / MANIFEST
    try:
        manifest = msgspec.json.decode(path.read_bytes(), type=Manifest)
    except FileNotFoundError as error:
        raise InvalidTable(f"table is {folder}; it has no {MANIFEST}; write it with `nextbest table`") from error
    except msgspec.DecodeError as error:
        raise InvalidTable(f"manifest is {path}; {error}; write the table again") from error
    ours = (FORMAT, feature_schema(), tuple(one.value for one in ARMS))
    if (manifest.format, manifest.feature_schema, manifest.arms) != ours:
        raise InvalidTable(f"table is {folder}; another version wrote it; write it again")
    expected = {path_of(name, bucket) for name in (EXPOSURES, DECISIONS) for bucket in range(manifest.buckets)}
    if digest_of(manifest.files) != manifest.digest or {one.path for one in manifest.files} != expected:
        raise InvalidTable(f"manifest is {path}; it contradicts itself; write the table again")
    return WrittenTable(folder, manifest)


def _numpy(table: pa.Table, name: str) -> NDArray[Any]:
    return np.ascontiguousarray(table[name].to_numpy())


def _pairs(table: pa.Table, people: NDArray[np.int64]) -> Pairs:
    person = np.searchsorted(people, _numpy(table, "person")).astype(np.int32)
    return Pairs(person, *(_numpy(table, name) for name in _PAIRS if name != "person"))


def _features(table: pa.Table) -> NDArray[np.float64]:
    made = np.empty((table.num_rows, len(names())))
    for at, name in enumerate(names()):
        made[:, at] = table[name].to_numpy()
    return made
