"""The timeline of all channels: filtered, and read on as it is scrolled."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Final

from features.event import Kind
from serving.errors import invalid
from serving.know_answers import TimelineAnswer, TimelineEntry
from serving.person import Known
from serving.runtime import Runtime
from serving.timeline import TOLD, cursor, timeline_of

PAGE: Final = 30
_AT_A_TIME, _MOST_PAGES = 150, 6
"""Events that are looked through for a channel's, and how often, before the page is answered with what there is."""


def _kinds(*ranges: range) -> frozenset[Kind]:
    return frozenset(kind for kind in Kind if any(kind in one for one in ranges))


GROUPS: Final[Mapping[str, tuple[str, frozenset[Kind]]]] = {
    "orders": ("Orders and deliveries", _kinds(range(1, 4), range(10, 16)) | {Kind.DELIVERY_DELAYED}),
    "service": ("Calls, chats, cases, notes", _kinds(range(60, 70), range(74, 77))),
    "offers": ("Offers and messages", _kinds(range(22, 32))),
    "web": ("Pages and baskets", _kinds(range(4, 10)) | {Kind.FORM_FIELD_CAPTURED, Kind.PAYMENT_FAILED}),
    "consent": ("Consent", frozenset({Kind.CONSENT_GRANTED, Kind.CONSENT_WITHDRAWN})),
}
"""(words, kinds) by what the address calls them."""


@dataclass(frozen=True, slots=True)
class Sought:
    """group, channel: "" for all."""

    group: str = ""
    channel: str = ""

    @classmethod
    def of(cls, query: Mapping[str, str]) -> Sought:
        """Raises Refusal."""
        group = query.get("group", "")
        if group and group not in GROUPS:
            raise invalid("group", group, f"one of {', '.join(GROUPS)}", "leave it out for everything")
        return cls(group, query.get("channel", "")[:256])


def first(runtime: Runtime, known: Known) -> TimelineAnswer:
    return timeline_of(runtime, known, None, PAGE)


def following(runtime: Runtime, known: Known, sought: Sought, before: str | None) -> TimelineAnswer:
    """Raises Refusal."""
    kinds = GROUPS[sought.group][1] & TOLD if sought.group else TOLD
    if not sought.channel:
        return timeline_of(runtime, known, cursor(before), PAGE, kinds)
    entries: list[TimelineEntry] = []
    answer = TimelineAnswer(known.record.customer_id, [], before)
    for _ in range(_MOST_PAGES):
        answer = timeline_of(runtime, known, cursor(answer.next), _AT_A_TIME, kinds)
        entries += [one for one in answer.events if one.channel == sought.channel]
        if len(entries) >= PAGE or answer.next is None:
            break
    return replace(answer, events=entries)
