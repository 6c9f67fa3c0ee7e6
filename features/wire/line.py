"""What one line of a call on the wire says, before it is an event."""

from __future__ import annotations

import math
from collections.abc import Mapping

import msgspec

from features.event import Identifier, Kind

JsonObject = Mapping[str, object]


class Line(msgspec.Struct, frozen=True):
    """What a line adds to what all events of a call share. Fields as in features.event.Event; properties is what the
    log keeps.

    through: the identifiers by which a statement of consent was made. contact: what makes a contact the same however
    many calls tell of it, never empty; None for a line that is the call's own.
    """

    kind: Kind
    channel: str | None
    item: str | None = None
    action: str | None = None
    order: str | None = None
    decision: str | None = None
    quantity: float = math.nan
    amount: float = math.nan
    severity: int = 0
    properties: JsonObject = msgspec.field(default_factory=dict)
    topic: str | None = None
    ends_at: int | None = None
    through: tuple[Identifier, ...] = ()
    contact: tuple[str, ...] | None = None
