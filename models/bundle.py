"""A trained model as a few files of text: LightGBM's own format and JSON, never a pickle.

    manifest.json      what the model is, what its columns are called, the SHA-256 of every other file
    affinity.txt       LightGBM text
    response.txt       LightGBM text
    calibration.json   slope and offset
    population.json    the categories' figures
    track_record.json  how often each action, group and channel has succeeded

and, when people looked at enough to learn from, both or neither of

    interest.json      how much of the interest in each category ends in a purchase
    interest.txt       LightGBM text

and, when enough contacts carried a reason to learn from, both or neither of

    contact_reason.json   reasons, their base rates, calibration
    contact_reason.txt    LightGBM text, multi-class

and, when enough was bought again to learn from,

    repurchase.json       rates of buying again, by category and item

and, when enough was rejected and contacted again to learn from,

    cool_off.json         days of rest after a rejection, by action and group

and, when enough succeeded to learn from,

    response_delay.json   how late successes come, by channel

and, when contacts could be compared with none, as many forests as it names, none when all people have one effect,

    incremental.json      the learner, its weights, scale and offset
    incremental_1.txt     LightGBM text, and _2

and, since training records them,

    self_test.json        invented rows, and what the trees gave for them in training
    drift.json            histograms of scores and features while the model was judged, and rates of success

Loading refuses, and says why, whatever this version of the features could not feed:

    BundleError
    +-- BundleCorrupt        a file is missing, altered or unreadable
    +-- BundleIncompatible   it is whole, but made for other features or another format
    +-- BundleFailed         it loads, but does not score as it must (models.self_test)
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from itertools import chain, product
from pathlib import Path
from typing import cast

from features.definitions import schema_digest
from models import (
    contact_reason,
    cool_off,
    drift,
    incremental,
    interest,
    population,
    repurchase_text,
    response_delay,
    track_record,
)
from models.calibration import Calibration
from models.contact_reason import TOLD, ContactReasonModel, contact_reason_inputs
from models.cool_off import CoolOffModel
from models.drift import Reference
from models.forest import Forest
from models.incremental import IncrementalModel
from models.inputs import affinity_inputs, interest_inputs, response_inputs
from models.interest import InterestModel
from models.population import Population
from models.recorded_scores import SelfTest, from_object, to_object
from models.repurchase import RepurchaseModel
from models.response_delay import ResponseDelay
from models.track_record import TrackRecord

FORMAT = 2
MANIFEST = "manifest.json"
PARTS = ("affinity.txt", "calibration.json", "population.json", "response.txt", "track_record.json")
REASON_PARTS = ("contact_reason.json", "contact_reason.txt")
INTEREST_PARTS = ("interest.json", "interest.txt")
REPURCHASE_PARTS = ("repurchase.json",)
COOL_OFF_PARTS = ("cool_off.json",)
RESPONSE_DELAY_PARTS = ("response_delay.json",)
SELF_TEST_PARTS = ("self_test.json",)
DRIFT_PARTS = ("drift.json",)
WHOLE = (
    INTEREST_PARTS,
    REASON_PARTS,
    REPURCHASE_PARTS,
    COOL_OFF_PARTS,
    RESPONSE_DELAY_PARTS,
    SELF_TEST_PARTS,
    DRIFT_PARTS,
)
"""Of each all or none."""
INCREMENTAL_PARTS = ("incremental.json", "incremental_1.txt", "incremental_2.txt")
"""The first so many of them, or none."""
OPTIONAL_PARTS = (*chain(*WHOLE), *INCREMENTAL_PARTS)


class BundleError(Exception):
    """A bundle that was refused."""


class BundleCorrupt(BundleError):
    """A file is missing, altered or unreadable."""


class BundleIncompatible(BundleError):
    """Whole, but made for other features or another format."""


class BundleFailed(BundleError):
    """It loads, but does not score as it must."""


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
    """Everything that scoring needs. affinity, response: see the modules of that name for their columns. interest: None
    when people looked at too little.
    contact_reason: None when too few contacts carried a reason; no decision reads it. repurchase: None when too little
    was bought again; it is read by the gate of what was bought already. cool_off: None when too little was rejected;
    read by the gate of what was rejected. response_delay: None when too little succeeded; without it nothing is lifted
    by live response. incremental: None when contacts could not be compared with none; read by a catalogue that ranks by
    incremental value. self_test, reference: None of a bundle from before there were any; no decision reads them."""

    provenance: Provenance
    affinity: Forest
    response: Forest
    calibration: Calibration
    population: Population
    track_record: TrackRecord
    interest: InterestModel | None = None
    contact_reason: ContactReasonModel | None = None
    repurchase: RepurchaseModel | None = None
    cool_off: CoolOffModel | None = None
    response_delay: ResponseDelay | None = None
    self_test: SelfTest | None = None
    reference: Reference | None = None
    incremental: IncrementalModel | None = None


def serialise(bundle: Bundle) -> dict[str, bytes]:
    """The files by name; equal bundles give equal bytes."""
    parts = {
        "affinity.txt": bundle.affinity.text.encode(),
        "calibration.json": _json({"slope": bundle.calibration.slope, "offset": bundle.calibration.offset}),
        "population.json": _json(population.to_object(bundle.population)),
        "response.txt": bundle.response.text.encode(),
        "track_record.json": _json(track_record.to_object(bundle.track_record)),
        **_interest_parts(bundle.interest),
        **_reason_parts(bundle.contact_reason),
        **_repurchase_parts(bundle.repurchase),
        **_cool_off_parts(bundle.cool_off),
        **_response_delay_parts(bundle.response_delay),
        **({} if bundle.self_test is None else {SELF_TEST_PARTS[0]: _json(to_object(bundle.self_test))}),
        **_drift_parts(bundle.reference),
        **_incremental_parts(bundle.incremental),
    }
    reasons = bundle.contact_reason
    manifest = {
        "format": FORMAT,
        "feature_schema": schema_digest(),
        "affinity_inputs": bundle.affinity.inputs,
        "response_inputs": bundle.response.inputs,
        **({} if bundle.interest is None else {"interest_inputs": bundle.interest.forest.inputs}),
        **({} if reasons is None else {"contact_reason_inputs": reasons.forest.inputs}),
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
    named = _named_parts(manifest)
    try:
        bundle = Bundle(
            provenance=_provenance(manifest["provenance"]),
            affinity=Forest(files["affinity.txt"].decode()),
            response=Forest(files["response.txt"].decode()),
            calibration=_calibration(_object("calibration.json", files)),
            population=population.from_object(_object("population.json", files)),
            track_record=track_record.from_object(_object("track_record.json", files)),
            interest=_interest(files) if named.keys() >= set(INTEREST_PARTS) else None,
            contact_reason=_contact_reason(files) if named.keys() >= set(REASON_PARTS) else None,
            repurchase=_repurchase(files) if named.keys() >= set(REPURCHASE_PARTS) else None,
            cool_off=_cool_off(files) if named.keys() >= set(COOL_OFF_PARTS) else None,
            response_delay=_response_delay(files) if named.keys() >= set(RESPONSE_DELAY_PARTS) else None,
            self_test=from_object(_object(SELF_TEST_PARTS[0], files)) if SELF_TEST_PARTS[0] in named else None,
            reference=_reference(files) if named.keys() >= set(DRIFT_PARTS) else None,
            incremental=_incremental(files, named),
        )
    except (ValueError, KeyError, TypeError) as error:
        raise BundleCorrupt(f"bundle is unreadable ({error}); its files contradict one another; train again") from error
    for name, forest in (
        ("affinity_inputs", bundle.affinity),
        ("response_inputs", bundle.response),
        *((("interest_inputs", bundle.interest.forest),) if bundle.interest else ()),
        *((("contact_reason_inputs", bundle.contact_reason.forest),) if bundle.contact_reason else ()),
        *(("response_inputs", one) for one in (bundle.incremental.forests if bundle.incremental else ())),
    ):
        if tuple(cast("list[str]", manifest[name])) != forest.inputs:
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
    wanted = [MANIFEST, *PARTS]
    if (path / MANIFEST).is_file():
        wanted = [MANIFEST, *_named_parts(_object(MANIFEST, {MANIFEST: (path / MANIFEST).read_bytes()}))]
    missing = [name for name in wanted if not (path / name).is_file()]
    if missing:
        raise BundleCorrupt(f"{path} is without {', '.join(missing)}; a bundle has every part; train or promote again")
    return {name: (path / name).read_bytes() for name in wanted}


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
    for name, wanted in _named_parts(manifest).items():
        if name not in files:
            raise BundleCorrupt(f"{name} is absent; the manifest names it; train or promote again")
        if hashlib.sha256(files[name]).hexdigest() != wanted:
            raise BundleCorrupt(f"{name} is not what was trained; its SHA-256 differs; train or promote again")


def _named_parts(manifest: Mapping[str, object]) -> Mapping[str, str]:
    """The SHA-256 of each file of the bundle, by name."""
    known = manifest.get("sha256")
    incremental_parts = [INCREMENTAL_PARTS[:count] for count in range(len(INCREMENTAL_PARTS) + 1)]
    options = product(*(((), parts) for parts in WHOLE), incremental_parts)
    if not isinstance(known, dict) or set(known) not in [{*PARTS, *chain(*chosen)} for chosen in options]:
        raise BundleCorrupt(f"sha256 is not that of {', '.join(PARTS)}; the manifest names each part; train again")
    return known


def _check_schema(manifest: Mapping[str, object]) -> None:
    schema, ours = manifest.get("feature_schema"), schema_digest()
    if schema != ours:
        raise BundleIncompatible(f"feature_schema is {schema}; this version computes {ours}; train again")
    computed = {"affinity_inputs": affinity_inputs(), "response_inputs": response_inputs()}
    named = _named_parts(manifest)
    computed |= {"interest_inputs": interest_inputs()} if INTEREST_PARTS[0] in named else {}
    computed |= {"contact_reason_inputs": contact_reason_inputs()} if REASON_PARTS[0] in named else {}
    for name, wanted in computed.items():
        if _without_told(manifest.get(name)) != list(wanted):
            raise BundleIncompatible(f"{name} is another list than this version's {len(wanted)} columns; train again")


def _without_told(inputs: object) -> object:
    """Told columns are as many as the reasons, or none in a bundle that was written before there were any."""
    return [one for one in inputs if not str(one).startswith(TOLD)] if isinstance(inputs, list) else inputs


def _provenance(content: object) -> Provenance:
    if not isinstance(content, dict) or set(content) != {field.name for field in fields(Provenance)}:
        raise ValueError("provenance has other fields than it must")
    return Provenance(**content)


def _calibration(content: Mapping[str, object]) -> Calibration:
    return Calibration(float(cast("float", content["slope"])), float(cast("float", content["offset"])))


def _interest_parts(model: InterestModel | None) -> dict[str, bytes]:
    if model is None:
        return {}
    figures, text = INTEREST_PARTS
    return {figures: _json(interest.to_object(model)), text: model.forest.text.encode()}


def _interest(files: Mapping[str, bytes]) -> InterestModel:
    figures, text = INTEREST_PARTS
    return interest.from_object(_object(figures, files), Forest(files[text].decode()))


def _reason_parts(model: ContactReasonModel | None) -> dict[str, bytes]:
    if model is None:
        return {}
    figures, text = REASON_PARTS
    return {figures: _json(contact_reason.to_object(model)), text: model.forest.text.encode()}


def _contact_reason(files: Mapping[str, bytes]) -> ContactReasonModel:
    figures, text = REASON_PARTS
    return contact_reason.from_object(_object(figures, files), Forest(files[text].decode()))


def _repurchase_parts(model: RepurchaseModel | None) -> dict[str, bytes]:
    return {} if model is None else {REPURCHASE_PARTS[0]: repurchase_text.to_json(model)}


def _repurchase(files: Mapping[str, bytes]) -> RepurchaseModel:
    return repurchase_text.from_object(_object(REPURCHASE_PARTS[0], files))


def _cool_off_parts(model: CoolOffModel | None) -> dict[str, bytes]:
    return {} if model is None else {COOL_OFF_PARTS[0]: _json(cool_off.to_object(model))}


def _cool_off(files: Mapping[str, bytes]) -> CoolOffModel:
    return cool_off.from_object(_object(COOL_OFF_PARTS[0], files))


def _response_delay_parts(delay: ResponseDelay | None) -> dict[str, bytes]:
    return {} if delay is None else {RESPONSE_DELAY_PARTS[0]: _json(response_delay.to_object(delay))}


def _response_delay(files: Mapping[str, bytes]) -> ResponseDelay:
    return response_delay.from_object(_object(RESPONSE_DELAY_PARTS[0], files))


def _drift_parts(reference: Reference | None) -> dict[str, bytes]:
    return {} if reference is None else {DRIFT_PARTS[0]: _json(drift.to_object(reference))}


def _reference(files: Mapping[str, bytes]) -> Reference:
    return drift.from_object(_object(DRIFT_PARTS[0], files))


def _incremental_parts(model: IncrementalModel | None) -> dict[str, bytes]:
    if model is None:
        return {}
    figures, *texts = INCREMENTAL_PARTS
    forests = {name: forest.text.encode() for name, forest in zip(texts, model.forests, strict=False)}
    return {figures: _json(incremental.to_object(model)), **forests}


def _incremental(files: Mapping[str, bytes], named: Mapping[str, str]) -> IncrementalModel | None:
    figures, *texts = INCREMENTAL_PARTS
    if figures not in named:
        return None
    forests = tuple(Forest(files[name].decode()) for name in texts if name in named)
    return incremental.from_object(_object(figures, files), forests)
