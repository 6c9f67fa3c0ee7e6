"""A challenger in the shadow: what it would have made of a decision."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pytest

from features.history import CustomerRecord
from features.live_response import Lift, Lifts
from features.published import NOTHING, Published
from features.stores.trials import Trial, TrialKind
from models.decide import decide
from models.decision import Decision, DecisionRequest
from models.scoring import Scorer
from models.shadow import Choice, shadowed
from serving.model_loader import no_model
from serving.shadowing import Made, scores_of
from serving.trials import LiveTrial
from tests.models.shop import NOW, Broken, ByAction, request
from tests.training.draw_world import EXPECTED, Shop, open_shop

WHO = CustomerRecord(-1, "c-1", known=False)


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    made = open_shop(tmp_path_factory.mktemp("shadow"))
    yield made
    made.store.close()


def asked(seed: int, across: str = "each", limit: int = 2) -> DecisionRequest:
    return replace(request("web", "app", deliver_at=NOW, subject="c-1", limit=limit, across=across), seed=seed)


def decided(shop: Shop, question: DecisionRequest) -> Decision:
    dice = np.random.default_rng(question.seed)
    return decide(question, WHO, shop.compiled, shop.scorer, NOW, dice, NOTHING)


def first_of(decision: Decision, across: str) -> tuple[Choice | None, ...]:
    found = [Choice(one.channel, one.actions[0].action_id) if one.actions else None for one in decision.slates]
    return (next((one for one in found if one is not None), None),) if across == "best" else tuple(found)


@pytest.mark.parametrize("across", ["each", "best"])
def test_a_challenger_that_is_the_champion_agrees_in_everything(across: str, shop: Shop) -> None:
    limit = 1 if across == "best" else 2
    for seed in range(40):
        question = asked(seed, across, limit)
        decision = decided(shop, question)
        found = shadowed(question, WHO, shop.compiled, shop.scorer, "aa", NOW, NOTHING, decision)
        assert found.first == first_of(decision, across)
        assert [one.champion for one in found.chosen] == [one.response for one in found.chosen]
        assert len(found.chosen) == sum(len(slate.actions) for slate in decision.slates)


def test_another_model_says_something_else_of_what_was_chosen(shop: Shop) -> None:
    codes = {shop.store.vocabulary.code("action", name): 1.0 - chance for name, chance in EXPECTED.items()}
    other = ByAction(codes, version="9")
    question = asked(1)
    decision = decided(shop, question)
    found = shadowed(question, WHO, shop.compiled, other, "aa", NOW, NOTHING, decision)
    assert found.version == "9"
    assert [one.response for one in found.chosen] == [1.0 - EXPECTED[one.action] for one in found.chosen]


def test_both_are_told_without_live_response(shop: Shop) -> None:
    """The challenger has no contacts of its own; the champion's would make the two differ where the models do not."""
    by = {(action, channel): Lift(110, 420, "action") for action in EXPECTED for channel in ("web", "app")}
    published = Published(lifts=Lifts(shop.scorer.version, by))
    question = asked(1)
    decision = decide(question, WHO, shop.compiled, shop.scorer, NOW, np.random.default_rng(1), published)
    assert all(one.response_probability > EXPECTED[one.action_id] for slate in decision.slates for one in slate.actions)
    found = shadowed(question, WHO, shop.compiled, shop.scorer, "aa", NOW, published, decision)
    assert len(found.chosen) > 0
    assert all(one.champion == one.response == EXPECTED[one.action] for one in found.chosen)


@pytest.mark.parametrize("scorer", [Broken(), no_model(0).scorer])
def test_a_challenger_that_fails_has_a_fault_and_nothing_else(scorer: Scorer, shop: Shop) -> None:
    question = asked(1)
    decision = decided(shop, question)
    trial = Trial(TrialKind.SHADOW, "9", "aa", "", "", 1.0, NOW, 0, "Ann", "")
    live = LiveTrial(trial, replace(no_model(0), scorer=scorer), shop.compiled, "")
    found = scores_of(live, Made("d-1", question, WHO, NOW, NOTHING, decision))
    assert (found.first, found.chosen) == ((), ())
    assert found.fault
    refused = scores_of(
        replace(live, model=None, message="it is corrupt"), Made("d-1", question, WHO, NOW, NOTHING, decision)
    )
    assert refused.fault == "it is corrupt"
