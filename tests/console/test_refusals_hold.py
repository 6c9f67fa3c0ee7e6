"""What a refusal says in words is what its gate found: each gate refuses here by itself, and its words are compared
with what it went by."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import pytest

from features.event import Event, Kind
from features.published import NOTHING, Published
from features.spending import Spent, millionths
from models.catalogue import CatalogueInvalid
from models.catalogue_file import read_text
from models.conditions.truth import Truth
from models.decision import Refusal
from models.policy.gate import Gate
from models.policy.gates.already_purchased import AlreadyPurchased
from models.policy.gates.available import Available
from models.policy.gates.budget import WithinBudget
from models.policy.gates.ceiling import BelowCeiling
from models.policy.gates.consent import ConsentGiven
from models.policy.gates.contact_limits import WithinContactLimits
from models.policy.gates.eligibility import Eligibility
from models.policy.situation import Situation
from models.policy.spending import day_of
from models.policy_rules import Arm
from serving.console.refusals import Speaker
from tests.models.shop import NOW, compiled, customer, event, request

SHOP = """
currency: EUR
time_zone: Europe/London
channels:
  agent: {direction: inbound, consent: opt_out, reward_window_days: 7, cost: 2.0}
topics: [{id: offers, name: Offers, words: "May we?"}]
traits: {age: number, postcode: text}
categories: [{id: c, name: Cleaning}, {id: d, name: Drying}]
items:
  - {id: i, category: c, name: Mop, price: 9}
  - {id: i 2, category: c, name: Broom, price: 9}
  - {id: j, category: d, name: Towel, price: 9}
  - {id: k, category: d, name: Rack, price: 9}
groups: [{id: g, limits: GROUP}]
actions:
  - id: a
    name: A
    kind: offer
    group: g
    value: 1
    success: accepted
    treatments: [{id: t, channel: agent}]
"""
NAMES = {"i": "Mop", "i 2": "Broom", "j": "Towel", "k": "Rack"}


@dataclass(frozen=True, slots=True)
class Held:
    """words: of the refusal."""

    words: str
    situation: Situation


def held(
    gate: Gate,
    action: str = "suppression: {rule: never}",
    events: Sequence[Event] = (),
    traits: Mapping[str, object] | None = None,
    published: Published = NOTHING,
    group: str = "[]",
) -> Held:
    """action: what else its entry says. group: limits of its group."""
    text = SHOP.replace("GROUP", group) + "".join(f"    {line}\n" for line in action.splitlines())
    shop, vocabulary = compiled(read_text(text))
    record, channels = customer(list(events), vocabulary, traits=traits), shop.channels(("agent",))
    situation = Situation(request("agent"), record, shop, channels, NOW, published, Arm.FULL)
    assert gate.refuses(situation)[0]
    told = gate.account(situation, 0)
    refused = Refusal("a", gate.name, told.rule, told.observed, told.required, told.reason)
    return Held(Speaker(shop.catalogue, NAMES.__getitem__, "agent", "UTC").told(refused).words, situation)


OLD, E1 = "customer.age > 65.0", 'customer.postcode == "E1"'


@pytest.mark.parametrize(
    "condition",
    [
        *(OLD, E1, f"{OLD} && {E1}", f"{OLD} || {E1}", f"{E1} || {OLD}", f"!({OLD}) && {E1}"),
        *(f"history.orders_28d > 1.0 && {OLD}", f'context.page == "x" || {E1}', "history.viewed_7d > 9.0", "false"),
    ],
)
@pytest.mark.parametrize("traits", [{}, {"age": 30}, {"postcode": "N1"}, {"age": 30, "postcode": "x is unknown"}])
def test_somebody_is_asked_only_where_the_answer_could_change_the_verdict(
    condition: str, traits: Mapping[str, object]
) -> None:
    found = held(
        Eligibility(), f"items: [i]\nsuppression: {{rule: never}}\neligibility: {json.dumps(condition)}", traits=traits
    )
    answer = found.situation.answers.of(0)
    of_them = answer.truth is Truth.UNKNOWN and answer.words.startswith("customer.")
    assert ("ask for it" in found.words) == of_them
    assert ("is not known" in found.words) == (answer.truth is Truth.UNKNOWN)
    assert ("they are not among them" in found.words) == (answer.truth is Truth.UNMET)
    if of_them:
        assert f"their {answer.words.removeprefix('customer.')}: that" in found.words


@pytest.mark.parametrize("channel", ["agent", None])
@pytest.mark.parametrize("topic", ["offers", None])
def test_a_topic_is_named_only_where_it_was_withdrawn_itself(channel: str | None, topic: str | None) -> None:
    no = event(Kind.CONSENT_WITHDRAWN, 3, channel=channel, topic=topic)
    found = held(ConsentGiven(), "suppression: {rule: never}\nitems: [i]\ntopic: offers", [no])
    assert ("about Offers" in found.words) == (topic is not None)
    assert "on 29 Dec 2025" in found.words


@pytest.mark.parametrize("group", [True, False])
def test_what_may_be_told_to_nobody_was_not_told_already(group: bool) -> None:
    none = "[{contacts: 0, days: 1}]"
    action = "items: [i]\nsuppression: {rule: never}" + ("" if group else f"\nlimits: {none}")
    assert (
        held(WithinContactLimits(), action, group=none if group else "[]").words
        == "It may not be told to anybody here."
    )


@pytest.mark.parametrize(
    ("budget", "spent", "words"),
    [
        ("{per: day, money: 1.0}", 0, "To tell one person of it costs more than may be spent on it."),
        ("{per: total, money: 1.0}", 0, "To tell one person of it costs more than may be spent on it."),
        ("{per: total, money: 5.0}", 2, "What is left to spend on it does not do for one more."),
        ("{per: total, contacts: 2}", 2, "What is left to spend on it does not do for one more."),
        (
            "{per: day, money: 5.0}",
            2,
            "What is left to spend on it today does not do for one more; "
            "it may be said again from 2 Jan 2026, 00:00 on.",
        ),
    ],
)
def test_a_budget_that_is_not_spent_is_not_called_so(budget: str, spent: int, words: str) -> None:
    """spent: contacts of 2.00 EUR."""
    money = millionths(2.0 * spent)
    published = Published(day=day_of("Europe/London", NOW), spent={"a": Spent(spent, spent, money, money)})
    action = f"items: [i]\nsuppression: {{rule: never}}\nbudgets: [{budget}]"
    assert held(WithinBudget(), action, published=published).words == words


def test_no_ceiling_lets_nobody_through_for_ever() -> None:
    with pytest.raises(CatalogueInvalid, match="contacts_per_day is 0"):
        held(BelowCeiling(), "items: [i]\nsuppression: {rule: never}\nceiling: {contacts_per_day: 0, until: 10}")


BOTH = "items: [i, i 2]\n"


@pytest.mark.parametrize("bought", ["i", "i 2"])
@pytest.mark.parametrize("rule", ["{rule: never}", "{rule: after, days: 30}"])
@pytest.mark.parametrize("promoted", ["items: [i, i 2]", "items: [i, i 2, j, k]", "items: [i, i 2]\ncategories: [d]"])
def test_only_what_was_bought_is_said_to_be(bought: str, rule: str, promoted: str) -> None:
    order = event(Kind.ORDERED, 3, item=bought)
    words = held(AlreadyPurchased(), f"{promoted}\nsuppression: {rule}", [order]).words
    assert [one for one in (*NAMES.values(), "Cleaning", "Drying") if one in words] == [NAMES[bought]]


def test_a_category_is_named_where_it_is_what_was_bought_from() -> None:
    order = event(Kind.ORDERED, 3, item="j")
    words = held(AlreadyPurchased(), "items: [i]\ncategories: [d]\nsuppression: {rule: never}", [order]).words
    assert words == "They have Drying already, bought on 29 Dec 2025, and one is enough."


@pytest.mark.parametrize(
    ("items", "words"),
    [
        ("[i]", "Mop cannot be had at the moment."),
        ("[i, i 2]", "Mop and Broom cannot be had at the moment."),
        ("[i, i 2, j, k]", "Nothing of what it is for can be had at the moment."),
    ],
)
def test_what_cannot_be_had_is_all_of_it(items: str, words: str) -> None:
    gone = replace(NOTHING, unavailable=frozenset(NAMES))
    assert held(Available(), f"items: {items}\nsuppression: {{rule: never}}", published=gone).words == words
