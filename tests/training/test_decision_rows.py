"""Decisions as rows: SYNTHETIC decisions and purchases in a real store, beside a slow oracle."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest

from features.event import Event, Identifier, Kind
from features.progress import Silent
from features.stores.protocol import Append, LoggedDecision
from models.first_draws import Choice
from models.policy_rules import Arm
from models.withheld_first import Withheld
from serving.model_loader import NoModel
from serving.redrawing import withheld
from serving.replaying import Replayer
from tests.models.shop import DAY, NOW
from tests.training.draw_world import ITEM_OF_B, WINDOW_DAYS, Shop, decide_for, open_shop
from training.decided import ARMS, LeftOut
from training.decision_rows import DecisionRows, Reading, read_decision_rows
from training.incremental.rows import treated_chance
from training.table import Dataset, read

AT = NOW - 30 * DAY
PEOPLE = 80
SHARES = {"period_days": 36500, "random": 0.25, "holdout": 0.25}


@dataclass(frozen=True, slots=True)
class Line:
    """Bought or given back by c-<person>, `day` days after AT; told `lag` days later."""

    person: int
    day: float
    kind: Kind = Kind.ORDERED
    item: str | None = ITEM_OF_B
    order: str | None = None
    quantity: float = 1.0
    amount: float = math.nan
    lag: float = 0.0


def some_lines(rng: np.random.Generator) -> list[Line]:
    """Orders of one to three lines around the decisions, told late now and then; a third of them come back, in part or
    whole, sooner or later."""
    lines = []
    for number in range(3 * PEOPLE):
        person, day, order = int(rng.integers(PEOPLE)), float(rng.uniform(-2, 12)), f"o-{number}"
        lag = float(rng.choice([0.0, 0.0, 0.0, 5.0]))
        items = rng.choice([ITEM_OF_B, "i-other", "i-third"], int(rng.integers(1, 4)), replace=False).tolist()
        lines += [Line(person, day, Kind.ORDERED, one, order, 2.0, float(rng.integers(1, 50)), lag) for one in items]
        if rng.random() < 0.3:
            back = Kind.CANCELLED if rng.random() < 0.3 else Kind.REFUNDED
            item = None if back is Kind.CANCELLED or rng.random() < 0.5 else ITEM_OF_B
            lines.append(Line(person, day + float(rng.uniform(0, 25)), back, item, order, 1.0 if item else math.nan))
    return lines


def tell(shop: Shop, lines: list[Line]) -> None:
    told = []
    for number, one in enumerate(lines):
        at = round(AT + one.day * DAY)
        event = Event(
            f"line-{number}-{one.order}", one.kind, one.kind.name, at, at + round(one.lag * DAY), item=one.item,
            order=one.order, quantity=one.quantity, amount=one.amount,
        )  # fmt: skip
        told.append(Append(Identifier("user_id", f"c-{one.person}"), (event,)))
    shop.store.append(told).result(timeout=60)


def rows_of(shop: Shop, known_at: int = NOW) -> tuple[Dataset, Reading]:
    dataset = read(shop.store, known_at, Silent())
    again = withheld(Replayer(shop.store, "r"))
    return dataset, read_decision_rows(shop.store, dataset, again, Silent())


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    """Without a model, so that what decided then is all in the store."""
    made = open_shop(tmp_path_factory.mktemp("rows"), SHARES, scorer=NoModel())
    decide_for(made, PEOPLE, 2, seed=1, at=AT)
    tell(made, some_lines(np.random.default_rng(7)))
    yield made
    made.store.close()


@pytest.fixture(scope="module")
def rows(shop: Shop) -> DecisionRows:
    return rows_of(shop)[1].rows


def decisions(shop: Shop) -> list[LoggedDecision]:
    """In the rows' order: by person, moment, id."""
    found = [shop.store.decision(one) for one in shop.store.newest_decisions(0, 10**6)]
    return sorted(
        (one for one in found if one is not None), key=lambda one: (one.person, one.decided_at, one.decision_id)
    )


def bought_slowly(lines: list[Line], person: int, known_at: int) -> tuple[float, bool]:
    """One line after the other: within the window, less what came back by then."""
    net, bought = 0.0, False
    for one in lines:
        when = round(AT + one.day * DAY)
        ours = one.person == person and one.kind is Kind.ORDERED and AT < when <= AT + WINDOW_DAYS * DAY
        if not ours or when + round(one.lag * DAY) > known_at:
            continue
        left = one.quantity
        for other in lines:
            back = other.kind in (Kind.REFUNDED, Kind.CANCELLED) and other.order == one.order
            if back and round(AT + other.day * DAY) <= known_at and other.item in (None, one.item):
                left -= one.quantity if other.item is None else other.quantity
        kept = max(0.0, left / one.quantity)
        net += one.amount * kept
        bought |= kept > 0.0 and one.item == ITEM_OF_B
    return net, bought


@pytest.mark.parametrize("after", [8.0, 12.0, 30.0])
def test_outcomes_equal_a_slow_oracle_as_of_any_moment(shop: Shop, after: float) -> None:
    known_at = round(AT + after * DAY)
    dataset, reading = rows_of(shop, known_at)
    lines = some_lines(np.random.default_rng(7))
    rows, compiled = reading.rows, dataset.compiled
    assert len(rows) == 4 * PEOPLE
    names = {one.person: int(one.customer_id.removeprefix("c-")) for one in decisions(shop)}
    for place, candidate, net, bought in zip(
        rows.pairs.person.tolist(), rows.pairs.candidate.tolist(), rows.net_sales, rows.bought, strict=True
    ):
        expected, has_b = bought_slowly(lines, names[int(dataset.numbers[place])], known_at)
        promotes_b = compiled.catalogue.actions[compiled.action[candidate]].id == "b"
        assert net == pytest.approx(expected)
        assert bought == (has_b and promotes_b)
    assert rows.net_sales.max() > 0.0
    assert (rows.matured_at <= known_at).all()
    assert rows.bought.any()


def test_every_draw_is_a_row_with_the_chances_that_were_logged(shop: Shop, rows: DecisionRows) -> None:
    place = 0
    compiled = shop.compiled
    for logged in decisions(shop):
        for slate in json.loads(logged.response)["channels"]:
            action = compiled.catalogue.actions[compiled.action[rows.pairs.candidate[place]]].id
            assert ARMS[rows.arm[place]] == logged.arm
            assert rows.treated[place] == bool(slate["actions"])
            if slate["actions"]:
                assert action == slate["actions"][0]["action_id"]
                assert rows.propensity[place] == slate["actions"][0]["selection_probability"]
            if logged.arm != Arm.HOLDOUT:
                assert rows.no_action[place] == pytest.approx(slate["no_action"]["selection_probability"])
            place += 1
    assert place == len(rows)
    shares = {arm: rows.arm_share[rows.arm == ARMS.index(arm)] for arm in (Arm.FULL, Arm.RANDOM, Arm.HOLDOUT)}
    assert {arm: np.unique(share).tolist() for arm, share in shares.items()} == {
        Arm.FULL: [0.5],
        Arm.RANDOM: [0.25],
        Arm.HOLDOUT: [0.25],
    }


def test_a_control_has_an_action_by_the_chances_of_its_draw(shop: Shop, rows: DecisionRows) -> None:
    """On web three compete, with the same chances for everybody in an arm. So of the rows with one action, the share
    that was treated is what the chances say."""
    compiled, web = shop.compiled, shop.store.vocabulary.code("channel", "web")
    full, held = (rows.arm == ARMS.index(arm) for arm in (Arm.FULL, Arm.HOLDOUT))
    assert not rows.treated[held].any()
    assert (rows.propensity[held] > 0.0).all()
    on_web = compiled.all.channel[rows.pairs.candidate] == web
    for here in (full | held, rows.arm == ARMS.index(Arm.RANDOM)):
        ours = rows.take(here & on_web)
        expected = treated_chance(ours)
        assert np.ptp(expected) < 1e-9
        e, action = float(expected[0]), compiled.action[ours.pairs.candidate]
        for one in np.unique(action):
            treated = ours.treated[action == one]
            assert abs(treated.mean() - e) < 4.0 * np.sqrt(e * (1.0 - e) / len(treated))
        assert {compiled.catalogue.actions[one].id for one in np.unique(action[~ours.treated])} == {"a", "b", "c"}


def test_the_lot_of_a_control_is_the_decisions_own(shop: Shop, rows: DecisionRows) -> None:
    again = rows_of(shop)[1].rows
    np.testing.assert_array_equal(again.pairs.candidate, rows.pairs.candidate)


def test_weights_make_up_for_the_chances(rows: DecisionRows) -> None:
    """Within an arm, the weights of the controls sum to the number of draws; so do those of the treated, times the
    chance of what competes, which is never certain here."""
    full = rows.take(rows.arm == ARMS.index(Arm.FULL))
    drawn = full.weight * ~full.treated
    assert abs(drawn.mean() - 1.0) < 4 * drawn.std() / np.sqrt(len(full))
    held_out = rows.take(rows.arm == ARMS.index(Arm.HOLDOUT))
    assert set(held_out.weight.tolist()) == {1.0}


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    """20 decisions over web and app, and 20 of the best of both; without arms, people or purchases to speak of."""
    made = open_shop(tmp_path_factory.mktemp("small"), scorer=NoModel())
    decide_for(made, 20, 1, seed=3, at=AT)
    decide_for(made, 20, 1, seed=4, at=AT - DAY, across="best")
    yield made
    made.store.close()


def test_the_best_over_all_channels_is_one_row_and_matures_with_its_window(small: Shop) -> None:
    early = round(AT + (WINDOW_DAYS - 1) * DAY)
    assert (len(rows_of(small, early - 1)[1].rows), rows_of(small, early - 1)[1].left) == (0, LeftOut(unmatured=60))
    dataset, reading = rows_of(small, early)
    assert (len(reading.rows), reading.left) == (20, LeftOut(unmatured=40))
    assert reading.left.remarks == ("draws not matured yet are 40; they are left out",)
    assert set(reading.rows.ends_at.tolist()) == {early}
    assert set(dataset.compiled.all.channel[reading.rows.pairs.candidate].tolist()) == {
        small.store.vocabulary.code("channel", name) for name in ("web", "app")
    }


def test_a_control_that_cannot_be_made_again_as_it_was_is_left_out(small: Shop) -> None:
    dataset, reading = rows_of(small)
    controls = int((~reading.rows.treated).sum())
    assert controls > 5
    again = withheld(Replayer(small.store, "r"))

    def otherwise(logged: LoggedDecision, taken: Sequence[Sequence[Choice]]) -> Sequence[Withheld | None] | None:
        found = again(logged, taken)
        assert found is not None
        return [None if one is None else replace(one, no_action=one.no_action + 0.01) for one in found]

    def nothing(_: LoggedDecision, taken: Sequence[Sequence[Choice]]) -> Sequence[Withheld | None] | None:
        return [None for _ in taken]

    answers = {"unmade": lambda *_: None, "different": otherwise, "nothing": nothing}
    for why, made_again in answers.items():
        found = read_decision_rows(small.store, dataset, made_again, Silent())
        assert found.left == LeftOut(**{why: controls})
        assert found.rows.treated.all()
        assert len(found.rows) == len(reading.rows) - controls


def test_what_was_chosen_by_hand_is_marked_and_who_objects_is_in_no_row(small: Shop) -> None:
    """Somebody is shown c before what was drawn, another after it, a third is told of nothing. A fourth objects."""
    shown = {0: AT, 1: AT + 2}
    events = [
        Append(
            Identifier("user_id", f"c-{person}"),
            (Event(f"by-hand-{person}", Kind.DISPLAYED, "Shown", at, at, channel="web", action="c",
                   decision=f"d-{AT}-{person}-0"),),
        )
        for person, at in shown.items()
    ]  # fmt: skip
    said = Event("no", Kind.CONSENT_WITHDRAWN, "No", NOW - DAY, NOW - DAY, topic="profiling")
    small.store.append([*events, Append(Identifier("user_id", "c-3"), (said,))]).result(timeout=30)
    dataset, reading = rows_of(small)
    assert len(reading.rows) == 3 * 19
    assert set(reading.rows.weight[reading.rows.by_hand].tolist()) == {0.0}
    assert (reading.rows.weight[~reading.rows.by_hand] >= 1.0).all()
    marked = {
        (int(dataset.numbers[person]), int(moment))
        for person, moment in zip(
            reading.rows.pairs.person[reading.rows.by_hand],
            reading.rows.pairs.moment[reading.rows.by_hand],
            strict=True,
        )
    }
    expected = set()
    for person in shown:
        logged = small.store.decision(f"d-{AT}-{person}-0")
        assert logged is not None
        drawn = json.loads(logged.response)["channels"][0]["actions"]
        if not drawn or (person == 0 and drawn[0]["action_id"] != "c"):
            expected.add((logged.person, AT))
    assert marked == expected


def test_what_is_only_told_is_no_row_and_no_contact(tmp_path: Path) -> None:
    """Also where it was withheld: a notice has no response that could be learned."""
    told, plain = (
        open_shop(tmp_path / name, SHARES, scorer=NoModel(), notices=notices)
        for name, notices in (("told", {"a"}), ("plain", ()))
    )
    for one in (told, plain):
        decide_for(one, PEOPLE, 2, seed=1, at=AT)
    (noticed, reading), (offered, whole) = (rows_of(one) for one in (told, plain))
    actions = noticed.compiled.action[noticed.exposures.pairs.candidate]
    of_a = offered.compiled.action[offered.exposures.pairs.candidate] == offered.compiled.action_number["a"]
    assert set(actions.tolist()) == {noticed.compiled.action_number[name] for name in ("b", "c")}
    assert noticed.withdrawn == int(of_a.sum()) > 0
    assert len(noticed.exposures) == int((~of_a).sum())
    assert offered.compiled.action_number["a"] in offered.compiled.action[whole.rows.pairs.candidate]
    assert noticed.compiled.action_number["a"] not in noticed.compiled.action[reading.rows.pairs.candidate]
    assert reading.left.withdrawn > whole.left.withdrawn
    for one in (told, plain):
        one.store.close()
