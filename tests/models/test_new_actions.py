"""What stands in for the past of an action that has none: its attributes, its group, what it promotes. SYNTHETIC."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import lightgbm as lgb
import numpy as np
import pytest

from features.event import Event, Kind
from models.bundle import Bundle, Provenance
from models.calibration import Calibration
from models.forest import Forest
from models.inputs import AFFINITY_INPUT, affinity_inputs, response_inputs
from models.population import COLUMNS, Population
from models.response import ModelScorer
from models.scoring import Scores
from models.track_record import TrackRecord
from tests.models.goods import CATEGORIES
from tests.models.shop import NOW, customer, event
from tests.models.test_decide import small_shop

TWIN: Mapping[str, object] = {"items": ["w1"], "value": 1}
ACTIONS: Mapping[str, Mapping[str, object]] = {
    "tried": {**TWIN, "items": ["d1"]},
    "twin": TWIN,
    "elsewhere": {**TWIN, "group": "h"},
    "dearer": {**TWIN, "value": 3},
    "likelier": {**TWIN, "items": ["f1"]},
    "new": TWIN,
}
PAST = [event(Kind.SENT, days, action="tried", channel="mail") for days in (3, 9, 20)]
OWN = [event(Kind.SENT, days, action="twin", channel="mail") for days in (2, 5)]


def forest(inputs: Sequence[str], *telling: str) -> Forest:
    """Grown on synthetic rows whose label is told by these columns alone."""
    rows = np.random.default_rng(5).integers(0, 4, (1500, len(inputs))).astype(np.float64)
    label = rows[:, [inputs.index(name) for name in telling]].sum(axis=1) > 1.5 * len(telling)
    told = {"objective": "binary", "verbose": -1, "num_leaves": 8, "num_threads": 1, "min_data_in_leaf": 5}
    return Forest(lgb.train(told, lgb.Dataset(rows, label, feature_name=list(inputs)), 12).model_to_string())


@pytest.fixture(scope="module")
def bundle() -> Bundle:
    told = ("action.offered.28d", "group.offered.28d", "candidate.value", AFFINITY_INPUT, "population_response_lift")
    figures = np.zeros((len(CATEGORIES), len(COLUMNS)))
    figures[sorted(CATEGORIES).index("food"), COLUMNS.index("population_response_lift")] = 3.0
    return Bundle(
        provenance=Provenance(NOW, "ab" * 32, 3, 42, 1500, 10),
        affinity=forest(affinity_inputs(), "category.bought.28d", "population_reach_28d"),
        response=forest(response_inputs(), *told),
        calibration=Calibration(1.0, 0.0),
        population=Population(NOW, tuple(sorted(CATEGORIES)), figures),
        track_record=TrackRecord(NOW, {}, {}, {}),
        contact_reason=None,
        repurchase=None,
        cool_off=None,
    )


def scored(bundle: Bundle, told: Sequence[Event]) -> dict[str, tuple[float, list[float]]]:
    """The response probability of each action on mail, and its row."""
    shop, vocabulary = small_shop(ACTIONS)
    candidates = shop.channels(("mail",))
    scores: Scores = ModelScorer(bundle, "1").score(customer(told, vocabulary), NOW, 0, candidates.candidates, shop)
    ids = [shop.catalogue.actions[number].id for number in candidates.action]
    rows = np.nan_to_num(scores.rows, nan=-1.0).tolist()
    return {name: (float(scores.response[place]), rows[place]) for place, name in enumerate(ids)}


def test_a_new_action_is_ranked_as_its_twin_without_a_past(bundle: Bundle) -> None:
    found = scored(bundle, PAST)
    assert found["new"] == found["twin"]
    assert found["new"][0] > 0.0


def test_group_and_attributes_stand_in_for_its_past_and_a_past_of_its_own_counts(bundle: Bundle) -> None:
    found, later = scored(bundle, PAST), scored(bundle, [*PAST, *OWN])
    probability = {name: response for name, (response, _) in found.items()}
    others = ("elsewhere", "dearer", "likelier")
    assert all(probability[other] != probability["new"] for other in others)
    assert later["twin"][0] != later["new"][0]
