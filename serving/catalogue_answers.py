"""What is answered about the catalogue, by HTTP and by the command line's --json.

Moments are RFC 3339 in JSON.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from pydantic import TypeAdapter

from features.stores.catalogues import CatalogueVersion
from features.stores.protocol import CatalogueStore
from models.catalogue_diff import CatalogueDiff
from serving.schemas import Instant


@dataclass(frozen=True, slots=True)
class CountsAnswer:
    channels: int
    topics: int
    categories: int
    actions: int
    items: int


@dataclass(frozen=True, slots=True)
class VersionAnswer:
    """One version. author: the key or the operator that published it."""

    version: int
    digest: str
    published_at: Instant
    author: str
    note: str
    counts: CountsAnswer


@dataclass(frozen=True, slots=True)
class VersionsAnswer:
    """Newest first. next: the `before` of the page of older ones, null when there are none."""

    versions: list[VersionAnswer]
    next: int | None


@dataclass(frozen=True, slots=True)
class PublishedAnswer:
    """published: false when the newest version, which is then the one told, said the same already."""

    published: bool
    catalogue: VersionAnswer


@dataclass(frozen=True, slots=True)
class ComparedAnswer:
    """against: the version that was compared with, 0 for none. same: nothing differs."""

    against: int
    same: bool
    diff: CatalogueDiff


VERSIONS: TypeAdapter[VersionsAnswer] = TypeAdapter(VersionsAnswer)
PUBLISHED: TypeAdapter[PublishedAnswer] = TypeAdapter(PublishedAnswer)
COMPARED: TypeAdapter[ComparedAnswer] = TypeAdapter(ComparedAnswer)


def version_answer(one: CatalogueVersion) -> VersionAnswer:
    counts = CountsAnswer(one.channels, one.topics, one.categories, one.actions, one.items)
    return VersionAnswer(one.version, one.digest, Instant(one.published_at), one.author, one.note, counts)


def published_answer(store: CatalogueStore, version: int, published: bool) -> PublishedAnswer:
    """version: one that there is."""
    (told,) = store.catalogue_versions(1, before=version + 1)
    return PublishedAnswer(published, version_answer(told))


def versions_answer(found: Sequence[CatalogueVersion], limit: int) -> VersionsAnswer:
    """found: up to one more than `limit`."""
    shown = [version_answer(one) for one in found[:limit]]
    return VersionsAnswer(shown, shown[-1].version if len(found) > limit else None)
