"""From a decision log to a model that ranks: SYNTHETIC decisions and purchases in a real store, with effects that are
known."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
import pytest
from matplotlib.figure import Figure

from features.event import Event, Identifier, Kind
from features.progress import Silent
from features.stores.protocol import Append
from models.bundle import Bundle
from models.inputs import response_inputs
from models.policy_rules import Arm, RankBy
from models.response import ModelScorer
from serving.model_loader import NoModel
from serving.redrawing import withheld
from serving.replaying import Replayer
from tests.models.shop import DAY, NOW, customer
from tests.models.test_bundle import effects, made  # noqa: F401 a bundle of every part
from tests.training.draw_world import ITEM_OF_B, Shop, decide_for, open_shop
from training.decided import ARMS as DECIDED_ARMS
from training.decision_rows import DecisionRows, read_decision_rows
from training.incremental import report
from training.incremental.learning import Learned, learn
from training.incremental.rows import comparable
from training.registry import RunRecord
from training.settings import TrainingSettings
from training.table import read

AT = NOW - 30 * DAY
PEOPLE = 900
ARMS = {"period_days": 36500, "holdout": 0.45}
EFFECT = {"a": 2.0, "b": 2.0, "c": 12.0}
"""Of being shown an action, on what a person buys within a week."""
USUAL, NOISE = 10.0, 2.0


@dataclass(frozen=True, slots=True)
class World:
    shop: Shop
    rows: DecisionRows
    learned: Learned


def buy(shop: Shop, rng: np.random.Generator) -> None:
    """Everybody buys USUAL and some noise; who was shown an action buys its EFFECT more."""
    shown = {}
    for name in shop.store.newest_decisions(0, 10**6):
        logged = shop.store.decision(name)
        assert logged is not None
        chosen = [one for one in EFFECT if f'"action_id":"{one}"' in logged.response]
        shown[logged.customer_id] = chosen[0] if chosen else None
    told = []
    for person, action in shown.items():
        amount = USUAL + float(rng.normal(0.0, NOISE)) + (0.0 if action is None else EFFECT[action])
        event = Event(
            f"line-{person}", Kind.ORDERED, "Ordered", AT + DAY, AT + DAY, item=ITEM_OF_B, order=f"o-{person}",
            quantity=1.0, amount=amount,
        )  # fmt: skip
        told.append(Append(Identifier("user_id", person), (event,)))
    shop.store.append(told).result(timeout=60)


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    shop = open_shop(tmp_path_factory.mktemp("log"), ARMS, scorer=NoModel())
    decide_for(shop, PEOPLE, 1, seed=1, at=AT, across="best")
    buy(shop, np.random.default_rng(3))
    dataset, again = read(shop.store, NOW, Silent()), withheld(Replayer(shop.store, "r"))
    learned = learn(dataset, (), (), shop.store, again, TrainingSettings(), Silent())
    yield World(shop, read_decision_rows(shop.store, dataset, again, Silent()).rows, learned)
    shop.store.close()


def test_the_average_is_the_known_effect_and_a_line_says_so(world: World) -> None:
    """Of the actions that were drawn or withheld, each as often as it was; and as sure as two means of so many people
    would be, or surer, for the offer's worth tells the actions apart."""
    chosen = world.learned.chosen
    assert chosen is not None
    origin = chosen.model.origin
    assert origin.rows == origin.people == PEOPLE
    assert 0.4 < origin.treated / origin.rows < 0.6
    rows, actions = world.rows, world.shop.compiled.catalogue.actions
    effect = np.array([EFFECT[action.id] for action in actions])[world.shop.compiled.action[rows.pairs.candidate]]
    assert set(effect.tolist()) == set(EFFECT.values())
    assert abs(chosen.average.value - effect.mean()) < 4.0 * chosen.average.error
    simply = np.sqrt(
        sum(sales.var() / len(sales) for sales in (rows.net_sales[rows.treated], rows.net_sales[~rows.treated]))
    )
    assert 0.5 * simply < chosen.average.error < simply
    assert world.learned.remark.startswith(f"incremental value: a contact adds {chosen.average.value:,.3f} EUR")


def test_what_is_owed_is_no_row_for_the_holdout_has_it_too(tmp_path_factory: pytest.TempPathFactory) -> None:
    """c is a service, and adds the most. Of people in the holdout many are drawn it; nobody is drawn a or b."""
    shop = open_shop(tmp_path_factory.mktemp("owed"), ARMS, scorer=NoModel(), owed="c")
    decide_for(shop, PEOPLE, 1, seed=1, at=AT, across="best")
    buy(shop, np.random.default_rng(3))
    dataset, again = read(shop.store, NOW, Silent()), withheld(Replayer(shop.store, "r"))
    read_rows = read_decision_rows(shop.store, dataset, again, Silent()).rows
    learned = learn(dataset, (), (), shop.store, again, TrainingSettings(), Silent())
    held_out = read_rows.treated & (read_rows.arm == DECIDED_ARMS.index(Arm.HOLDOUT))
    service = shop.compiled.action[read_rows.pairs.candidate] == shop.compiled.action_number["c"]
    assert held_out.any()
    assert service[held_out].all()
    treated, controls = (int((~service & (read_rows.treated == one)).sum()) for one in (True, False))
    left = int(service.sum())
    counted = f"an action are {treated:,} and without one {controls:,} ({left:,} cannot be compared"
    assert counted in learned.remark
    kept = comparable(read_rows, shop.compiled.policy.owed[shop.compiled.action]).rows
    bought, without = (kept.net_sales[kept.treated == one] for one in (True, False))
    error = NOISE * np.sqrt(1.0 / len(bought) + 1.0 / len(without))
    assert abs(bought.mean() - without.mean() - EFFECT["a"]) < 4.0 * error
    shop.store.close()


def test_the_run_keeps_table_plot_and_metrics(world: World) -> None:
    record = RunRecord(params={}, metrics={}, tags={}, figures={}, texts={"card": "# Card\n"})
    kept = report.added(record, world.learned, "card")
    assert kept.texts["card"] == f"# Card\n{world.learned.remark}\n"
    assert "| DR |" in kept.texts[report.TABLE]
    assert isinstance(kept.figures[report.PLOT], Figure)
    assert kept.metrics["incremental.rows"] == PEOPLE
    assert "incremental.learner" in kept.params
    without = report.added(record, Learned("nothing"), "card")
    assert (without.texts, without.figures, without.metrics) == ({"card": "# Card\nnothing\n"}, {}, {})


def test_too_few_controls_are_told_of_in_a_line(tmp_path_factory: pytest.TempPathFactory) -> None:
    shop = open_shop(tmp_path_factory.mktemp("few"), scorer=NoModel())
    decide_for(shop, 20, 1, seed=1, at=AT, across="best")
    dataset = read(shop.store, NOW, Silent())
    again = withheld(Replayer(shop.store, "r"))
    for asked, why in ((again, "rows with an action are"), (None, "decisions were not looked at")):
        learned = learn(dataset, (), (), shop.store, asked, TrainingSettings(), Silent())
        assert learned.chosen is None
        assert learned.remark.startswith("incremental value is not learned")
        assert why in learned.remark
        assert "\n" not in learned.remark
    shop.store.close()


def test_a_scorer_tells_the_effect_where_the_catalogue_ranks_by_it(world: World, made: Bundle) -> None:  # noqa: F811
    """Equal to the model's own of the response columns, and only then."""
    compiled = world.shop.compiled
    asked = replace(compiled, catalogue=replace(compiled.catalogue, rank_by=RankBy.INCREMENTAL, margin=0.5))
    for model in (effects(), effects(0), None):
        scorer = ModelScorer(replace(made, incremental=model), "1")
        record = customer((), world.shop.store.vocabulary, None)
        plain = scorer.score(record, NOW, 0, compiled.all, compiled)
        scores = scorer.score(record, NOW, 0, asked.all, asked)
        assert plain.effect is None
        assert scores.response.tobytes() == plain.response.tobytes()
        if model is None:
            assert scores.effect is None
        else:
            columns = scorer.additions(scores.rows, compiled.all, compiled).columns
            assert columns.shape[1] == len(response_inputs())
            assert scores.effect is not None
            assert scores.effect.tobytes() == model.effect(columns).tobytes()
