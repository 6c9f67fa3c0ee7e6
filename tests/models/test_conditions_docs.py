"""What docs/catalogue.md says of conditions is true: every example in it is asked."""

from __future__ import annotations

import json
import re

import numpy as np
import pytest

from features.event import Kind
from features.published import NOTHING
from models.catalogue_file import read_text
from models.conditions.truth import Truth
from models.decide import decide
from models.document_fields import moment_of
from models.policy.situation import Situation
from models.policy_rules import Arm
from tests.models.shop import DAY, NOW, ByAction, compiled, customer, event, request
from tests.models.test_catalogue import EXAMPLE, GUIDE

SECTION = GUIDE.split("\n## Conditions\n")[1].split("\n## ")[0]
FACTS = json.loads(SECTION.split("```json\n")[1].split("```")[0])
TABLE = re.findall(r"^\| `(.+)` \| ((?:not )?met.*) \|$", SECTION, re.MULTILINE)


def test_the_facts_are_those_that_the_examples_are_asked_of() -> None:
    assert moment_of(FACTS["now"]) == NOW
    assert FACTS["history"] == "one order of one line, two days ago; nothing else"
    assert len(TABLE) >= 10


@pytest.mark.parametrize(("text", "said"), TABLE)
def test_each_example_says_what_it_is_said_to(text: str, said: str) -> None:
    situation = _situation(text.replace("\\|", "|"))
    conditions, number = situation.compiled.conditions, situation.compiled.action_number["gift-card"]
    answer = situation.answers.of(int(conditions.of_action[number]))
    words = {Truth.MET: "met", Truth.UNMET: "not met", Truth.UNKNOWN: f"not met: {answer.words} is unknown"}
    assert words[answer.truth] == said


def test_the_urgent_example_is_a_catalogues_action() -> None:
    action = SECTION.split("```yaml\n")[1].split("```")[0]
    ivr = "channels:\n  ivr: {direction: inbound, consent: not_needed, reward_window_days: 1}\n"
    text = EXAMPLE.replace("channels:\n", ivr, 1) + "".join(f"  {line}\n" for line in action.splitlines())
    shop, _ = compiled(read_text(text))
    assert shop.policy.first[shop.action_number["power-cut"]]


CUT = "".join(f"  {line}\n" for line in GUIDE.split("## Changing it")[1].split("```\n")[1].splitlines())


@pytest.mark.parametrize(
    ("at", "postcode", "first"),
    [
        ("2026-01-31T10:59:59Z", "02115", []),
        ("2026-01-31T11:00:00Z", "02115", ["power-cut"]),
        ("2026-01-31T11:00:00Z", "90210", []),
        ("2026-01-31T17:00:00Z", "02115", []),
    ],
)
def test_the_first_recipe_tells_those_who_call_for_as_long_as_it_is_true(
    at: str, postcode: str, first: list[str]
) -> None:
    shop, vocabulary = compiled(read_text(EXAMPLE + CUT))
    moment = moment_of(at)
    call = event(Kind.CALL_STARTED, (NOW - moment + 60_000) / DAY, channel="agent")
    case = event(Kind.CASE_OPENED, (NOW - moment + DAY) / DAY, decision="c", severity=9)
    caller = customer([case, call], vocabulary, traits={"postcode": postcode})
    asked = request("agent", deliver_at=moment, limit=3)
    decision = decide(asked, caller, shop, ByAction(), moment, np.random.default_rng(1), NOTHING)
    assert [action.action_id for action in decision.slates[0].actions] == first


def _situation(condition: str) -> Situation:
    line = "  - id: gift-card\n"
    source = read_text(EXAMPLE.replace(line, f"{line}    eligibility: {json.dumps(condition)}\n"))
    shop, vocabulary = compiled(source)
    bought = [event(Kind.ORDERED, 2, item="7001", order="o-1")]
    record = customer(bought, vocabulary, FACTS["time_zone"], FACTS["customer"])
    asked = request("web", context=FACTS["context"])
    return Situation(asked, record, shop, shop.channels(("web",)), NOW, NOTHING, Arm.FULL)
