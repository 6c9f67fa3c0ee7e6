"""The reasons that people told of earlier contacts: what somebody chatted about an hour ago they may call about now.

A reason is `properties.reason` of an event of LABELLED, as text: blanks and capitals do not count. What is longer than
LONGEST is a story, not a reason, and is none.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from features.event import Event
from models.contact_moment import LABELLED

LONGEST = 64
STANDS = 28
"""Days for which a reason is remembered."""

_DAY = 86_400_000


def reason_in(properties: str) -> str | None:
    """What an event's properties (JSON text) give as the reason; None for none."""
    content = json.loads(properties)
    told = content.get("reason") if isinstance(content, dict) else None
    reason = " ".join(told.split()).casefold() if isinstance(told, str) else ""
    return reason if 0 < len(reason) <= LONGEST else None


def tellings(events: Iterable[Event]) -> Mapping[str, Event]:
    """Of each reason the event that told it last. events: of one person, oldest first."""
    telling = [one for one in events if one.kind in LABELLED]
    read = {properties: reason_in(properties) for properties in {one.properties for one in telling}}
    told = ((read[one.properties], one) for one in telling)
    return {reason: one for reason, one in told if reason is not None}


def age_in_days(told_at: int, moment: int) -> float:
    """NaN once it is forgotten. told_at, moment: ms UTC."""
    age = (moment - told_at) / _DAY
    return age if age < STANDS else np.nan


def told_columns(
    rows: int, classes: int, told: Sequence[tuple[int, int, float]] | NDArray[np.float64]
) -> NDArray[np.float64]:
    """float64[rows, classes]: the days since each reason was told last; NaN when it was not. told: (row, class, days)
    of each telling, class -1 for none of the classes."""
    columns = np.full((rows, classes), np.nan)
    row, place, age = np.asarray(told, np.float64).reshape(-1, 3).T
    own = place >= 0
    np.fmin.at(columns, (row[own].astype(np.intp), place[own].astype(np.intp)), age[own])
    return columns


def places(told: Iterable[str], classes: Sequence[str], rest: str) -> list[int]:
    """The class of each reason: its own, else `rest`, else -1."""
    place = {reason: number for number, reason in enumerate(classes)}
    return [place.get(reason, place.get(rest, -1)) for reason in told]
