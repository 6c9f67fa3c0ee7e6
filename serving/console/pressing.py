"""Which notes whoever serves the customer must see first: what was promised and nobody has kept."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from typing import Final

from serving.console.wording import day_of
from serving.know_answers import NoteAnswer

MOST: Final = 6
LEAST: Final = 3
"""Notes that are shown, where there are so many: beyond what is open, the newest. Of what is open none is left out."""


def pressing(notes: Sequence[NoteAnswer]) -> list[NoteAnswer]:
    """The promises that are open, by the day on which they are due, those without a day last and of one day the oldest
    first; then the others as they come."""
    open_ = sorted((one for one in notes if one.is_open), key=lambda one: (_day(one) or dt.date.max, int(one.at)))
    return [*open_, *(one for one in notes if not one.is_open)]


def first_told(notes: Sequence[NoteAnswer]) -> list[NoteAnswer]:
    """Of them those that are shown; none that is open makes way for a newer one. notes: the newest first."""
    open_ = sum(one.is_open for one in notes)
    return pressing(notes)[: max(open_, min(max(LEAST, open_ + 1), MOST))]


def pressure(note: NoteAnswer, today: str) -> str:
    """ "overdue", "due today", or "" of a promise that has time, or is kept. today: as 2026-02-12."""
    day, now = _day(note), dt.date.fromisoformat(today)
    if not note.is_open or day is None or day > now:
        return ""
    return "overdue" if day < now else "due today"


def _day(note: NoteAnswer) -> dt.date | None:
    return None if note.due is None else day_of(note.due)
