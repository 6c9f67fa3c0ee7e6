"""Rests after a rejection: counted like the slow telling, right where the truth is known, blind to what comes later."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from features.event import Kind
from features.progress import Silent
from models.cool_off import WORSE, Rest, Whose
from tests.training.rejecting_shop import ACTIONS, GROUPS, Felt, open_rejecting, row, told
from tests.training.small_shop import BEGIN, DAY, as_table
from training import cool_off_report, table
from training.cool_off import CoolOffs, Learned, learn
from training.cool_off_rates import Tally, curve, rest, tally
from training.rejections import BINS, EDGES, Followed, Rejections, rejections
from training.shrinking import Ratios, alone, best_hold, held_towards
from training.table import Dataset


def followed(contacts: list[tuple[int, int, int, bool]]) -> Followed:
    """person, action, bin, rejected."""
    person, action, place, rejected = (np.array(column) for column in zip(*contacts, strict=True))
    return Followed(person.astype(np.int32), action, action * 0, place, rejected, 0.1 + action / 10)


CONTACTS = st.tuples(st.integers(0, 4), st.integers(0, 2), st.integers(0, 3), st.booleans())


@settings(max_examples=60, deadline=None)
@given(contacts=st.lists(CONTACTS, min_size=1, max_size=25))
def test_the_tally_agrees_with_the_slow_one(contacts: list[tuple[int, int, int, bool]]) -> None:
    found = followed(contacts)
    counted = tally(found, found.action, 3)
    for action in range(3):
        for place in range(BINS):
            here = [one for one in contacts if one[1:3] == (action, place)]
            share = len({one[0] for one in here}) / max(len(here), 1)
            assert counted.observed[action, place] == pytest.approx(sum(one[3] for one in here) * share)
            assert counted.expected[action, place] == pytest.approx(len(here) * (0.1 + action / 10) * share)
            people = {one[0] for one in here}
            sooner = {one[0] for one in contacts if one[1] == action and one[2] < place}
            assert counted.youngest[action, place] == len(people - sooner)


ABOVE = Ratios(np.full((1, BINS), 2.0), np.full((1, BINS), 1e9))
EACH = np.ones((1, BINS))


@pytest.mark.parametrize("held", [2.0, 20.0, 320.0])
def test_a_thin_ratio_is_that_of_its_kind_and_a_thick_one_its_own(held: float) -> None:
    thin = held_towards(0.0 * EACH, 1e-9 * EACH, ABOVE, held)
    np.testing.assert_allclose(thin.ratio, 2.0 * (held + 0.5) / held, rtol=1e-6)
    thick = held_towards(1e7 * EACH, 1e7 * EACH, ABOVE, held)
    np.testing.assert_allclose(thick.ratio, 1.0, rtol=1e-3)


def test_what_is_all_of_its_kind_is_not_made_surer_by_it() -> None:
    whole = alone(8.0 * EACH, 4.0 * EACH)
    same = held_towards(8.0 * EACH, 4.0 * EACH, whole, 320.0)
    np.testing.assert_allclose(same.strength, whole.strength)
    np.testing.assert_allclose(same.ratio, whole.ratio)


def test_things_that_are_alike_are_held_closely_and_others_loosely() -> None:
    rng, above, expected = np.random.default_rng(3), ABOVE.of(np.zeros(40, np.intp)), np.full((40, BINS), 20.0)
    alike = rng.poisson(2.0 * expected).astype(np.float64)
    different = rng.poisson(2.0 * expected * rng.gamma(1.0, 1.0, (40, 1))).astype(np.float64)
    assert best_hold(alike, expected, above) >= 80.0
    assert best_hold(different, expected, above) <= 5.0


def curve_of(low: list[float], high: list[float]) -> NDArray[np.float64]:
    ends = np.full((3, BINS), np.nan)
    ends[1, : len(low)], ends[2, : len(high)] = low, high
    return ends


MANY = np.full(BINS, 30, np.intp)


@pytest.mark.parametrize(
    ("ends", "youngest", "expected"),
    [
        (curve_of([0.9, 0.8], [1.4, 1.3]), MANY, Rest(0.0, at_least=False, people=30 * BINS)),
        (curve_of([2.0, 1.0], [4.0, 1.5]), MANY, Rest(1.0, at_least=False, people=30 * BINS)),
        (curve_of([2.0, 1.6, 1.4], [4.0, 3.0, 2.0]), MANY, Rest(2.0, at_least=True, people=30 * BINS)),
        (curve_of([2.0] * BINS, [4.0] * BINS), MANY, Rest(365.0, at_least=True, people=30 * BINS)),
        (curve_of([1.0, 1.0], [4.0, 3.0]), MANY, None),
        (curve_of([], []), MANY * 0, None),
        (curve_of([0.9] * BINS, [1.2] * BINS), np.bincount([0] * 19, minlength=BINS), None),
        # What nineteen have seen is not enough, so it is not shorter than what the twentieth saw.
        (
            curve_of([0.9] * BINS, [1.2] * BINS),
            np.bincount([*[0] * 19, 9, 12], minlength=BINS),
            Rest(28.0, at_least=False, people=21),
        ),
    ],
)
def test_a_rest_needs_evidence(ends: NDArray[np.float64], youngest: NDArray[np.intp], expected: Rest | None) -> None:
    assert rest(ends, youngest) == expected


def test_a_curve_never_rises_and_lies_in_its_limits() -> None:
    noisy = Ratios(np.random.default_rng(1).uniform(0.5, 4.0, BINS), np.full(BINS, 20.0))
    noisy.strength[4] = 0.0
    ends = curve(noisy, 50.0, np.random.default_rng(2))
    known = np.delete(ends, 4, axis=1)
    assert np.isnan(ends[:, 4]).all()
    assert (np.diff(known, axis=1) <= 1e-12).all()
    assert ((known[1] <= known[0]) & (known[0] <= known[2])).all()


# Where the truth is known


@dataclass(frozen=True)
class Seen:
    rows: pa.Table
    dataset: Dataset
    found: Rejections
    learned: Learned


@pytest.fixture(scope="module")
def seen(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Seen]:
    rows = told(1, GROUPS)
    store = open_rejecting(tmp_path_factory.mktemp("rejecting") / "s.db", rows, GROUPS)
    dataset = table.read(store, None, Silent())
    found = rejections(dataset, store.vocabulary)
    yield Seen(rows, dataset, found, learn(dataset, store.vocabulary, Silent()))
    store.close()


def cool_offs(learned: Learned) -> CoolOffs:
    assert learned.cool_offs is not None
    return learned.cool_offs


STANDARD_ERRORS = 3.0 + 1.645
"""Of which the upper limit takes 1.645, and chance three against it."""


def latest(counted: Tally, thing: int, truth: float, usual: float) -> float:
    """The day by which the counts suffice to say that it is over, from then on or at the end; usual: as many rejections
    are known to be."""
    after = np.cumsum(np.where(EDGES[:-1] >= truth, counted.expected[thing], 0.0))
    error = np.sqrt(1.0 / np.maximum(after, 1e-9) + 1.0 / usual)
    return float(EDGES[np.argmax(np.append(STANDARD_ERRORS * error <= WORSE - 1.0, True))])


@pytest.mark.parametrize(("group", "number"), [("sore", 0), ("calm", 1)])
def test_rests_are_right_within_what_the_counts_allow(seen: Seen, group: str, number: int) -> None:
    found, model, truth = seen.found, cool_offs(seen.learned).model, GROUPS[group]
    usual = found.usual
    of_actions = tally(found.own, found.own.action, len(GROUPS) * ACTIONS)
    of_groups, of_others = (tally(one, one.group, len(GROUPS)) for one in (found.own, found.shared))
    for place in range(number * ACTIONS, number * ACTIONS + ACTIONS):
        own, whose = model.of_action(f"{group}-{place % ACTIONS}", group) or (None, None)
        assert own is not None
        assert whose is Whose.ITS_OWN
        assert not own.at_least
        assert truth.own <= own.days <= latest(of_actions, place, truth.own, usual.of_action[place])
    known = usual.of_group[number]
    assert truth.own <= model.in_group[group].days <= latest(of_groups, number, truth.own, known) < EDGES[-1]
    assert truth.shared <= model.groups[group].days <= latest(of_others, number, truth.shared, known)


def test_a_thin_group_goes_by_all_together(seen: Seen) -> None:
    model = cool_offs(seen.learned).model
    assert model.any_action is not None
    assert model.of_action("thin-0", "thin") == model.of_action("new", "new") == (model.any_action, Whose.ANY)
    assert model.of_group("thin") == (model.any_group, Whose.ANY_OTHERS)
    assert model.of_action("new", "sore") == (model.in_group["sore"], Whose.GROUP)


def test_what_is_felt_for_ever_rests_at_least_as_long_as_was_seen(tmp_path: Path) -> None:
    groups = {"hurt": Felt(own=1_000.0, shared=1_000.0, people=40)}
    store = open_rejecting(tmp_path / "s.db", told(2, groups), groups)
    model = cool_offs(learn(table.read(store, None, Silent()), store.vocabulary, Silent())).model
    store.close()
    assert model.any_action is not None
    assert model.any_action.at_least
    assert model.any_action.days > 56.0


def test_contacts_after_a_rejection_agree_with_the_slow_telling(seen: Seen) -> None:
    """Every mail is followed by its answer, if any, before the next."""
    dataset, found = seen.dataset, seen.found
    actions = [action.id for action in dataset.compiled.catalogue.actions]
    by_person = defaultdict(list)
    for one in seen.rows.select(["customer_id", "kind", "occurred_at", "action"]).to_pylist():
        by_person[one["customer_id"]].append(one)
    own, shared, usual = list[tuple[str, int, bool]](), list[tuple[str, int, bool]](), list[bool]()
    for mine in by_person.values():
        last: dict[str, int] = {}
        for one, after in pairwise([*mine, {"kind": None}]):
            if one["kind"] == Kind.REJECTED:
                last[one["action"]] = one["occurred_at"]
            elif one["occurred_at"] + 3 * DAY <= dataset.known_at:
                rejected = after["kind"] == Kind.REJECTED
                others = max((at for name, at in last.items() if name != one["action"]), default=None)
                since = last.get(one["action"], others)
                if since is None:
                    usual.append(rejected)
                elif one["occurred_at"] - since < 365 * DAY:
                    place = int(np.searchsorted(EDGES, (one["occurred_at"] - since) / DAY, side="right")) - 1
                    (own if one["action"] in last else shared).append((one["action"], place, rejected))
    for told_slowly, fast in ((own, found.own), (shared, found.shared)):
        names = [actions[place] for place in fast.action.tolist()]
        assert sorted(told_slowly) == sorted(zip(names, fast.bin.tolist(), fast.rejected.tolist(), strict=True))
    assert found.usual.of_all == pytest.approx(sum(usual) + 0.5)
    shares = found.usual.chance[: 2 * ACTIONS]
    assert np.abs(shares - 0.1).max() < 4.0 * np.sqrt(0.1 * 0.9 / (len(usual) / len(shares) / 2))


def test_nothing_after_the_cut_is_seen(tmp_path: Path) -> None:
    groups, cut = {"sore": Felt(own=42.0, people=40)}, BEGIN + 200 * DAY
    rows = told(3, groups)
    late = as_table([row("sore-0", Kind.REJECTED, 100.0, "sore-0", recorded=201.0)])
    found = list[Learned]()
    for name, some in (("whole", pa.concat_tables([rows, late])), ("cut", before(rows, cut))):
        store = open_rejecting(tmp_path / name, some, groups)
        found.append(learn(table.read(store, cut, Silent()), store.vocabulary, Silent()))
        store.close()
    assert cool_offs(found[0]).model == cool_offs(found[1]).model
    assert cool_offs(found[0]).model.as_of == cut


def before(rows: pa.Table, cut: int) -> pa.Table:
    return rows.filter(pc.less_equal(rows["recorded_at"], cut))


@pytest.mark.parametrize("days", [2, 12])
def test_too_few_rejections_teach_nothing(tmp_path: Path, days: int) -> None:
    groups = {"sore": Felt(people=25)}
    rows = before(told(4, groups), BEGIN + days * DAY)
    store = open_rejecting(tmp_path / "s.db", rows, groups)
    learned = learn(table.read(store, None, Silent()), store.vocabulary, Silent())
    store.close()
    assert learned.cool_offs is None
    assert learned.remark.startswith("cool-offs are not learned, `learned` falls back to its days: ")


def test_many_rejections_without_another_contact_teach_nothing(tmp_path: Path) -> None:
    groups = {"once": Felt(people=0)}
    events = [row(f"p{one}", kind, 1.0 + kind / 100, "once-0") for one in range(60) for kind in ANSWERED]
    store = open_rejecting(tmp_path / "s.db", as_table(events), groups)
    learned = learn(table.read(store, None, Silent()), store.vocabulary, Silent())
    store.close()
    model = cool_offs(learned).model
    assert (model.any_action, model.any_group, model.actions, model.groups) == (None, None, {}, {})
    assert "rests as the catalogue falls back to (from 0 people" in learned.remark
    assert cool_off_report.figure(cool_offs(learned)).axes
    assert "any_action_days" not in str(cool_off_report.metrics(cool_offs(learned)))


ANSWERED = (Kind.SENT, Kind.REJECTED)


def test_a_run_shows_what_it_learned(seen: Seen) -> None:
    learned = cool_offs(seen.learned)
    assert "cool-offs: of 6 actions and 2 groups; what was rejected rests 42 days (from " in seen.learned.remark
    lines = cool_off_report.markdown(learned).splitlines()
    assert sum(line.startswith("| ") for line in lines) == 2 + len(learned.own) + len(learned.shared)
    assert any(line.startswith("| thin | 10 | as the catalogue falls back to |") for line in lines)
    assert len(cool_off_report.figure(learned).axes[0].get_lines()) > 6
    assert cool_off_report.metrics(learned)["cool_off.any_action_days"] == 42.0
    assert cool_off_report.params(learned)["cool_off.worse"] == "1.5"
