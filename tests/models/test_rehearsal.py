"""What two catalogues make of the same questions is counted as by hand; names that only a draft has change nothing."""

from __future__ import annotations

import math
import random
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from features.event import Event
from features.published import NOTHING
from models.catalogue_file import checked
from models.columns import compile_catalogue
from models.decide import decide
from models.decision import ChosenAction, Decision, Slate
from models.policy_rules import Arm, RankBy
from models.rehearsal import Answered, Comparing, Comparison, Unanswerable
from tests.models.goods import BUNDLES, ITEMS, VARIANTS
from tests.models.shelves import CHANNELS, catalogue_of
from tests.models.shop import NOW, ByAction, compiled, customer, items_table, request, stored
from tests.models.test_replay import bare
from tests.models.worlds import purchases

_CHOSEN = st.builds(
    ChosenAction,
    rank=st.just(1),
    action_id=st.sampled_from("abc"),
    kind=st.just("offer"),
    treatment_id=st.sampled_from("tu"),
    content=st.just({}),
    response_probability=st.floats(0, 1) | st.just(math.nan),
    affinity=st.just(0.5),
    value=st.sampled_from([0.0, 1.0, 60.0]),
    priority=st.just(1.0),
    selection_probability=st.just(1.0),
    maturity=st.just(1.0),
    incremental_value=st.none() | st.sampled_from([-1.5, 0.0, 4.0]),
)
_SLATES = st.builds(
    Slate,
    channel=st.sampled_from(["email", "web"]),
    actions=st.lists(_CHOSEN, max_size=2).map(tuple),
    no_action_probability=st.just(0.0),
    end_probability=st.just(1.0),
    funnel=st.fixed_dictionaries({"candidates": st.just(9), "consent": st.integers(0, 9), "eligible": st.just(1)}),
    refused=st.just(()),
)
_DECISIONS: st.SearchStrategy[Decision] = st.builds(
    Decision,
    slates=st.lists(_SLATES, max_size=2, unique_by=lambda slate: slate.channel).map(tuple),
    arm=st.just(Arm.FULL),
    degraded=st.just(False),
    personalised=st.just(True),
    feature_digest=st.just(""),
    catalogue_version=st.just(1),
    model_version=st.just("m"),
    policy_version=st.just("p"),
    faults=st.sampled_from([(), ("a gate", "a weight")]),
    ranked_by=st.sampled_from(RankBy),
)
_ANSWERED = _DECISIONS | st.just(Unanswerable("no such channel"))
Log = list[tuple[int, Answered, Answered]]
_LOGS: st.SearchStrategy[Log] = st.lists(st.tuples(st.integers(0, 2), _ANSWERED, _ANSWERED), max_size=5)


def compared(log: Log) -> Comparison:
    comparing = Comparing()
    for row in log:
        comparing.add(*row)
    return comparing.result


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 2**32), st.integers(1, 8), st.sampled_from(list(Arm)), purchases(), st.integers(0, 2**63 - 1))
def test_codes_that_only_memory_has_change_no_decision(
    drawn: int, count: int, arm: Arm, told: tuple[Event, ...], seed: int
) -> None:
    document = catalogue_of(random.Random(drawn), count, arm, exploring=True)
    source = checked(document, items_table(ITEMS, {"w1": 400.0}, VARIANTS, BUNDLES))
    published, vocabulary = compiled(source)
    sizes = {domain: vocabulary.size(domain) for domain in vocabulary.texts}
    grown = vocabulary.with_texts("action", ["a0", "new"]).with_texts("item", ["new"]).with_texts("channel", ["new"])
    draft = compile_catalogue(stored(source, 2), grown)
    assert {domain: vocabulary.size(domain) for domain in vocabulary.texts} == sizes
    assert {domain: grown.size(domain) for domain in sizes} == {domain: size + 1 for domain, size in sizes.items()}
    person, scorer = customer(told, vocabulary), ByAction({vocabulary.code("action", "a0"): 0.9})
    asked = request(*CHANNELS, limit=3, seed=seed)
    before, after = (
        decide(asked, person, one, scorer, NOW, np.random.default_rng(seed), NOTHING) for one in (published, draft)
    )
    assert (bare(before), before.feature_digest) == (bare(after), after.feature_digest)
    comparing = Comparing()
    comparing.add(1, before, after)
    assert_nothing_changes(comparing)


def assert_nothing_changes(comparing: Comparing) -> None:
    found = comparing.result
    assert (found.otherwise, found.worth_before, found.faults_before) == (0, found.worth_after, found.faults_after)
    assert all(one.before == one.after for one in (*found.volumes, *found.funnel, *found.reach, *found.refused))
    assert all(one.lost == one.gained == 0 for one in found.reach)


@settings(max_examples=100, deadline=None)
@given(_LOGS)
def test_what_is_counted_is_what_one_counts_by_hand(log: Log) -> None:
    found = compared(log)
    pairs = {row[1:3] for side in (1, 2) for row in chosen(log, side)}
    assert {(one.channel, one.action_id) for one in found.volumes} == pairs
    for volume in found.volumes:
        told = [row[1:3] for row in chosen(log, 1)], [row[1:3] for row in chosen(log, 2)]
        pair = volume.channel, volume.action_id
        assert (volume.before, volume.after) == (told[0].count(pair), told[1].count(pair))
    for side, worth in ((1, found.worth_before), (2, found.worth_after)):
        rows = [row for row in chosen(log, side) if not math.isnan(row[3])]
        assert worth.responses == pytest.approx(sum(row[3] for row in rows))
        assert worth.value == pytest.approx(sum(row[3] * row[4] for row in rows))
        assert worth.unscored == len(chosen(log, side)) - len(rows)
    for one in found.reach:
        had, have = ({row[0] for row in chosen(log, side) if one.channel in (None, row[1])} for side in (1, 2))
        assert (one.before, one.after) == (len(had), len(have))
        assert (one.lost, one.gained) == (len(had - have), len(have - had))


@settings(max_examples=100, deadline=None)
@given(_LOGS)
def test_funnels_add_up_and_so_does_what_is_refused_or_fails(log: Log) -> None:
    found = compared(log)
    sides = [[one for row in log if isinstance(one := row[side], Decision)] for side in (1, 2)]
    for stage in found.funnel:
        summed = [sum(slate.funnel[stage.name] for one in made for slate in one.slates) for made in sides]
        assert [stage.before, stage.after] == summed
    assert [sum(one.before for one in found.refused), sum(one.after for one in found.refused)] == [
        len(log) - len(made) for made in sides
    ]
    assert [found.faults_before, found.faults_after] == [sum(bool(one.faults) for one in made) for made in sides]


@settings(max_examples=100, deadline=None)
@given(_LOGS)
def test_incremental_value_is_summed_over_what_was_ranked_by_it_and_other_rankings_are_counted(log: Log) -> None:
    found = compared(log)
    for side, worth in ((1, found.worth_before), (2, found.worth_after)):
        decisions = [one for row in log if isinstance(one := row[side], Decision)]
        actions = [action for one in decisions for slate in one.slates for action in slate.actions]
        known = [action.incremental_value for action in actions if action.incremental_value is not None]
        assert (worth.incremental is None) == (not known)
        assert (worth.incremental or 0.0) == sum(known)
    pairs = [row[1:] for row in log if all(isinstance(one, Decision) and one.slates for one in row[1:])]
    differing = [True for one, other in pairs if one.ranked_by != other.ranked_by]  # type: ignore[union-attr]
    assert found.ranked_otherwise == len(differing)


def chosen(log: Log, side: int) -> list[tuple[int, str, str, float, float]]:
    """(person, channel, action, response probability, value) of everything that was chosen."""
    return [
        (row[0], slate.channel, action.action_id, action.response_probability, action.value)
        for row in log
        if isinstance(decision := row[side], Decision)
        for slate in decision.slates
        for action in slate.actions
    ]


@settings(max_examples=50, deadline=None)
@given(_DECISIONS.filter(lambda made: any(slate.actions for slate in made.slates)))
def test_another_treatment_is_another_slate_and_channels_in_another_order_are_not(made: Decision) -> None:
    turned = replace(made, slates=made.slates[::-1])
    shown = [
        replace(slate, actions=tuple(replace(one, treatment_id="another") for one in slate.actions))
        for slate in made.slates
    ]
    for after, otherwise in ((turned, 0), (replace(made, slates=tuple(shown)), 1), (Unanswerable("gone"), 1)):
        comparing = Comparing()
        comparing.add(1, made, after)
        assert comparing.result.otherwise == otherwise
