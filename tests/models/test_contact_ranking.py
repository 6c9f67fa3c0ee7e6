"""Reasons ranked: by rules, by a model, of somebody unknown; and which facts are shown for which reason."""

from __future__ import annotations

import json
from collections.abc import Sequence
from functools import cache

import lightgbm as lgb
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from features.event import Event, Kind
from features.history import CustomerRecord
from features.vocabulary import Vocabulary
from models.catalogue_file import checked
from models.columns import CompiledCatalogue
from models.contact_moment import Question
from models.contact_ranking import ContactReasons, Origin, contact_reasons, sentence
from models.contact_reason import ContactReasonModel, contact_reason_inputs, softmax, told_inputs
from models.contact_rules import OTHER, REASONS, RULES, SAY, TOLD_WEIGHT, UNLISTED, UNTHOUGHT_OF
from models.contact_told import LONGEST
from models.forest import Forest
from tests.models.shop import DAY, NOW, compiled, customer, items_table

MINUTE = 60_000
DOCUMENT = {
    "currency": "EUR",
    "time_zone": "UTC",
    "channels": {"web": {"direction": "inbound", "consent": "not_needed", "reward_window_days": 7}},
    "categories": [{"id": "laundry"}],
    "actions": [],
    "contact_reasons": [{"id": "delivery", "say": "Is it about a parcel?"}],
}


@cache
def shop() -> tuple[CompiledCatalogue, Vocabulary]:
    return compiled(checked(DOCUMENT, items_table({"w1": "laundry"})))


def told(kind: Kind, age: int, order: str | None = None, item: str | None = None, properties: str = "{}") -> Event:
    return Event("m", kind, kind.name, NOW - age, NOW - age, order=order, item=item, properties=properties)


def asked(
    events: Sequence[Event], model: ContactReasonModel | None = None, limit: int = 20, objects: bool = False
) -> ContactReasons:
    catalogue, vocabulary = shop()
    ordered = sorted(events, key=lambda one: one.occurred_at)
    record = customer(ordered, vocabulary) if ordered else CustomerRecord(-1, "nobody", known=False)
    return contact_reasons(
        record, ordered, Question.at(NOW), catalogue, model, {"w1": "a washing machine"}.__getitem__, limit, objects
    )


DELIVERED = (told(Kind.ORDERED, 3 * DAY, "1182", "w1"), told(Kind.ORDER_DELIVERED, 20 * MINUTE, "1182"))
FAILED = tuple(told(Kind.PAYMENT_FAILED, hours * 60 * MINUTE) for hours in (40, 20, 2))


@pytest.mark.parametrize(
    ("events", "reason", "evidence"),
    [
        (DELIVERED, "delivery", "order 1182 delivered 20 minutes ago"),
        (FAILED, "payment", "payment failed 3 times in the last 40 hours"),
        ((told(Kind.CASE_OPENED, 4 * DAY, properties='{"case_id": "77"}'),), "open_case", "case 77 open for 4 days"),
        ((told(Kind.ORDERED, 10 * MINUTE, "9", "w1"),), "new_purchase", "bought a washing machine 10 minutes ago"),
        ((told(Kind.REFUNDED, DAY, "9"),), "refund", "order 9 refunded 24 hours ago"),
        ((told(Kind.CHECKOUT_STARTED, MINUTE),), "ordering", "checkout started 1 minute ago, nothing ordered since"),
        ((told(Kind.SUBSCRIPTION_ENDED, DAY, item="w1"),), "subscription", "subscription of a washing machine ended"),
    ],
)
def test_rules_rank_the_plain_situations_first(events: tuple[Event, ...], reason: str, evidence: str) -> None:
    found = asked(events)
    assert found.origin is Origin.RULES
    assert found.personal
    assert found.reasons[0].reason == reason
    assert found.reasons[0].evidence[0].startswith(evidence)
    assert found.reasons[-1].reason == OTHER
    assert found.reasons[-1].evidence == ()


def test_the_rules_weights_are_shares_of_their_sum() -> None:
    found = {one.reason: one.probability for one in asked(FAILED).reasons}
    weight = sum(rule.weight for rule in RULES if rule.reason == "payment")
    assert found == {
        "payment": pytest.approx(weight / (weight + UNTHOUGHT_OF)),
        OTHER: pytest.approx(UNTHOUGHT_OF / (weight + UNTHOUGHT_OF)),
    }


def test_of_somebody_unknown_rules_say_nothing_and_a_model_what_everybody_calls_about() -> None:
    assert asked([]) == ContactReasons(Origin.RULES, personal=False, reasons=())
    assert asked([told(Kind.VIEWED, 400 * DAY, item="w1")]).reasons == ()
    for found in (asked([], _model()), asked(DELIVERED, _model(), objects=True)):
        assert not found.personal
        assert [(one.reason, one.probability, one.evidence) for one in found.reasons] == [
            ("payment", 0.5, ()),
            ("delivery", 0.3, ()),
            (OTHER, 0.2, ()),
        ]


def test_who_objects_to_profiling_is_told_nothing_of_their_own() -> None:
    assert asked(DELIVERED, objects=True) == ContactReasons(Origin.RULES, personal=False, reasons=())


def test_sentences_are_the_catalogues_else_ours_and_hold_nothing_personal() -> None:
    said = {one.reason: one.say for one in asked([*DELIVERED, *FAILED]).reasons}
    assert said["delivery"] == "Is it about a parcel?"
    assert said["payment"] == SAY["payment"]
    assert set(SAY) == {*REASONS, OTHER}
    assert not any("1182" in sentence for sentence in said.values())


@given(st.text())
def test_a_reason_without_a_sentence_is_never_read_out(reason: str) -> None:
    assert sentence(reason, {"late": "Late?"}) in {"Late?", *SAY.values(), UNLISTED}
    assert sentence("order 1182 of mrs jones", {}) == UNLISTED


@cache
def _model() -> ContactReasonModel:
    """Trees really grown, on synthetic rows in which a delivery within a day means "delivery", and failed payments
    within a day "payment"."""
    rng = np.random.default_rng(1)
    inputs = contact_reason_inputs()
    rows = np.zeros((3_000, len(inputs)))
    delivered, failed = rng.random((2, len(rows))) < 0.5
    rows[:, inputs.index("customer.delivered.1d")] = delivered
    rows[:, inputs.index("customer.payment_failed.7d")] = failed * rng.integers(1, 4, len(rows))
    chances = softmax(np.column_stack([3.0 * delivered, 3.0 * failed, np.full(len(rows), 0.5)]))
    label = (chances.cumsum(axis=1) < rng.random((len(rows), 1))).sum(axis=1)
    told_ = {"objective": "multiclass", "num_class": 3, "num_leaves": 4, "verbose": -1, "num_threads": 1, "seed": 1}
    booster = lgb.train(told_, lgb.Dataset(rows, label, feature_name=list(inputs)), 30)
    forest = Forest(booster.model_to_string())
    return ContactReasonModel(forest, ("delivery", "payment", OTHER), (0.3, 0.5, 0.2), 1.0, (0.0, 0.0, 0.0), 3_000)


@cache
def _listening() -> ContactReasonModel:
    """Trees really grown, on synthetic rows in which people call again about what they told of within a week."""
    rng = np.random.default_rng(3)
    usual = contact_reason_inputs()
    inputs = (*usual, *told_inputs(3))
    rows = np.zeros((3_000, len(inputs)))
    rows[:, len(usual) :] = np.where(rng.random((len(rows), 3)) < 0.3, rng.uniform(0, 28, (len(rows), 3)), np.nan)
    chances = softmax(3.0 * (rows[:, len(usual) :] < 7))
    label = (chances.cumsum(axis=1) < rng.random((len(rows), 1))).sum(axis=1)
    told_ = {"objective": "multiclass", "num_class": 3, "num_leaves": 4, "verbose": -1, "num_threads": 1, "seed": 1}
    forest = Forest(lgb.train(told_, lgb.Dataset(rows, label, feature_name=list(inputs)), 30).model_to_string())
    return ContactReasonModel(forest, ("delivery", "payment", OTHER), (0.3, 0.5, 0.2), 1.0, (0.0, 0.0, 0.0), 3_000)


def _chat(age: int, reason: str) -> Event:
    return told(Kind.CHAT_STARTED, age, properties=json.dumps({"reason": reason}))


def test_what_was_told_of_an_earlier_contact_speaks_for_its_reason() -> None:
    found = {one.reason: one for one in asked([_chat(50 * MINUTE, " Broken  Door"), *DELIVERED]).reasons}
    assert [*found] == ["delivery", "broken door", "new_purchase", OTHER]
    assert found["broken door"].evidence == ("chatted about 'Broken Door' 50 minutes ago",)
    assert found["broken door"].say == UNLISTED
    assert found["broken door"].probability == pytest.approx(TOLD_WEIGHT / (7 + 2 + TOLD_WEIGHT + UNTHOUGHT_OF))
    both = asked([_chat(50 * MINUTE, "delivery"), *DELIVERED]).reasons[0]
    assert both.evidence == ("chatted about 'delivery' 50 minutes ago", "order 1182 delivered 20 minutes ago")
    case = told(Kind.CASE_OPENED, MINUTE, properties='{"reason": "payment"}')
    assert "opened a case about 'payment' 1 minute ago" in {
        fact for one in asked([case]).reasons for fact in one.evidence
    }


def test_a_story_and_what_was_told_long_ago_are_no_reason() -> None:
    assert asked([_chat(8 * DAY, "payment")]).reasons == ()
    assert asked([_chat(MINUTE, "x" * (LONGEST + 1))]).reasons == ()
    assert asked([_chat(MINUTE, OTHER)]).reasons == ()


def test_a_model_that_learned_from_what_was_told_shows_it() -> None:
    first = asked([_chat(50 * MINUTE, "Delivery")], _listening()).reasons[0]
    assert (first.reason, first.evidence) == ("delivery", ("chatted about 'Delivery' 50 minutes ago",))
    assert first.probability > 0.8
    unknown = asked([_chat(50 * MINUTE, "broken door")], _listening()).reasons
    assert unknown[-1].reason == OTHER
    assert unknown[-1].probability > 0.8
    assert [one.evidence for one in asked([_chat(20 * DAY, "delivery")], _listening()).reasons] == [(), (), ()]


def test_a_model_shows_for_each_reason_what_speaks_for_it() -> None:
    found = {one.reason: one for one in asked([*DELIVERED, *FAILED], _model()).reasons}
    assert found["delivery"].evidence == ("order 1182 delivered 20 minutes ago",)
    assert found["payment"].evidence == ("payment failed 3 times in the last 40 hours",)
    assert found[OTHER].evidence == ()
    alone = asked(DELIVERED, _model())
    assert alone.origin is Origin.MODEL
    assert [one.reason for one in alone.reasons] == ["delivery", "payment", OTHER]
    assert alone.reasons[1].evidence == ()


def test_contributions_add_up_to_the_raw_score() -> None:
    rng = np.random.default_rng(2)
    forest = _model().forest
    rows = rng.integers(0, 3, (50, len(forest.inputs))).astype(np.float64)
    usual = forest.raw(rows) - forest.contributions(rows).sum(axis=2)
    np.testing.assert_allclose(usual, np.broadcast_to(usual[0], usual.shape), atol=1e-9)
    assert (forest.classes, forest.rounds) == (3, 90)
    assert forest.raw(rows[:0]).shape == (0, 3)


_PASTS = st.lists(
    st.builds(
        told,
        st.sampled_from([kind for kind in Kind if kind not in {Kind.CONSENT_GRANTED, Kind.CONSENT_WITHDRAWN}]),
        st.integers(0, 60 * DAY),
        order=st.sampled_from([None, "1182"]),
        item=st.sampled_from([None, "w1"]),
    ),
    max_size=8,
)


@settings(max_examples=60, deadline=None)
@given(_PASTS, st.integers(1, 5), st.booleans())
def test_a_ranking_is_whole_ordered_and_cut_to_the_limit(events: list[Event], limit: int, learned: bool) -> None:
    model = _model() if learned else None
    whole, cut = asked(events, model).reasons, asked(events, model, limit).reasons
    assert cut == whole[:limit]
    own = [one.probability for one in whole if one.reason != OTHER]
    assert own == sorted(own, reverse=True)
    assert all(0 < one.probability < 1 for one in whole)
    assert not whole or sum(one.probability for one in whole) == pytest.approx(1.0)
    assert len({one.reason for one in whole}) == len(whole)
    assert [one.reason for one in whole].count(OTHER) == (1 if whole else 0)
    assert all(len(one.evidence) <= 3 for one in whole)
