"""By which catalogue features go: that of the logged decision that they are of, and of anything else the newest.

Versions whose features are the same, as those that differ in words only, are one, so that few are kept, and rows of
many versions are made together. One that this code cannot read any more, or that the store has not, is the newest.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, fields
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from features.history import text_code
from features.stores.catalogues import DecidedBy
from features.stores.protocol import CatalogueStore
from features.vocabulary import Vocabulary
from models.catalogue import CatalogueError
from models.columns import CompiledCatalogue, compile_catalogue

_DECIDED = np.dtype([("decision", "<i8"), ("version", "<i8")])


class StoreOfThen(DecidedBy, CatalogueStore, Protocol):
    """What reading them asks of a store."""

    @property
    def vocabulary(self) -> Vocabulary: ...


@dataclass(frozen=True, slots=True, eq=False)
class CataloguesThen:
    """decision: int64[n] text_codes, ascending, of what was decided by an earlier version than the newest; version:
    int64[n], by which. earlier: by version; those whose features are the same are one value, and may be the newest.
    digests: hex, by version, of what those are. unread: versions that are the newest for want of being readable."""

    newest: CompiledCatalogue
    decision: NDArray[np.int64] = field(default_factory=lambda: np.zeros(0, np.int64))
    version: NDArray[np.int64] = field(default_factory=lambda: np.zeros(0, np.int64))
    earlier: Mapping[int, CompiledCatalogue] = field(default_factory=dict)
    digests: Mapping[int, str] = field(default_factory=dict)
    unread: tuple[int, ...] = ()

    def by(self, version: int) -> CompiledCatalogue:
        return self.earlier.get(version, self.newest)

    def versions(self, decision: NDArray[np.int64]) -> NDArray[np.int64]:
        """int64[n]: by which each was decided; decision: text_codes, 0 for none, which is the newest."""
        found = np.full(len(decision), self.newest.version, np.int64)
        if len(self.decision):
            place = np.minimum(np.searchsorted(self.decision, decision), len(self.decision) - 1)
            known = self.decision[place] == decision
            found[known] = self.version[place[known]]
        return found

    def groups(self, version: NDArray[np.int64]) -> Iterator[tuple[CompiledCatalogue, NDArray[np.intp]]]:
        """Catalogues whose features differ from one another's, each with the places in `version` (int64[n]) that go by
        it, ascending; places of the newest are in none."""
        if not self.earlier:
            return
        alike: dict[int, list[int]] = {}
        for one in np.unique(version).tolist():
            if self.by(one) is not self.newest:
                alike.setdefault(id(self.by(one)), []).append(one)
        for versions in alike.values():
            yield self.by(versions[0]), np.flatnonzero(np.isin(version, versions))


def catalogues_then(store: StoreOfThen, newest: CompiledCatalogue, bucket: int, buckets: int) -> CataloguesThen:
    """Of the people whose number modulo `buckets` is `bucket`. Raises StoreError."""
    listed = store.decided_by_earlier(newest.version, bucket, buckets)
    told = np.fromiter(((text_code(name), by) for name, by in listed), _DECIDED)
    if not len(told):
        return CataloguesThen(newest)
    told.sort(order="decision")
    alike = {_seen_by_features(newest): newest}
    earlier, digests, unread = dict[int, CompiledCatalogue](), dict[int, str](), list[int]()
    for one in np.unique(told["version"]).tolist():
        stored = store.catalogue(one)
        try:
            made = None if stored is None else compile_catalogue(stored, store.vocabulary)
        except CatalogueError:
            made = None
        if stored is None or made is None:
            unread.append(one)
        else:
            earlier[one] = alike.setdefault(_seen_by_features(made), made)
            digests[one] = stored.digest
    decision, version = (np.ascontiguousarray(told[name]) for name in ("decision", "version"))
    return CataloguesThen(newest, decision, version, earlier, digests, tuple(unread))


def _seen_by_features(compiled: CompiledCatalogue) -> bytes:
    """A digest of all that a feature row is made of, besides a history and the prices of the item feed."""
    catalogue = compiled.catalogue
    whole = hashlib.sha256(
        repr((catalogue.time_zone, tuple(catalogue.channels), [one.id for one in catalogue.actions])).encode()
    )
    parts = [
        *(getattr(part, one.name) for part in (compiled.facts, compiled.all) for one in fields(part)),
        *(compiled.row_start, compiled.action, compiled.items, compiled.list_price),
    ]
    for column in parts:
        whole.update(repr((column.dtype.str, column.shape)).encode() + np.ascontiguousarray(column).tobytes())
    return whole.digest()
