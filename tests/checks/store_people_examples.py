"""People, what they share, and what is asked of them; for the contracts about who is who."""

from __future__ import annotations

import random
from collections.abc import Iterable

from msgspec.structs import replace

from features import consent
from features.event import Event, Identifier, Kind
from features.stores.protocol import AmbiguousIdentifier, Append, Appended, Store
from tests.checks.store_examples import NOON, event, user

PHONE = Identifier("phone", "+442079460018")
MAIL = Identifier("email", "ann@example.com")
CARD = Identifier("loyalty_card", "0042")


def anonymous(name: str) -> Identifier:
    return Identifier("anonymous_id", name)


def tell(store: Store, who: Identifier, *events: Event, **more: Iterable[Identifier]) -> Appended:
    """more: also, previous, addressed."""
    write = Append(who, events, **{name: tuple(several) for name, several in more.items()})  # type: ignore[arg-type]
    return store.append([write]).result(timeout=30)[0]


def seen(store: Store, who: Identifier) -> set[str | None]:
    """The items on the person's page."""
    return {store.vocabulary.text("item", code) for code in store.read(who).page["item"]} - {None}


def viewed(item: str, at: int = NOON) -> Event:
    return event(f"m-{item}", at=at, item=item)


def says_no(store: Store, who: Identifier, channel: str = "email", at: int = NOON + 1000) -> bool:
    held = consent.state(store.read(who).consents, store.vocabulary.code("channel", channel), consent.EVERYTHING, at)
    return held is not None and not held.granted


def granted(message_id: str, at: int = NOON, channel: str = "email") -> Event:
    return event(message_id, Kind.CONSENT_GRANTED, at, channel=channel)


def withdrawn(message_id: str, at: int = NOON, channel: str = "email") -> Event:
    return event(message_id, Kind.CONSENT_WITHDRAWN, at, channel=channel)


def story_of(rng: random.Random) -> list[Append]:
    """Messages about a few people who share this and that."""
    anchors = [user("u1"), user("u2"), user("u3"), anonymous("x"), anonymous("y"), anonymous("z"), PHONE]
    claimed = [*anchors, MAIL, CARD, Identifier("device", "d1")]
    kinds = [Kind.VIEWED, Kind.ORDERED, Kind.CONSENT_GRANTED, Kind.CONSENT_WITHDRAWN, Kind.REFUNDED]
    story = []
    for number in range(18):
        at, anchor = NOON + rng.randrange(50), rng.choice(anchors)
        one = event(f"s{number}", rng.choice(kinds), at, channel="email", item=f"i{number}", order=f"o{number % 4}")
        one = replace(one, order=None) if one.kind in consent.CONSENT_KINDS else one
        also = tuple(rng.sample(claimed, rng.choice([0, 0, 1, 2])))
        previous = (rng.choice(anchors),) if rng.random() < 0.2 else ()
        addressed = (rng.choice([PHONE, MAIL]),) if rng.random() < 0.3 else ()
        story.append(Append(anchor, (one,), also=also, previous=previous, addressed=addressed))
    return story


def told(store: Store, who: Identifier) -> object:
    """The record without the numbers that the order of telling gives."""
    try:
        record = store.read(who)
    except AmbiguousIdentifier as refusal:
        return refusal.customer_ids
    item = store.vocabulary.texts["item"]
    page = sorted(
        (
            int(row["occurred_at"]),
            int(row["recorded_at"]),
            int(row["kind"]),
            item[row["item"]] if row["item"] >= 0 else "",
        )
        for row in record.page
    )
    lines = sorted((int(row["occurred_at"]), int(row["recorded_at"]), int(row["kind"])) for row in record.ledger)
    said = sorted(
        (int(row["occurred_at"]), int(row["recorded_at"]), int(row["topic"]), int(row["granted"]))
        for row in record.consents
    )
    return record.customer_id, page, lines, said
