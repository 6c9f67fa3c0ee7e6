"""Reading a catalogue that people wrote: YAML (JSON is YAML too) with its items in it or beside it.

Everything that is wrong is reported at once, each fault with its line.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from itertools import chain
from pathlib import Path as FilePath
from typing import cast

import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet
from pydantic import JsonValue, ValidationError

from models.catalogue import CatalogueInvalid, Fault
from models.catalogue_checks import item_findings, shape_findings
from models.catalogue_document import CatalogueDocument, CatalogueFile, ItemEntry
from models.catalogue_items import ITEM_SCHEMA, conformed, item_faults, to_ipc
from models.catalogue_repair import outside, repaired
from models.catalogue_text import load
from models.conditions.check import condition_findings
from models.fault_rules import rule_of
from models.finding import Finding, Path, written
from models.placeholders import placeholder_findings


@dataclass(frozen=True, slots=True)
class CatalogueSource:
    """A checked catalogue, ready to be published. document: canonical JSON of everything but the items. items:
    ITEM_SCHEMA."""

    document: str
    items: pa.Table

    def items_ipc(self) -> bytes:
        """The items as a store keeps them."""
        return to_ipc(self.items)


def read(path: FilePath, kept: pa.Table | None = None) -> CatalogueSource:
    """The catalogue file at `path`. kept: the items of one that names none, None for none. Raises CatalogueInvalid with
    every fault, each with the name of the file that it is in; OSError when it cannot be read."""
    with _inside(path.name):
        return read_text(decoded(path.read_bytes()), path.parent, kept)


def decoded(content: bytes) -> str:
    """Raises CatalogueInvalid when it is not UTF-8."""
    try:
        return content.decode()
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        message = f"catalogue is not UTF-8; byte {content[error.start]:#04x} is none of its; save it as UTF-8"
        raise CatalogueInvalid((Fault(line, "catalogue", message),)) from error


@contextmanager
def _inside(name: str) -> Iterator[None]:
    """Faults that are in no file yet are in this one."""
    try:
        yield
    except CatalogueInvalid as error:
        raise CatalogueInvalid(tuple(replace(one, file=one.file or name) for one in error.faults)) from error


def read_text(text: str, folder: FilePath | None = None, kept: pa.Table | None = None) -> CatalogueSource:
    """A catalogue as text; `items_file` is looked up in `folder` and refused without one. kept: the items of one that
    names none, None for none. Raises CatalogueInvalid."""
    value, lines = load(text)
    return _checked(value, lines, lambda shape: _items(shape, lines, folder, kept))


def checked(document: Mapping[str, object], items: pa.Table) -> CatalogueSource:
    """A catalogue that a program made: the document's fields and the table of its items. Raises CatalogueInvalid."""
    for name in ("items", "items_file"):
        if name in document:
            raise CatalogueInvalid(
                (Fault(None, name, f"{name} is in the document; the table has the items; remove it"),)
            )
    return _checked(cast("JsonValue", dict(document)), {}, lambda _: conformed(items))


def schema() -> str:
    """The JSON schema of the catalogue file."""
    return json.dumps(CatalogueFile.model_json_schema(), indent=2, sort_keys=True) + "\n"


def _checked(
    value: JsonValue, lines: Mapping[Path, int], items_of: Callable[[CatalogueFile], pa.Table]
) -> CatalogueSource:
    try:
        shape = CatalogueFile.model_validate(value)
    except ValidationError as error:
        raise CatalogueInvalid(_all_faults(value, list(_shape_findings(error)), lines, items_of)) from error
    items = items_of(shape)
    faults = _cross_faults(shape, items, lines, ())
    if faults:
        raise CatalogueInvalid(_sorted(faults))
    return _source(shape, items)


def _all_faults(
    value: JsonValue,
    shape_findings: list[Finding],
    lines: Mapping[Path, int],
    items_of: Callable[[CatalogueFile], pa.Table],
) -> tuple[Fault, ...]:
    """The faults of shape, and as far as it can be told what else is wrong beside them."""
    faults = _faults(shape_findings, lines)
    faulty = [path for path, _ in shape_findings]
    shape = repaired(value, faulty)
    if shape is None:
        return _sorted(faults)
    try:
        items = items_of(shape)
    except CatalogueInvalid as error:
        return _sorted([*faults, *error.faults])
    return _sorted([*faults, *_cross_faults(shape, items, lines, faulty)])


def _cross_faults(
    shape: CatalogueFile, items: pa.Table, lines: Mapping[Path, int], replaced: Sequence[Path]
) -> list[Fault]:
    """What is wrong between entries of a document of the right shape, but for what was replaced in it."""
    rows = item_faults(items, frozenset(entry.id for entry in shape.categories))
    by_name = chain(condition_findings(shape, replaced), placeholder_findings(shape, replaced))
    found = chain(shape_findings(shape), item_findings(shape, items), by_name)
    between = outside(found, replaced)
    if shape.items_file is not None:
        return [*_faults(between, lines), *(replace(fault, file=shape.items_file) for fault in rows)]
    if shape.items is None:  # kept from an earlier version: on no line of this text
        return [*_faults(between, lines), *rows]
    written_here: list[Finding] = [
        (("items", *_row_of(fault), fault.path.rpartition(".")[2]), fault.message) for fault in rows
    ]
    return _faults([*between, *outside(written_here, replaced)], lines)


def _sorted(faults: Iterable[Fault]) -> tuple[Fault, ...]:
    return tuple(sorted(faults, key=lambda fault: fault.line or 0))


def _source(shape: CatalogueDocument, items: pa.Table) -> CatalogueSource:
    values = shape.model_dump(mode="json", exclude={"items", "items_file"})
    document = json.dumps(values, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
    return CatalogueSource(document, items)


def _row_of(fault: Fault) -> tuple[int, ...]:
    row = re.match(r"items\[(\d+)\]", fault.path)
    return (int(row.group(1)),) if row else ()


def _items(shape: CatalogueFile, lines: Mapping[Path, int], folder: FilePath | None, kept: pa.Table | None) -> pa.Table:
    if shape.items is not None and shape.items_file is not None:
        rule = "items are written here or named as a file, not both; remove one"
        raise CatalogueInvalid((Fault(lines.get(("items_file",)), "items_file", f"items_file is given twice; {rule}"),))
    if shape.items_file is None:
        return kept if shape.items is None and kept is not None else _inline(shape.items or [])
    try:
        with _inside(shape.items_file):
            return conformed(_table(shape.items_file, folder))
    except (OSError, ValueError, pa.ArrowException) as error:
        message = (
            f"items_file is {shape.items_file!r}; it must be a readable .parquet or .csv of items; mend it ({error})"
        )
        raise CatalogueInvalid((Fault(lines.get(("items_file",)), "items_file", message),)) from error


def _inline(items: list[ItemEntry]) -> pa.Table:
    columns = [
        pa.array([entry.id for entry in items], pa.string()),
        pa.array([entry.category for entry in items], pa.string()),
        pa.array([entry.name for entry in items], pa.string()),
        pa.array([entry.price for entry in items], pa.float64()),
        pa.array([entry.variant_of for entry in items], pa.string()),
        pa.array([entry.contains or None for entry in items], pa.list_(pa.string())),
    ]
    return pa.Table.from_arrays(columns, schema=ITEM_SCHEMA)


def _table(name: str, folder: FilePath | None) -> pa.Table:
    if folder is None:
        raise ValueError("a catalogue that was sent as a body has no files beside it: write its items into it")
    path = folder / name
    if path.suffix == ".parquet":
        return pyarrow.parquet.read_table(path)
    if path.suffix == ".csv":
        texts = {column.name: pa.string() if column.name == "contains" else column.type for column in ITEM_SCHEMA}
        convert = pyarrow.csv.ConvertOptions(column_types=texts, strings_can_be_null=True, null_values=[""])
        return pyarrow.csv.read_csv(path, convert_options=convert)
    raise ValueError(f"its name ends in {path.suffix!r}")


def _shape_findings(error: ValidationError) -> Iterable[Finding]:
    for fault in error.errors(include_url=False):
        path = tuple(part for part in fault["loc"] if part != "[key]")
        name = written(path)
        if fault["type"] == "missing":
            yield path, f"{name} is missing; it is required; add it"
        elif fault["type"] == "extra_forbidden":
            yield (
                path,
                f"{name} is an unknown field; fields are those of docs/catalogue.md; remove it or correct its name",
            )
        else:
            yield path, f"{name} is {_shown(fault['input'])}; {rule_of(fault)}; correct it"


def _shown(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 100 else f"{text[:97]}..."


def _faults(findings: Iterable[Finding], lines: Mapping[Path, int]) -> list[Fault]:
    return [Fault(_line(lines, path), written(path), message) for path, message in findings]


def _line(lines: Mapping[Path, int], path: Path) -> int | None:
    """The line of the place, or of the nearest thing around it that has one."""
    around = (path[:length] for length in range(len(path), -1, -1))
    return next((lines[part] for part in around if part in lines), None)
