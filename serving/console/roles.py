"""What accounts may do at the console, and which rights of the interface that is."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from enum import StrEnum
from typing import Final

from serving.security import RIGHTS


class Role(StrEnum):
    """lead: an agent who also tells everybody of a disturbance and pauses actions."""

    AGENT = "agent"
    LEAD = "lead"
    MARKETER = "marketer"
    SCIENTIST = "scientist"
    ADMIN = "admin"


class May(StrEnum):
    """What pages of the console are for."""

    CUSTOMERS = "customers"
    ACTIONS = "actions"
    MODELS = "models"
    LETTERS = "letters"
    NOTICES = "notices"
    TEAM = "team"


_DESK = frozenset({"read", "write", "decide"})

RIGHTS_OF: Final[Mapping[Role, frozenset[str]]] = {
    Role.AGENT: _DESK,
    Role.LEAD: _DESK,
    Role.MARKETER: frozenset(),
    Role.SCIENTIST: frozenset(),
    Role.ADMIN: RIGHTS,
}
"""Who sees figures of everybody needs no right to anybody's record."""

_PAGES: Final[Mapping[Role, frozenset[May]]] = {
    Role.AGENT: frozenset({May.CUSTOMERS}),
    Role.LEAD: frozenset({May.CUSTOMERS, May.ACTIONS, May.NOTICES, May.TEAM}),
    Role.MARKETER: frozenset({May.ACTIONS, May.MODELS}),
    Role.SCIENTIST: frozenset({May.ACTIONS, May.MODELS, May.LETTERS}),
    Role.ADMIN: frozenset(May),
}


def roles_of(names: Collection[str]) -> frozenset[Role]:
    """Raises ValueError with a sentence."""
    known = {role.value for role in Role}
    unknown = sorted(set(names) - known)
    if unknown or not names:
        shown = unknown[0] if unknown else "none"
        raise ValueError(f"role is {shown}; one or more of {', '.join(Role)}; name them with --role")
    return frozenset(Role(name) for name in names)


def rights_of(names: Collection[str]) -> frozenset[str]:
    """Of roles that the store holds; one that this version does not know gives nothing."""
    return frozenset[str]().union(*(RIGHTS_OF[role] for role in Role if role in names))


def pages_of(names: Collection[str]) -> frozenset[May]:
    return frozenset[May]().union(*(_PAGES[role] for role in Role if role in names))
