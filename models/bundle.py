"""A trained model as a few files of text: LightGBM's own format and JSON, never a pickle.

    manifest.json      what the model is, what its columns are called, the SHA-256 of every other file
    affinity.txt       LightGBM text
    response.txt       LightGBM text
    calibration.json   slope and offset
    population.json    the categories' figures

Loading refuses, and says why, whatever this version of the features could not feed:

    BundleError
    +-- BundleCorrupt        a file is missing, altered or unreadable
    +-- BundleIncompatible   it is whole, but made for other features or another format
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import cast

import numpy as np

from features.definitions import schema_digest
from models.calibration import Calibration
from models.forest import Forest
from models.inputs import affinity_inputs, response_inputs
from models.population import COLUMNS, Population

FORMAT = 1
MANIFEST = "manifest.json"
PARTS = ("affinity.txt", "calibration.json", "population.json", "response.txt")


class BundleError(Exception):
    """A bundle that was refused."""


class BundleCorrupt(BundleError):
    """A file is missing, altered or unreadable."""


class BundleIncompatible(BundleError):
    """Whole, but made for other features or another format."""


@dataclass(frozen=True, slots=True)
class Provenance:
    """Where a model comes from. trained_until: ms UTC, nothing recorded later was seen. dataset_digest: hex, of the
    exposures and labels it learned from. catalogue_version: read in training. seed: of every draw. exposures,
    positives: learned from."""

    trained_until: int
    dataset_digest: str
    catalogue_version: int
    seed: int
    exposures: int
    positives: int


@dataclass(frozen=True, slots=True)
class Bundle:
    """Everything that scoring needs. affinity, response: see the modules of that name for their columns."""

    provenance: Provenance
    affinity: Forest
    response: Forest
    calibration: Calibration
    population: Population


def serialise(bundle: Bundle) -> dict[str, bytes]:
    """The files by name; equal bundles give equal bytes."""
    figures = bundle.population.figures
    population = {
        "as_of": bundle.population.as_of,
        "columns": COLUMNS,
        "categories": {
            name: [None if math.isnan(figure) else figure for figure in row]
            for name, row in zip(bundle.population.categories, figures.tolist(), strict=True)
        },
    }
    parts = {
        "affinity.txt": bundle.affinity.text.encode(),
        "calibration.json": _json({"slope": bundle.calibration.slope, "offset": bundle.calibration.offset}),
        "population.json": _json(population),
        "response.txt": bundle.response.text.encode(),
    }
    manifest = {
        "format": FORMAT,
        "feature_schema": schema_digest(),
        "affinity_inputs": bundle.affinity.inputs,
        "response_inputs": bundle.response.inputs,
        "provenance": asdict(bundle.provenance),
        "sha256": {name: hashlib.sha256(content).hexdigest() for name, content in parts.items()},
    }
    return {MANIFEST: _json(manifest), **parts}


def digest(files: Mapping[str, bytes]) -> str:
    """Hex SHA-256 of the bundle: of its manifest, which holds those of the other files."""
    if MANIFEST not in files:
        raise BundleCorrupt(f"{MANIFEST} is absent; a bundle has one; train or promote again")
    return hashlib.sha256(files[MANIFEST]).hexdigest()


def load(files: Mapping[str, bytes]) -> Bundle:
    """Raises BundleCorrupt, BundleIncompatible."""
    manifest = _object(MANIFEST, files)
    if manifest.get("format") != FORMAT:
        raise BundleIncompatible(f"format is {manifest.get('format')!r}; this version reads {FORMAT}; train again")
    _check_parts(manifest, files)
    _check_schema(manifest)
    try:
        bundle = Bundle(
            provenance=_provenance(manifest["provenance"]),
            affinity=Forest(files["affinity.txt"].decode()),
            response=Forest(files["response.txt"].decode()),
            calibration=_calibration(_object("calibration.json", files)),
            population=_population(_object("population.json", files)),
        )
    except (ValueError, KeyError, TypeError) as error:
        raise BundleCorrupt(f"bundle is unreadable ({error}); its files contradict one another; train again") from error
    for name, wanted, forest in (
        ("affinity_inputs", manifest["affinity_inputs"], bundle.affinity),
        ("response_inputs", manifest["response_inputs"], bundle.response),
    ):
        if tuple(cast("list[str]", wanted)) != forest.inputs:
            raise BundleCorrupt(f"{name} is not what the trees were grown on; both must agree; train again")
    return bundle


def write(bundle: Bundle, path: Path) -> str:
    """Write the files into the folder `path`, made when absent, and return the bundle's digest."""
    path.mkdir(parents=True, exist_ok=True)
    files = serialise(bundle)
    for name, content in files.items():
        (path / name).write_bytes(content)
    return digest(files)


def read_files(path: Path) -> dict[str, bytes]:
    """The files of the folder `path`. Raises BundleCorrupt when one is missing."""
    missing = [name for name in (MANIFEST, *PARTS) if not (path / name).is_file()]
    if missing:
        raise BundleCorrupt(f"{path} is without {', '.join(missing)}; a bundle has every part; train or promote again")
    return {name: (path / name).read_bytes() for name in (MANIFEST, *PARTS)}


def read(path: Path) -> Bundle:
    """Raises BundleCorrupt, BundleIncompatible."""
    return load(read_files(path))


def _json(content: Mapping[str, object]) -> bytes:
    return (json.dumps(content, indent=1, sort_keys=True, allow_nan=False, ensure_ascii=True) + "\n").encode()


def _object(name: str, files: Mapping[str, bytes]) -> Mapping[str, object]:
    if name not in files:
        raise BundleCorrupt(f"{name} is absent; a bundle has one; train or promote again")
    try:
        content = json.loads(files[name])
    except ValueError as error:
        raise BundleCorrupt(f"{name} is no JSON ({error}); train or promote again") from error
    if not isinstance(content, dict):
        raise BundleCorrupt(f"{name} is a {type(content).__name__}; it must be an object; train or promote again")
    return content


def _check_parts(manifest: Mapping[str, object], files: Mapping[str, bytes]) -> None:
    known = manifest.get("sha256")
    if not isinstance(known, dict) or sorted(known) != list(PARTS):
        raise BundleCorrupt(f"sha256 is not that of {', '.join(PARTS)}; the manifest names each part; train again")
    for name in PARTS:
        if name not in files:
            raise BundleCorrupt(f"{name} is absent; the manifest names it; train or promote again")
        if hashlib.sha256(files[name]).hexdigest() != known[name]:
            raise BundleCorrupt(f"{name} is not what was trained; its SHA-256 differs; train or promote again")


def _check_schema(manifest: Mapping[str, object]) -> None:
    if manifest.get("feature_schema") != schema_digest():
        raise BundleIncompatible(
            f"feature_schema is {manifest.get('feature_schema')}; this version computes {schema_digest()}; train again"
        )
    for name, wanted in (("affinity_inputs", affinity_inputs()), ("response_inputs", response_inputs())):
        if manifest.get(name) != list(wanted):
            raise BundleIncompatible(f"{name} is another list than this version's {len(wanted)} columns; train again")


def _provenance(content: object) -> Provenance:
    if not isinstance(content, dict) or set(content) != {field.name for field in fields(Provenance)}:
        raise ValueError("provenance has other fields than it must")
    return Provenance(**content)


def _calibration(content: Mapping[str, object]) -> Calibration:
    return Calibration(float(cast("float", content["slope"])), float(cast("float", content["offset"])))


def _population(content: Mapping[str, object]) -> Population:
    if content["columns"] != list(COLUMNS):
        raise ValueError(f"population's columns are {content['columns']}, not {list(COLUMNS)}")
    categories = cast("dict[str, list[float | None]]", content["categories"])
    rows = [[math.nan if figure is None else figure for figure in row] for row in categories.values()]
    figures = np.array(rows, dtype=np.float64).reshape(len(rows), len(COLUMNS))
    return Population(int(cast("int", content["as_of"])), tuple(categories), figures)
