"""The catalogue's history, as a store tells it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class CatalogueVersion:
    """One version of the catalogue without its content: what changed it, and how much of what is in it."""

    version: int
    digest: str
    published_at: int
    author: str
    note: str
    channels: int
    topics: int
    categories: int
    actions: int
    items: int


class ActionNaming(Protocol):
    def action_names(self, version: int) -> Mapping[str, str]:
        """What one version of the catalogue called its actions, by id; the id stands for itself where it gave one no
        name. Nothing of a version that never was."""


class DecidedBy(Protocol):
    def decided_by_earlier(self, version: int, bucket: int, buckets: int) -> Iterator[tuple[str, int]]:
        """(decision id, catalogue version) of all that was decided by an earlier version of the catalogue than
        `version`, for the people whose number modulo `buckets` is `bucket`."""
