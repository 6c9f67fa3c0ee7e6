"""A hand-off as it is kept in the log, and as it is answered."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

import msgspec

from features.event import Event, Kind
from features.history import Records, text_code
from features.journey import HandoffState, handoffs
from features.stores.people import LoggedEvent
from serving.know_answers import HandoffAnswer
from serving.schemas import Instant

HANDOFF_KINDS = frozenset({Kind.HANDED_OFF, Kind.HANDOFF_TAKEN})
SHOWN = 10
"""Hand-offs in a context, beside the open ones."""


class HandedOff(msgspec.Struct, frozen=True):
    """The properties of a HANDED_OFF event: what was asked, and the journey as it stood. request: digest of what was
    asked, by which a repetition is known. Spans in seconds, about in words. Where an import left something out, it is
    empty."""

    request: str = ""
    from_channel: str | None = None
    account: str | None = None
    inquiry: str = ""
    reason: str = ""
    note: str | None = None
    agent_id: str | None = None
    elapsed_seconds: int = 0
    transfers: int = 0
    channels: tuple[str, ...] = ()
    about: tuple[str, ...] = ()


class HandoffTaken(msgspec.Struct, frozen=True):
    """The properties of a HANDOFF_TAKEN event."""

    agent_id: str | None = None


Kept = TypeVar("Kept", HandedOff, HandoffTaken)


def kept_in(event: Event, type_: type[Kept]) -> Kept:
    try:
        return msgspec.json.decode(event.properties, type=type_)
    except msgspec.ValidationError:  # somebody else's properties
        return type_()


@dataclass(frozen=True, slots=True)
class HandoffView:
    """Whether hand-offs are open, taken or lost at `moment` (ms UTC). states: by text_code of the id, as the page says.
    patience: ms."""

    states: Mapping[int, HandoffState]
    moment: int
    patience: int

    @classmethod
    def of(cls, page: Records, moment: int, patience: int) -> HandoffView:
        return cls({one.code: one.state for one in handoffs(page, moment, patience)}, moment, patience)

    def state(self, made: Event, taken: Event | None) -> HandoffState:
        """One that the page holds no more goes by its own events."""
        state = self.states.get(text_code(made.decision))
        if state is not None:
            return state
        if taken is not None:
            return HandoffState.TAKEN
        return HandoffState.OPEN if self.moment - made.occurred_at <= self.patience else HandoffState.LOST


def first_of(events: Iterable[LoggedEvent], kind: Kind) -> dict[str, Event]:
    """The first event of the kind by hand-off. events: of HANDOFF_KINDS, the newest first."""
    return {one.event.decision: one.event for one in events if one.event.kind == kind and one.event.decision}


def shown(events: Sequence[LoggedEvent], view: HandoffView, channel: str | None) -> list[HandoffAnswer]:
    """The open ones first, of those the ones to `channel`; the rest the newest first, at most SHOWN of them."""
    taken = first_of(events, Kind.HANDOFF_TAKEN)
    found = [answer_of(made, taken.get(code), view) for code, made in first_of(events, Kind.HANDED_OFF).items()]
    found.sort(key=lambda one: (one.state != "open", one.to_channel != channel, -one.handed_at))
    return found[: sum(one.state == "open" for one in found) + SHOWN]


def answer_of(made: Event, taken: Event | None, view: HandoffView) -> HandoffAnswer:
    kept = kept_in(made, HandedOff)
    return HandoffAnswer(
        handoff_id=made.decision or "",
        state=view.state(made, taken).value,
        from_channel=kept.from_channel,
        to_channel=made.channel or "",
        handed_at=Instant(made.occurred_at),
        take_by=Instant(made.occurred_at + view.patience),
        taken_by=None if taken is None else kept_in(taken, HandoffTaken).agent_id,
        account=kept.account,
        order_id=made.order,
        inquiry=kept.inquiry,
        reason=kept.reason,
        note=kept.note,
        elapsed_seconds=kept.elapsed_seconds,
        transfers=kept.transfers,
        channels=list(kept.channels),
        about=list(kept.about),
    )
