"""SYNTHETIC: clients that talk to a running service without end, and send again whatever got no answer, as an SDK does.
Each remembers what was acknowledged, so that it can be compared with the store afterwards."""

from __future__ import annotations

import itertools
import random
import threading
import time
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from http import HTTPStatus

import httpx

from features.event import Identifier, Kind
from features.instants import render_instant

CUSTOMERS = 20
ITEMS = ("washer-1", "vacuum-1", "plan-1")
AGAIN = frozenset({HTTPStatus.SERVICE_UNAVAILABLE, HTTPStatus.TOO_MANY_REQUESTS})
PATIENCE = 120.0
DAY = 86_400_000

Body = dict[str, object]


@dataclass(frozen=True, slots=True)
class Meaning:
    """What a message is in the log: told under whom, the kind of each line, and the units that change hands. same: whom
    it says to be the same person."""

    profile: Identifier
    kinds: tuple[Kind, ...]
    order: str = ""
    units: Mapping[str, int] = field(default_factory=dict)
    same: Identifier | None = None


@dataclass(slots=True)
class Ledger:
    """What one client was promised. answers: to /recommend, by decision id. refused: answers that nobody expects."""

    messages: dict[str, Meaning] = field(default_factory=dict)
    answers: dict[str, bytes] = field(default_factory=dict)
    letters: set[str] = field(default_factory=set)
    answered: Counter[str] = field(default_factory=Counter)
    refused: list[str] = field(default_factory=list)


class Client(threading.Thread):
    """Tells, asks and reports until it is stopped; then it ends what it has begun. url: where the service is now."""

    def __init__(self, name: str, url: Callable[[], str], seed: int) -> None:
        super().__init__(name=name, daemon=True)
        self.ledger = Ledger()
        self._url = url
        self._rng = random.Random(f"{seed} {name}")
        self._stopped = threading.Event()
        self._orders: list[Meaning] = []
        self._returned: set[str] = set()
        self._http = httpx.Client(timeout=20.0)

    def stop(self) -> None:
        self._stopped.set()

    def run(self) -> None:
        works = (self._batch, self._batch, self._single, self._recommend)
        for number in itertools.count():
            if self._stopped.is_set() or self.ledger.refused:
                break
            self._rng.choice(works)(f"{self.name}-{number}")
        self._http.close()

    # What it does

    def _batch(self, name: str) -> None:
        messages: dict[str, Meaning] = {}
        calls: list[Body] = []
        for part in range(self._rng.randint(2, 20)):
            call, meaning = self._call(f"{name}-{part}")
            calls.append(call)
            messages[f"{name}-{part}"] = meaning
        bad = self._rng.random() < 0.2
        if bad:
            calls.append({"type": "track", "userId": self._customer(), "messageId": f"{name}-bad"})
        if self._told("/v1/batch", {"batch": calls, "sentAt": _now()}):
            self._keep(messages)
            self.ledger.letters.update({f"{name}-bad"} if bad else ())

    def _single(self, name: str) -> None:
        call, meaning = self._call(name)
        if self._told(f"/v1/{call['type']}", call):
            self._keep({name: meaning})

    def _recommend(self, name: str) -> None:
        question = {"customer_id": self._customer(), "decision_id": name, "limit": 2}
        answer = self._settled("/recommend", question)
        if answer is None:
            return
        self.ledger.answers[name] = answer.content
        chosen = [one for slate in answer.json()["channels"] for one in slate["actions"]]
        if not chosen:
            return
        action = self._rng.choice(chosen)
        report = {"token": action["token"], "outcome": self._rng.choice(("displayed", "clicked"))}
        if self._told("/feedback", {**report, "message_id": f"{name}-outcome"}):
            kind = Kind[str(report["outcome"]).upper()]
            profile = Identifier("user_id", str(question["customer_id"]))
            self._keep({f"{name}-outcome": Meaning(profile, (kind,))})

    def _keep(self, messages: Mapping[str, Meaning]) -> None:
        self.ledger.messages.update(messages)
        self._orders.extend(one for one in messages.values() if Kind.ORDERED in one.kinds)

    # Calls

    def _customer(self) -> str:
        return f"c{self._rng.randrange(CUSTOMERS)}"

    def _call(self, message_id: str) -> tuple[Body, Meaning]:
        makers = (self._seen, self._seen, self._ordered, self._sent_back, self._identified, self._alias, self._visit)
        call, meaning = self._rng.choice(makers)(message_id)
        late = self._rng.choice((0, 0, self._rng.randrange(5 * DAY)))
        moment = time.time_ns() // 1_000_000 - late
        return {**call, "messageId": message_id, "originalTimestamp": render_instant(moment)}, meaning

    def _seen(self, _message_id: str) -> tuple[Body, Meaning]:
        event, kind = self._rng.choice((("Product Viewed", Kind.VIEWED), ("Product Added", Kind.BASKET_ADDED)))
        who = self._customer()
        properties = {"product_id": self._rng.choice(ITEMS)}
        return _track(who, event, properties), Meaning(Identifier("user_id", who), (kind,))

    def _ordered(self, message_id: str) -> tuple[Body, Meaning]:
        who = self._customer()
        units = {item: self._rng.randint(1, 3) for item in self._rng.sample(ITEMS, self._rng.randint(1, 3))}
        meaning = Meaning(Identifier("user_id", who), (Kind.ORDERED,) * len(units), message_id, units)
        return _track(who, "Order Completed", _order(message_id, units)), meaning

    def _sent_back(self, message_id: str) -> tuple[Body, Meaning]:
        """One item of an order of this client's that nothing came back of yet; a view while there is none."""
        open_orders = [one for one in self._orders if one.order not in self._returned]
        if not open_orders:
            return self._seen(message_id)
        order = self._rng.choice(open_orders)
        self._returned.add(order.order)
        item = self._rng.choice(sorted(order.units))
        who = order.profile.value
        meaning = Meaning(order.profile, (Kind.REFUNDED,), order.order, {item: -order.units[item]})
        return _track(who, "Order Refunded", _order(order.order, {item: order.units[item]})), meaning

    def _identified(self, message_id: str) -> tuple[Body, Meaning]:
        who = self._rng.randrange(CUSTOMERS)
        visit = Identifier("anonymous_id", f"v{who}.{self._rng.randrange(3)}")
        call: Body = {"type": "identify", "userId": f"c{who}", "anonymousId": visit.value}
        call["traits"] = {"email": f"c{who}@example.org", "phone": f"+4420794600{who // 2:02}", "said": message_id}
        return call, Meaning(Identifier("user_id", f"c{who}"), (Kind.IDENTIFIED,), same=visit)

    def _alias(self, _message_id: str) -> tuple[Body, Meaning]:
        who = self._rng.randrange(CUSTOMERS)
        visit = Identifier("anonymous_id", f"v{who}.{self._rng.randrange(3)}")
        former = self._rng.choice((Identifier("user_id", f"old{who}"), visit))
        call: Body = {"type": "alias", "userId": f"c{who}", "previousId": former.value}
        return call, Meaning(Identifier("user_id", f"c{who}"), (Kind.OTHER,), same=former)

    def _visit(self, _message_id: str) -> tuple[Body, Meaning]:
        visitor = f"v{self._rng.randrange(CUSTOMERS)}.{self._rng.randrange(3)}"
        return {"type": "page", "anonymousId": visitor}, Meaning(Identifier("anonymous_id", visitor), (Kind.PAGE_SEEN,))

    # Asking until there is an answer

    def _told(self, path: str, body: Body) -> bool:
        return self._settled(path, body) is not None

    def _settled(self, path: str, body: Body) -> httpx.Response | None:
        """The answer, however often the service is away meanwhile; None for a refusal, which is noted."""
        deadline = time.monotonic() + PATIENCE
        while time.monotonic() < deadline:
            try:
                answer = self._http.post(self._url() + path, json=body)
            except httpx.TransportError:
                self.ledger.answered["no answer"] += 1
                time.sleep(0.1)
                continue
            self.ledger.answered[str(answer.status_code)] += 1
            if answer.status_code == HTTPStatus.OK:
                return answer
            if answer.status_code not in AGAIN:
                self.ledger.refused.append(f"{path} {body}: {answer.status_code} {answer.text}")
                return None
            time.sleep(0.1)
        self.ledger.refused.append(f"{path}: no answer in {PATIENCE} s")
        return None


def _track(who: str, event: str, properties: Body) -> Body:
    return {"type": "track", "userId": who, "event": event, "properties": properties}


def _order(order: str, units: Mapping[str, int]) -> Body:
    products = [{"product_id": item, "quantity": count, "price": 9.5} for item, count in units.items()]
    return {"order_id": order, "products": products}


def _now() -> str:
    return render_instant(time.time_ns() // 1_000_000)
