"""The kinds of address that a person has, asked for only where a channel needs one."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from features.event import Identifier
from features.history import CustomerRecord
from features.stores.protocol import Store
from models.columns import CompiledCatalogue


def with_addresses(
    store: Store,
    identifier: Identifier,
    record: CustomerRecord,
    compiled: CompiledCatalogue,
    channels: Iterable[str],
    at: int | None = None,
) -> CustomerRecord:
    """at: ms UTC, as of then; None: now. Raises AmbiguousIdentifier."""
    known = compiled.catalogue.channels
    if not record.known or all(known[name].needs is None for name in channels if name in known):
        return record
    return replace(record, addresses=store.addresses(identifier, at))
