"""Which notes whoever serves the customer must see first: what was promised and nobody has kept."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from typing import Final

from serving.console.wording import day_of
from serving.know_answers import NoteAnswer

MOST: Final = 6
LEAST: Final = 3
"""Notes that are shown, where there are so many: beyond what is open, the newest."""


def pressing(notes: Sequence[NoteAnswer]) -> list[NoteAnswer]:
    """The promises that are open, by the day on which they are due, those without a day last and of one day the oldest
    first; then the others as they come."""
    open_ = sorted((one for one in notes if _is_open(one)), key=lambda one: (_day(one) or dt.date.max, int(one.at)))
    return [*open_, *(one for one in notes if not _is_open(one))]


def first_told(notes: Sequence[NoteAnswer]) -> list[NoteAnswer]:
    """Of them those that are shown; none that is open makes way for a newer one. notes: the newest first."""
    open_ = sum(map(_is_open, notes))
    return pressing(notes)[: min(max(LEAST, open_ + 1), MOST)]


def is_late(note: NoteAnswer, today: str) -> bool:
    """today: as 2026-02-12."""
    day = _day(note)
    return _is_open(note) and day is not None and day < dt.date.fromisoformat(today)


def _is_open(note: NoteAnswer) -> bool:
    return bool(note.promised) and note.kept_at is None


def _day(note: NoteAnswer) -> dt.date | None:
    return None if note.due is None else day_of(note.due)
