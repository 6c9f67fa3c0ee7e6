"""Learns why people contact us, from past contacts that carry a reason; judged on the latest first, like the rest.

A reason becomes one of the model's own when at least FEWEST_PEOPLE different people gave it: fewer say little about
anybody else, and words that only few ever used might tell who they are. All others together are "other".
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize

from features.progress import Progress
from features.zone_history import zone_at
from models.contact_moment import known_records
from models.contact_ranking import contact_row
from models.contact_reason import ContactReasonModel, contact_reason_inputs, softmax, told_inputs
from models.contact_rules import OTHER, REASONS, TOLD_WEIGHT, TOLD_WITHIN, UNTHOUGHT_OF, weights
from models.contact_told import places, told_columns
from models.forest import Forest
from training.growing import FOLDS, Tables, grow_matrix, in_parallel, matrix
from training.labelled_contacts import LabelledContacts
from training.settings import CONTACT_REASON, TrainingSettings
from training.table import Dataset
from training.tables import BASE_RATE, OURS, Table, class_draws, people_weights, tabulate

FEWEST_PEOPLE = 30
"""With 30 a share of a half is known to within 9 points (one standard error)."""

FEWEST_CONTACTS = 300
"""In all, so that the fifth that judges has 60: one standard error of its accuracy is 6 points."""

JUDGED_SHARE = 0.2
"""Share of the contacts, the latest, that judge; and of those before them, that stop the growing."""

RULES = "prior rules"
METRICS = ("log loss", "top-1 accuracy", "top-3 accuracy")
TITLE = "Contact reasons"


@dataclass(frozen=True, slots=True)
class Rows:
    """columns: float64[n, contact_reason_inputs + told columns of the classes]. label: intp[n], place in `classes`.
    person: int32[n]. classes: the reasons that are told apart."""

    columns: NDArray[np.float64]
    label: NDArray[np.intp]
    person: NDArray[np.int32]
    classes: tuple[str, ...]

    def take(self, chosen: NDArray[np.bool_]) -> Rows:
        return Rows(self.columns[chosen], self.label[chosen], self.person[chosen], self.classes)


@dataclass(frozen=True, slots=True)
class Judged:
    """How well the reasons of the latest contacts were foretold from what was known before all of them. test: those.
    probability: float64[test, classes]. rounds: what did best on the contacts before the test's."""

    test: Rows
    probability: NDArray[np.float64]
    rounds: int
    table: Table


@dataclass(frozen=True, slots=True)
class Learned:
    """remark: one line for people. judged, model: None when there are too few contacts to learn from."""

    remark: str
    judged: Judged | None = None
    model: ContactReasonModel | None = None


def learn(dataset: Dataset, settings: TrainingSettings, progress: Progress) -> Learned:
    """Judge on the latest contacts, then learn from all of them."""
    short = shortage(dataset.contacts)
    if short is not None:
        return Learned(short)
    with progress.step("Learn contact reasons, judged on later ones", total=3) as advance:
        columns = contact_rows(dataset)
        advance()
        judged = judge(columns, dataset.contacts, settings)
        advance()
        model = _model(_rows(columns, dataset.contacts, np.ones(len(columns), np.bool_)), judged.rounds, settings)
        advance()
    ours, rules = (judged.table.figures[name]["top-1 accuracy"] for name in (OURS, RULES))
    remark = (
        f"contact reasons: {len(model.reasons)} learned from {model.contacts:,} contacts; the first guess was right in "
        f"{ours.value:.0%} ({ours.low:.0%} to {ours.high:.0%}) of the latest {len(judged.test.label):,}, "
        f"that of the rules in {rules.value:.0%}"
    )
    return Learned(remark, judged, model)


def shortage(contacts: LabelledContacts) -> str | None:
    """Why nothing can be learned yet; None when it can."""
    told = f"contact reasons are not learned, the rules answer: {len(contacts):,} contacts carry a reason"
    if len(contacts) < FEWEST_CONTACTS:
        return f"{told}; {FEWEST_CONTACTS} are needed; send `reason` with calls, chats, menus and cases"
    if len(_classes(contacts, _before(contacts))) < 2:
        return (
            f"{told}; two reasons must each be given by {FEWEST_PEOPLE} people before the latest fifth; wait for more"
        )
    return None


def contact_rows(dataset: Dataset) -> NDArray[np.float64]:
    """float64[n, contact_reason_inputs]: each labelled contact as it was asked about when it was first heard of."""
    rows = np.empty((len(dataset.contacts), len(contact_reason_inputs())))
    for number, person in enumerate(dataset.contacts.person.tolist()):
        asked = dataset.contacts.question(number)
        known = known_records(dataset.histories[person], asked)
        zone = zone_at(dataset.zones[person], asked.heard_at)
        rows[number] = contact_row(known, asked.moment, zone, dataset.compiled)[0]
    return rows


def judge(columns: NDArray[np.float64], contacts: LabelledContacts, settings: TrainingSettings) -> Judged:
    """Deterministic for contacts and settings."""
    before = _before(contacts)
    past, test = _rows(columns, contacts, before), _rows(columns, contacts, tested(contacts), before)
    moment, told_at = contacts.moment[before], contacts.told_at[before]
    stopped_from = _latest(moment)
    early = (moment < stopped_from) & (told_at <= stopped_from)
    rounds = _grow(past.take(early), settings.rounds, settings, past.take(moment >= stopped_from)).rounds
    rounds = max(rounds // len(past.classes), 1)
    model = _model(past, rounds, settings)
    probability = model.probabilities(test.columns)
    return Judged(test, probability, rounds, _table(past, test, probability, settings))


def by_rules(
    columns: NDArray[np.float64], classes: tuple[str, ...], base_rates: NDArray[np.float64]
) -> NDArray[np.float64]:
    """float64[n, classes]: the rules' weights, with the base rates for what no rule thinks of. A reason that only
    the rules know counts for "other". columns: as of Rows."""
    usual = len(contact_reason_inputs())
    summed = weights(columns[:, :usual], contact_reason_inputs())
    chances = np.tile(UNTHOUGHT_OF * base_rates, (len(columns), 1))
    chances += TOLD_WEIGHT * (columns[:, usual:] < TOLD_WITHIN)
    for number, reason in enumerate(REASONS):
        known = reason if reason in classes else OTHER
        if known in classes:
            chances[:, classes.index(known)] += summed[:, number]
    return np.asarray(chances / chances.sum(axis=1, keepdims=True), np.float64)


def tested(contacts: LabelledContacts) -> NDArray[np.bool_]:
    """bool[n]: the latest, which judge."""
    return contacts.moment >= _latest(contacts.moment)


def _latest(moments: NDArray[np.int64]) -> int:
    """The moment from which on JUDGED_SHARE of them lie, or a little more."""
    return int(np.sort(moments)[-int(np.ceil(JUDGED_SHARE * len(moments)))])


def _before(contacts: LabelledContacts) -> NDArray[np.bool_]:
    """Whose reason was known before the first of the latest."""
    test_from = _latest(contacts.moment)
    return (contacts.moment < test_from) & (contacts.told_at <= test_from)


def _classes(contacts: LabelledContacts, among: NDArray[np.bool_]) -> tuple[str, ...]:
    """The reasons that enough people gave, and "other" if there is any other."""
    pairs = np.unique(np.column_stack([contacts.reason[among], contacts.person[among]]), axis=0)
    people = np.bincount(pairs[:, 0], minlength=len(contacts.reasons))
    own = [
        reason
        for reason, count in zip(contacts.reasons, people, strict=True)
        if count >= FEWEST_PEOPLE and reason != OTHER
    ]
    rest = sum(count for reason, count in zip(contacts.reasons, people, strict=True) if reason not in own)
    return (*own, OTHER) if rest else tuple(own)


def _rows(
    columns: NDArray[np.float64],
    contacts: LabelledContacts,
    chosen: NDArray[np.bool_],
    among: NDArray[np.bool_] | None = None,
) -> Rows:
    """The `chosen` contacts; told apart is what enough people gave `among` the contacts (None: among the chosen). Left
    out is what is none of these while there was no "other" among them."""
    classes = _classes(contacts, chosen if among is None else among)
    code = np.array(places(contacts.reasons, classes, OTHER), np.intp)
    label = code[contacts.reason]
    kept = chosen & (label >= 0)
    earlier = contacts.earlier
    told = np.column_stack([earlier.contact, code[earlier.reason], earlier.age])
    columns = np.hstack([columns, told_columns(len(contacts), len(classes), told)])
    return Rows(columns[kept], label[kept], contacts.person[kept], classes)


def _grow(rows: Rows, rounds: int, settings: TrainingSettings, validation: Rows | None = None) -> Forest:
    told = {**CONTACT_REASON, "num_class": len(rows.classes)}
    inputs = (*contact_reason_inputs(), *told_inputs(len(rows.classes)))
    grown = matrix(rows.columns, rows.label, inputs)
    judged = None if validation is None else matrix(validation.columns, validation.label, inputs, reference=grown)
    return grow_matrix(Tables(grown, judged), told, rounds, settings.seed, settings.patience)


def _model(rows: Rows, rounds: int, settings: TrainingSettings) -> ContactReasonModel:
    slope, offsets = _calibrate_across_people(rows, rounds, settings)
    rates = np.bincount(rows.label, minlength=len(rows.classes)) / len(rows.label)
    return ContactReasonModel(
        forest=_grow(rows, rounds, settings),
        reasons=rows.classes,
        base_rates=tuple(rates.tolist()),
        slope=slope,
        offsets=offsets,
        contacts=len(rows.label),
    )


def _calibrate_across_people(rows: Rows, rounds: int, settings: TrainingSettings) -> tuple[float, tuple[float, ...]]:
    """Slope and offsets fitted on everybody, each scored by a forest that had not seen them."""
    raw = np.full((len(rows.label), len(rows.classes)), np.nan)

    def score(fold: int) -> None:
        asked = rows.person % FOLDS == fold
        if asked.any() and not asked.all():
            raw[asked] = _grow(rows.take(~asked), rounds, settings).raw(rows.columns[asked])

    in_parallel([partial(score, fold) for fold in range(FOLDS)], settings.threads)
    known = np.isfinite(raw).all(axis=1)
    return fit_softmax(raw[known], rows.label[known])


def fit_softmax(raw: NDArray[np.float64], label: NDArray[np.intp]) -> tuple[float, tuple[float, ...]]:
    """Slope and offsets of most likelihood, held towards 1 and 0 as by one contact, so that little evidence changes
    little. raw: float64[n, classes]."""
    count = raw.shape[1]
    happened = np.eye(count)[label]

    def loss(told: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
        likely = softmax(told[0] * raw + told[1:])
        off = likely - happened
        held = told - np.array([1.0, *np.zeros(count)])
        gradient = np.array([(off * raw).sum(), *off.sum(axis=0)]) + held
        return float(-np.log(np.maximum(likely[happened > 0], 1e-300)).sum() + 0.5 * (held**2).sum()), gradient

    start = np.array([1.0, *np.zeros(count)])
    found = minimize(loss, start, jac=True, method="L-BFGS-B", bounds=[(1e-3, None), *[(None, None)] * count]).x
    return float(found[0]), tuple(found[1:].tolist())


def _table(past: Rows, test: Rows, probability: NDArray[np.float64], settings: TrainingSettings) -> Table:
    rates = np.bincount(past.label, minlength=len(past.classes)) / len(past.label)
    scored = {
        OURS: probability,
        RULES: by_rules(test.columns, test.classes, rates),
        BASE_RATE: np.tile(rates, (len(test.label), 1)),
    }
    everyone, person = np.unique(test.person, return_inverse=True)
    draws = people_weights(len(everyone), settings.resamples, np.random.default_rng([settings.seed, 3]))
    drawn = {name: class_draws(chances, test.label, person, draws) for name, chances in scored.items()}
    return tabulate(TITLE, METRICS, drawn, len(everyone), len(test.label), len(test.label))
