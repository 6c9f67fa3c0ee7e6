"""Training on a small synthetic shop: nothing is seen before its time, everything repeats, and what trained is what
serves."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pytest

from features.event import Kind
from features.identity import customer_identifier
from features.progress import Silent
from features.stores.protocol import Store
from models import bundle
from models.affinity import HORIZON
from models.bundle import Bundle, Provenance
from models.inputs import AFFINITY_INPUT, affinity_columns, response_inputs
from models.local_time import utc_offset
from models.population import COLUMNS, RESPONSE_COLUMNS, Population
from models.reasons import SHOWN, reasons
from models.response import ModelScorer
from tests.training.small_shop import LEAVES, PEOPLE, open_shop
from training import affinity, baselines, census, holdout, table
from training.affinity import AffinityFit
from training.baselines import Weighing
from training.contacts import DAY
from training.errors import NothingToLearn
from training.evaluate import Evaluation, evaluate
from training.settings import TrainingSettings
from training.table import Dataset, Pairs
from training.tables import BASE_RATE, OURS
from training.track_records import track_records
from training.train import PARTS, Trained, choose_splits, response_rows, train
from training.watching.reference import reference_of

SETTINGS = TrainingSettings(rounds=60, affinity_rounds=30, resamples=20, refits=3, negatives=2_000, judged=2_000)
AFFINITY, LIFT = (response_inputs().index(one) for one in (AFFINITY_INPUT, RESPONSE_COLUMNS[0]))


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    store = open_shop(tmp_path_factory.mktemp("shop") / "store.db")
    yield store
    store.close()


@pytest.fixture(scope="module")
def dataset(shop: Store) -> Dataset:
    return table.read(shop, None, Silent())


@pytest.fixture(scope="module")
def trained(dataset: Dataset) -> Trained:
    return train(dataset, SETTINGS, Silent())


@pytest.fixture(scope="module")
def evaluation(trained: Trained) -> Evaluation:
    return evaluate(trained.dataset, trained.backtest, SETTINGS, Silent())


def test_every_contact_of_the_shop_is_an_exposure(dataset: Dataset) -> None:
    sent = sum(int((records["kind"] == Kind.SENT).sum()) for records in dataset.histories)
    assert len(dataset.exposures) == sent
    assert dataset.withdrawn == 0
    assert dataset.people == PEOPLE
    assert dataset.purchases.leaf.sum() == LEAVES


def test_purchases_are_those_of_a_plain_loop(dataset: Dataset) -> None:
    facts, bought = dataset.compiled.facts, dataset.purchases
    for person in (0, 17, PEOPLE - 1):
        expected = set()
        for record in dataset.histories[person]:
            category = facts.category[record["item"]] if record["kind"] == Kind.ORDERED else -1
            while category >= 0:
                expected.add((int(record["occurred_at"]), int(record["order"]), int(category)))
                category = facts.parent[category]
        rows = slice(bought.start[person], bought.start[person + 1])
        found = list(
            zip(bought.at[rows].tolist(), bought.order[rows].tolist(), bought.category[rows].tolist(), strict=True)
        )
        assert len(found) == len(set(found))
        assert set(found) == expected


def test_parts_are_disjoint_and_each_is_known_before_the_next(dataset: Dataset) -> None:
    splits = choose_splits(dataset.exposures)
    masks = splits.masks(dataset.exposures)
    assert (np.sum([masks[name] for name in PARTS], axis=0) == 1).all()
    matured, moment = dataset.exposures.matured_at, dataset.exposures.pairs.moment
    assert matured[masks["train"]].max() <= splits.validation_from <= moment[masks["validation"]].min()
    assert matured[masks["validation"]].max() <= splits.test_from <= moment[masks["test"]].min()
    total = dataset.exposures.success.sum()
    for name in ("validation", "test"):
        assert dataset.exposures.success[masks[name]].sum() >= 0.2 * total


def test_what_others_chose_is_nothing_to_compare_decisions_with(trained: Trained) -> None:
    made = reference_of(trained, 1)
    assert (made.scores, made.features) == ({}, {})
    assert {"mail", "email"} == made.rates.keys()


def decided(dataset: Dataset) -> Dataset:
    """The same, as if decisions had chosen every contact."""
    pairs, made = dataset.exposures.pairs, []
    for person, history in enumerate(dataset.histories):
        at = pairs.moment[pairs.person == person]
        chosen = np.zeros(len(at), history.dtype)
        chosen["kind"], chosen["occurred_at"], chosen["recorded_at"] = Kind.DECIDED, at, at
        made.append(np.sort(np.concatenate([history, chosen]), order=["occurred_at", "sequence"]))
    return replace(dataset, histories=tuple(made))


def test_a_reference_is_of_what_was_judged(dataset: Dataset, trained: Trained) -> None:
    made = reference_of(replace(trained, dataset=decided(dataset)), 1)
    compiled, part = dataset.compiled, trained.backtest.parts["test"]
    scores = trained.backtest.calibration.apply(trained.backtest.raw)
    assert sum(one.contacts for rates in made.rates.values() for one in rates.values()) == len(dataset.exposures)
    for channel, one in made.scores.items():
        here = compiled.all.channel[part.exposures.pairs.candidate] == compiled.channel_codes[channel]
        assert one.share[0] == pytest.approx(np.average(scores[here] <= one.edges[0], weights=part.sample.weight[here]))
    assert ({"mail", "email"}, len(made.features)) == (made.scores.keys(), 40)


def test_an_affinity_model_saw_nothing_after_its_cutoff(shop: Store, dataset: Dataset, trained: Trained) -> None:
    """Of a store that ends at the cutoff, the very same model is learned."""
    moments = affinity.grid(dataset)
    for known in trained.backtest.fits[-3:]:
        cutoff = known.population.as_of
        earlier = table.read(shop, cutoff, Silent())
        again = affinity.fit_at(earlier, moments, (cutoff,), SETTINGS, Silent())[0]
        assert again.population.as_of == cutoff
        assert again.forest.text == known.forest.text
        np.testing.assert_array_equal(again.population.figures, known.population.figures)
    assert [fit.population.as_of for fit in trained.backtest.fits][-1] == dataset.known_at


def test_each_exposure_uses_the_latest_model_before_it(trained: Trained) -> None:
    fits = trained.backtest.fits
    cutoffs = [fit.population.as_of for fit in fits]
    moments = np.array([cutoffs[0] - 1, cutoffs[0], cutoffs[1] - 1, cutoffs[-1] + 5], np.int64)
    assert affinity.by_time(fits, moments).tolist() == [-1, 0, 0, len(fits) - 1]
    part = trained.backtest.parts["train"]
    early = part.exposures.pairs.moment < cutoffs[0]
    assert early.any()
    assert np.isnan(part.sample.columns[early][:, [AFFINITY, LIFT]]).all()
    assert np.isfinite(part.sample.columns[~early][:, AFFINITY]).all()


def test_a_row_is_what_it_was_when_later_events_are_taken_away(shop: Store, trained: Trained) -> None:
    cutoff = trained.backtest.fits[-2].population.as_of
    earlier = table.read(shop, cutoff, Silent())
    everything = trained.dataset
    some = earlier.exposures.take(np.linspace(0, len(earlier.exposures) - 1, 60).astype(np.intp))
    fits = [fit for fit in trained.backtest.fits if fit.population.as_of <= cutoff]
    truncated = replace(earlier, histories=tuple(_until(records, cutoff) for records in everything.histories))
    now = response_rows(everything, some, fits, trained.backtest.records)
    then = response_rows(truncated, some, fits, track_records(truncated))
    assert now.tobytes() == then.tobytes()


def _until(records: np.ndarray, moment: int) -> np.ndarray:
    return records[records["recorded_at"] <= moment]


def test_the_row_that_trained_is_the_row_that_serves(shop: Store, trained: Trained) -> None:
    """Bit for bit, through the store as of that moment and the scorer in service."""
    dataset, fits, records = trained.dataset, trained.backtest.fits, trained.backtest.records
    fit = fits[-2]
    compiled = dataset.compiled
    people = {entry.person: entry.customer_id for entry in shop.scan(0, 1)}
    numbers = sorted(people)
    ours = affinity.by_time(fits, dataset.exposures.pairs.moment) == len(fits) - 2
    assert ours.sum() > 300
    for at in np.flatnonzero(ours)[::150]:
        one = dataset.exposures.take(np.array([at]))
        moment, candidate = int(one.pairs.moment[0]), int(one.pairs.candidate[0])
        record = shop.read_as_of(customer_identifier(people[numbers[int(one.pairs.person[0])]]), moment)
        offset = utc_offset(record.time_zone, compiled.catalogue.time_zone, moment)
        known = max((each for each in records if each.as_of <= moment), key=lambda each: each.as_of)
        serving = replace(
            trained.bundle,
            affinity=fit.forest,
            population=fit.population,
            interest=fit.interest,
            track_record=known,
        )
        scorer = ModelScorer(bundle.load(bundle.serialise(serving)), "1")
        scores = scorer.score(record, moment, offset, compiled.all, compiled)
        columns = response_rows(dataset, one, fits, records)
        assert scores.rows[candidate].tobytes() == columns[0, : scores.rows.shape[1]].tobytes()
        learned = trained.bundle.calibration.apply(trained.bundle.response.raw(columns))
        assert scores.response[candidate].tobytes() == learned[0].tobytes()
        probability = 1 / (1 + np.exp(-columns[0, AFFINITY]))
        assert scores.affinity[candidate] == pytest.approx(probability)


def test_somebody_unknown_gets_probabilities_too(shop: Store, trained: Trained) -> None:
    scorer = ModelScorer(trained.bundle, "1")
    record = shop.read(customer_identifier("nobody"))
    scores = scorer.score(record, trained.dataset.known_at, 0, trained.dataset.compiled.all, trained.dataset.compiled)
    assert not record.known
    assert ((scores.response > 0) & (scores.response < 1)).all()
    assert np.isfinite(scores.affinity).all()


def test_the_reasons_add_up_to_the_score(shop: Store, trained: Trained) -> None:
    """With the usual value they are the calibrated log odds, for every candidate alike."""
    scorer = ModelScorer(trained.bundle, "1")
    compiled = trained.dataset.compiled
    record = shop.read(customer_identifier("c-1"))
    scores = scorer.score(record, trained.dataset.known_at, 0, compiled.all, compiled)
    additions = scorer.additions(scores.rows, compiled.all, compiled)
    log_odds = np.log(scores.response / (1 - scores.response))
    usual = log_odds - additions.log_odds.sum(axis=1)
    np.testing.assert_allclose(usual, usual[0], rtol=0, atol=1e-9)
    for place in range(len(compiled.all)):
        told = reasons(additions, place, "EUR")
        assert 0 < len(told) <= SHOWN
        strongest = int(np.argmax(np.abs(additions.log_odds[place])))
        rises = additions.log_odds[place, strongest] > 0
        assert told[0].split("; ")[-1].startswith("raises" if rises else "lowers")


def test_what_promotes_no_category_has_no_affinity(trained: Trained, shop: Store) -> None:
    compiled = trained.dataset.compiled
    without = replace(compiled.all, category=np.full(len(compiled.all), -1, np.int32))
    scores = ModelScorer(trained.bundle, "1").score(
        shop.read(customer_identifier("c-1")), trained.dataset.known_at, 0, without, compiled
    )
    assert np.isnan(scores.affinity).all()
    assert ((scores.response > 0) & (scores.response < 1)).all()


def test_training_repeats_to_the_last_bit_on_any_number_of_threads(dataset: Dataset, trained: Trained) -> None:
    again = train(dataset, replace(SETTINGS, threads=1), Silent())
    assert bundle.serialise(again.bundle) == bundle.serialise(trained.bundle)
    other = train(dataset, replace(SETTINGS, seed=1), Silent())
    assert bundle.digest(bundle.serialise(other.bundle)) != bundle.digest(bundle.serialise(trained.bundle))


def test_the_bundle_says_where_it_comes_from(dataset: Dataset, trained: Trained) -> None:
    assert trained.bundle.provenance == Provenance(
        trained_until=dataset.known_at,
        dataset_digest=dataset.digest,
        catalogue_version=1,
        seed=SETTINGS.seed,
        exposures=len(dataset.exposures),
        positives=int(dataset.exposures.success.sum()),
    )


def test_the_model_has_learned_the_shops_tastes(evaluation: Evaluation) -> None:
    figures = evaluation.response.figures
    assert figures[OURS]["AUC"].value > figures["popularity"]["AUC"].value + 0.1
    assert figures[OURS]["log loss"].value < figures[BASE_RATE]["log loss"].value
    for purchases in evaluation.next_purchase:
        ours, popular = purchases.figures[OURS], purchases.figures["popularity"]
        assert ours["NDCG@5"].value > popular["NDCG@5"].value + 0.1


def test_every_method_is_in_every_table_with_its_interval(evaluation: Evaluation) -> None:
    for found in (evaluation.response, *evaluation.next_purchase):
        assert len(found.figures) == 7 + (found is evaluation.response)
        for figures in found.figures.values():
            for figure in figures.values():
                assert figure.low <= figure.value + 0.05
                assert figure.high >= figure.value - 0.05
                assert np.isfinite(figure.value)
        assert set(found.rivals.values()).isdisjoint({OURS, BASE_RATE})
    assert evaluation.next_purchase[0].people <= PEOPLE
    assert set(evaluation.settings) == {"recency-weighted frequency", "ALS (implicit)", "item-item (implicit)"}


def test_evaluation_repeats(trained: Trained, evaluation: Evaluation) -> None:
    assert evaluate(trained.dataset, trained.backtest, SETTINGS, Silent()).flat() == evaluation.flat()


def test_the_population_is_that_of_a_plain_count(dataset: Dataset) -> None:
    bought, moment = dataset.purchases, dataset.known_at - 3 * HORIZON
    buyers = [set(), set()]
    known = set()
    for person in range(bought.people):
        for row in range(bought.start[person], bought.start[person + 1]):
            if bought.recorded_at[row] <= moment:
                known.add(person)
                buyers[1].add((person, int(bought.category[row])))
                if bought.at[row] > moment - HORIZON:
                    buyers[0].add((person, int(bought.category[row])))
    expected = [
        [sum(category == number for _, category in which) / len(known) for which in buyers]
        for number in range(len(bought.leaf))
    ]
    np.testing.assert_allclose(census.reach(bought, moment), expected)
    assert np.isnan(census.reach(bought, int(bought.at.min()) - 1)).all()


def test_what_was_bought_later_is_unknown_to_every_baseline(shop: Store, dataset: Dataset) -> None:
    moment = dataset.known_at - HORIZON
    earlier = table.read(shop, moment, Silent())
    person = np.repeat(np.arange(PEOPLE, dtype=np.int32), 3)
    category = np.tile(np.array([2, 5, 9], np.int32), PEOPLE)
    pairs = Pairs(person, np.full(len(person), moment, np.int64), category, category)
    methods = [baselines.popularity, baselines.personal_frequency, baselines.raw_counts]
    methods += [option for options in baselines.tunable((moment,), 1).values() for option in options.values()]
    for method in methods:
        np.testing.assert_array_equal(method(dataset.purchases, pairs), method(earlier.purchases, pairs))


def test_a_matrix_counts_purchases_as_it_was_told(dataset: Dataset) -> None:
    bought, moment = dataset.purchases, dataset.known_at - HORIZON
    expected = np.zeros((bought.people, len(bought.leaf)))
    for person, category, recorded_at in zip(bought.person(), bought.category, bought.recorded_at, strict=True):
        expected[person, category] += recorded_at <= moment
    for logarithmic in (False, True):
        for leaves_only in (False, True):
            found = baselines.matrix(bought, moment, Weighing(logarithmic, leaves_only)).toarray()
            plain = np.where(bought.leaf | (not leaves_only), expected, 0.0)
            np.testing.assert_allclose(found, np.log1p(plain) if logarithmic else plain, rtol=1e-6)


def test_rivals_may_count_plainly_of_leaves_only_and_with_few_neighbours() -> None:
    tried = baselines.tunable((0,), 1)
    assert "2 neighbours, purchases of leaves" in tried["item-item (implicit)"]
    assert "4 factors, alpha 1.0, ln(1 + purchases) of leaves" in tried["ALS (implicit)"]


def test_own_counts_are_those_of_a_plain_loop(dataset: Dataset) -> None:
    bought, moment = dataset.purchases, dataset.known_at - HORIZON
    person, category = np.array([3, 3, 40], np.int32), np.array([2, 7, 4], np.int32)
    found = baselines.counts(bought, Pairs(person, np.full(3, moment, np.int64), category, category), 30.0)
    for place in range(3):
        ages = [
            (moment - int(bought.at[row])) / DAY
            for row in range(bought.start[person[place]], bought.start[person[place] + 1])
            if bought.category[row] == category[place] and bought.at[row] <= moment
        ]
        assert found.own_ever[place] == len(ages)
        assert found.own_28d[place] == sum(age < 28 for age in ages)
        assert found.weighted[place] == pytest.approx(sum(2 ** (-age / 30) for age in ages))


def test_affinity_ranks_what_people_buy_above_what_they_do_not(trained: Trained) -> None:
    dataset, fit = trained.dataset, trained.backtest.fits[-1]
    drawn = affinity.draw(dataset, dataset.known_at - 2 * HORIZON, 10**6, np.random.default_rng(2))
    rows = table.feature_rows(dataset, drawn.pairs, table.every_category)
    figures = fit.population.by_number(dataset.compiled.catalogue.categories)
    raw = fit.forest.raw(affinity_columns(rows, figures[drawn.pairs.category]))
    assert raw[drawn.label].mean() > raw[~drawn.label].mean() + 1


def test_a_champion_is_held_to_the_test_contacts_only_where_it_had_seen_none(trained: Trained) -> None:
    tested, champion = trained.backtest, trained.bundle

    def at(until: int) -> dict[str, float]:
        origin = replace(champion.provenance, trained_until=until)
        return dict(holdout.beside(trained.dataset, replace(champion, provenance=origin), tested))

    assert at(tested.splits.test_from + 1) == {}
    found, part = at(tested.splits.test_from), tested.parts["test"]
    fits = [AffinityFit(champion.affinity, champion.population, champion.interest)]
    raw = champion.response.raw(response_rows(trained.dataset, part.exposures, fits, [champion.track_record]))
    chance = champion.calibration.apply(raw)
    loss = np.where(part.sample.label, -np.log(chance), -np.log1p(-chance))
    assert found["champion.log_loss"] == pytest.approx(np.average(loss, weights=part.sample.weight))


def test_too_little_history_is_told_in_numbers(shop: Store, dataset: Dataset) -> None:
    with pytest.raises(NothingToLearn, match="purchases span"):
        affinity.fit_all(table.read(shop, dataset.known_at - 150 * DAY, Silent()), SETTINGS, Silent())
    with pytest.raises(NothingToLearn, match="successes for"):
        choose_splits(dataset.exposures.take(np.arange(200)))
    with pytest.raises(NothingToLearn, match="purchases are none"):
        affinity.grid(replace(dataset, purchases=table.purchases([], dataset.compiled.facts, 0)))


def test_figures_of_another_shape_are_no_population() -> None:
    with pytest.raises(ValueError, match="figures is of shape"):
        Population(0, ("a",), np.zeros((2, len(COLUMNS))))


def test_a_bundle_is_an_immutable_value(trained: Trained) -> None:
    assert isinstance(trained.bundle, Bundle)
    with pytest.raises(AttributeError):
        trained.bundle.calibration = trained.bundle.calibration  # type: ignore[misc]
