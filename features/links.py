"""How things became one: sets that unite, and the moments at which they did.

`link` is Kruskal's algorithm over edges in order of time: the moment at which two come together is the latest on the
path between them whose latest is earliest.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, Generic, TypeVar

ALWAYS: Final = -62_135_596_800_000
"""ms UTC of the year 1: before everything that can be told."""

T = TypeVar("T", bound=Hashable)

Node = int | bytes
"""A profile, or the digest of an identifier."""

Edge = tuple[int, tuple[str, str], int, Node]
"""(moment in ms UTC, what orders edges of one moment, profile, node)."""


@dataclass(frozen=True, slots=True)
class Join:
    """Two sides that became one at a moment (ms UTC). one and other: a profile of either side. claimer and through: the
    edge by which they did."""

    at: int
    one: int
    other: int
    claimer: int
    through: Node


@dataclass(frozen=True, slots=True)
class Linked:
    """linked: by profile, the moment since which it is joined to the root; the root's own is ALWAYS; who is not joined
    to it is left out. joins: of everybody, in order of time."""

    linked: Mapping[int, int]
    joins: tuple[Join, ...]


class Sets(Generic[T]):
    """Disjoint sets that unite; every element is in a set of its own at first."""

    def __init__(self, elements: Iterable[T] = ()) -> None:
        self._parent: dict[T, T] = {one: one for one in elements}

    def of(self, element: T) -> T:
        """The element that stands for the set."""
        top = self._parent.setdefault(element, element)
        while top != (above := self._parent[top]):
            top = above
        while element != top:
            self._parent[element], element = top, self._parent[element]
        return top

    def unite(self, elements: Iterable[T]) -> None:
        tops = [self.of(one) for one in elements]
        for top in tops[1:]:
            self._parent[self.of(top)] = self.of(tops[0])


@dataclass(slots=True)
class _Component:
    nodes: list[Node]
    profiles: list[int] = field(default_factory=list)


def link(profiles: Sequence[int], edges: Iterable[Edge], root: int) -> Linked:
    """Unite along the edges in order of time."""
    where: dict[Node, _Component] = {one: _Component([one], [one]) for one in profiles}
    linked = {root: ALWAYS}
    joins: list[Join] = []
    for moment, _, profile, node in sorted(edges, key=lambda one: one[:2]):
        mine, theirs = where[profile], where.setdefault(node, _Component([node]))
        if mine is theirs:
            continue
        if mine.profiles and theirs.profiles:
            joins.append(Join(moment, mine.profiles[0], theirs.profiles[0], profile, node))
            for side, opposite in ((mine, theirs), (theirs, mine)):
                if side.profiles[0] in linked:
                    linked.update(dict.fromkeys(opposite.profiles, moment))
                    break
        small, large = sorted((mine, theirs), key=lambda one: len(one.nodes))
        for moved in small.nodes:
            where[moved] = large
        large.nodes += small.nodes
        large.profiles += small.profiles
    return Linked(linked, tuple(joins))
