"""What has come of actions: against a plain loop, blind to what had not matured, right in the limit."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from features.progress import Silent
from models.track_record import TRACK_COLUMNS, TrackRecord, from_object, to_object
from tests.training.small_shop import open_shop
from training import table
from training.table import Dataset, Exposures, Pairs
from training.track_records import HELD, track_record, track_records, track_rows

NOW = 1_000_000


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Dataset]:
    store = open_shop(tmp_path_factory.mktemp("shop") / "store.db")
    yield table.read(store, None, Silent())
    store.close()


def drawn(dataset: Dataset, seed: int, count: int = 400, rates: np.ndarray | None = None) -> Exposures:
    """Contacts with any action on any channel, which mature up to 1,000 ms after they are made."""
    rng, rows = np.random.default_rng(seed), len(dataset.compiled.action)
    candidate = rng.integers(rows, size=count).astype(np.int32)
    moment = np.sort(rng.integers(NOW, size=count))
    chance = np.full(rows, 0.3) if rates is None else rates
    pairs = Pairs(np.zeros(count, np.int32), moment, candidate, dataset.compiled.all.category[candidate])
    version = np.full(count, dataset.compiled.version, np.int64)
    matured_at = moment + rng.integers(1, 1_000, size=count)
    return Exposures(pairs, matured_at, rng.random(count) < chance[candidate], version)


def looped(exposures: Exposures, dataset: Dataset, moment: int) -> dict[str, float]:
    """The lift of each action, one contact at a time."""
    actions, known = dataset.compiled.catalogue.actions, np.flatnonzero(exposures.matured_at <= moment)
    base = sum(bool(exposures.success[one]) for one in known) / max(len(known), 1)
    told: dict[str, list[bool]] = {}
    by_group: dict[str, list[bool]] = {}
    for one in known:
        action = actions[dataset.compiled.action[exposures.pairs.candidate[one]]]
        told.setdefault(action.id, []).append(bool(exposures.success[one]))
        by_group.setdefault(action.group, []).append(bool(exposures.success[one]))

    def ratio(came: list[bool], above: float, held: float) -> float:
        return (sum(came) + held * above) / (base * len(came) + held)

    groups = {one.group: ratio(by_group.get(one.group, []), 1.0, HELD["group"]) for one in actions}
    lifts = {one.id: ratio(told.get(one.id, []), groups[one.group], HELD["action"]) for one in actions}
    return {name: float(np.log(lift)) for name, lift in lifts.items()}


@given(seed=st.integers(0, 10_000), moment=st.integers(100_000, NOW))
@settings(max_examples=30, deadline=None)
def test_it_is_that_of_a_plain_loop(dataset: Dataset, seed: int, moment: int) -> None:
    exposures = drawn(dataset, seed)
    found = track_record(exposures, dataset.compiled, moment)
    assert found.actions == pytest.approx(looped(exposures, dataset, moment))


@given(seed=st.integers(0, 10_000), moment=st.integers(0, NOW))
@settings(max_examples=30, deadline=None)
def test_it_is_blind_to_what_has_not_matured(dataset: Dataset, seed: int, moment: int) -> None:
    exposures = drawn(dataset, seed)
    later = exposures.matured_at > moment
    other = replace(exposures, success=np.where(later, ~exposures.success, exposures.success))
    assert track_record(exposures, dataset.compiled, moment) == track_record(other, dataset.compiled, moment)


def test_with_many_contacts_it_is_the_truth(dataset: Dataset) -> None:
    """Within four standard errors."""
    compiled, count = dataset.compiled, 60_000
    by_action = np.random.default_rng(5).uniform(0.02, 0.4, len(compiled.catalogue.actions))
    exposures = drawn(dataset, 1, count, by_action[compiled.action])
    found = track_record(exposures, compiled, NOW + 1_000).by_row(compiled)[:-1, 0]
    rows, contacts = np.bincount(compiled.action), count / len(compiled.action)
    rate = by_action[compiled.action]
    error = np.sqrt((1 - rate) / rate / (rows[compiled.action] * contacts))
    assert (np.abs(found - np.log(rate / rate.mean())) < 4 * error + 0.02).all()


def test_rows_go_by_the_latest_record_that_saw_nothing_after(dataset: Dataset) -> None:
    compiled = dataset.compiled
    name = compiled.catalogue.actions[int(compiled.action[0])].id
    records = [TrackRecord(at, {name: lift}, {}, {}) for at, lift in ((100, 0.5), (200, -0.25))]
    moments, candidate = np.array([99, 100, 199, 200, 10_000], np.int64), np.zeros(5, np.int32)
    found = track_rows(records, compiled, moments, candidate)
    assert found.tolist() == [[0.0, 0.0], [0.5, 0.0], [0.5, 0.0], [-0.25, 0.0], [-0.25, 0.0]]


def test_what_is_new_has_its_groups(dataset: Dataset) -> None:
    compiled = dataset.compiled
    actions, channels = compiled.catalogue.actions, list(compiled.catalogue.channels)
    record = TrackRecord(1, {}, {actions[0].group: 0.75}, {channels[0]: -0.5})
    found = record.by_row(compiled)
    assert found.shape == (len(compiled.action) + 1, len(TRACK_COLUMNS))
    own = [0.75 if actions[number].group == actions[0].group else 0.0 for number in compiled.action]
    assert found[:-1, 0].tolist() == own
    assert (found[: compiled.row_start[1], 1] == -0.5).all()
    assert (found[compiled.row_start[1] :, 1] == 0.0).all()
    assert found[-1].tolist() == [0.0, 0.0]


def test_it_is_kept_as_it_was(dataset: Dataset) -> None:
    for record in track_records(dataset)[-2:]:
        assert from_object(to_object(record)) == record
    assert track_records(dataset)[-1].as_of == dataset.known_at
    with pytest.raises(ValueError, match="lift of a is nan"):
        TrackRecord(1, {"a": float("nan")}, {}, {})
