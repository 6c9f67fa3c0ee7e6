"""A journey handed from one channel to the next, through a real server."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from urllib.parse import quote

import httpx
import pytest

from serving.know_answers import HANDOFF
from tests.serving.desk import MINUTE, Desk
from tests.serving.test_bad_input import fault

ASKED = {"to_channel": "agent", "inquiry": "the second delivery is missing", "reason": "needs a person"}


def chatting(agent: Desk) -> str:
    """A customer who ordered on the website 20 minutes ago, then wrote to the chat, and now waits there."""
    customer = agent.customer()
    product = {"product_id": "washer-1", "quantity": 1, "price": 499}
    agent.track(customer, "Order Completed", order_id="o-7", products=[product])
    agent.later(12)
    agent.track(customer, "Live Chat Conversation Started", reason="delivery", agent_id="bot-1")
    agent.later(8)
    return customer


def states(agent: Desk, customer: str, **query: str) -> list[tuple[str, str]]:
    return [(one["handoff_id"], one["state"]) for one in agent.context(customer, **query)["handoffs"]]


def test_the_next_channel_sees_what_the_last_one_heard(agent: Desk) -> None:
    customer = chatting(agent)
    agent.track(customer, "Form Field Captured", field="account_number", value="4711", channel="chat")
    made = agent.post(f"/customers/{customer}/handoff", ASKED)
    assert made["state"] == "open"
    assert (made["from_channel"], made["to_channel"]) == ("chat", "agent")
    assert (made["account"], made["order_id"]) == ("4711", "o-7")
    assert (made["inquiry"], made["reason"]) == (ASKED["inquiry"], ASKED["reason"])
    assert (made["elapsed_seconds"], made["transfers"], made["channels"]) == (1200, 1, ["web", "chat"])
    assert made["about"] == ["began a chat about “delivery”", "Washing machine", "order o-7"]
    agent.later(5)
    found = agent.context(customer, channel="agent")
    assert found["handoffs"] == [made]
    agent.track(customer, "Call Started")
    agent.later(1)
    found = agent.context(customer, channel="agent")
    assert [one["state"] for one in found["handoffs"]] == ["taken"]
    assert found["journey"]["channels"] == ["web", "chat", "agent"]
    assert (found["journey"]["transfers"], found["journey"]["elapsed_seconds"]) == (2, 26 * 60)


def test_an_agent_takes_it_and_nobody_else_does(agent: Desk) -> None:
    customer = chatting(agent)
    made = agent.post(f"/customers/{customer}/handoff", ASKED)
    address = f"/customers/{customer}/handoff/{made['handoff_id']}/take"
    agent.later(10)
    taken = agent.post(address, {"agent_id": "ada"})
    assert (taken["state"], taken["taken_by"]) == ("taken", "ada")
    assert agent.post(address, {"agent_id": "ada"}) == taken
    assert fault(agent.ask("POST", address, {"agent_id": "bob"})) == (409, "conflict", "handoff_id")
    assert fault(agent.ask("POST", address, {})) == (409, "conflict", "handoff_id")
    assert agent.context(customer)["last_agent"]["agent_id"] == "ada"


def test_an_id_that_looks_like_an_address_can_be_taken(agent: Desk) -> None:
    customer = chatting(agent)
    handoff_id = f"chat/{customer} 7%"
    agent.post(f"/customers/{customer}/handoff", {**ASKED, "handoff_id": handoff_id})
    taken = agent.post(f"/customers/{customer}/handoff/{quote(handoff_id)}/take", {"agent_id": "ada"})
    assert (taken["handoff_id"], taken["taken_by"]) == (handoff_id, "ada")


def test_untaken_it_is_lost_and_even_then_taken(agent: Desk) -> None:
    customer = chatting(agent)
    made = agent.post(f"/customers/{customer}/handoff", ASKED)
    agent.later(60)
    assert states(agent, customer) == [(made["handoff_id"], "open")]
    agent.later(1)
    assert states(agent, customer) == [(made["handoff_id"], "lost")]
    agent.track(customer, "Call Started")
    assert states(agent, customer) == [(made["handoff_id"], "lost")]
    taken = agent.post(f"/customers/{customer}/handoff/{made['handoff_id']}/take", {"agent_id": "ada"})
    assert taken["state"] == "taken"
    assert states(agent, customer) == [(made["handoff_id"], "taken")]


def test_the_channel_that_asks_sees_its_own_first_and_the_open_before_the_rest(agent: Desk) -> None:
    customer = chatting(agent)
    names = []
    for number, channel in enumerate(("store", "agent", "web", "store")):
        body = {**ASKED, "to_channel": channel, "handoff_id": f"{customer}-{number}"}
        names.append(agent.post(f"/customers/{customer}/handoff", body)["handoff_id"])
        agent.later(25)
    assert states(agent, customer, channel="store") == [
        *((names[3], "open"), (names[2], "open")),
        *((names[0], "lost"), (names[1], "lost")),
    ]
    assert states(agent, customer, channel="web")[0] == (names[2], "open")


def test_the_same_id_is_the_same_hand_off(agent: Desk) -> None:
    customer = chatting(agent)
    path, body = f"/customers/{customer}/handoff", {**ASKED, "handoff_id": f"{customer}-once", "note": "gold member"}
    first = agent.post(path, body)
    agent.later(3)
    assert agent.post(path, body) == first
    changed = agent.ask("POST", path, {**body, "note": "silver member"})
    assert fault(changed) == (409, "conflict", "handoff_id")
    another = chatting(agent)
    assert fault(agent.ask("POST", f"/customers/{another}/handoff", body)) == (409, "conflict", "handoff_id")
    assert states(agent, another) == []
    handed = [one for one in agent.get(f"/customers/{customer}/timeline")["events"] if one["kind"] == "handed_off"]
    assert [one["words"] for one in handed] == [f"was passed on to the telephone: {ASKED['inquiry']}"]


def test_asked_at_once_it_is_one_hand_off_and_one_taking(agent: Desk) -> None:
    customer = chatting(agent)
    path, body = f"/customers/{customer}/handoff", {**ASKED, "handoff_id": f"{customer}-race"}
    agents = [{"agent_id": f"agent-{number}"} for number in range(8)]
    with ThreadPoolExecutor(8) as threads:
        made = list(threads.map(lambda _: agent.ask("POST", path, body), range(8)))
        takers = list(threads.map(lambda who: agent.ask("POST", f"{path}/{customer}-race/take", who), agents))
    assert {response.status_code for response in made} == {200}
    assert len({response.text for response in made}) == 1
    assert sorted(response.status_code for response in takers) == [200, *[409] * 7]


def test_what_the_request_says_wins_and_card_numbers_are_not_kept(agent: Desk) -> None:
    customer = chatting(agent)
    body = {
        **ASKED,
        "from_channel": "web",
        "account": "99",
        "order_id": "o-other",
        "note": "paid with 4111 1111 1111 1111",
        "agent_id": "bot-1",
    }
    made = agent.post(f"/customers/{customer}/handoff", body)
    assert (made["from_channel"], made["account"], made["order_id"]) == ("web", "99", "o-other")
    assert made["note"] == "paid with card number ending in 1111"


def test_without_a_journey_it_starts_from_nothing(agent: Desk) -> None:
    customer = agent.customer()
    agent.track(customer, "Signed Up")
    made = agent.post(f"/customers/{customer}/handoff", ASKED)
    assert (made["elapsed_seconds"], made["transfers"], made["channels"], made["from_channel"]) == (0, 0, [], None)
    assert HANDOFF.validate_python({**made, "handed_at": made["handed_at"]}).take_by == agent.now + 60 * MINUTE


BAD: list[tuple[object, int, str, str]] = [
    ({**ASKED, "to_channel": "fax"}, 422, "invalid_value", "to_channel"),
    ({**ASKED, "from_channel": "fax"}, 422, "invalid_value", "from_channel"),
    ({**ASKED, "inquiry": " "}, 422, "invalid_value", "inquiry"),
    ({**ASKED, "reason": "x" * 2001}, 422, "invalid_value", "reason"),
    ({**ASKED, "handoff_id": ""}, 422, "invalid_value", "handoff_id"),
    ({**ASKED, "account": 4711}, 422, "invalid_value", "account"),
    ({**ASKED, "colour": "red"}, 422, "unknown_field", "colour"),
    ({"to_channel": "agent"}, 422, "invalid_value", "inquiry"),
    ([], 422, "invalid_value", ""),
]


@pytest.mark.parametrize(("body", "status", "kind", "field"), BAD)
def test_a_bad_hand_off_is_refused(agent: Desk, body: object, status: int, kind: str, field: str) -> None:
    customer = agent.customer()
    agent.track(customer, "Signed Up")
    assert fault(agent.ask("POST", f"/customers/{customer}/handoff", body)) == (status, kind, field)
    assert states(agent, customer) == []


def test_nobody_no_hand_off_and_no_right(agent: Desk) -> None:
    customer = agent.customer()
    agent.track(customer, "Signed Up")
    nobody: httpx.Response = agent.ask("POST", "/customers/nobody-at-all/handoff", ASKED)
    assert fault(nobody) == (404, "not_found", "customer_id")
    assert fault(agent.ask("POST", f"/customers/{customer}/handoff/none/take", {})) == (404, "not_found", "handoff_id")
    for key in ("read", "write", "decide"):
        for path, body in ((f"/customers/{customer}/handoff", ASKED), (f"/customers/{customer}/handoff/x/take", {})):
            assert fault(agent.ask("POST", path, body, key=key)) == (403, "forbidden", "authorization")
    assert agent.ask("GET", f"/customers/{customer}/handoff").status_code == 405
