"""A service notice as whoever speaks with a customer sees it: something to say, which nobody accepts or refuses."""

from __future__ import annotations

from dataclasses import dataclass

from models.catalogue import Action
from models.notices import only_told


@dataclass(frozen=True, slots=True)
class Notice:
    """until: ms UTC, when it is over by itself; None: it is ended by hand."""

    until: int | None

    @classmethod
    def of(cls, action: Action | None) -> Notice | None:
        """None of an action that is no notice."""
        return cls(action.ends_at) if action is not None and only_told(action) else None
