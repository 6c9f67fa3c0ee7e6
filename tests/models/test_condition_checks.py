"""What is wrong with a condition is said when a catalogue is applied: names, types, and what is no CEL."""

from __future__ import annotations

import pytest

from models.catalogue import CatalogueInvalid
from models.catalogue_file import read_text
from models.conditions.names import names_in
from tests.models.shelves import TRAITS
from tests.models.test_decide import small_shop

TYPES = {**TRAITS, "size": "number"}


def faults_of(text: str) -> list[str]:
    """What is said of a condition, without the name of the field and the text itself."""
    try:
        small_shop({"a": {"eligibility": text}}, traits=TYPES)
    except CatalogueInvalid as error:
        start = f"actions[0].eligibility is {text!r}; "
        return [fault.message.removeprefix(start) for fault in error.faults]
    return []


@pytest.mark.parametrize(
    "text",
    [
        "history.orders_28d > 3",
        "history.orders_28d == 3 || 3 != history.spend_28d",
        "history.orders_28d + 1.0 > 2.0",
        "history.cases_open >= 1.0 && history.on_email_events_28d in [1.0, 2.0]",
        'has(customer.postcode) && customer.postcode.matches("^02[0-9]+")',
        '"dogs" in customer.likes && customer.likes.exists(one, one.startsWith("d")) && size(customer.likes) < 9',
        'customer.since < now && now - customer.since > duration("24h")',
        'local.getHours() >= 9 && now.getDayOfWeek("Europe/Berlin") == 6',
        '"page" in context && context.page == 3 || context.lines.all(line, line.price < 3)',
        'customer.member ? customer.size > 1 : customer.size > 2.5 // "customer.postcod"',
        '"customer.postcod" != customer.postcode',
        "int(customer.size) % 2 == 0",
        'now > timestamp("2026-06-01T00:00:00+02:00") && now - customer.since < duration("1h30m")',
        "1.0 / 0.0 > history.orders_28d && [1, 2].all(one, 6 / one > 1)",
    ],
)
def test_what_fits_is_taken(text: str) -> None:
    assert faults_of(text) == []


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (
            'customer.postcod == "a"',
            [
                "customer.postcod at character 9 is no declared trait; traits are ['household_size', 'likes', "
                "'member', 'postcode', 'since', 'size']; write customer.postcode, or declare postcod in traits"
            ],
        ),
        (
            "history.orders_28 > 3",
            [
                "history.orders_28 at character 8 is no feature of the customer; write history.orders_28d, or take one "
                "of docs/features.md"
            ],
        ),
        (
            "histroy.orders_28d > 3",
            [
                "'histroy.orders_28d' at character 8 is unknown; a condition reads customer, history, context, now, "
                "local, and has the functions of CEL; write history"
            ],
        ),
        (
            "history.orders_28d + 1 > 2",
            ["+ at character 20 is not for (double, int); write whole numbers with a point there, like 1.0"],
        ),
        (
            "customer.size in [3]",
            ["in at character 15 is not for (double, list(int)); write whole numbers with a point there, like 1.0"],
        ),
        (
            "customer.postcode > 3",
            ["> at character 19 is not for (string, int); compare and combine what is of one type"],
        ),
        ("!customer.size", ["! at character 1 is not for (double); compare and combine what is of one type"]),
        ("customer.size", ["it is of type DOUBLE and must be true or false; compare it with something"]),
        ("context.page", ["it is of type DYN and must be true or false; compare it with something"]),
        ("history.orders_28d > 3 ? 1 : 2", ["it is of type int and must be true or false; compare it with something"]),
        ('customer == "a"', ["customer stands by itself; write customer. and the name of what you mean"]),
        ("dyn(customer).x == 1", ["customer stands by itself; write customer. and the name of what you mean"]),
        ("customer.member && ", ["syntax error: mismatched input '<EOF>' at character 20; correct the text there"]),
        (
            "true) || (false",
            ["syntax error: mismatched input ')' expecting <EOF> at character 5; correct the text there"],
        ),
        (
            'customer.postcode.matches("(")',
            ["matches at character 26 fails for everybody: invalid regular expression: missing ): (; correct it"],
        ),
        (
            'now.getHours("Mars/Base") > 1',
            ["getHours at character 13 fails for everybody: invalid timezone; correct it"],
        ),
        (
            "customer.member\n&& customer.nothing",
            [
                "customer.nothing at line 2, character 12 is no declared trait; traits are ['household_size', 'likes', "
                "'member', 'postcode', 'since', 'size']; declare nothing in traits"
            ],
        ),
    ],
)
def test_what_is_wrong_is_said(text: str, said: list[str]) -> None:
    found = faults_of(text)
    assert found[: len(said)] == said
    assert len(found) == len(said) or text.startswith("customer ==")


def test_all_that_is_wrong_in_one_condition_is_said_at_once() -> None:
    assert len(faults_of('customer.size > "a" || customer.postcod == "a" || history.nothing > 1 || foo(1)')) == 4


def test_every_fault_has_its_place_and_line() -> None:
    text = """currency: EUR
time_zone: UTC
traits: {postcode: text}
channels: {web: {direction: inbound, consent: not_needed, reward_window_days: 7}}
weights:
  - {when: history.orders > 1, weight: 2}
actions:
  - id: a
    kind: message
    group: g
    value: 1
    success: clicked
    eligibility: customer.post == "x"
    treatments: [{id: t, channel: wbe}]
"""
    with pytest.raises(CatalogueInvalid) as caught:
        read_text(text)
    assert [(fault.line, fault.path) for fault in caught.value.faults] == [
        (6, "weights[0].when"),
        (13, "actions[0].eligibility"),
        (14, "actions[0].treatments[0].channel"),
    ]
    with pytest.raises(CatalogueInvalid) as caught:
        read_text(text.replace("postcode: text", "post: words"))
    assert [(fault.line, fault.path) for fault in caught.value.faults] == [
        (3, "traits.post"),
        (6, "weights[0].when"),
        (14, "actions[0].treatments[0].channel"),
    ]


RFC_3339 = (
    "fails for everybody: it must be RFC 3339 with a day that there is, a time and an offset; write e.g. "
    'timestamp("2026-06-01T00:00:00Z")'
)
UNITS = (
    "fails for everybody: it must be numbers with h, m, s, ms, us or ns, and has no longer unit; write e.g. "
    'duration("72h") for three days'
)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('now > timestamp("2026-13-01T00:00:00Z")', [f"timestamp at character 16 {RFC_3339}"]),
        ('customer.since < timestamp("2026-02-30T00:00:00Z")', [f"timestamp at character 27 {RFC_3339}"]),
        ('now > timestamp("2026-06-01")', [f"timestamp at character 16 {RFC_3339}"]),
        ('now - customer.since > duration("3d")', [f"duration at character 32 {UNITS}"]),
        ('now - duration("3x") > customer.since', [f"duration at character 15 {UNITS}"]),
        ("1 / 0 > 1", ["/ at character 3 fails for everybody: divide by zero; correct it"]),
        ("[1, 2][2] == 1", ["[ ] at character 7 fails for everybody: index error: index=2 size=2; correct it"]),
        (
            "has(context.n) && context.n % 0 == 1",
            ["% at character 29 fails for everybody: modulus by zero; correct it"],
        ),
        ('int("3x") == 1', ["int at character 4 fails for everybody: cannot convert string to int; correct it"]),
        (
            'has(context.page) && context.page.matches("[")',
            ["matches at character 42 fails for everybody: invalid regular expression: missing ]: [; correct it"],
        ),
        (
            'history.orders_28d > 3\n&& context.lines.exists(line, line.at > timestamp("soon"))',
            [f"timestamp at line 2, character 50 {RFC_3339}"],
        ),
        (
            'now > timestamp("2026-06-01") || now - customer.since > duration("3d") || histroy.x > 1',
            [
                "'histroy.x' at character 82 is unknown; a condition reads customer, history, context, now, local, and "
                "has the functions of CEL; write history",
                f"timestamp at character 16 {RFC_3339}",
                f"duration at character 65 {UNITS}",
            ],
        ),
    ],
)
def test_a_constant_that_fails_for_everybody_is_a_fault_wherever_it_stands(text: str, said: list[str]) -> None:
    assert faults_of(text) == said


def test_a_refused_trait_hides_no_condition_and_makes_no_noise() -> None:
    text = """currency: EUR
time_zone: UTC
traits: {n: numeric, postcode: text}
channels: {web: {direction: inbound, consent: not_needed, reward_window_days: 7}}
weights:
  - {when: histroy.orders_28d > 1, weight: 2}
  - {when: has(customer.n) && customer.n > 1 && customer.n + 1.0 > 2.0, weight: 2}
  - {when: customer.n.startsWith("a") || customer.postcode > 3, weight: 2}
  - {when: customer.m == "a", weight: 2}
actions: []
"""
    for refused, faults in (
        (text, [(3, "traits.n"), (6, "weights[0].when"), (8, "weights[2].when"), (9, "weights[3].when")]),
        (text.replace("{n: numeric, postcode: text}", "[n]"), [(3, "traits"), (6, "weights[0].when")]),
        (
            text.replace("{n: numeric,", "{n: numeric, 1n: number,"),
            [(3, "traits.n"), (3, "traits.1n"), *((line, f"weights[{line - 6}].when") for line in (6, 8, 9))],
        ),
    ):
        with pytest.raises(CatalogueInvalid) as caught:
            read_text(refused)
        assert sorted((fault.line, fault.path) for fault in caught.value.faults) == sorted(faults)


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("customer.a == customer.a && history.b > 1", ["customer.a", "history.b"]),
        ("'customer.a' == \"history.b\" // customer.c", []),
        ('r"\\" == customer.a', ["customer.a"]),
        ("\"a\\\" customer.a\" == '''x' customer.b''' + customer . c", ["customer.c"]),
        (
            "context.customer.a == 1 && context['customer'].b == 2 && .customer.c",
            ["context.customer", "context", "customer.c"],
        ),
        ("f(customer).a", ["customer"]),
        ("xcustomer.a && customer_.b", []),
    ],
)
def test_names_are_what_stands_outside_of_texts(text: str, names: list[str]) -> None:
    assert [str(name) for name in names_in(text)] == names
