"""What an agent sees of offers that the customer was already made elsewhere. Everything here is synthetic."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace

from features.event import Event, Kind
from features.stores.protocol import LoggedDecision
from serving.context_shown import MOST, shown_actions
from serving.know_answers import ShownAnswer
from tests.checks.store_examples import decision
from tests.models.test_decide import small_shop
from tests.serving.desk import Desk
from tests.serving.test_context_parts import DAY, NOW, event, told

CATALOGUE = small_shop({"a": {"name": "Ten per cent off"}, "b": {}})[0].catalogue
"""The reward window is 30 days on mail, 7 on web."""


def contact(kind: Kind, age: float, decision: str | None = "d-1", **columns: object) -> Event:
    return event(kind, age, **{"action": "a", "channel": "web", "decision": decision, **columns})


def shown(*events: Event, log: Mapping[str, LoggedDecision] | None = None) -> list[ShownAnswer]:
    return shown_actions(told(*events), CATALOGUE, (log or {}).get, NOW)


def test_a_contact_is_shown_once_with_what_became_of_it_last() -> None:
    (found,) = shown(
        contact(Kind.SENT, 3), contact(Kind.DISPLAYED, 2.5), contact(Kind.CLICKED, 2), contact(Kind.REJECTED, 1)
    )
    assert (found.action_id, found.name, found.channel, found.how) == ("a", "Ten per cent off", "web", "sent")
    assert (found.at, found.outcome, found.outcome_at) == (NOW - 3 * DAY, "rejected", NOW - DAY)
    assert (found.price, found.content) == (None, None)


def test_the_window_is_the_channels_and_the_newest_come_first() -> None:
    found = shown(
        contact(Kind.DISPLAYED, 6.9, "d-1"),
        contact(Kind.DISPLAYED, 7, "d-2"),
        contact(Kind.SENT, 29.9, "d-3", channel="mail"),
        contact(Kind.SENT, 30, "d-4", channel="mail"),
        contact(Kind.DISPLAYED, 29, "d-5", channel="closed since"),
        contact(Kind.DISPLAYED, 1, "d-6", channel=None),
    )
    assert [(NOW - one.at) / DAY for one in found] == [1, 6.9, 29, 29.9]


def test_what_could_not_be_sent_was_not_shown_and_what_was_clicked_was() -> None:
    assert shown(contact(Kind.SENT, 2), contact(Kind.NOT_SENT, 1), contact(Kind.NOT_SENT, 1, "d-2")) == []
    (clicked,) = shown(contact(Kind.CLICKED, 2), contact(Kind.CONVERTED, 1), contact(Kind.CONVERTED, 1, "d-2"))
    assert (clicked.how, clicked.at, clicked.outcome) == ("displayed", NOW - 2 * DAY, "converted")


def test_without_a_decision_an_answer_is_to_the_last_contact_with_the_action() -> None:
    found = shown(
        contact(Kind.DISPLAYED, 5, None),
        contact(Kind.CLICKED, 4, None),
        contact(Kind.DISPLAYED, 3, None),
        contact(Kind.DISPLAYED, 2, None, action="retired"),
        contact(Kind.DISPLAYED, 1, None, action=None),
    )
    assert [(one.name, one.outcome) for one in found] == [
        ("retired", None),
        ("Ten per cent off", None),
        ("Ten per cent off", "clicked"),
    ]


def test_the_price_is_the_one_told_else_the_treatments() -> None:
    slates = [
        {"channel": name, "actions": [{"action_id": action, "content": {"price": 9.5, "text": action}}]}
        for name, action in (("web", "a"), ("mail", "b"))
    ]
    log = {"d-1": replace(decision("d-1"), response=json.dumps({"channels": slates}))}
    found = shown(
        contact(Kind.DISPLAYED, 4),
        contact(Kind.SENT, 3, channel="mail", action="b", properties={"price": 8}),
        contact(Kind.SENT, 2, channel="mail"),
        contact(Kind.DISPLAYED, 1, None, properties={"price": "from 8"}),
        log=log,
    )
    assert [(one.price, one.content) for one in found] == [
        (None, None),
        (None, None),
        (8.0, {"price": 9.5, "text": "b"}),
        (9.5, {"price": 9.5, "text": "a"}),
    ]


def test_no_more_are_shown_than_somebody_reads() -> None:
    assert len(shown(*(contact(Kind.DISPLAYED, 1, f"d-{number}") for number in range(40)))) == MOST


def test_an_agent_sees_what_was_shown_on_the_website(agent: Desk) -> None:
    customer = agent.customer()
    question = {"customer_id": customer, "decision_id": f"{customer}-shown", "channels": ["web", "email"]}
    answer = agent.ask("POST", "/recommend", question, key="decide").json()
    web = answer["channels"][0]["actions"][0]
    assert web["maturity"] == 1.0
    assert agent.ask("POST", "/feedback", {"token": web["token"], "outcome": "displayed"}).status_code == 200
    agent.later(2)
    assert agent.ask("POST", "/feedback", {"token": web["token"], "outcome": "rejected"}).status_code == 200
    agent.track(customer, "Action Sent", action_id="offer-plan", channel="email", price=44.5)
    sent, displayed = agent.context(customer)["shown"]
    assert (displayed["action_id"], displayed["how"], displayed["outcome"]) == (
        web["action_id"],
        "displayed",
        "rejected",
    )
    assert displayed["content"] == web["content"]
    assert (sent["action_id"], sent["channel"], sent["how"], sent["price"]) == ("offer-plan", "email", "sent", 44.5)
