"""How far a new action has come on its way to be one like the others."""

from __future__ import annotations

from features.published import Published
from features.spending import NOTHING_SPENT
from models.catalogue import Action


def maturity(action: Action, published: Published) -> float:
    """0 for one that was never shown to anybody, up to 1 for one that has had as many contacts as its ceiling asks for,
    or that has no ceiling. As of the snapshot."""
    if action.ceiling is None:
        return 1.0
    return min(1.0, published.spent.get(action.id, NOTHING_SPENT).contacts_ever / action.ceiling.until)
