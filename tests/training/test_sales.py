"""What was bought and what came back: equal to a slow oracle; and a refund takes a conversion back, reproducibly."""

from __future__ import annotations

import math
import random
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from features.event import Event, Identifier, Kind
from features.history import EVENT, Records
from features.progress import Silent
from features.stores.protocol import Append
from models.sales import sales
from tests.models.shop import DAY, NOW
from tests.training.draw_world import ITEM_OF_B, Shop, open_shop
from training.offpolicy.logged import read_draws
from training.table import Dataset, read

LAW = settings(max_examples=100, deadline=None)
AT = NOW - 30 * DAY


@dataclass(frozen=True, slots=True)
class Told:
    kind: Kind
    at: int
    order: int
    item: int
    quantity: float
    amount: float
    lag: int


told = st.builds(
    Told,
    kind=st.sampled_from([Kind.ORDERED, Kind.ORDERED, Kind.ORDERED, Kind.REFUNDED, Kind.CANCELLED, Kind.VIEWED]),
    at=st.integers(0, 9),
    order=st.integers(1, 3),
    item=st.integers(-1, 2),
    quantity=st.sampled_from([math.nan, 1.0, 2.0, 3.0]),
    amount=st.integers(0, 20).map(float),
    lag=st.sampled_from([0, 0, 4]),
)


def history(events: list[Told]) -> Records:
    records = np.zeros(len(events), EVENT)
    for place, one in enumerate(events):
        row = records[place]
        row["kind"], row["order"], row["item"], row["quantity"] = one.kind, one.order, one.item, one.quantity
        row["amount"], row["occurred_at"], row["recorded_at"] = one.amount, one.at, one.at + one.lag
        row["sequence"] = place + 1
    return records


def units(one: Told) -> float:
    return 1.0 if math.isnan(one.quantity) else one.quantity


def sales_slowly(events: list[Told], known_at: int) -> list[tuple[int, int, int, float, float]]:
    """(at, order, item, amount, what is kept of it), an order and item after the other."""
    known = [one for one in events if one.at + one.lag <= known_at]
    bought = [one for one in known if one.kind is Kind.ORDERED]
    back = [one for one in known if one.kind in (Kind.REFUNDED, Kind.CANCELLED)]
    found = []
    for order, item in {(one.order, one.item) for one in bought}:
        reports = [one for one in bought if (one.order, one.item) == (order, item)]
        last = max((one.at, one.at + one.lag) for one in reports)
        standing = [one for one in reports if (one.at, one.at + one.lag) == last]
        whole = any(one.order == order and one.item == -1 for one in back)
        if item == -1:
            if all(one.item == -1 for one in bought if one.order == order):
                found += [(one.at, order, item, one.amount, 0.0 if whole else 1.0) for one in standing]
            continue
        returned = [one for one in back if (one.order, one.item) == (order, item)]
        all_of_it = whole or any(math.isnan(one.quantity) for one in returned)
        had = sum(map(units, standing))
        left = 0.0 if all_of_it else max(0.0, had - sum(map(units, returned)))
        found += [(one.at, order, item, one.amount, left / had) for one in standing]
    return sorted(found)


@given(st.lists(told, max_size=14), st.integers(0, 14))
@LAW
def test_sales_equal_a_slow_oracle(events: list[Told], known_at: int) -> None:
    made = sales(history(events), known_at)
    found = [tuple(row) for row in made[["at", "order", "item", "amount", "kept"]].tolist()]
    expected = sales_slowly(events, known_at)
    assert [one[:4] for one in sorted(found)] == [one[:4] for one in expected]
    assert [one[4] for one in sorted(found)] == pytest.approx([one[4] for one in expected])


@given(st.lists(told, max_size=12), st.integers(0, 9), st.randoms(use_true_random=False))
@LAW
def test_neither_order_nor_what_is_recorded_later_changes_anything(
    events: list[Told], known_at: int, rng: random.Random
) -> None:
    before = sales(history(events), known_at)
    known = [one for one in events if one.at + one.lag <= known_at]
    rng.shuffle(known)
    assert sales(history(known), known_at).tobytes() == before.tobytes()
    assert (before["settled_at"] <= known_at).all()


SHOWN, WON = Kind.DISPLAYED, Kind.CONVERTED


def tell(shop: Shop, *events: Event) -> None:
    shop.store.append([Append(Identifier("user_id", "c-1"), events)]).result(timeout=30)


def event(kind: Kind, days: float, lag: float = 0.0, **about: str) -> Event:
    at = round(AT + days * DAY)
    return Event(f"{kind.name}-{days}", kind, kind.name, at, at + round(lag * DAY), **about)


def converted(shop: Shop, *more: Event) -> tuple[Dataset, ...]:
    """b was shown to c-1, who ordered what it promotes and converted; and then `more`."""
    about = {"channel": "web", "action": "b"}
    tell(shop, event(SHOWN, 0, **about), event(Kind.ORDERED, 1, order="o", item=ITEM_OF_B), event(WON, 1, **about))
    if more:
        tell(shop, *more)
    return tuple(read(shop.store, round(AT + days * DAY), Silent()) for days in (9, 14, 20))


@pytest.mark.parametrize("kind", [Kind.REFUNDED, Kind.CANCELLED])
@pytest.mark.parametrize("item", [None, ITEM_OF_B])
def test_a_refund_takes_the_conversion_back_from_when_it_was_known(
    tmp_path: Path, kind: Kind, item: str | None
) -> None:
    shop = open_shop(tmp_path)
    about = {"order": "o"} if item is None else {"order": "o", "item": item}
    found = converted(shop, event(kind, 10, 2, **about))
    again = read(shop.store, found[0].known_at, Silent())
    shop.store.close()
    assert [one.exposures.success.tolist() for one in found] == [[True], [False], [False]]
    assert found[1].exposures.matured_at.tolist() == [round(AT + 12 * DAY)]
    assert again.digest == found[0].digest
    assert len({one.digest for one in found}) == 3


def test_another_refund_takes_nothing_back(tmp_path: Path) -> None:
    shop = open_shop(tmp_path)
    found = converted(shop, event(Kind.REFUNDED, 10, order="another"), event(Kind.REFUNDED, 10, item="i-other"))
    shop.store.close()
    assert [one.exposures.success.tolist() for one in found] == [[True]] * 3


def test_an_event_told_late_rewrites_the_label_of_its_time_and_no_earlier_one(tmp_path: Path) -> None:
    """The same known_at gives the same digest before and after it was told, in whatever order events came."""
    about = {"channel": "web", "action": "b"}
    late = event(WON, 1, 12, **about)
    first, second = open_shop(tmp_path / "a"), open_shop(tmp_path / "b")
    tell(first, event(SHOWN, 0, **about))
    known = round(AT + 9 * DAY)
    before = read(first.store, known, Silent())
    tell(first, late)
    tell(second, late)
    tell(second, event(SHOWN, 0, **about))
    of_then, of_now = read(first.store, known, Silent()), read(first.store, NOW, Silent())
    other = read(second.store, NOW, Silent())
    first.store.close()
    second.store.close()
    assert before.digest == of_then.digest
    assert (before.exposures.success.tolist(), of_now.exposures.success.tolist()) == ([False], [True])
    assert of_now.digest == other.digest
    assert of_now.exposures.matured_at.tolist() == [round(AT + 13 * DAY)]


def test_a_machine_opening_is_no_interest(tmp_path: Path) -> None:
    shop = open_shop(tmp_path)
    about = {"channel": "web", "action": "b"}
    tell(shop, event(SHOWN, 0, **about), event(Kind.MESSAGE_MACHINE_OPENED, 1, **about))
    dataset = read(shop.store, NOW, Silent())
    draws = read_draws(shop.store, 0, NOW, Silent()).draws
    shop.store.close()
    assert dataset.exposures.success.tolist() == [False]
    assert draws == ()
