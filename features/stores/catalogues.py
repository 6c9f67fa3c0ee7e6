"""The catalogue's history, as a store tells it."""

from __future__ import annotations

from dataclasses import dataclass


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
