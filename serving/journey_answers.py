"""The journey under way, in words."""

from __future__ import annotations

from collections.abc import Iterable

from features.event import Kind
from features.history import Records, text_code
from features.journey import Journey, present
from features.stores.people import LoggedEvent
from features.vocabulary import Vocabulary
from models.journey_rules import JourneyRules, escalated
from serving.item_names import ItemNames
from serving.know_answers import JourneyAnswer
from serving.schemas import Instant
from serving.words import clipped, place, words_of

TELLING = frozenset(
    {
        *(Kind.CALL_STARTED, Kind.CHAT_STARTED, Kind.IVR_MENU_SELECTED, Kind.CASE_OPENED, Kind.PAYMENT_FAILED),
        *(Kind.STORE_VISITED, Kind.SURVEY_ANSWERED, Kind.HANDED_OFF),
    }
)
"""Steps that say what a journey is about."""

_EVENTS, _ITEMS, _ORDERS = 6, 5, 3
"""How many of each are told, the newest first."""


def journey_answer(
    page: Records,
    events: Iterable[LoggedEvent],
    rules: JourneyRules,
    moment: int,
    vocabulary: Vocabulary,
    names: ItemNames,
) -> JourneyAnswer | None:
    """page: EVENT records. events: known at `moment` (ms UTC), the newest first; those of TELLING and of orders say
    what the journey is about."""
    journey = present(page, moment, rules.idle)
    if journey is None:
        return None
    channels = [text for code in journey.channels if (text := vocabulary.text("channel", code)) is not None]
    return JourneyAnswer(
        channels=channels,
        summary=_summary(journey, channels),
        started_at=Instant(journey.started_at),
        latest_at=Instant(journey.latest_at),
        elapsed_seconds=journey.elapsed // 1000,
        transfers=journey.transfers,
        about=_about(journey, events, vocabulary, names),
        escalated=escalated(journey, rules),
    )


def _summary(journey: Journey, channels: list[str]) -> str:
    where = ", then ".join(place(channel) for channel in channels) or "on no channel that is known"
    minutes = journey.elapsed // 60_000
    times = {0: "", 1: ", passed on once"}.get(journey.transfers, f", passed on {journey.transfers} times")
    return f"{where}: {minutes} minute{'' if minutes == 1 else 's'}{times}"


def _about(journey: Journey, events: Iterable[LoggedEvent], vocabulary: Vocabulary, names: ItemNames) -> list[str]:
    known = [one.event for one in events if one.event.occurred_at >= journey.started_at]
    told = [event for event in known if event.kind in TELLING]
    orders = {text_code(event.order): event.order for event in known if event.order is not None}
    items = (text for code in journey.items if (text := vocabulary.text("item", code)) is not None)
    return [
        *dict.fromkeys(words_of(event, names) for event in told[:_EVENTS]),
        *[clipped(names(item)) for item, _ in zip(items, range(_ITEMS), strict=False)],
        *[f"order {clipped(orders[code])}" for code in journey.orders[:_ORDERS] if code in orders],
    ]
