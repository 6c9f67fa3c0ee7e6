"""With a real server: a journey that goes wrong turns into a service, a topic is left and joined again, and whoever
objects to profiling is ranked like anybody else who does. The shop is synthetic, its clock driven by the requests."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest

from features.instants import render_instant
from features.stores import open_store
from models.catalogue_file import read_text
from tests.serving.running import server
from tests.serving.synthetic import CATALOGUE, PUBLISHED_AT, noise_bundle, put_model, store_url

MINUTE = 60_000
SERVICE = """
  - id: {action}
    kind: service
    group: apology
    trigger: {trigger}
    value: 0
    success: accepted
    treatments: [{{id: {action}-web, channel: web}}]
"""
STAY = """  - id: stay
    kind: offer
    purpose: retention
    group: staying
    value: 3
    success: accepted
    treatments: [{id: stay-web, channel: web}, {id: stay-email, channel: email}]
"""
SHOP = (
    "topics: [{id: offers, name: Our offers}]\n"
    "service_first: {severity: 3, stale_days: 7, delivery_days: 3, retention_reasons: [cancellation]}\n"
    "journey: {idle_minutes: 30, escalation: {after_transfers: 2}, handoff: {take_within_minutes: 10}}\n"
    + CATALOGUE.replace("group: appliances", "group: appliances\n    topic: offers").rstrip()
    + SERVICE.format(action="take-over", trigger="escalation")
    + SERVICE.format(action="call-back", trigger="handoff_lost").lstrip("\n")
    + STAY
)
_numbers = itertools.count()


@dataclass(slots=True)
class Customer:
    """Somebody new, at a clock that only goes forward for everybody."""

    client: httpx.Client
    clock: list[int]
    name: str = field(default_factory=lambda: f"traveller-{next(_numbers)}")

    def wait(self, minutes: float) -> None:
        self.clock[0] += round(minutes * MINUTE)

    def post(self, path: str, **body: object) -> dict[str, Any]:
        now = {"Nextbest-Now": render_instant(self.clock[0])}
        response = self.client.post(path, json=body, headers=now)
        assert response.status_code == 200, response.text
        answer: dict[str, Any] = response.json()
        return answer

    def tell(self, event: str, **properties: object) -> None:
        self.wait(0.01)
        sent = {"event": event, "properties": properties, "messageId": f"{self.name}-{self.clock[0]}"}
        self.post("/v1/track", userId=self.name, timestamp=render_instant(self.clock[0]), **sent)

    def decision(self, channel: str = "web") -> dict[str, Any]:
        return self.post("/recommend", customer_id=self.name, channels=[channel], limit=9, explain=True)

    def slate(self, channel: str = "web") -> dict[str, Any]:
        (slate,) = self.decision(channel)["channels"]
        found: dict[str, Any] = slate
        return found

    def offered(self, channel: str = "web") -> list[str]:
        return [action["action_id"] for action in self.slate(channel)["actions"]]

    def refused(self, channel: str, action: str) -> dict[str, str]:
        return next(one for one in self.slate(channel)["refused"] if one["action_id"] == action)

    def consents(self) -> list[tuple[object, ...]]:
        now = {"Nextbest-Now": render_instant(self.clock[0])}
        shown = self.client.get(f"/customers/{self.name}", headers=now).json()["consents"]
        return [
            (one["channel"], one["topic"], one["granted"], [said["granted"] for said in one["history"]])
            for one in shown
        ]


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[httpx.Client, list[int]]]:
    home: Path = tmp_path_factory.mktemp("journeys")
    source = read_text(SHOP)
    store = open_store(store_url(home))
    try:
        store.publish_catalogue(source.document, source.items_ipc(), None, PUBLISHED_AT, "test", "synthetic")
        put_model(store, "7", noise_bundle())
        store.put_setting("clock", "driven")
        store.advance_present(PUBLISHED_AT)
    finally:
        store.close()
    with server(home) as running, running.client() as client:
        yield client, [PUBLISHED_AT + MINUTE]


@pytest.fixture
def customer(served: tuple[httpx.Client, list[int]]) -> Customer:
    return Customer(*served)


def test_an_escalation_becomes_a_service_first_of_all_and_goes_with_its_journey(customer: Customer) -> None:
    customer.tell("Product Viewed", product_id="washer-1")
    ordinary = customer.offered()
    assert "take-over" not in ordinary
    assert len(ordinary) >= 2
    customer.tell("Call Started")
    customer.tell("Call Transferred")
    assert customer.offered()[0] == "take-over"
    assert sorted(customer.offered()) == sorted(["take-over", *ordinary])
    customer.tell("Call Ended")
    customer.wait(31)
    assert customer.offered() == ordinary
    refusal = customer.refused("web", "take-over")
    assert (refusal["gate"], refusal["rule"], refusal["observed"]) == ("trigger", "escalation", "no journey")


def test_a_handoff_that_nobody_takes_becomes_a_call_back(customer: Customer) -> None:
    customer.tell("Chat Started")
    made = customer.post(f"/customers/{customer.name}/handoff", to_channel="agent", inquiry="why", reason="unknown")
    customer.wait(9)
    assert "call-back" not in customer.offered()
    customer.wait(2)
    assert customer.offered()[0] == "call-back"
    customer.post(f"/customers/{customer.name}/handoff/{made['handoff_id']}/take", agent_id="ada")
    assert "call-back" not in customer.offered()


def test_a_complaint_stops_selling_until_it_is_closed_however_slight(customer: Customer) -> None:
    customer.tell("Signed Up")
    ordinary = customer.offered()
    customer.tell("Case Opened", case_id="k", severity="low", reason="a question")
    assert customer.offered() == ordinary
    customer.tell("Case Updated", case_id="k", reason=" Complaint")
    assert not set(ordinary) & set(customer.offered())
    refusal = customer.refused("web", ordinary[0])
    assert (refusal["gate"], refusal["rule"]) == ("service_first", "complaint")
    assert refusal["reason"].startswith("a complaint of severity 1 is open since 2026-")
    customer.tell("Case Closed", case_id="k")
    assert customer.offered() == ordinary


def test_a_cancellation_told_of_the_call_lets_retention_through_until_it_ends(customer: Customer) -> None:
    customer.tell("Case Opened", case_id="k", severity="critical", reason="a fault")
    assert "stay" not in customer.offered()
    customer.tell("Call Started", channel="web", reason=" Cancellation ")
    assert customer.offered() == ["stay"]
    assert customer.offered("email") == []
    customer.tell("Call Ended", channel="web")
    assert "stay" not in customer.offered()
    assert customer.refused("web", "stay")["gate"] == "service_first"
    said = customer.post("/recommend", customer_id=customer.name, channels=["web"], context={"reason": "cancellation"})
    assert [one["action_id"] for one in said["channels"][0]["actions"]] == ["stay"], "as the request says"
    customer.tell("Call Started", channel="web")
    assert "stay" not in customer.offered()
    customer.tell("Case Opened", case_id="m", severity="low", reason="cancellation")
    assert customer.offered() == ["stay"]
    customer.tell("Call Ended", channel="web")
    assert "stay" not in customer.offered()


def test_leaving_a_topic_leaves_the_rest_and_only_the_topic_brings_it_back(customer: Customer) -> None:
    customer.tell("Signed Up")
    everything = set(customer.offered("email"))
    customer.tell("Email Group Unsubscribed", topic="offers")
    left = set(customer.offered("email"))
    assert everything - left == {"offer-washer", "offer-vacuum"}
    refusal = customer.refused("email", "offer-washer")
    assert refusal["gate"] == "consent"
    assert refusal["reason"].startswith("consent to email about Our offers was withdrawn on 2026-")
    customer.tell("Channel Subscription Updated", channel="email", status="SUBSCRIBED")
    assert set(customer.offered("email")) == left
    assert customer.consents() == [("email", None, True, [True]), ("email", "offers", False, [False])]
    customer.tell("Email Group Subscribed", topic="offers")
    assert set(customer.offered("email")) == everything
    customer.tell("Email Unsubscribed")
    assert customer.offered("email") == []
    assert customer.consents() == [("email", None, False, [True, False]), ("email", "offers", False, [False, True])]


def test_objectors_are_ranked_alike_and_still_offered_nothing_that_they_own(
    served: tuple[httpx.Client, list[int]],
) -> None:
    one, other = Customer(*served), Customer(*served)

    def ranking(person: Customer) -> tuple[object, list[object]]:
        person.clock[0] += 1
        decision = person.decision()
        (slate,) = decision["channels"]
        return decision["personalised"], [
            (each["action_id"], each["response_probability"]) for each in slate["actions"]
        ]

    one.tell("Product Viewed", product_id="vacuum-1")
    for number in range(3):
        other.tell("Order Completed", order_id=f"o-{number}", products=[{"product_id": "plan-1", "quantity": 1}])
        other.tell("Order Refunded", order_id=f"o-{number}")
    other.clock[0] = one.clock[0]
    before = ranking(one), ranking(other)
    assert before[0][1] != before[1][1]
    assert before[0][0] is before[1][0] is True
    one.tell("Profiling Objected")
    other.tell("Profiling Objected")
    assert ranking(one) == ranking(other)
    assert ranking(one)[0] is False
    other.tell("Order Completed", order_id="o-9", products=[{"product_id": "washer-1", "quantity": 1}])
    assert "offer-washer" in one.offered()
    assert "offer-washer" not in other.offered()
    one.tell("Profiling Allowed")
    assert ranking(one)[0] is True
