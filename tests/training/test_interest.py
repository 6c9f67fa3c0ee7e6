"""What people turn to next, learned of SYNTHETIC people whose true interests are known, and the first model, which has
nothing else to go by."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
import pytest
from numpy.typing import NDArray

from features.history import Records
from features.identity import customer_identifier
from features.progress import Silent
from features.stores import open_store
from features.stores.protocol import Store
from models import bundle
from models.affinity import Needs
from models.inputs import AFFINITY_INPUT, INTEREST_INPUT, response_inputs
from models.interest import interest_log_odds
from models.local_time import utc_offset
from models.response import ModelScorer
from models.response_delay import ResponseDelay
from training import affinity, first_model, interest, table
from training.affinity import AffinityFit
from training.backbone import WORN, WORN_INPUT
from training.errors import TooFewSuccesses
from training.growing import Sample, grow
from training.settings import ResponseTrees, TrainingSettings
from training.simulation.goods import BEGIN, DAY, actions, catalogue
from training.simulation.history import import_into, lived
from training.simulation.truth import truth
from training.simulation.world import DECIDED_AT, World
from training.table import Dataset, Exposures, Pairs, feature_rows
from training.track_records import track_records
from training.train import choose_splits, response_rows

PEOPLE, DAYS = 150, 90
SETTINGS = TrainingSettings(threads=1, refits=1, affinity_rounds=40, interest_rounds=60)


@dataclass(frozen=True, slots=True)
class Past:
    """A store, what was read of it, and its SYNTHETIC world on the last day."""

    store: Store
    dataset: Dataset
    world: World


@pytest.fixture(scope="module")
def past(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Past]:
    offered = actions(DAYS, 14)
    world = World(truth(PEOPLE, offered, 3), 3, 0)
    store = open_store(f"sqlite:///{tmp_path_factory.mktemp('past') / 'store.db'}")
    import_into(store, world, lived(world, DAYS, 0, Silent()), catalogue(offered, 1.0), Silent())
    yield Past(store, table.read(store, BEGIN + DAYS * DAY + DECIDED_AT + 7_200_000, Silent()), world)
    store.close()


@pytest.fixture(scope="module")
def fit(past: Past) -> AffinityFit:
    return affinity.fit_all(past.dataset, SETTINGS, Silent())[-1]


def everything(dataset: Dataset) -> Exposures:
    """Everybody, now, about every action on every channel."""
    offers, people = len(dataset.compiled.all), len(dataset.histories)
    person, row = (one.ravel().astype(np.int32) for one in np.indices((people, offers)))
    moment = np.full(len(row), dataset.known_at, np.int64)
    pairs = Pairs(person, moment, row, dataset.compiled.all.category[row])
    version = np.full(len(row), dataset.compiled.version, np.int64)
    return Exposures(pairs, moment, np.zeros(len(row), np.bool_), version)


def true_interest(past: Past, pairs: Pairs) -> NDArray[np.float64]:
    """Log odds; the world's categories go by name in the catalogue, whose departments come first."""
    world, names = past.world, list(past.dataset.compiled.catalogue.categories)
    departments = sum(one.startswith("dept-") for one in names)
    found = world.truth.interest(world.state, np.arange(PEOPLE), world.day)
    return np.asarray(found[pairs.person, pairs.category - departments], np.float64)


def test_interest_is_nearer_to_what_people_truly_want_than_a_month_s_affinity(past: Past, fit: AffinityFit) -> None:
    exposures = everything(past.dataset)
    chosen = exposures.take(exposures.pairs.category >= 0)
    rows = response_rows(past.dataset, chosen, [fit], track_records(past.dataset))
    wanted = true_interest(past, chosen.pairs)
    by_interest, by_affinity = (
        np.corrcoef(rows[:, response_inputs().index(name)], wanted)[0, 1] for name in (INTEREST_INPUT, AFFINITY_INPUT)
    )
    assert by_interest > 0.7
    assert by_interest > by_affinity


def test_it_saw_nothing_after_its_cutoff(past: Past) -> None:
    """Of a store that ends at the cutoff, the very same model is learned."""
    known = affinity.fit_all(past.dataset, SETTINGS, Silent())[0].population
    whole = interest.fit(past.dataset, known, SETTINGS)
    earlier = table.read(past.store, known.as_of, Silent())
    again = interest.fit(earlier, known, SETTINGS)
    assert whole is not None
    assert again is not None
    assert (again.as_of, again.forest.text, again.levels) == (known.as_of, whole.forest.text, whole.levels)


def test_without_enough_that_was_looked_at_there_is_none(past: Past, fit: AffinityFit) -> None:
    few = replace(past.dataset, histories=past.dataset.histories[:5])
    assert interest.fit(few, fit.population, SETTINGS) is None


def test_a_level_is_a_category_s_own_conversion(fit: AffinityFit) -> None:
    """Durables are looked at as gladly as coffee, and bought a tenth as often."""
    assert fit.interest is not None
    levels = fit.interest.levels
    durable = [levels[one] for one in ("television", "phone", "washing-machine", "coffee-machine")]
    assert max(durable) < 0.0
    assert np.mean(durable) < np.mean([levels[one] for one in ("coffee", "tea", "pet-food")]) - 0.7


def test_a_first_model_earns_more_than_half_as_much_again_as_chance(past: Past) -> None:
    """Nobody was ever contacted, which a model of responses cannot be learned of."""
    with pytest.raises(TooFewSuccesses, match="successes for"):
        choose_splits(past.dataset.exposures)
    made = first_model.first_model(past.dataset, SETTINGS, Silent())
    assert made.provenance.exposures == 0
    assert isinstance(made.response_delay, ResponseDelay)
    exposures, compiled = everything(past.dataset), past.dataset.compiled
    latest = AffinityFit(made.affinity, made.population, made.interest)
    raw = made.response.raw(response_rows(past.dataset, exposures, [latest], [made.track_record]))
    chance = made.calibration.apply(raw)
    place = list(compiled.catalogue.channels).index("web")
    web = slice(*compiled.row_start[place : place + 2])
    net = past.world.truth.net_value(past.world.state, np.arange(PEOPLE), np.full(PEOPLE, place), past.world.day)
    action, value = compiled.action[web], compiled.all.value[web]
    begun = past.world.truth.begun(past.world.day)[action]
    by_person = chance.reshape(PEOPLE, -1)[:, web] * value
    best = np.where(begun, by_person, -np.inf).argmax(axis=1)
    earned = net[np.arange(PEOPLE), action[best]]
    any_of_it = net[:, action[begun]].mean(axis=1)
    assert earned.mean() > 1.5 * any_of_it.mean()


def test_a_first_model_takes_what_was_just_offered_to_be_worn(past: Past) -> None:
    """By the declared line, rung by rung, whatever interests the person; and no further than the ladder goes."""
    made = first_model.first_model(past.dataset, SETTINGS, Silent())
    latest = AffinityFit(made.affinity, made.population, made.interest)
    asked = everything(past.dataset).take(np.arange(40))
    fresh, worn = (response_rows(past.dataset, asked, [latest], [made.track_record]) for _ in range(2))
    place = response_inputs().index(WORN_INPUT)
    assert (fresh[:, place] == 0.0).all()
    for offered, taken_as in ((1.0, 1.0), (2.5, 2.5), (8.0, 8.0), (12.0, 12.0), (50.0, 12.0)):
        worn[:, place] = offered
        lost = made.response.raw(worn) - made.response.raw(fresh)
        assert lost == pytest.approx(-WORN * np.log1p(taken_as), abs=1e-6)


def test_the_row_that_a_first_model_is_made_of_is_the_row_that_serves(past: Past) -> None:
    """Bit for bit, through the store as of that moment, the bundle's files and the scorer in service."""
    dataset, compiled = past.dataset, past.dataset.compiled
    made = first_model.first_model(dataset, SETTINGS, Silent())
    loaded = bundle.load(bundle.serialise(made))
    scorer, exposures = ModelScorer(loaded, "1"), everything(dataset)
    latest = AffinityFit(made.affinity, made.population, made.interest)
    people = {entry.person: entry.customer_id for entry in past.store.scan(0, 1)}
    for place in (0, 40, PEOPLE - 1):
        asked = exposures.take(exposures.pairs.person == place)
        columns = response_rows(dataset, asked, [latest], [made.track_record])
        assert np.isfinite(columns[:, response_inputs().index(INTEREST_INPUT)]).any()
        record = past.store.read_as_of(customer_identifier(people[int(dataset.numbers[place])]), dataset.known_at)
        offset = utc_offset(record.time_zone, compiled.catalogue.time_zone, dataset.known_at)
        scores = scorer.score(record, dataset.known_at, offset, compiled.all, compiled)
        assert scores.response.tobytes() == made.calibration.apply(made.response.raw(columns)).tobytes()


def test_a_line_expects_the_rate_of_all_that_is_known_and_of_what_is_not() -> None:
    told = np.array([-8.0, -6.0, -5.0, np.nan])
    found = first_model.line(told, 0.5, 0.02)
    odds = np.exp(found)
    assert odds[3] == pytest.approx(0.02 / 0.98)
    assert odds[:3].mean() == pytest.approx(0.02 / 0.98)
    assert np.diff(found[:3]) == pytest.approx([1.0, 0.5])


def test_contacts_move_the_rate_away_from_what_is_declared(past: Past) -> None:
    nobody = past.dataset.exposures
    assert first_model.rate(nobody) == pytest.approx(first_model.RATE)
    many = everything(past.dataset).take(np.arange(1_000))
    assert first_model.rate(replace(many, success=np.ones(1_000, np.bool_))) > 0.9


def test_what_is_told_at_midnight_is_in_no_row_of_its_day(past: Past) -> None:
    """Dates without a time are told at midnight. Of people with one day of all, each row is as of nothing at all."""
    days = [records[records["occurred_at"] // DAY == records["occurred_at"].max() // DAY] for records in _some(past)]
    for records in days:
        records["occurred_at"] = records["recorded_at"] = records["occurred_at"] // DAY * DAY
    alone = replace(past.dataset, histories=tuple(days))
    turns = interest._turns(alone, np.arange(len(days)), past.dataset.known_at)
    assert len(turns.person) > 50
    category = np.array([told[0] for told in turns.categories], np.int32)
    pairs = Pairs(turns.person, turns.moment, category, category)
    empty = replace(alone, histories=tuple(records[:0] for records in days))
    rows, nothing = (feature_rows(one, pairs, table.every_category) for one in (alone, empty))
    assert rows.tobytes() == nothing.tobytes()


def _some(past: Past) -> list[Records]:
    return [records.copy() for records in past.dataset.histories]


def test_rows_of_the_kernel_are_those_that_it_is_learned_from(past: Past) -> None:
    """As of midnight: what was looked at on the day itself is not in its row."""
    dataset = past.dataset
    records = dataset.histories[0]
    moment = int(records["occurred_at"].max() // DAY * DAY)
    pairs = Pairs(np.zeros(1, np.int32), np.array([moment]), np.zeros(1, np.int32), np.zeros(1, np.int32))
    until = replace(dataset, histories=(records[records["occurred_at"] <= moment], *dataset.histories[1:]))
    whole, cut = (feature_rows(one, pairs, table.every_category) for one in (dataset, until))
    assert whole.tobytes() == cut.tobytes()


def test_without_a_model_the_column_is_a_constant_that_changes_no_tree(past: Past, fit: AffinityFit) -> None:
    chosen = everything(past.dataset).take(np.arange(2_000))
    records = track_records(past.dataset)
    rows = response_rows(past.dataset, chosen, [replace(fit, interest=None)], records)
    place = response_inputs().index(INTEREST_INPUT)
    assert (rows[:, place] == 0.0).all()
    needs = Needs.of(rows, chosen.pairs.category, rows)
    assert (interest_log_odds(None, needs, chosen.pairs.category, rows[:, 0]) == 0.0).all()
    names = response_inputs()
    label = np.random.default_rng(1).random(len(rows)) < 0.2
    without = np.delete(rows, place, axis=1), [*names[:place], *names[place + 1 :]]
    some = Sample(rows, label, np.ones(len(rows)), chosen.pairs.person)
    with_it = grow(some, names, ResponseTrees().told(), 20, 1).raw(rows)
    lacking = grow(replace(some, columns=without[0]), without[1], ResponseTrees().told(), 20, 1).raw(without[0])
    assert with_it.tobytes() == lacking.tobytes()
