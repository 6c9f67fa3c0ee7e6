"""Conditions: what is found wrong before they are used, and what they say of a customer."""

# ruff: noqa: ARG005 the oracles of all conditions are told the same

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Mapping
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import structs

from features.build import rows
from features.definitions import columns_of_customer
from features.event import Kind
from features.history import CustomerRecord
from features.instants import render_instant
from features.published import NOTHING
from models.catalogue import CatalogueInvalid
from models.catalogue_file import checked
from models.columns import CompiledCatalogue
from models.conditions.truth import Truth
from models.local_time import utc_offset
from models.policy.arbitration import context_weight, rank
from models.policy.gates.eligibility import Eligibility
from models.policy.screening import account_of, screen
from models.policy.situation import Situation
from models.policy_rules import Arm
from tests.models.shelves import CONDITIONS, TRAITS
from tests.models.shop import DAY, NOW, Broken, ByAction, compiled, customer, event, items_table, request
from tests.models.test_condition_checks import TYPES
from tests.models.test_decide import small_shop
from tests.models.worlds import World, told_traits, worlds


def situation_of(
    shop: CompiledCatalogue, record: CustomerRecord, context: Mapping[str, object] | None = None, deliver_at: int = NOW
) -> Situation:
    asked = request("web", context=context, deliver_at=deliver_at)
    return Situation(asked, record, shop, shop.channels(("web",)), NOW, NOTHING, Arm.FULL)


@pytest.mark.parametrize(
    ("text", "truth", "words"),
    [
        ("customer.size > 2", Truth.MET, ""),
        ("customer.size > 3", Truth.UNMET, ""),
        ("customer.size == 3 && history.orders_28d == 1", Truth.MET, ""),
        ("has(customer.size) && !has(customer.postcode)", Truth.MET, ""),
        ('customer.postcode == "a"', Truth.UNKNOWN, "customer.postcode"),
        ('customer.postcode != "a"', Truth.UNKNOWN, "customer.postcode"),
        ('!(customer.postcode == "a")', Truth.UNKNOWN, "customer.postcode"),
        ('customer.postcode == "a" || customer.size > 2', Truth.MET, ""),
        ("history.viewed_last < 3", Truth.UNKNOWN, "history.viewed_last"),
        ("has(history.viewed_last) || history.orders_last == 2", Truth.MET, ""),
        ('context.page == "a"', Truth.UNKNOWN, "context.page"),
        ("context.basket.lines > 2", Truth.UNKNOWN, "lines"),
        ('has(context.page) && context.page == "a"', Truth.UNMET, ""),
        ("context.basket > 2", Truth.BROKEN, "> is not for (map, int64)"),
        ("context.list[99] == 1", Truth.BROKEN, "index"),
        ("context.list.all(a, context.list.all(b, context.list.all(c, a + b + c > 0)))", Truth.BROKEN, "budget"),
    ],
)
def test_what_a_condition_says(text: str, truth: Truth, words: str) -> None:
    shop, vocabulary = small_shop({"a": {"eligibility": text}}, traits=TYPES)
    record = customer([event(Kind.ORDERED, 2, item="f1", order="o")], vocabulary, traits={"size": 3, "postcode": 7})
    answer = situation_of(shop, record, {"basket": {"items": 1}, "list": list(range(1, 40))}).answers.of(0)
    assert answer.truth is truth
    assert words in answer.words if truth is Truth.BROKEN else words == answer.words


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("context.secret > 2", "'context.secret > 2': > is not for (string, int64)"),
        ("int(context.secret) > 2", "'int(context.secret) > 2': cannot convert string to int"),
        ("'a'.matches(context.secret)", "\"'a'.matches(context.secret)\": invalid regular expression"),
        ("[1][context.secret] == 1", "'[1][context.secret] == 1': index error"),
        ("now > timestamp(context.secret)", "string to timestamp conversion failed"),
        ("true && dyn(context.secret)", "&& is not for what it is given"),
        ("history.orders_28d >= 0 ? context.secret : true", "it is a string, and neither true nor false"),
        ("context.secret.x == 1", "applying select to non-message type"),
    ],
)
def test_who_asks_why_is_told_what_a_condition_failed_of_and_no_value(text: str, words: str) -> None:
    shop, vocabulary = small_shop({"a": {"eligibility": text}})
    situation = situation_of(shop, customer((), vocabulary), {"secret": "(4711"})
    screening = screen((Eligibility(),), situation)
    gate, account = account_of(screening, situation, 0)
    assert (gate.name, account.rule) == ("eligibility", "gate_failed")
    assert words in account.observed
    assert "4711" not in f"{account} {screening.faults}"


def _typed(kind: str, value: object) -> object:
    """Slow and obvious: the value as a condition reads it, None when it is unknown."""
    if kind == "time":
        try:
            moment = dt.datetime.fromisoformat(str(value))
        except ValueError:
            return None
        return moment.timestamp() * 1000 if isinstance(value, str) and moment.tzinfo is not None else None
    if kind == "number":
        real = isinstance(value, int | float) and not isinstance(value, bool)
        return value if real and abs(value) < 1e300 else None
    if kind == "texts":
        return value if isinstance(value, list) and all(isinstance(one, str) for one in value) else None
    return value if isinstance(value, {"text": str, "yes_no": bool}[kind]) else None


class Unknown(Exception):
    """What was asked for is not known."""


class Known(dict[str, object]):
    """Values by name; what is unknown cannot be taken."""

    def __missing__(self, name: str) -> object:
        raise Unknown(name)


Told = Callable[[Known, Known, Known, int], object]

_TOLD: dict[str, Told] = dict(
    zip(
        CONDITIONS,
        (
            lambda customer, history, context, at: str(customer["postcode"]).startswith("021"),
            lambda customer, history, context, at: customer["household_size"] >= 2,
            lambda customer, history, context, at: (
                "dogs" in customer["likes"] if customer.get("member") else history["orders_ever"] > 0
            ),
            lambda customer, history, context, at: "since" not in customer or at - customer["since"] > 720 * 3_600_000,
            lambda customer, history, context, at: (
                history.get("orders_last", 99) < 10 or history["viewed_7d"] >= 1 or history["orders_last"] < 10
            ),
            lambda customer, history, context, at: context.get("page") == "laundry",
            lambda customer, history, context, at: context["level"] > 2,
            lambda customer, history, context, at: history["local hours"] >= 9,
        ),
        strict=True,
    )
)
"""The conditions of the synthetic worlds, told again."""


@st.composite
def shaken_worlds(draw: st.DrawFn) -> World:
    """Worlds in some of which a condition cannot be evaluated."""
    world = draw(worlds((Arm.FULL,)))
    context = draw(st.sampled_from([world.request.context, {"level": "high"}]))
    return replace(world, request=replace(world.request, context=context))


def told_again(world: World, text: str) -> bool | None:
    """None: it cannot be told."""
    facts, page = world.compiled.facts, world.customer.page
    offset = utc_offset(world.customer.time_zone, world.compiled.catalogue.time_zone, NOW)
    row = rows(page, NOW, offset, world.compiled.all, facts)[0]
    lived = {name: row[column] for name, column in columns_of_customer().items() if not np.isnan(row[column])}
    at, zone = world.request.deliver_at, world.customer.time_zone
    lived["local hours"] = (at + utc_offset(zone, world.compiled.catalogue.time_zone, at)) // 3_600_000 % 24
    traits = {name: _typed(kind, world.customer.traits.get(name)) for name, kind in TRAITS.items()}
    known = Known({name: value for name, value in traits.items() if value is not None})
    try:
        return bool(_TOLD[text](known, Known(lived), Known(world.request.context), at))
    except Unknown:
        return False
    except TypeError:
        return None


@settings(max_examples=100, deadline=None)
@given(world=shaken_worlds())
def test_eligibility_agrees_with_the_oracle(world: World) -> None:
    situation = world.situation
    wanted = [world.compiled.catalogue.actions[number].eligibility for number in situation.candidates.action]
    verdicts = [True if text is None else told_again(world, text) for text in wanted]
    screening = screen((Eligibility(),), situation)
    assert (screening.first > 0).tolist() == [verdict is not True for verdict in verdicts]
    broken = screening.failed.get("eligibility", np.zeros(len(wanted), np.bool_))
    assert broken.tolist() == [verdict is None for verdict in verdicts]
    assert len(screening.faults) == int(None in verdicts)


@settings(max_examples=100, deadline=None)
@given(world=shaken_worlds())
def test_the_context_weight_agrees_with_the_oracle_to_the_last_bit(world: World) -> None:
    situation, catalogue = world.situation, world.compiled.catalogue
    everything = np.arange(len(situation.candidates), dtype=np.intp)
    expected = []
    for place, number in enumerate(situation.candidates.action):
        action, product = catalogue.actions[number], 1.0
        for weight in catalogue.weights:
            meant = (
                action.id in (weight.actions or [action.id])
                and action.group in (weight.groups or [action.group])
                and situation.channel(place) in (weight.channels or [situation.channel(place)])
            )
            product *= weight.weight if meant and told_again(world, weight.when) else 1.0
        expected.append((action.value * action.lever, product))
    weight, doubts = context_weight(situation, everything)
    assert weight.tolist() == [product for _, product in expected]
    assert all("context.level > 2" in doubt for doubt in doubts)
    assert len(doubts) <= 1
    ranking = rank(world.scorer, situation, everything)
    responses = [world.scorer.probability[int(code)] for code in situation.candidates.candidates.action]
    assert ranking.priority.tolist() == [
        response * (worth * product) for response, (worth, product) in zip(responses, expected, strict=True)
    ]
    assert rank(Broken(), situation, everything).priority.tolist() == [worth * product for worth, product in expected]


@settings(max_examples=60, deadline=None)
@given(world=worlds())
def test_each_distinct_condition_is_asked_once_and_only_when_it_is_needed(world: World) -> None:
    situation, conditions = world.situation, world.compiled.conditions
    texts = [condition.text for condition in conditions.all]
    assert len(texts) == len(set(texts))
    screen((Eligibility(),), situation)
    wanted = {world.compiled.catalogue.actions[number].eligibility for number in situation.candidates.action}
    assert {texts[number] for number in situation.answers._given} == wanted - {None}
    given_before = dict(situation.answers._given)
    rank(world.scorer, situation, np.arange(len(situation.candidates), dtype=np.intp))
    assert all(situation.answers.of(number) is answer for number, answer in given_before.items())


@settings(max_examples=60, deadline=None)
@given(traits=told_traits(), level=st.sampled_from([None, 1, 3, "high"]), data=st.data())
def test_asked_together_or_one_by_one_is_the_same(
    traits: dict[str, object], level: object, data: st.DataObject
) -> None:
    shop, vocabulary = _all_in_one
    record = customer([event(Kind.ORDERED, 2, item="f1", order="o")], vocabulary, traits=traits)
    context = {} if level is None else {"level": level}
    together, alone = situation_of(shop, record, context).answers, situation_of(shop, record, context).answers
    numbers = data.draw(st.lists(st.integers(0, len(shop.conditions.all) - 1), unique=True))
    assert together.truths(numbers) == [alone.of(number).truth for number in numbers]
    assert all(together.of(number) == alone.of(number) for number in range(len(shop.conditions.all)))


@pytest.mark.parametrize(
    ("first", "second", "remembered"),
    [
        (({"household_size": 3}, {}), ({"household_size": 3}, {"page": "not read"}), True),
        (({"household_size": 3}, {}), ({"household_size": 4}, {}), False),
        (({}, {"level": 1}), ({}, {"level": 1.0}), False),
        (({}, {"level": 1}), ({}, {"level": True}), False),
        (({}, {"level": None}), ({}, {}), False),
    ],
)
def test_what_was_said_of_the_same_values_is_remembered_and_of_no_others(
    first: tuple[dict[str, object], dict[str, object]],
    second: tuple[dict[str, object], dict[str, object]],
    remembered: bool,
) -> None:
    texts = ["customer.household_size > 3", "context.level == 1"]
    shop, vocabulary = small_shop({f"a{n}": {"eligibility": text} for n, text in enumerate(texts)}, traits=TRAITS)
    for traits, context in (first, second):
        answers = situation_of(shop, customer((), vocabulary, traits=traits), context).answers
        alone = situation_of(shop, customer((), vocabulary, traits=traits), context).answers
        assert answers.truths([0, 1]) == [alone.of(number).truth for number in (0, 1)]
    assert len(shop.conditions.memory) == (1 if remembered else 2)


def test_what_reads_a_clock_is_not_remembered() -> None:
    shop, vocabulary = small_shop({"a": {"eligibility": f'now < timestamp("{render_instant(NOW + DAY // 2)}")'}})
    early = situation_of(shop, customer((), vocabulary)).answers
    late = situation_of(shop, customer((), vocabulary), deliver_at=NOW + DAY).answers
    assert [early.truths([0]), late.truths([0])] == [[Truth.MET], [Truth.UNMET]]
    assert len(shop.conditions.memory) == 0


_all_in_one = small_shop(
    {
        f"a{n}": {"eligibility": text}
        for n, text in enumerate([*CONDITIONS, *(f"{n} < {m}" for n in range(5) for m in range(9))])
    },
    traits=TRAITS,
)


@settings(max_examples=40, deadline=None)
@given(traits=told_traits())
def test_no_trait_of_whatever_type_breaks_a_condition_that_was_checked(traits: dict[str, object]) -> None:
    texts = [text for text in CONDITIONS if "context" not in text]
    shop, vocabulary = small_shop({f"a{n}": {"eligibility": text} for n, text in enumerate(texts)}, traits=TRAITS)
    situation = situation_of(shop, customer((), vocabulary, traits=traits))
    assert all(situation.answers.of(number).truth is not Truth.BROKEN for number in range(len(texts)))


def test_now_is_the_moment_of_delivery_and_local_the_customers_clock_then() -> None:
    shop, vocabulary = small_shop(
        {"a": {"eligibility": "now.getHours() == 6"}, "b": {"eligibility": "local.getHours() == 15"}}
    )

    def offered(time_zone: str, deliver_at: int) -> list[bool]:
        situation = situation_of(shop, customer((), vocabulary, time_zone), deliver_at=deliver_at)
        return (~Eligibility().refuses(situation)).tolist()

    assert offered("Asia/Tokyo", NOW) == [False, False]
    assert offered("Asia/Tokyo", NOW + DAY // 4) == [True, True]
    assert offered("Europe/Berlin", NOW + DAY // 4) == [True, False]


def test_who_has_done_nothing_since_is_told_by_the_history_as_of_the_moment() -> None:
    shop, vocabulary = small_shop({"a": {"eligibility": "history.orders_28d == 1"}})
    late = event(Kind.ORDERED, 2, item="f1", order="o", lag_days=3)
    assert Eligibility().refuses(situation_of(shop, customer([late], vocabulary))).tolist() == [True]
    known = structs.replace(late, recorded_at=NOW)
    assert Eligibility().refuses(situation_of(shop, customer([known], vocabulary))).tolist() == [False]


@pytest.mark.parametrize(
    ("traits", "observed", "reason"),
    [
        (
            {"size": 2},
            "customer.size is 2, customer.postcode is unknown",
            "its condition is not met: customer.postcode is unknown",
        ),
        (
            {"size": 2, "postcode": "9"},
            'customer.size is 2, customer.postcode is "9"',
            'its condition is not met: customer.size is 2, customer.postcode is "9"',
        ),
    ],
)
def test_a_refusal_tells_the_condition_and_what_it_read(traits: dict[str, object], observed: str, reason: str) -> None:
    text = 'customer.size > 1 && customer.postcode == "x"'
    shop, vocabulary = small_shop({"a": {"eligibility": text}}, traits=TYPES)
    situation = situation_of(shop, customer((), vocabulary, traits=traits))
    _, account = account_of(screen((Eligibility(),), situation), situation, 0)
    assert (account.rule, account.observed, account.required, account.reason) == (text, observed, "true", reason)


def test_a_broken_condition_refuses_its_own_actions_and_is_a_fault() -> None:
    shop, vocabulary = small_shop({"a": {"eligibility": "context.n > 3"}, "b": {}})
    situation = situation_of(shop, customer((), vocabulary), {"n": "many"})
    screening = screen((Eligibility(),), situation)
    assert (screening.first > 0).tolist() == [True, False]
    assert len(screening.faults) == 1
    assert screening.faults[0].startswith(
        "gate eligibility: ConditionBroken: 'context.n > 3': > is not for (string, int64)"
    )


def test_a_catalogue_that_was_stored_unchecked_does_not_compile() -> None:
    source = checked(
        {
            "currency": "EUR",
            "time_zone": "UTC",
            "channels": {"web": {"direction": "inbound", "consent": "not_needed", "reward_window_days": 7}},
            "actions": [
                {
                    "id": "a",
                    "kind": "message",
                    "group": "g",
                    "value": 1,
                    "success": "clicked",
                    "eligibility": "1 == 1",
                    "treatments": [{"id": "t", "channel": "web"}],
                }
            ],
        },
        items_table({}),
    )
    with pytest.raises(CatalogueInvalid, match="condition is '1 = 1'; it must be CEL"):
        compiled(replace(source, document=source.document.replace("1 == 1", "1 = 1")))


@settings(max_examples=30, deadline=None)
@given(world=worlds(), data=st.data())
def test_what_is_urgent_goes_before_the_rest_whatever_the_priorities(world: World, data: st.DataObject) -> None:
    situation = world.situation
    ranking = rank(
        ByAction({}, data.draw(st.sampled_from([0.0, 1.0]))), situation, np.arange(len(situation.candidates))
    )
    actions = [world.compiled.catalogue.actions[number] for number in situation.candidates.action]
    assert ranking.first.tolist() == [one.urgent or one.trigger is not None for one in actions]


def test_only_a_service_is_urgent() -> None:
    with pytest.raises(
        CatalogueInvalid, match=r"actions\[0\].urgent is True; it is for a service and the kind is offer"
    ):
        small_shop({"a": {"urgent": True}})
