"""What every gate promises. A gate joins by one line: class TestMine(GateContract): gate = Mine(). One that some events
can only close joins Closing before it, and says in a line of which events one more never opens it."""

from __future__ import annotations

import random
from dataclasses import dataclass, replace

import numpy as np
import pytest
from hypothesis import HealthCheck, Phase, find, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from features.event import Event, Kind
from models.policy.gate import Account, Gate
from models.policy.screening import account_of, screen
from models.policy.situation import Situation
from tests.models.goods import ITEMS
from tests.models.shelves import CHANNELS
from tests.models.shop import event
from tests.models.worlds import DAYS_AGO, LAG, World, worlds

FEW = settings(
    max_examples=15,
    deadline=None,
    database=None,  # one law, many gates: an example kept for one would be replayed for another
    suppress_health_check=[HealthCheck.differing_executors],
)


@dataclass(frozen=True, slots=True)
class FailingFor:
    """The gate as it is, but it raises as soon as it meets one of these actions (places in the catalogue)."""

    gate: Gate
    actions: frozenset[int]
    revision: int = 1

    @property
    def name(self) -> str:
        return self.gate.name

    def refuses(self, situation: Situation) -> NDArray[np.bool_]:
        if self.actions & set(situation.candidates.action.tolist()):
            raise ZeroDivisionError("met what it cannot judge")
        return self.gate.refuses(situation)

    def account(self, situation: Situation, place: int) -> Account:
        return self.gate.account(situation, place)


def _bytes(world: World) -> tuple[bytes, ...]:
    record, columns = world.customer, world.situation.candidates.candidates
    return (
        record.page.tobytes(),
        record.ledger.tobytes(),
        record.consents.tobytes(),
        columns.action.tobytes(),
        columns.starts_at.tobytes(),
        world.compiled.promotions.thing.tobytes(),
    )


class GateContract:
    gate: Gate

    @FEW
    @given(world=worlds())
    def test_it_is_pure(self, world: World) -> None:
        before = _bytes(world)
        first, second = self.gate.refuses(world.situation), self.gate.refuses(world.situation)
        assert first.dtype == np.bool_
        assert first.shape == (len(world.situation.candidates),)
        np.testing.assert_array_equal(first, second)
        assert _bytes(world) == before

    @FEW
    @given(world=worlds(), shuffle=st.randoms(use_true_random=False))
    def test_the_order_of_candidates_does_not_matter(self, world: World, shuffle: random.Random) -> None:
        places = list(range(len(world.situation.candidates)))
        shuffle.shuffle(places)
        order = np.array(places, np.intp)
        shuffled = self.gate.refuses(world.situation.at(order))
        np.testing.assert_array_equal(shuffled, self.gate.refuses(world.situation)[order])

    @FEW
    @given(world=worlds())
    def test_one_row_and_many_get_the_same_verdict(self, world: World) -> None:
        together = self.gate.refuses(world.situation)
        alone = [self.gate.refuses(world.situation.at(np.array([place])))[0] for place in range(len(together))]
        assert together.tolist() == [bool(verdict) for verdict in alone]

    @FEW
    @given(world=worlds())
    def test_every_refusal_has_its_reason(self, world: World) -> None:
        for place in np.flatnonzero(self.gate.refuses(world.situation)):
            account = self.gate.account(world.situation, int(place))
            assert all(text.strip() for text in (account.rule, account.observed, account.required, account.reason))

    @FEW
    @given(world=worlds())
    def test_asking_why_changes_nothing(self, world: World) -> None:
        silent = replace(world, request=replace(world.request, explain=False))
        asked = replace(world, request=replace(world.request, explain=True))
        np.testing.assert_array_equal(self.gate.refuses(silent.situation), self.gate.refuses(asked.situation))

    @FEW
    @given(world=worlds(), number=st.integers(0, 7))
    def test_it_closes_by_name_where_it_fails_and_only_there(self, world: World, number: int) -> None:
        situation = world.situation
        screening = screen((FailingFor(self.gate, frozenset({number})),), situation)
        hit = situation.candidates.action == number
        np.testing.assert_array_equal(screening.first > 0, hit | self.gate.refuses(situation))
        assert len(screening.faults) == int(hit.any())
        assert all(self.gate.name in fault and "ZeroDivisionError" in fault for fault in screening.faults)
        for place in np.flatnonzero(hit):
            gate, account = account_of(screening, situation, int(place))
            assert (gate.name, account.rule) == (self.gate.name, "gate_failed")

    @pytest.mark.parametrize("refused", [True, False])
    def test_it_can_refuse_and_let_through(self, refused: bool) -> None:
        any_will_do = settings(max_examples=500, deadline=None, derandomize=True, phases=(Phase.generate,))
        world = find(
            worlds(), lambda one: bool((self.gate.refuses(one.situation) == refused).any()), settings=any_will_do
        )
        assert refused in self.gate.refuses(world.situation).tolist()

    def test_it_has_a_name_and_a_revision(self) -> None:
        assert self.gate.name.isidentifier()
        assert self.gate.revision >= 1


class Closing:
    """What was refused stays refused when one of `more` happened, too, at whatever time we hear of it. learned: whether
    that holds by what a model has learned as well."""

    gate: Gate
    more: st.SearchStrategy[Event]
    learned = True

    @settings(FEW, max_examples=40)
    @given(choose=st.data())
    def test_one_more_never_opens_it(self, choose: st.DataObject) -> None:
        world = choose.draw(worlds(learned=self.learned))
        before = self.gate.refuses(world.situation)
        told = choose.draw(self.more)
        after = self.gate.refuses(world.after(told).situation)
        assert before.tolist() == (before & after).tolist()

    def test_one_more_can_close_it(self) -> None:
        def closed(made: tuple[World, Event]) -> bool:
            world, told = made
            after = self.gate.refuses(world.after(told).situation)
            return bool((after & ~self.gate.refuses(world.situation)).any())

        any_will_do = settings(max_examples=500, deadline=None, derandomize=True, phases=(Phase.generate,))
        assert find(st.tuples(worlds(learned=self.learned), self.more), closed, settings=any_will_do)


@st.composite
def _more(draw: st.DrawFn, kinds: tuple[Kind, ...], days: st.SearchStrategy[float] = DAYS_AGO) -> Event:
    """About anything that worlds know of, in a case, an order and a decision of its own: another word on one that was
    there may well open what it had closed."""
    kind = draw(st.sampled_from(kinds))
    about = Kind.CASE_OPENED is kind or Kind.RESERVED is kind or draw(st.booleans())
    return event(
        kind,
        draw(days),
        item=draw(st.sampled_from(sorted(ITEMS))) if kind is Kind.ORDERED else None,
        order="of its own" if kind in (Kind.ORDERED, Kind.DELIVERY_DELAYED, Kind.PAYMENT_FAILED) else None,
        channel=draw(
            st.sampled_from([*sorted(CHANNELS), None] if kind is Kind.CONSENT_WITHDRAWN else sorted(CHANNELS))
        ),
        topic=draw(st.sampled_from([None, "news", "offers"])) if kind is Kind.CONSENT_WITHDRAWN else None,
        action=draw(st.sampled_from(["a0", "a1", "a2"])) if kind in _OF_ACTIONS else None,
        decision="of its own" if about and kind in (*_CONTACTS, Kind.CASE_OPENED) else None,
        severity=draw(st.sampled_from([0, 1, 3, 5])) if kind is Kind.CASE_OPENED else 0,
        lag_days=draw(LAG),
        held_days=draw(st.sampled_from([1.0, 5.0, 500.0])) if kind is Kind.RESERVED else None,
    )


_CONTACTS = (Kind.SENT, Kind.DISPLAYED, Kind.RESERVED)
_OF_ACTIONS = (*_CONTACTS, Kind.REJECTED)

CONTACTS_MORE = _more(_CONTACTS)
PURCHASES_MORE = _more((Kind.ORDERED,), st.just(0.0))
"""Just made: an older one may be that of the basket, and then what lay there counts no more as bought now."""
REJECTIONS_MORE = _more((Kind.REJECTED,))
WITHDRAWALS_MORE = _more((Kind.CONSENT_WITHDRAWN,))
CASES_MORE = _more((Kind.CASE_OPENED,))
TROUBLES_MORE = _more((Kind.CASE_OPENED, Kind.DELIVERY_DELAYED, Kind.PAYMENT_FAILED))
