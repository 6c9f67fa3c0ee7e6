"""Histories that are long, late and out of order: what the store holds as of any moment is what a plain loop over the
log makes of it. SYNTHETIC."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterator

import pytest

from features import consent, ledger
from features.event import Kind
from features.history import PAGE_LIMIT, CustomerRecord
from features.stores import open_store
from features.stores.protocol import Append, Store
from tests.checks import log_oracle
from tests.checks.log_oracle import Known, Told, known
from tests.checks.store_examples import NOON, VAULT, event, user

DAY, MINUTE = 86_400_000, 60_000
LONG = 10_000
BOUGHT = 500
"""Of the long history: with returns and consents fewer than a page holds, so all of them must be in it."""
LATER = NOON + 400 * DAY


@pytest.fixture
def store(fresh_url: str) -> Iterator[Store]:
    opened = open_store(fresh_url, vault=VAULT)
    yield opened
    assert opened.check().faults == ()
    opened.close()


def told_history(size: int, seed: int) -> list[Told]:
    """Arrivals a minute apart; most at once, some minutes or up to 30 days late: nothing is in order. One in twenty
    is a purchase, and a third of those come back: half of the returns arrive before their order."""
    rng = random.Random(seed)
    told: list[Told] = []
    for number in range(size):
        recorded_at = NOON + number * MINUTE
        late = rng.choice((0, 0, 0, rng.randrange(10 * MINUTE), rng.randrange(30 * DAY)))
        clocks = {"at": recorded_at - late, "recorded_at": recorded_at}
        name, item = f"m{number}", f"i{rng.randrange(40)}"
        if number % (size // BOUGHT) == 0:
            order = {"item": item, "order": f"o{number}", "quantity": 1.0, "channel": "web"}
            lines = [event(name, Kind.ORDERED, **clocks, **order)]
            if rng.random() < 0.3:
                lines.insert(rng.randrange(2), event(f"back {name}", Kind.REFUNDED, **clocks, **order))
            told.extend((line, {}) for line in lines)
        elif number % 50 == 1:
            kind = rng.choice((Kind.CONSENT_GRANTED, Kind.CONSENT_WITHDRAWN))
            told.append((event(name, kind, **clocks, channel="email"), {"n": number} if number % 100 == 1 else {}))
        else:
            told.append((event(name, rng.choice((Kind.VIEWED, Kind.PAGE_SEEN)), **clocks, item=item), {}))
    return told


def tell(store: Store, name: str, told: list[Told], size: int) -> None:
    """In writes of one event each, so many of them at a time."""
    for start in range(0, len(told), size):
        store.append([Append(user(name), (one,), traits) for one, traits in told[start : start + size]]).result(60)


def stored(store: Store, record: CustomerRecord, moment: int) -> Known:
    owned: Counter[str] = Counter()
    for line in ledger.owned(record.ledger, moment):
        owned[str(store.vocabulary.text("item", int(line["item"])))] += int(line["quantity"])
    return log_oracle.read(record, store.vocabulary, owned)


def test_ten_thousand_events_of_one_customer(store: Store) -> None:
    """The page stays bounded, purchases outlive views in it, the ledger is complete, any earlier moment is right."""
    told = told_history(LONG, 3)
    tell(store, "much", told, 500)
    record = store.read(user("much"))
    assert len(record.page) == PAGE_LIMIT
    bought = [one for one, _ in told if one.kind == Kind.ORDERED]
    assert len(bought) >= BOUGHT
    assert (record.ledger["kind"] == Kind.ORDERED).sum() == len(bought)
    assert (record.page["kind"] == Kind.ORDERED).sum() == len(bought)
    assert stored(store, record, LATER) == known(told, LATER)
    rng = random.Random(4)
    for moment in [NOON - 1, NOON, *(NOON + rng.randrange(LONG) * MINUTE for _ in range(8)), LATER]:
        assert stored(store, store.read_as_of(user("much"), moment), moment) == known(told, moment), moment


def test_when_purchases_alone_overflow_the_page_the_ledger_has_them_all(store: Store) -> None:
    told: list[Told] = [
        (event(f"m{n}", Kind.ORDERED, NOON + n, item=f"i{n % 7}", order=f"o{n}", quantity=1.0), {})
        for n in range(2_500)
    ]
    told.append((event("last", Kind.VIEWED, NOON + 3_000, item="i1"), {}))
    tell(store, "collector", told, 500)
    record = store.read(user("collector"))
    assert len(record.page) == PAGE_LIMIT
    assert record.page["kind"].min() == Kind.ORDERED, "the newest view leaves before the oldest purchase that fits"
    assert stored(store, record, LATER) == known(told, LATER)


def test_who_tells_consent_with_every_call_loses_no_purchase(store: Store) -> None:
    """Neither from the page, by 2,400 statements and identifications after it, nor the consents themselves."""
    told: list[Told] = [(event("bought", Kind.ORDERED, NOON, item="i1", order="o1", quantity=1.0), {})]
    kinds = (Kind.IDENTIFIED, Kind.CONSENT_GRANTED, Kind.CONSENT_WITHDRAWN)
    told += [(event(f"m{n}", kinds[n % 3], NOON + 1 + n, channel="email"), {}) for n in range(2_400)]
    told.append((event("called", Kind.CALL_STARTED, NOON + 3_000, channel="agent"), {}))
    tell(store, "eager", told, 500)
    record = store.read(user("eager"))
    assert len(record.page) == PAGE_LIMIT
    assert {Kind.ORDERED, Kind.CALL_STARTED} <= set(record.page["kind"].tolist())
    assert len(record.consents) == 1_600
    assert stored(store, record, LATER) == known(told, LATER)


def test_the_order_of_arrival_changes_nothing_but_what_was_known_when(store: Store) -> None:
    """The same events in another order make the same page, belongings and consents."""
    told = told_history(2_000, 5)
    shuffled = told.copy()
    random.Random(6).shuffle(shuffled)
    tell(store, "one", told, 100)
    other = [(event(f"other {one.message_id}", **_fields(one)), traits) for one, traits in shuffled]
    tell(store, "other", other, 100)
    first, second = store.read(user("one")), store.read(user("other"))
    one, two = stored(store, first, LATER), stored(store, second, LATER)
    assert Counter(one.page) == Counter(two.page)
    assert (one.owned, Counter(one.ledger)) == (two.owned, Counter(two.ledger))
    assert Counter(one.consents) == Counter(two.consents)
    email = store.vocabulary.code("channel", "email")
    for moment in (NOON + DAY, LATER):
        states = [consent.state(record.consents, email, consent.EVERYTHING, moment) for record in (first, second)]
        assert states[0] == states[1]


def _fields(one: object) -> dict[str, object]:
    names = ("kind", "recorded_at", "item", "order", "channel", "quantity", "name")
    return {"at": one.occurred_at, **{name: getattr(one, name) for name in names}}  # type: ignore[attr-defined]
