"""When a decision arrives: the moment at which schedule, quiet hours, contact limits and `now` are judged."""

from __future__ import annotations

import datetime as dt
from typing import Annotated

import msgspec

from features.instants import instant_of

TOLERATED = 60 * 1000
"""How long before the decision (ms) a delivery may be wanted: clocks of callers differ, and requests take time."""

FURTHEST = 366 * 24 * 60 * 60 * 1000
"""How long after the decision (ms) it may be wanted. It reserves until then, and a typo of the year would for years."""


def delivery(wanted: int | None, decided_at: int) -> int:
    """ms UTC. wanted: None, at once. Nothing is delivered before it is decided."""
    return decided_at if wanted is None else max(wanted, decided_at)


class LoggedDelivery(msgspec.Struct, frozen=True):
    """Of a request as it is logged, which is as it was sent. deliver_at: in RFC 3339 there."""

    deliver_at: Annotated[dt.datetime, msgspec.Meta(tz=True)] | None

    def delivery(self, decided_at: int) -> int:
        """ms UTC."""
        return delivery(None if self.deliver_at is None else instant_of(self.deliver_at), decided_at)
