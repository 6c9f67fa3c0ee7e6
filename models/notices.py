"""Service notices: actions that are only told. Nobody accepts or refuses what has happened, so that what is shown of
them is a contact and never a success or a failure."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Final, Protocol

import msgspec
import numpy as np
from numpy.typing import NDArray

from models.catalogue import Action

if TYPE_CHECKING:
    from features.stores.protocol import StoredCatalogue
    from models.columns import CompiledCatalogue

GROUP: Final = "service-notices"
"""The group of the actions that the team lead's form makes, by which they are known again."""


_READ: Final = 64
"""Versions of the catalogue that are remembered."""


class _Grouped(msgspec.Struct, frozen=True):
    id: str
    group: str | None = None


class _Actions(msgspec.Struct, frozen=True):
    actions: tuple[_Grouped, ...] = ()


def notices_of(document: str) -> frozenset[str]:
    """The ids of a stored catalogue's notices, those among them that have ended since and left the newest."""
    found = msgspec.json.decode(document, type=_Actions).actions
    return frozenset(one.id for one in found if one.group == GROUP)


class StoredCatalogues(Protocol):
    def catalogue(self, version: int | None = None) -> StoredCatalogue | None: ...


class Noticed:
    """What was only told, by the catalogue's version: the one that decided says what an action was, whatever became of
    it. A version never changes, so each is read once."""

    def __init__(self, store: StoredCatalogues) -> None:
        self._store: Final = store
        self._read: Final = lru_cache(maxsize=_READ)(self._notices)

    def then(self, version: int) -> frozenset[str] | None:
        """None of a version that the store does not have."""
        try:
            return self._read(version)
        except LookupError:  # which is not remembered: it may be published yet
            return None

    def _notices(self, version: int) -> frozenset[str]:
        stored = self._store.catalogue(version)
        if stored is None:
            raise LookupError(version)
        return notices_of(stored.document)


def only_told(action: Action) -> bool:
    return action.group == GROUP


def rows_only_told(compiled: CompiledCatalogue) -> NDArray[np.bool_]:
    """bool[rows of compiled.all]."""
    return np.array([only_told(one) for one in compiled.catalogue.actions], np.bool_)[compiled.action]


def is_over(action: Action, moment: int) -> bool:
    """Whether it is a notice that has ended. moment: ms UTC."""
    return only_told(action) and action.ends_at is not None and action.ends_at <= moment
