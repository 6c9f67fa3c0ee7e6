"""Whoever objects to profiling is ranked as nobody in particular, and withheld from as before."""

# ruff: noqa: ARG002 a scorer takes what the protocol gives it

from __future__ import annotations

import hashlib
from dataclasses import replace

import numpy as np
from hypothesis import given

from features.candidates import Candidates
from features.event import CONTACTS, Event, Kind
from features.history import CustomerRecord
from features.published import NOTHING
from models.columns import CompiledCatalogue
from models.decide import decide
from models.policy.exploration import Greedy
from models.policy.gates.channel import ChannelPlacement
from models.policy.version import Policy
from models.scoring import Scores
from tests.models.shop import NOW, ByAction, customer, event
from tests.models.test_decide import ASKED, LAW, answered, small_shop
from tests.models.worlds import World, worlds

STRANGER = CustomerRecord(person=-1, customer_id="", known=False)


class Personal(ByAction):
    """A scorer that reads everything there is of a person, and their clock."""

    def score(
        self, record: CustomerRecord, moment: int, utc_offset: int, candidates: Candidates, compiled: CompiledCatalogue
    ) -> Scores:
        held = (record.person, record.customer_id, record.known, record.version, record.time_zone, utc_offset, moment)
        rows = tuple(one.tobytes() for one in (record.page, record.ledger, record.consents))
        read = hashlib.sha256(repr((*held, sorted(record.traits), rows)).encode()).digest()
        response = np.array([read[int(code) % len(read)] / 255 for code in candidates.action], np.float64)
        return Scores(response, response, response[:, None])


def objecting(world: World, time_zone: str | None = "Asia/Tokyo") -> World:
    """The same with an objection to profiling that nothing follows."""
    objection = event(Kind.CONSENT_WITHDRAWN, 0, topic="profiling")
    told = world.customer.traits
    return replace(world, customer=customer([*world.events, objection], world.vocabulary, time_zone, told))


@LAW
@given(world=worlds())
def test_two_who_object_to_profiling_get_one_ranking(world: World) -> None:
    """On the same candidates, whatever else is known of either but contacts, which limits count for anybody."""
    everything = Policy((ChannelPlacement(),), Greedy())
    others = tuple(one for one in world.events if one.kind not in {*CONTACTS, Kind.NOT_SENT, Kind.RESERVED})
    world = replace(world, events=others, request=replace(world.request, limit=20, distinct=False, across="each"))
    nobody = replace(world, events=(), customer=STRANGER)
    one = answered(objecting(world, "Asia/Tokyo"), everything, Personal())
    two = answered(objecting(nobody, "Europe/Lisbon"), everything, Personal())
    assert one == two
    assert not one.personalised
    assert one.feature_digest == answered(replace(world, customer=STRANGER), everything, Personal()).feature_digest


@LAW
@given(world=worlds())
def test_the_gates_know_whoever_objects_to_profiling(world: World) -> None:
    spared = tuple(one for one in world.events if one.topic != "profiling")
    plain = replace(world, customer=customer(spared, world.vocabulary, traits=world.customer.traits))
    assert answered(plain).personalised
    assert [slate.funnel for slate in answered(objecting(world, None)).slates] == [
        slate.funnel for slate in answered(plain).slates
    ]


def test_an_objection_to_profiling_takes_the_person_out_of_the_ranking_until_it_is_lifted() -> None:
    shop, vocabulary = small_shop({"a": {}, "b": {}, "c": {}})

    def ranked(*events: Event) -> tuple[bool, str]:
        record = customer(events, vocabulary, "Asia/Tokyo")
        decision = decide(ASKED, record, shop, Personal(), NOW, np.random.default_rng(1), NOTHING)
        return decision.personalised, decision.feature_digest

    seen, bought = event(Kind.VIEWED, 3, item="f1"), event(Kind.ORDERED, 2, item="f2", order="o")
    objection = event(Kind.CONSENT_WITHDRAWN, 1, topic="profiling")
    agreement = event(Kind.CONSENT_GRANTED, 0.5, topic="profiling")
    assert ranked(seen)[1] != ranked(bought)[1]
    assert ranked(seen, objection) == ranked(bought, objection) == (False, ranked(objection)[1])
    assert ranked(seen, objection, agreement)[0]
    assert ranked(seen, objection, agreement)[1] != ranked(bought, objection, agreement)[1]


def test_weights_read_nothing_of_whoever_objects_to_profiling_and_eligibility_does() -> None:
    personal = ["customer.vip", "history.orders_ever > 0", "has(customer.city) || history.viewed_last < 9"]
    shop, vocabulary = small_shop(
        {"a": {"eligibility": "customer.vip"}},
        traits={"vip": "yes_no", "city": "text"},
        weights=[
            *({"when": text, "weight": 2.0} for text in personal),
            {"when": "context.sale == true", "weight": 3.0},
        ],
    )
    asked = replace(ASKED, context={"sale": True})

    def priority(*events: Event) -> float:
        lived = (event(Kind.ORDERED, 2, item="f2", order="o"), event(Kind.VIEWED, 3, item="f1"), *events)
        record = customer(lived, vocabulary, traits={"vip": True, "city": "York"})
        decision = decide(asked, record, shop, ByAction(), NOW, np.random.default_rng(1), NOTHING)
        return decision.slates[0].actions[0].priority

    assert priority() == 0.5 * 2.0 * 2.0 * 2.0 * 3.0
    assert priority(event(Kind.CONSENT_WITHDRAWN, 1, topic="profiling")) == 0.5 * 3.0
