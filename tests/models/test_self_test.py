"""A bundle that loads is not taken at its word."""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import replace

import numpy as np
import pytest

from features.stores import open_store
from models import bundle, self_test
from models.bundle import Bundle, BundleCorrupt, BundleFailed
from models.columns import CompiledCatalogue, compile_catalogue
from models.forest import Forest
from models.policy_rules import RankBy
from models.recorded_scores import RecordedScores
from tests.models.test_bundle import effects
from tests.serving.synthetic import PUBLISHED_AT, make_shop, noise_bundle, store_url
from training.recording import ROWS, self_test_of


@pytest.fixture(scope="module")
def compiled(tmp_path_factory: pytest.TempPathFactory) -> CompiledCatalogue:
    home = tmp_path_factory.mktemp("shop")
    make_shop(home, model=False)
    store = open_store(store_url(home))
    try:
        stored = store.catalogue()
        assert stored is not None
        return compile_catalogue(stored, store.vocabulary)
    finally:
        store.close()


@pytest.fixture(scope="module")
def made() -> Bundle:
    loaded = bundle.load(noise_bundle())
    effect = effects()
    recorded = self_test_of(loaded.affinity, loaded.response, effect, 1)
    return replace(loaded, incremental=effect, self_test=recorded)


def test_what_training_recorded_comes_out_again_after_any_journey(made: Bundle, compiled: CompiledCatalogue) -> None:
    files = bundle.serialise(made)
    loaded = bundle.load(files)
    assert loaded.self_test is not None
    assert made.self_test is not None
    assert loaded.self_test.response.rows.tobytes() == made.self_test.response.rows.tobytes()
    assert loaded.self_test.affinity.raw.tobytes() == made.self_test.affinity.raw.tobytes()
    (first, second), (was, then) = loaded.self_test.incremental, made.self_test.incremental
    assert (first.raw.tobytes(), second.rows.tobytes()) == (was.raw.tobytes(), then.rows.tobytes())
    assert len(set(made.self_test.response.raw.tolist())) > ROWS // 4  # rows that all fall into one leaf test nothing
    assert bundle.serialise(loaded) == files
    self_test.check(loaded, compiled, PUBLISHED_AT)


def test_a_bundle_of_before_there_were_records_is_scored_all_the_same(compiled: CompiledCatalogue) -> None:
    self_test.check(bundle.load(noise_bundle()), compiled, PUBLISHED_AT)


@pytest.mark.parametrize("name", ["affinity", "response"])
def test_other_trees_than_those_that_were_recorded_are_refused(
    name: str, made: Bundle, compiled: CompiledCatalogue
) -> None:
    """Whole by every digest, for it was written anew."""
    other = bundle.load(noise_bundle(2))
    mixed = replace(made, **{name: getattr(other, name)})
    with pytest.raises(BundleFailed, match=rf"^{name} gives .* for recorded row \d+; training had"):
        self_test.check(bundle.load(bundle.serialise(mixed)), compiled, PUBLISHED_AT)


def test_another_forest_of_the_effect_is_refused_whatever_the_catalogue_ranks_by(
    made: Bundle, compiled: CompiledCatalogue
) -> None:
    assert compiled.catalogue.rank_by is RankBy.RESPONSE
    effect = effects()
    swapped = replace(made, incremental=replace(effect, forests=effect.forests[::-1]))
    with pytest.raises(BundleFailed, match=r"^effect's forest 1 gives .* for recorded row \d+; training had"):
        self_test.check(bundle.load(bundle.serialise(swapped)), compiled, PUBLISHED_AT)
    for other in (effects(1), None):
        with pytest.raises(BundleFailed, match="records of 2; train again"):
            self_test.check_recorded(replace(made, incremental=other))


def test_a_record_of_before_there_were_effects_in_it_is_read(made: Bundle, compiled: CompiledCatalogue) -> None:
    assert made.self_test is not None
    files = bundle.serialise(replace(made, self_test=replace(made.self_test, incremental=())))
    assert "incremental" not in json.loads(files[bundle.SELF_TEST_PARTS[0]])
    self_test.check(bundle.load(files), compiled, PUBLISHED_AT)


def test_effects_that_are_no_numbers_are_refused_whatever_the_catalogue_ranks_by(
    made: Bundle, compiled: CompiledCatalogue
) -> None:
    effect = effects(1)
    broken = replace(effect, forests=(numberless(effect.forests[0]),))
    with pytest.raises(BundleFailed, match="nobody known: effect is not"):
        self_test.check(replace(made, incremental=broken, self_test=None), compiled, PUBLISHED_AT)
    foreign = replace(effect, forests=(made.affinity,))
    with pytest.raises(BundleFailed, match="nobody known: effect: ValueError"):
        self_test.check(replace(made, incremental=foreign, self_test=None), compiled, PUBLISHED_AT)


def numberless(forest: Forest) -> Forest:
    leaves = re.compile(r"(?m)^leaf_value=.*$")
    return Forest(leaves.sub(lambda line: "leaf_value=" + " ".join(["nan"] * len(line[0].split())), forest.text))


def test_one_bit_is_enough(made: Bundle) -> None:
    assert made.self_test is not None
    raw = made.self_test.response.raw.copy()
    raw[3] = np.nextafter(raw[3], np.inf)
    off = replace(made.self_test, response=RecordedScores(made.self_test.response.rows, raw))
    with pytest.raises(BundleFailed, match="recorded row 3"):
        self_test.check_recorded(replace(made, self_test=off))


def test_scores_that_are_no_probabilities_are_refused(made: Bundle, compiled: CompiledCatalogue) -> None:
    broken = replace(made, response=numberless(made.response), self_test=None)
    with pytest.raises(BundleFailed, match="nobody known: response is outside 0 to 1"):
        self_test.check(broken, compiled, PUBLISHED_AT)


@pytest.mark.parametrize(
    "text", [b"{}", b'{"affinity": {"rows": [], "raw": []}}', b'{"affinity": {"rows": [[1.0]], "raw": [1.0, 2.0]}}']
)
def test_a_record_that_is_none_is_corrupt(text: bytes, made: Bundle) -> None:
    files = bundle.serialise(made)
    name = bundle.SELF_TEST_PARTS[0]
    with pytest.raises(BundleCorrupt, match=name):
        bundle.load({**files, name: text})
    manifest = json.loads(files[bundle.MANIFEST])
    manifest["sha256"][name] = hashlib.sha256(text).hexdigest()
    with pytest.raises(BundleCorrupt, match="unreadable"):
        bundle.load({**files, name: text, bundle.MANIFEST: json.dumps(manifest).encode()})
