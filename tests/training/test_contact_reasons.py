"""Contact reasons on synthetic people whose chances are known: what is learned comes near the best that can be known,
sees nothing of the contact itself, and is what serves."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from features.event import Event, Kind
from features.identity import customer_identifier
from features.progress import Silent
from features.stores.protocol import Append, Store
from features.zone_history import zone_at
from models import bundle
from models.contact_moment import HOLD, known_events, known_records, question
from models.contact_ranking import contact_row
from models.contact_reason import contact_reason_inputs, softmax
from models.contact_rules import OTHER
from models.contact_told import LONGEST, age_in_days, places, reason_in, tellings, told_columns
from tests.training.contact_world import MINUTE, TRUTH, Called, contact_world, row
from tests.training.small_shop import BEGIN, DAY, as_table, open_shop
from training import contact_reasons, table
from training.contact_reasons import FEWEST_CONTACTS, FEWEST_PEOPLE, RULES, Learned, fit_softmax, shortage
from training.labelled_contacts import LabelledContacts, Told
from training.settings import TrainingSettings
from training.table import Dataset
from training.tables import BASE_RATE, OURS, class_draws, people_weights

PEOPLE, EACH = 350, 5
SETTINGS = TrainingSettings(rounds=200, patience=15, resamples=50)


@dataclass(frozen=True, slots=True)
class World:
    store: Store
    dataset: Dataset
    calls: Sequence[Called]
    learned: Learned

    def called(self, test_only: bool) -> list[Called]:
        """The contacts in the order of the dataset, which numbers people as the store does."""
        names = [entry.customer_id for entry in self.store.scan(0, 1)]
        known = {(one.customer, one.began - 1): one for one in self.calls}
        contacts = self.dataset.contacts
        keys = zip(contacts.person.tolist(), contacts.moment.tolist(), strict=True)
        found = [known[names[person], moment] for person, moment in keys]
        judges = contact_reasons.tested(contacts)
        return [one for one, judged in zip(found, judges, strict=True) if judged or not test_only]


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    rows, calls = contact_world(PEOPLE, EACH, 11)
    store = open_shop(tmp_path_factory.mktemp("world") / "store.db", rows=as_table(rows))
    dataset = table.read(store, None, Silent())
    yield World(store, dataset, calls, contact_reasons.learn(dataset, SETTINGS, Silent()))
    store.close()


def test_each_contact_is_one_with_the_reason_told_last(world: World) -> None:
    contacts, called = world.dataset.contacts, world.called(test_only=False)
    assert len(contacts) == len(called) == PEOPLE * EACH
    assert [contacts.reasons[code] for code in contacts.reason] == [one.reason for one in called]


def truth(called: Sequence[Called], classes: Sequence[str]) -> NDArray[np.float64]:
    """float64[n, classes]: the chances that each contact was drawn with; a rare reason is one of the others."""
    chances = np.zeros((len(called), len(classes)))
    for number, one in enumerate(called):
        for reason, chance in one.chances.items():
            chances[number, classes.index(reason if reason in classes else OTHER)] += chance
    return chances


def test_what_is_learned_comes_near_what_can_be_known(world: World) -> None:
    """Within three standard errors of what the very chances that the contacts were drawn from would have reached."""
    judged = world.learned.judged
    assert judged is not None
    test, found = judged.test, judged.probability
    best = truth(world.called(test_only=True), test.classes)
    count, rows = len(test.label), np.arange(len(test.label))
    assert count == PEOPLE * EACH // 5
    reached, possible = ((chances.argmax(axis=1) == test.label).mean() for chances in (found, best))
    assert reached >= possible - 3 * np.sqrt(possible * (1 - possible) / count)
    loss, least = (-np.log(chances[rows, test.label]) for chances in (found, best))
    assert loss.mean() <= least.mean() + 3 * least.std() / np.sqrt(count)
    expected = best.mean(axis=0)
    assert (np.abs(found.mean(axis=0) - expected) <= 3 * np.sqrt(expected * (1 - expected) / count)).all()


def test_it_beats_the_rules_and_the_rules_beat_the_base_rates(world: World) -> None:
    assert world.learned.judged is not None
    figures = world.learned.judged.table.figures
    for metric in ("top-1 accuracy", "top-3 accuracy"):
        assert figures[OURS][metric].low > figures[BASE_RATE][metric].high
    test, ours = world.learned.judged.test, world.learned.judged.probability
    rates = np.bincount(test.label) / len(test.label)
    rules = contact_reasons.by_rules(test.columns, test.classes, rates)
    rows = np.arange(len(test.label))
    gain = np.log(ours[rows, test.label]) - np.log(rules[rows, test.label])
    assert gain.mean() > 3 * gain.std() / np.sqrt(len(gain))
    assert figures[RULES]["top-1 accuracy"].value > figures[BASE_RATE]["top-1 accuracy"].value
    for found in figures.values():
        assert all(figure.low <= figure.value <= figure.high for figure in found.values())


def test_who_was_here_within_a_day_probably_comes_about_the_same(world: World) -> None:
    """The chance of the reason told before, which without it could be told apart in the situation of before only."""
    judged = world.learned.judged
    assert judged is not None
    told = judged.test.columns[:, -len(judged.test.classes) :] < 1
    followed = told.any(axis=1)
    assert 30 < followed.sum() < 80
    chance = (judged.probability * told).sum(axis=1)[followed]
    happened = told[np.arange(len(told)), judged.test.label][followed]
    assert chance.mean() == pytest.approx(happened.mean(), abs=3 * np.sqrt(0.25 / followed.sum()))
    assert chance.mean() > 0.6


def test_the_model_knows_reasons_that_enough_people_gave_and_no_story(world: World) -> None:
    assert world.learned.model is not None
    told = {reason for chances in TRUTH.values() for reason in chances}
    assert set(world.learned.model.reasons) == {*told, OTHER}
    assert any(reason.startswith("story") for reason in world.dataset.contacts.reasons)
    assert world.learned.model.contacts == PEOPLE * EACH
    assert f"{len(told) + 1} learned from {PEOPLE * EACH:,} contacts" in world.learned.remark


def test_the_row_that_trained_is_the_row_that_serves(world: World) -> None:
    """Bit for bit, through the store, whenever during the contact it is asked for."""
    dataset, model = world.dataset, world.learned.model
    assert model is not None
    trained = contact_reasons._rows(contact_reasons.contact_rows(dataset), dataset.contacts, every(dataset))
    assert trained.classes == model.reasons
    assert np.isfinite(trained.columns[:, -len(model.reasons) :]).any()
    names = [entry.customer_id for entry in world.store.scan(0, 1)]
    for number in range(0, len(trained.label), 97):
        moment = int(dataset.contacts.moment[number])
        identifier = customer_identifier(names[dataset.contacts.person[number]])
        for later in (1, 2 * MINUTE, 8 * MINUTE):
            record = world.store.read_as_of(identifier, moment + later)
            asked = question(record.page, moment + later)
            assert asked.moment == moment
            row = contact_row(known_records(record.page, asked), moment, record.time_zone, dataset.compiled)
            logged = world.store.timeline(identifier, (moment + later, 0), 300)
            heard = tellings(known_events([one.event for one in reversed(logged)], asked))
            ages = [age_in_days(one.occurred_at, moment) for one in heard.values()]
            own = zip(places(heard, model.reasons, OTHER), ages, strict=True)
            told = told_columns(1, len(model.reasons), [(0, place, age) for place, age in own])
            assert np.hstack([row, told])[0].tobytes() == trained.columns[number].tobytes()


def every(dataset: Dataset) -> NDArray[np.bool_]:
    return np.ones(len(dataset.contacts), np.bool_)


def test_what_is_recorded_later_changes_no_row(world: World) -> None:
    dataset = world.dataset
    rows, later = contact_reasons.contact_rows(dataset), 0
    for number in range(0, len(rows), 41):
        person, asked = int(dataset.contacts.person[number]), dataset.contacts.question(number)
        records = dataset.histories[person]
        known = known_records(records[records["recorded_at"] <= asked.heard_at], asked)
        taken = contact_row(known, asked.moment, zone_at(dataset.zones[person], asked.heard_at), dataset.compiled)
        assert taken[0].tobytes() == rows[number].tobytes()
        later += (records["recorded_at"] > asked.heard_at).sum()
        column = contact_reason_inputs().index("customer.calls.last")
        assert not rows[number, column] < 10 / 1440
    assert later > 100


def test_learning_repeats_on_any_number_of_threads(world: World) -> None:
    again = contact_reasons.learn(world.dataset, replace(SETTINGS, threads=1), Silent())
    assert world.learned.model is not None
    assert again.model == world.learned.model
    assert again.remark == world.learned.remark
    parts = bundle._reason_parts(world.learned.model)
    assert bundle._contact_reason(parts) == world.learned.model


def histories(store: Store) -> Dataset:
    return table.read(store, None, Silent())


def store_of(path: Path, rows: list[dict[str, object]]) -> Store:
    return open_shop(path / "store.db", rows=as_table(rows))


def some_calls(counts: dict[str, int], people: int) -> list[dict[str, object]]:
    """Calls a day apart, by reason, shared out over so many people; the reasons mixed in time."""
    told = [reason for reason, count in counts.items() for _ in range(count)]
    mixed = np.random.default_rng(1).permutation(np.array(told)).tolist()
    return [
        row(f"p-{number % people}", Kind.CALL_STARTED, BEGIN + number * DAY, {"reason": reason})
        for number, reason in enumerate(mixed)
    ]


@pytest.mark.parametrize(
    ("counts", "people", "words"),
    [
        ({}, 1, "0 contacts carry a reason"),
        ({"a": 150, "b": FEWEST_CONTACTS - 151}, 100, f"{FEWEST_CONTACTS - 1} contacts carry a reason"),
        ({"a": 400, "b": 400}, FEWEST_PEOPLE - 1, f"each be given by {FEWEST_PEOPLE} people"),
        ({"a": 400}, 100, f"each be given by {FEWEST_PEOPLE} people"),
    ],
)
def test_too_little_is_said_in_one_line(counts: dict[str, int], people: int, words: str, tmp_path: Path) -> None:
    store = store_of(tmp_path, some_calls(counts, people) or [row("p", Kind.VIEWED, BEGIN, item="i1")])
    learned = contact_reasons.learn(histories(store), SETTINGS, Silent())
    store.close()
    assert learned.model is None
    assert learned.judged is None
    assert words in learned.remark
    assert "\n" not in learned.remark


def test_a_reason_of_too_few_people_is_one_of_the_others(tmp_path: Path) -> None:
    store = store_of(tmp_path, some_calls({"a": 300, "b": 100}, 100) + some_calls({"c": 200}, FEWEST_PEOPLE - 1))
    dataset = histories(store)
    store.close()
    assert shortage(dataset.contacts) is None
    assert contact_reasons._classes(dataset.contacts, every(dataset)) == ("a", "b", OTHER)


def test_contacts_are_as_known_then(tmp_path: Path) -> None:
    rows = [
        row("p", Kind.CALL_STARTED, BEGIN + DAY, {"reason": " Bill "}, lag=2 * DAY),
        row("p", Kind.CALL_ENDED, BEGIN + DAY + MINUTE),
        row("p", Kind.CASE_OPENED, BEGIN + DAY + HOLD, {"case_id": "1", "reason": "bill  late"}, lag=5 * DAY),
        row("p", Kind.CHAT_STARTED, BEGIN + DAY + 2 * HOLD, {"reason": "x" * (LONGEST + 1)}),
        row("p", Kind.CHAT_STARTED, BEGIN + 9 * DAY, {"reason": ""}),
    ]
    store = store_of(tmp_path, rows)
    found = {}
    for until in (2, 4, 20):
        contacts = table.read(store, BEGIN + until * DAY, Silent()).contacts
        found[until] = [(int(moment), contacts.reasons[code]) for moment, code in zip(contacts.moment, contacts.reason)]  # noqa: B905
        assert (contacts.told_at <= BEGIN + until * DAY).all()
    store.close()
    began = BEGIN + DAY - 1
    assert found == {2: [], 4: [(began, "bill")], 20: [(began, "bill late")]}


def test_a_time_zone_that_is_told_after_a_contact_is_not_in_its_row(tmp_path: Path) -> None:
    store = store_of(tmp_path, [row("p", Kind.CALL_STARTED, BEGIN + at * DAY, {"reason": "bill"}) for at in (1, 9)])
    before = contact_reasons.contact_rows(histories(store))
    moved = Event("moved", Kind.VIEWED, "Viewed", BEGIN + 5 * DAY, BEGIN + 5 * DAY)
    store.append([Append(customer_identifier("p"), (moved,), traits={"time_zone": "Asia/Tokyo"})]).result(timeout=60)
    after = contact_reasons.contact_rows(histories(store))
    store.close()
    hour = contact_reason_inputs().index("moment.hour")
    assert after[0].tobytes() == before[0].tobytes()
    assert (before[1, hour], after[1, hour]) == (23.0, 7.0)


def test_a_reason_told_after_the_cutoff_is_not_learned_from_before_it() -> None:
    count = 100
    moment = np.arange(count, dtype=np.int64) * DAY
    told_at = np.where(np.arange(count) % 2, moment, moment + 1000 * DAY)
    nobody = np.zeros(count, np.int32)
    never = Told(nobody[:0], nobody[:0], np.zeros(0))
    contacts = LabelledContacts(nobody, moment, moment, told_at, nobody, ("a",), never)
    assert np.flatnonzero(contact_reasons.tested(contacts)).tolist() == list(range(80, 100))
    assert np.flatnonzero(contact_reasons._before(contacts)).tolist() == list(range(1, 80, 2))


@pytest.mark.parametrize("properties", ["{}", "[]", '{"reason": 5}', '{"reason": null}', '{"reason": " "}', '"reason"'])
def test_what_is_no_reason_is_none(properties: str) -> None:
    assert reason_in(properties) is None


def test_calibration_undoes_what_was_done_to_the_chances() -> None:
    """Labels drawn from known chances, whose log odds were then flattened and shifted: what undoes it is found within
    four of its own standard errors, which 20,000 labels make about 0.025 and 0.03."""
    rng = np.random.default_rng(5)
    honest = rng.normal(size=(20_000, 3))
    label = (softmax(honest).cumsum(axis=1) < rng.random((20_000, 1))).sum(axis=1)
    slope, offsets = fit_softmax(honest / 2.5 + np.array([0.4, 0.0, -0.4]), label.astype(np.intp))
    assert slope == pytest.approx(2.5, abs=0.1)
    assert np.diff(offsets) == pytest.approx([1.0, 1.0], abs=0.12)


def test_calibration_by_nobody_changes_nothing() -> None:
    slope, offsets = fit_softmax(np.zeros((0, 3)), np.zeros(0, np.intp))
    assert (slope, offsets) == (1.0, (0.0, 0.0, 0.0))


def test_the_figures_are_those_of_a_plain_count() -> None:
    """Of each draw of people: everybody's contacts as often as they were drawn. Equal chances rank by their place."""
    rng = np.random.default_rng(7)
    chances = rng.integers(1, 4, (40, 5)).astype(np.float64)
    chances /= chances.sum(axis=1, keepdims=True)
    label, person = rng.integers(0, 5, 40).astype(np.intp), rng.integers(0, 9, 40).astype(np.intp)
    draws = people_weights(9, 6, rng)
    expected = []
    for draw in draws:
        rows = [number for number in range(40) for _ in range(int(draw[person[number]]))]
        ranked = {number: sorted(range(5), key=lambda one: (-chances[number, one], one)) for number in rows}
        losses = [-np.log(chances[number, label[number]]) for number in rows]
        shares = [[label[number] in ranked[number][:most] for number in rows] for most in (1, 3)]
        expected.append([np.mean(losses), np.mean(shares[0]), np.mean(shares[1])])
    np.testing.assert_allclose(class_draws(chances, label, person, draws), expected)
