"""Every refusal is a sentence for whoever speaks with a customer, whichever gate refuses and by whichever rule."""

from __future__ import annotations

import ast
import inspect
import re
import sys
from collections.abc import Iterator, Mapping
from dataclasses import replace
from operator import attrgetter
from types import ModuleType

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.catalogue import Regime, parse
from models.catalogue_file import read_text
from models.conditions.names import ROOTS
from models.decision import Refusal
from models.policy import screening, trouble, withheld
from models.policy.gates import GATES, budget
from serving.console import refusals
from serving.console.refusals import CONDITION, OF_ANY_GATE, SENTENCES, Speaker
from tests.console.call_centre import CATALOGUE
from tests.models.shelves import CONDITIONS
from tests.models.test_decide import answered
from tests.models.test_withheld import WHYS
from tests.models.worlds import World, worlds

STRANGE = re.compile(
    r"_|[{}\[\]]|\d\d\d\d-\d\d-\d\d|severity|opt.in|placement|treatment|request|gate\b|slate|null|NaN|==|&&|\bitem |"
    r"\bcategory |\brule\b|trigger|escalat|channel|retention|marketing"
)

_FAILURES = {word for word, _ in trouble._FAILURE.values()}
_LOCALS: Mapping[tuple[str, str], frozenset[str]] = {
    ("trouble", "word"): frozenset({"complaint", "open_case", *_FAILURES}),
    ("consent", "regime"): frozenset(Regime),
    ("recently_rejected", "rule"): frozenset({"action", "group"}),
    ("already_purchased", "rule"): frozenset({"after", "fallback"}),
    ("eligibility", "condition.text"): frozenset({CONDITION}),
}
"""What a rule may be that no constant tells, by where it stands and how it is written there: whoever writes another one
says here which there are."""


def rules_in(module: ModuleType, where: str, made: str = "Account") -> Iterator[str]:
    """The rules of all accounts that the module makes."""
    for call in ast.walk(ast.parse(inspect.getsource(module))):
        if isinstance(call, ast.Call) and isinstance(call.func, ast.Name) and call.func.id == made:
            told = ast.unparse(call.args[0])
            if (where, told) in _LOCALS:
                yield from _LOCALS[where, told]
            elif told == "found.rule":
                yield from rules_in(trouble, "trouble", "Trouble")
            else:
                constant = isinstance(call.args[0], ast.Constant)
                yield str(ast.literal_eval(told) if constant else attrgetter(told)(module))


def all_rules() -> set[tuple[str, str]]:
    found = {}
    for gate in GATES:
        module = sys.modules[type(gate).__module__]
        found[gate.name] = set(rules_in(module, gate.name))
    found["ceiling"] |= set(rules_in(budget, "budget")) - {
        "never"
    }  # in the other's words; one of 0 a day is no ceiling
    assert all(found.values())
    return {(gate, rule) for gate, rules in found.items() for rule in rules}


def test_whatever_gate_refuses_by_whatever_rule_has_a_sentence_and_no_sentence_is_left_over() -> None:
    after = {("distinct", "chosen"), ("contact_limits", "chosen"), ("budget", "chosen"), ("ceiling", "chosen")}
    after |= {("group", "chosen"), ("fallback", "others"), ("urgent", "first")}
    assert {rule for _, rule in after} == set(rules_in(withheld, "withheld"))
    assert {gate for gate, _ in after} == WHYS
    assert all_rules() | after == set(SENTENCES)
    assert set(rules_in(screening, "screening")) == set(OF_ANY_GATE)
    assert {gate.name for gate in GATES} | WHYS == set(refusals.GATES)


WORLDS = worlds() | worlds(open_but_for="limits") | worlds(open_but_for="trouble")


@settings(max_examples=60, deadline=None)
@given(WORLDS, st.sampled_from(["Asia/Tokyo", "UTC"]))
def test_no_refusal_shows_how_the_engine_calls_things(world: World, zone: str) -> None:
    asked = replace(world, request=replace(world.request, explain=True))
    for slate in answered(asked).slates:
        speaker = Speaker(world.compiled.catalogue, str.upper, slate.channel, zone)
        for one in (*slate.refused, *slate.withheld):
            told = speaker.told(one)
            assert told.words[0].isupper()
            assert told.words.endswith(".")
            assert told.exact.rule == one.rule
            assert STRANGE.search(told.words) is None, (one, told.words)
            assert one.reason.casefold() not in told.words.casefold()


SHOP = parse(read_text(CATALOGUE).document, 1)
SPEAKER = Speaker(SHOP, {"vacuum-1": "Vacuum cleaner"}.__getitem__, "agent", "Europe/London")


@pytest.mark.parametrize("gate", sorted(refusals.GATES))
@pytest.mark.parametrize("rule", sorted(OF_ANY_GATE))
def test_a_gate_that_fails_is_told_in_words_too(gate: str, rule: str) -> None:
    words = SPEAKER.told(Refusal("offer-vacuum", gate, rule, "KeyError", "a verdict", "it could not")).words
    assert STRANGE.search(words) is None
    assert "KeyError" not in words


@pytest.mark.parametrize("condition", [*CONDITIONS, "true", *(f"{root} == {root}" for root in ROOTS)])
@pytest.mark.parametrize("known", [True, False])
def test_a_condition_of_whatever_kind_says_what_it_goes_by(condition: str, known: bool) -> None:
    names = re.findall(r"(?:customer|history|context)\.\w+", condition)
    observed = ", ".join(f"{one} is {'7' if known else 'unknown'}" for one in names)
    failed = observed if known or not names else f"{names[0]} is unknown"
    reason = f"its condition is not met: {failed}"
    words = SPEAKER.told(Refusal("offer-vacuum", "eligibility", condition, observed, "true", reason)).words
    assert words.startswith("It is for some customers only, which goes by ")
    assert STRANGE.search(words) is None
    told = [one.partition(".")[2] for one in (names if known else names[:1]) if one.startswith("customer.")]
    assert ("ask for it" in words) == (bool(told) and not known)
    assert all(one.replace("_", " ") in words for one in told)


@pytest.mark.parametrize(
    ("told", "words"),
    [
        (
            ("already_purchased", "never", "bought 2026-01-03T22:30:00Z", "never bought"),
            "They have Vacuum cleaner already, bought on 3 Jan 2026, and one is enough.",
        ),
        (
            ("recently_rejected", "action", "rejected 2026-07-01T23:30:00Z", "from 2026-08-01T09:00:00Z"),
            "They were not interested in it on 2 Jul 2026; it may be said again from 1 Aug 2026, 10:00 on.",
        ),
        (
            ("service_first", "open_case", "a case of severity 3", "when it is closed, or from 2026-01-09T00:00:00Z"),
            "They have an open case, and helping comes before selling: nothing is sold until it is closed, or "
            "until 9 Jan 2026, 00:00 if nobody works on it.",
        ),
        (
            ("consent", "opt_in", "nothing known", "a grant"),
            "They have not agreed to be contacted on the telephone; ask whether we may.",
        ),
        (("available", "unavailable", "vacuum-1 out of stock", ""), "Vacuum cleaner cannot be had at the moment."),
        (
            ("service_first", "in_service", "on agent since 2026-01-01T00:00:00Z", "when the conversation ends"),
            "Somebody is serving them, or they wait for it: nothing is sold until that is over.",
        ),
        (
            ("eligibility", 'customer.postcode == "E1"', "customer.postcode is unknown", "true"),
            "It is for some customers only, which goes by their postcode: that is not known of them; ask for it.",
        ),
    ],
)
def test_a_refusal_reads_so(told: tuple[str, str, str, str], words: str) -> None:
    reason = f"its condition is not met: {told[2]}"
    assert SPEAKER.told(Refusal("offer-vacuum", *told, reason)).words == words


def test_what_a_gate_says_that_this_version_does_not_know_is_told_as_it_says_it() -> None:
    told = SPEAKER.told(Refusal("gone", "new_gate", "new", "x", "y", "it is so since 2026-07-01T23:30:00Z"))
    assert (told.name, told.gate, told.words) == ("gone", "new gate", "It is so since 2 Jul 2026, 00:30.")
