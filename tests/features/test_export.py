"""The copy of everything held on a person: a format that others read."""

from __future__ import annotations

import json
import math
from dataclasses import fields, replace
from pathlib import Path

import numpy as np
import pytest

from features.consent import PROFILING
from features.event import Event, Kind
from features.history import CONSENT_ENTRY, LEDGER_ENTRY, NO_CHANNEL, CustomerRecord, Records, text_code
from features.links import ALWAYS
from features.live_response import Expectation, expected_text
from features.stores.desk import LoggedView
from features.stores.export import CopiedLetter, Holdings, TraitChange, document
from features.stores.people import AuditEntry, HeldIdentifier, Identity, LoggedEvent
from features.stores.protocol import DeadLetter, LoggedDecision
from features.vocabulary import Vocabulary
from tests.checks.store_examples import NOON, decision, event

GOLDEN = Path(__file__).resolve().parents[1] / "golden" / "export.json"


def vocabulary() -> Vocabulary:
    words = Vocabulary()
    words.learn("channel", [(0, "email"), (1, "web")])
    words.learn("item", [(0, "vacuum-1")])
    return words


def statements() -> Records:
    made = np.zeros(4, dtype=CONSENT_ENTRY)
    made["occurred_at"] = made["recorded_at"] = NOON + np.arange(4)
    made["topic"] = [0, text_code("news"), PROFILING, text_code("told through a phone that others hold too")]
    made["channel"], made["granted"] = [0, 1, NO_CHANNEL, NO_CHANNEL], [1, 0, 0, 0]
    return made


def purchases() -> Records:
    made = np.zeros(1, dtype=LEDGER_ENTRY)
    made["occurred_at"] = made["recorded_at"] = NOON
    made["kind"], made["quantity"], made["order"] = Kind.ORDERED, 2.0, text_code("o-1")
    return made


def events() -> tuple[Event, ...]:
    line = event("m-1", Kind.ORDERED, item="vacuum-1", order="o-1", quantity=2.0, amount=398.0, channel="web")
    asked = event("m-2", Kind.CONSENT_WITHDRAWN, topic="news", channel="web", properties='{"emoji": "ä🙂"}')
    term = event("m-3", Kind.SUBSCRIPTION_STARTED, item="plan-1", ends_at=NOON + 86_400_000, properties='{"x": 1e400}')
    return line, asked, term


def measured(made: LoggedDecision) -> LoggedDecision:
    """With what was expected of its contact, and what a shadow scored."""
    contact = Expectation("a-1", "email", 0.125, Kind.CLICKED, 86_400_000)
    chosen = {"channel": "email", "action": "a-1", "champion": 0.125, "response": 0.25}
    scores = {"version": "8", "digest": "dd", "first": [["email", "a-1"]], "chosen": [chosen], "fault": None}
    return replace(made, expected=expected_text([contact]), shadow=json.dumps(scores))


def holdings() -> Holdings:
    """SYNTHETIC: Ann, who exists in this test alone."""
    identifiers = (
        HeldIdentifier("user_id", "c-17", "c-17", NOON, anchor=True, severed=False),
        HeldIdentifier("email", None, "c-17", NOON + 1, anchor=False, severed=False),
        HeldIdentifier("anonymous_id", "91ab", "anon:91ab", NOON - 5, anchor=True, severed=False),
    )
    record = CustomerRecord(
        1, "c-17", True, 9, ledger=purchases(), consents=statements(), traits={"name": "Ann", "age": 41}
    )
    return Holdings(
        at=NOON + 1_000,
        identity=Identity(1, "c-17", ("c-17", "anon:91ab"), identifiers),
        record=record,
        trait_changes=(TraitChange("c-17", NOON, {"name": "Ann", "city": None}),),
        events=tuple(LoggedEvent(number, "c-17", one) for number, one in enumerate(events(), 1)),
        decisions=(measured(decision("d-1", '{"customer_id":"c-17"}')), replace(decision("d-2"), feature_rows=None)),
        letters=(
            CopiedLetter(DeadLetter(NOON, "quantity is 0; above 0", '{"userId":"c-17","cut'), own=True),
            CopiedLetter(DeadLetter(NOON, "event is Bob's; a name; send one", '{"userId":"c-18"}'), own=False),
        ),
        audit=(AuditEntry(3, NOON, "exported", "key 1a2b", "00ff", '{"events": 3}'),),
        views=(LoggedView(NOON, "ada", "00ff", "viewed"),),
    )


def test_the_format_is_as_it_was_published() -> None:
    assert document(holdings(), vocabulary()) + "\n" == GOLDEN.read_text()


def test_all_that_is_kept_of_a_decision_is_copied() -> None:
    """But for the store's own number of the profile, and the digest of the request, which is there itself."""
    (made, _) = json.loads(document(holdings(), vocabulary()))["decisions"]
    kept = {one.name for one in fields(LoggedDecision)} - {"person", "request_digest", "response"}
    assert set(made) == kept | {"answer"}


def test_of_an_imported_identifier_nobody_knows_since_when() -> None:
    held = holdings()
    imported = replace(held.identity.identifiers[1], since=ALWAYS)
    made = json.loads(document(replace(held, identity=replace(held.identity, identifiers=(imported,))), vocabulary()))
    assert [one["since"] for one in made["identifiers"]] == [None]


def test_the_same_holdings_make_the_same_text() -> None:
    assert document(holdings(), vocabulary()) == document(holdings(), vocabulary())


@pytest.mark.parametrize(
    "payload",
    [
        "",
        "{",
        '{"a": NaN}',
        '{"a": -Infinity}',
        '{"a": 1e999}',
        '"\\ud800"',
        "[" * 100_000,
        '{"a": 10000000000000}',
        "7",
    ],
)
def test_whatever_was_told_can_be_copied(payload: str) -> None:
    """It leaves as JSON where it is JSON, and as the text that it is where not."""
    letter, line = (
        CopiedLetter(DeadLetter(NOON, "r", payload), own=True),
        event("m", amount=math.nan, properties=payload),
    )
    held = replace(holdings(), letters=(letter,), events=(LoggedEvent(1, "c-17", line),))
    made = json.loads(document(held, vocabulary()).encode(), parse_constant=pytest.fail)
    assert made["dead_letters"][0]["payload"] in (payload, _parsed(payload))
    assert made["events"][0]["properties"] == made["dead_letters"][0]["payload"]
    assert made["events"][0]["amount"] is None


def _parsed(payload: str) -> object:
    try:
        return json.loads(payload)
    except (ValueError, RecursionError):
        return payload
