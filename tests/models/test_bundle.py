"""A bundle: whole or refused, text only, equal to the last bit after any journey."""

from __future__ import annotations

import functools
import hashlib
import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import lightgbm as lgb
import numpy as np
import pytest

from features.definitions import schema_digest
from models import bundle, incremental
from models.bundle import Bundle, BundleCorrupt, BundleIncompatible, Provenance
from models.calibration import Calibration
from models.contact_reason import ContactReasonModel, contact_reason_inputs
from models.cool_off import CoolOffModel, Rest
from models.forest import Forest
from models.incremental import IncrementalModel
from models.incremental import Origin as IncrementalOrigin
from models.inputs import affinity_inputs, interest_inputs, response_inputs
from models.interest import InterestModel
from models.population import COLUMNS, Population
from models.repurchase import BINS, Pace, RepurchaseModel
from models.response_delay import ResponseDelay
from models.track_record import TrackRecord
from tests.models.references import reference
from training.recording import self_test_of

ROOT = Path(__file__).parents[2]
GOLDEN = ROOT / "tests" / "golden" / "bundle.json"


def forest(inputs: tuple[str, ...], seed: int, classes: int = 1) -> Forest:
    """Grown on synthetic noise."""
    rng = np.random.default_rng(seed)
    columns = rng.normal(size=(300, len(inputs)))
    columns[rng.random(columns.shape) < 0.2] = np.nan
    told = {"objective": "binary", "verbose": -1, "num_leaves": 5, "min_data_in_leaf": 10, "num_threads": 1}
    label = rng.random(300) < 0.3
    if classes > 1:
        told |= {"objective": "multiclass", "num_class": classes}
        label = rng.integers(0, classes, 300)
    grown = lgb.Dataset(columns, label, feature_name=list(inputs))
    return Forest(lgb.train(told, grown, 3).model_to_string())


def effects(count: int = 2) -> IncrementalModel:
    """Of no forest: the constant."""
    learner = ("constant", "DR", "X")[count]
    origin = IncrementalOrigin(learner, 4000, 3000, 2500, 1.25, 0.5)
    forests = tuple(forest(response_inputs(), 5 + number) for number in range(count))
    return IncrementalModel(origin, 0.75, 0.5, (0.25, 0.75)[:count], forests)


@functools.cache
def reasons(inputs: tuple[str, ...] = contact_reason_inputs()) -> ContactReasonModel:
    return ContactReasonModel(
        forest(inputs, 3, 3), ("delivery", "Zählerstand", "other"), (0.5, 0.25, 0.25), 0.9, (0.1, -0.1, 0.0), 400
    )


def windows() -> RepurchaseModel:
    rates = np.geomspace(1e-4, 0.25, 8 * BINS).round(5).reshape(8, BINS)
    return RepurchaseModel(
        as_of=1_699_999_999_999,
        category_pace=Pace(2.0, 0.0),
        item_pace=Pace(0.5, 0.25),
        categories=("bread", "Käse"),
        own=rates[:2],
        below=rates[2:5],
        within=rates[5:8],
        items=("i-1", "i-2"),
        home=np.array([1, -1], np.int32),
        factor=np.array([0.5, 2.25]),
    )


def rests() -> CoolOffModel:
    return CoolOffModel(
        as_of=1_699_999_999_999,
        worse=1.5,
        actions={"a-1": Rest(42.0, at_least=False, people=310), "Käse": Rest(365.0, at_least=True, people=20)},
        in_group={"g": Rest(28.0, at_least=False, people=400)},
        groups={"g": Rest(0.0, at_least=False, people=99)},
        any_action=Rest(35.0, at_least=False, people=1200),
        any_group=None,
    )


def delays() -> ResponseDelay:
    return ResponseDelay(1_699_999_999_999, {"Käse": (0.25, *(0.0,) * 12)}, (*(0.0,) * 11, 0.5, 0.25))


def interest() -> InterestModel:
    return InterestModel(1_699_999_999_999, forest(interest_inputs(), 6), {"bread": -0.5, "Käse": 0.25})


@pytest.fixture(scope="module", params=[False, True], ids=["without options", "with options"])
def made(request: pytest.FixtureRequest) -> Bundle:
    return Bundle(
        interest=interest() if request.param else None,
        contact_reason=reasons() if request.param else None,
        repurchase=windows() if request.param else None,
        cool_off=rests() if request.param else None,
        response_delay=delays() if request.param else None,
        reference=reference() if request.param else None,
        incremental=effects() if request.param else None,
        provenance=Provenance(1_700_000_000_000, "ab" * 32, 3, 42, 1000, 10),
        affinity=forest(affinity_inputs(), 1),
        response=forest(response_inputs(), 2),
        calibration=Calibration(1.1, -0.25),
        population=Population(
            1_699_999_999_999,
            ("bread", "dairy/milk", "Käse"),
            np.array([[0.5, 0.75, 0.1], [0.1, 0.2, np.nan], [np.nan, np.nan, np.nan]]),
        ),
        track_record=TrackRecord(1_699_999_999_999, {"ten-off": -0.5}, {"offers": 0.1}, {"email": 0.25}),
    )


@pytest.fixture
def files(made: Bundle) -> dict[str, bytes]:
    return bundle.serialise(made)


def test_what_is_loaded_is_what_was_written(made: Bundle, files: dict[str, bytes], tmp_path: Path) -> None:
    loaded = bundle.load(files)
    assert bundle.serialise(loaded) == files
    assert bundle.write(made, tmp_path / "b") == bundle.digest(files)
    assert bundle.read_files(tmp_path / "b") == files
    rows = np.random.default_rng(3).normal(size=(50, len(response_inputs())))
    if made.contact_reason is not None:
        assert loaded.contact_reason is not None
        some = rows[:, : len(contact_reason_inputs())]
        chances = loaded.contact_reason.probabilities(some)
        assert chances.tobytes() == made.contact_reason.probabilities(some).tobytes()
        np.testing.assert_allclose(chances.sum(axis=1), 1.0)
    if made.incremental is not None:
        assert loaded.incremental is not None
        assert loaded.incremental.effect(rows).tobytes() == made.incremental.effect(rows).tobytes()
    assert bundle.read(tmp_path / "b").response.raw(rows).tobytes() == made.response.raw(rows).tobytes()
    assert loaded.provenance == made.provenance
    assert loaded.calibration == made.calibration
    np.testing.assert_array_equal(loaded.population.by_number(["Käse", "bread", "new"])[1], [0.5, 0.75, 0.1])
    assert np.isnan(loaded.population.by_number(["new"])).all()


def test_the_digest_is_of_every_file(files: dict[str, bytes], made: Bundle) -> None:
    other = replace(made, calibration=Calibration(1.1, -0.26))
    assert bundle.digest(bundle.serialise(other)) != bundle.digest(files)
    assert bundle.digest(bundle.serialise(made)) == bundle.digest(files)


@pytest.mark.parametrize("name", [bundle.MANIFEST, *bundle.PARTS])
def test_a_missing_file_is_refused_by_name(name: str, files: dict[str, bytes], tmp_path: Path, made: Bundle) -> None:
    del files[name]
    with pytest.raises(BundleCorrupt, match=name):
        bundle.load(files)
    bundle.write(made, tmp_path)
    (tmp_path / name).unlink()
    with pytest.raises(BundleCorrupt, match=name):
        bundle.read(tmp_path)


@pytest.mark.parametrize("name", bundle.PARTS)
def test_an_altered_file_is_refused_by_name(name: str, files: dict[str, bytes]) -> None:
    files[name] = files[name].replace(b"1", b"2", 1)
    with pytest.raises(BundleCorrupt, match=name):
        bundle.load(files)


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"\x80\x04\x95", b"null"])
def test_a_manifest_that_is_none_is_refused(content: bytes, files: dict[str, bytes]) -> None:
    with pytest.raises(BundleCorrupt, match="manifest"):
        bundle.load({**files, bundle.MANIFEST: content})


@pytest.mark.parametrize(
    ("field", "content", "named"),
    [
        ("format", 1, "format is 1"),
        ("feature_schema", "00", "feature_schema is 00"),
        ("response_inputs", ["x"], "response_inputs"),
        ("affinity_inputs", ["x"], "affinity_inputs"),
    ],
)
def test_another_schema_or_format_is_refused(field: str, content: object, named: str, files: dict[str, bytes]) -> None:
    manifest = {**json.loads(files[bundle.MANIFEST]), field: content}
    with pytest.raises(BundleIncompatible, match=named):
        bundle.load({**files, bundle.MANIFEST: json.dumps(manifest).encode()})


def test_trees_grown_on_other_columns_are_refused(made: Bundle) -> None:
    renamed = tuple(f"x{place}" for place in range(len(response_inputs())))
    mixed = replace(made, response=forest(renamed, 1))
    with pytest.raises((BundleIncompatible, BundleCorrupt), match="response_inputs"):
        bundle.load(bundle.serialise(mixed))


@pytest.mark.parametrize("text", ["", "not a model", "tree\nversion=v4\nnonsense"])
def test_a_text_that_is_no_forest_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="model text"):
        Forest(text)


def test_the_stored_format_is_the_golden_one(files: dict[str, bytes]) -> None:
    """All but what changes with the features or with LightGBM."""
    manifest = json.loads(files[bundle.MANIFEST])
    assert manifest.pop("feature_schema") == schema_digest()
    assert tuple(manifest.pop("affinity_inputs")) == affinity_inputs()
    assert tuple(manifest.pop("response_inputs")) == response_inputs()
    for name in ("affinity.txt", "response.txt"):
        assert len(manifest["sha256"].pop(name)) == 64
    golden = json.loads(GOLDEN.read_text())
    if "interest.json" in files:
        assert tuple(manifest.pop("interest_inputs")) == interest_inputs()
    if "contact_reason.json" in files:
        assert tuple(manifest.pop("contact_reason_inputs")) == contact_reason_inputs()
        assert len(manifest["sha256"].pop("contact_reason.txt")) == 64
        assert json.loads(files["contact_reason.json"]) == golden["contact_reason.json"]
        for name in bundle.INCREMENTAL_PARTS[1:]:
            assert len(manifest["sha256"].pop(name)) == 64
        assert len(manifest["sha256"].pop("interest.txt")) == 64
        plain = (
            "interest.json",
            "repurchase.json",
            "cool_off.json",
            "response_delay.json",
            "incremental.json",
            "drift.json",
        )
        for name in plain:
            assert json.loads(files[name]) == golden[name]
        for name in ("contact_reason.json", *plain):
            golden["manifest.json"]["sha256"][name] = golden[f"sha256 of {name}"]
    assert manifest == golden["manifest.json"]
    for name in ("calibration.json", "population.json", "track_record.json"):
        assert json.loads(files[name]) == golden[name]
    assert golden["population.json"]["columns"] == list(COLUMNS)


@pytest.mark.parametrize("name", bundle.OPTIONAL_PARTS)
def test_what_is_optional_is_whole_or_refused(name: str, made: Bundle, tmp_path: Path) -> None:
    options = {"contact_reason": reasons(), "repurchase": windows(), "cool_off": rests(), "reference": reference()}
    options["interest"] = interest()
    recorded = self_test_of(made.affinity, made.response, effects(), 1, interest())
    with_reasons = replace(made, **options, response_delay=delays(), self_test=recorded, incremental=effects())
    files = bundle.serialise(with_reasons)
    with pytest.raises(BundleCorrupt, match=name):
        bundle.load({**files, name: files[name].replace(b"1", b"2", 1)})
    with pytest.raises(BundleCorrupt, match=name):
        bundle.load({other: content for other, content in files.items() if other != name})
    bundle.write(with_reasons, tmp_path)
    (tmp_path / name).unlink()
    with pytest.raises(BundleCorrupt, match=name):
        bundle.read(tmp_path)


@pytest.mark.parametrize("with_reasons", [False, True])
@pytest.mark.parametrize("with_windows", [False, True])
@pytest.mark.parametrize("with_rests", [False, True])
@pytest.mark.parametrize(("with_later", "forests"), [(False, None), (True, 0), (False, 1), (True, 2)])
def test_each_option_is_free(
    with_reasons: bool, with_windows: bool, with_rests: bool, with_later: bool, forests: int | None, made: Bundle
) -> None:
    own = replace(
        made,
        contact_reason=reasons() if with_reasons else None,
        repurchase=windows() if with_windows else None,
        cool_off=rests() if with_rests else None,
        response_delay=delays() if with_later else None,
        reference=reference() if with_later else None,
        interest=interest() if with_rests != with_later else None,
        incremental=None if forests is None else effects(forests),
    )
    loaded = bundle.load(bundle.serialise(own))
    assert (loaded.contact_reason is not None, loaded.repurchase is not None) == (with_reasons, with_windows)
    assert (loaded.cool_off, loaded.response_delay) == (own.cool_off, own.response_delay)
    assert (loaded.reference, loaded.incremental) == (own.reference, own.incremental)
    assert loaded.interest == own.interest


@pytest.mark.parametrize(
    ("told", "fault"),
    [
        ({"scale": "much"}, "incremental.json is unreadable"),
        ({"weights": [1.0]}, "1 weights"),
        ({"seed": 3}, "incremental.json is unreadable"),
        ({"offset": 10**400}, "unreadable|finite"),
    ],
)
def test_an_incremental_model_that_contradicts_itself_is_refused(told: dict[str, object], fault: str) -> None:
    model = effects()
    with pytest.raises(ValueError, match=fault):
        incremental.from_object({**incremental.to_object(model), **told}, model.forests)


def test_a_bundle_of_other_columns_than_its_effect_is_refused(made: Bundle) -> None:
    model = effects(1)
    other = replace(model, forests=(forest(affinity_inputs(), 1),))
    with pytest.raises(BundleCorrupt, match="response_inputs"):
        bundle.load(bundle.serialise(replace(made, incremental=other)))


@pytest.mark.parametrize(
    ("content", "named"),
    [
        ({"worse": 0.5}, "worse is 0.5"),
        ({"any_group": {"days": 366.0, "at_least": False, "people": 9}}, "days are 0 to 365"),
        ({"groups": {"g": {"days": 3.0, "at_least": False, "people": 0}}}, "people above 0"),
        ({"actions": {"a": {"days": 3.0}}}, "at_least"),
        ({"in_group": None}, "unreadable"),
    ],
)
def test_rests_that_cannot_be_are_refused(content: dict[str, object], named: str, made: Bundle) -> None:
    files = bundle.serialise(replace(made, cool_off=rests()))
    text = json.dumps({**json.loads(files["cool_off.json"]), **content}).encode()
    manifest = json.loads(files[bundle.MANIFEST])
    manifest["sha256"]["cool_off.json"] = hashlib.sha256(text).hexdigest()
    with pytest.raises(BundleCorrupt, match=named):
        bundle.load({**files, "cool_off.json": text, bundle.MANIFEST: json.dumps(manifest).encode()})


@pytest.mark.parametrize(
    ("field", "value", "named"),
    [
        ("own", np.ones((1, BINS)), "rates are of shapes"),
        ("own", np.full((2, BINS), -1.0), "a rate is below 0"),
        ("below", np.full((3, BINS), np.nan), "a rate is below 0"),
        ("factor", np.ones(3), "items are 2"),
        ("home", np.array([2, 0], np.int32), "home is 0 to 2"),
    ],
)
def test_windows_that_contradict_one_another_are_refused(field: str, value: object, named: str) -> None:
    with pytest.raises(ValueError, match=named):
        replace(windows(), **{field: value})


def test_reasons_grown_on_other_columns_are_refused(made: Bundle) -> None:
    renamed = tuple(f"x{place}" for place in range(len(contact_reason_inputs())))
    with pytest.raises((BundleIncompatible, BundleCorrupt), match="contact_reason_inputs"):
        bundle.load(bundle.serialise(replace(made, contact_reason=reasons(renamed))))


@pytest.mark.parametrize(
    ("field", "value", "named"),
    [
        ("reasons", ("delivery", "other"), "reasons are 2"),
        ("reasons", ("delivery", "delivery", "other"), "reasons are 3"),
        ("base_rates", (0.5, 0.5, 0.5), "base_rates are"),
        ("base_rates", (1.5, -0.25, -0.25), "base_rates are"),
        ("slope", 0.0, "slope is"),
        ("offsets", (0.0, 0.0, float("inf")), "slope is"),
    ],
)
def test_reasons_that_contradict_one_another_are_refused(field: str, value: object, named: str) -> None:
    with pytest.raises(ValueError, match=named):
        replace(reasons(), **{field: value})


_LOADING = """
import sys
from pathlib import Path
from models import bundle, forest
import numpy as np

forest.warm()  # numba keeps compiled code, which is ours and no model, in files with pickles

def refuse(event, arguments):
    if event == "pickle.find_class":
        raise SystemExit(f"pickle was asked for {arguments}")

sys.addaudithook(refuse)
loaded = bundle.read(Path(sys.argv[1]))
rows = np.zeros((2, len(loaded.response.inputs)))
assert len(loaded.calibration.apply(loaded.response.raw(rows))) == 2
print("loaded")
"""


def test_loading_unpickles_nothing(made: Bundle, tmp_path: Path) -> None:
    bundle.write(made, tmp_path)
    done = subprocess.run(
        [sys.executable, "-c", _LOADING, str(tmp_path)], capture_output=True, text=True, cwd=ROOT, check=False
    )
    assert (done.returncode, done.stdout.strip()) == (0, "loaded"), done.stderr
