"""Whether what waited may still be sent."""

from __future__ import annotations

from dataclasses import replace

import pytest
from msgspec import structs

from features.event import Event, Kind
from features.published import NOTHING
from features.vocabulary import Vocabulary
from models.columns import CompiledCatalogue
from models.confirm import Queued, Verdict, confirm
from tests.models.shop import NOW, customer, event, request
from tests.models.test_contact_limits import small

TWICE: dict[str, object] = {"all": [{"direction": "outbound", "contacts": 2, "days": 7}]}


def queued(vocabulary: Vocabulary, *actions: str) -> list[Queued]:
    codes = {name: vocabulary.code("action", name) for name in actions}
    return [
        Queued("mail", name, line, vocabulary.code("channel", "mail"), codes[name]) for line, name in enumerate(actions)
    ]


def held(action: str, decision: str = "d", **fields: object) -> Event:
    made = event(Kind.RESERVED, 1, action=action, channel="mail", decision=decision, held_days=2)
    return structs.replace(made, **fields)  # type: ignore[arg-type]


def judged(
    shop: tuple[CompiledCatalogue, Vocabulary], asked: list[Queued], *told: Event, at: int = NOW
) -> list[Verdict]:
    compiled, vocabulary = shop
    question = request("mail", deliver_at=at)
    return list(confirm(question, asked, "d", customer(told, vocabulary), compiled, at, NOTHING))


def test_its_own_reservation_does_not_count_against_it_and_others_do() -> None:
    shop = small(TWICE)
    both = queued(shop[1], "a", "b")
    assert [one.gate for one in judged(shop, both, held("a"), held("b"))] == [None, None]
    another = held("c", "other")
    assert [one.gate for one in judged(shop, both, held("a"), held("b"), another)] == [None, "contact_limits"]
    # Asked about one alone, the other still counts.
    assert [one.gate for one in judged(shop, both[:1], held("a"), held("b"), another)] == ["contact_limits"]
    sent = event(Kind.SENT, 0.5, channel="mail")
    gone = event(Kind.NOT_SENT, 0.5, action="b", channel="mail", decision="d")
    assert [one.gate for one in judged(shop, both, held("a"), held("b"), gone, sent)] == [None, "reported"]


def test_every_gate_judges_as_of_now() -> None:
    shop = small({})
    withdrawn = event(Kind.CONSENT_WITHDRAWN, 0.5, channel="mail")
    (verdict,) = judged(shop, queued(shop[1], "a"), held("a"), withdrawn)
    assert (verdict.sends, verdict.gate) == (False, "consent")
    assert verdict.reason
    assert "withdrawn" in verdict.reason


@pytest.mark.parametrize("report", [Kind.SENT, Kind.DISPLAYED, Kind.NOT_SENT])
def test_what_was_reported_is_not_sent_again(report: Kind) -> None:
    shop = small({})
    told = event(report, 0.5, action="a", channel="mail", decision="d")
    (verdict,) = judged(shop, queued(shop[1], "a"), held("a"), told)
    assert (verdict.sends, verdict.gate) == (False, "reported")


def test_what_the_catalogue_lacks_by_now_is_cancelled() -> None:
    shop = small({})
    (lost,) = judged(shop, [replace(one, action_id="retired") for one in queued(shop[1], "retired")])
    assert (lost.gate, lost.reason) == ("catalogue", "the catalogue has no retired on mail any more")
    compiled, vocabulary = shop
    elsewhere = [Queued("fax", "a", 0, 200, vocabulary.code("action", "a"))]
    (gone,) = confirm(request(), elsewhere, "d", customer((), vocabulary), compiled, NOW, NOTHING)
    assert gone.gate == "catalogue"
    assert confirm(request(), [], "d", customer((), vocabulary), compiled, NOW, NOTHING) == ()
