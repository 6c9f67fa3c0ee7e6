"""Who is the same person: a pure function of what has been claimed, whatever the order in which it was told.

A profile is what one identifier, its anchor, names; events are told under anchors and stay there. A claim says that a
profile has an identifier, or (an alias) that it had the name before. `partition` groups profiles into people:

1. A shared strong identifier joins all its holders; an alias onto a profile whose anchor is strong joins the two; an
   alias between two unknown joins them. A group with a user id is known.
2. An unknown group of which a known one claims an anchor joins it; one that several known claim (a shared computer)
   joins nobody.
3. The other unknown groups that share weak identifiers are clusters; a cluster that touches one known group joins it,
   one that touches several joins none of them. What several known hold is shared: it joins nobody to nobody.

No weak identifier ever joins two known groups, not through any number of unknown ones either. An identifier that more
than COMMON profiles hold joins nobody. A severed claim counts as if it had never been made.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from enum import IntEnum
from itertools import chain
from typing import Final

from features.links import ALWAYS, Edge, Join, Sets, link

COMMON: Final = 50
"""Profiles that may hold an identifier before it is common property: a placeholder, a shop's own telephone."""


class Role(IntEnum):
    ANCHOR = 0  # the profile is what the identifier names
    HELD = 1
    ALIAS = 2  # an older name of the same person


class Strength(IntEnum):
    WEAK = 0
    STRONG = 1  # one person's alone
    USER = 2  # strong, and makes known
    NOBODY = 3  # of an erased person: strong and known, so that it bounds others, but nobody joins it
    BESIDE_NOBODY = 4  # the same, of what was theirs by rule 2 or 3 only: its claims bar nobody by rule 2


@dataclass(frozen=True, slots=True)
class Claim:
    """since: ms UTC of recording when it was first claimed. Every profile has exactly one ANCHOR claim, and no two
    profiles the same."""

    profile: int
    identifier: bytes
    role: Role
    since: int
    strength: Strength
    severed: bool = False


@dataclass(frozen=True, slots=True)
class Person:
    """root: the profile that stands for all, the known one first told of. name: the outside name. linked: by profile,
    the moment (ms UTC) since which it belongs to the root, ALWAYS for the root itself. joins: how they came together,
    in order of time."""

    root: int
    name: str
    linked: Mapping[int, int]
    joins: tuple[Join, ...]


@dataclass(slots=True)
class _Facts:
    """The claims that count. common: identifiers that join nobody."""

    names: Mapping[int, str]
    anchor: dict[int, Claim] = field(default_factory=dict)
    anchored: dict[bytes, int] = field(default_factory=dict)
    by_identifier: dict[bytes, list[Claim]] = field(default_factory=lambda: defaultdict(list))
    users: set[int] = field(default_factory=set)
    common: set[bytes] = field(default_factory=set)

    @classmethod
    def of(cls, claims: Iterable[Claim], names: Mapping[int, str], common: Collection[bytes]) -> _Facts:
        facts = cls(names)
        for claim in claims:
            if claim.role == Role.ANCHOR:
                facts.anchor[claim.profile] = claim
                facts.anchored[claim.identifier] = claim.profile
            elif claim.severed:
                continue
            facts.by_identifier[claim.identifier].append(claim)
            if claim.strength >= Strength.USER and claim.role != Role.ALIAS:
                facts.users.add(claim.profile)
        facts.common.update(common)
        facts.common.update(
            identifier
            for identifier, held in facts.by_identifier.items()
            if len(held) > COMMON and len({one.profile for one in held}) > COMMON
        )
        return facts

    def joining(self) -> Iterable[tuple[bytes, list[Claim], bool]]:
        """(identifier, claims, whether it is strong) of every identifier that may join."""
        for identifier, claims in self.by_identifier.items():
            if identifier not in self.common:
                yield identifier, claims, claims[0].strength != Strength.WEAK

    def is_left(self, claim: Claim) -> bool:
        """Whether it is a claim that an erased person left: it counts, and joins nobody."""
        return self.anchor[claim.profile].strength >= Strength.NOBODY > claim.strength

    def age(self, profile: int) -> tuple[int, str]:
        return self.anchor[profile].since, self.names[profile]


@dataclass(slots=True)
class _Groups:
    """The groups while they are made; each is called by one of its profiles, `tier1.of(profile)`. known: those with a
    user id. nobody: those of them that an erased person left. direct: claims of known profiles onto anchors (their
    profiles) of unknown groups. attached: unknown groups that tier 2 joins to a known one. barred: those that
    several claim. clusters: of the other unknown groups. shared: weak identifiers that several known hold."""

    tier1: Sets[int]
    known: set[int] = field(default_factory=set)
    nobody: set[int] = field(default_factory=set)
    direct: list[tuple[Claim, int]] = field(default_factory=list)
    attached: dict[int, int] = field(default_factory=dict)
    barred: set[int] = field(default_factory=set)
    clusters: Sets[int] = field(default_factory=Sets)
    shared: set[bytes] = field(default_factory=set)

    def known_group(self, profile: int) -> int | None:
        """The known group that the profile belongs to after tiers 1 and 2."""
        group = self.tier1.of(profile)
        return group if group in self.known else self.attached.get(group)

    def aliased(self, claim: Claim, anchor: int) -> bool:
        """Whether the alias joined its claimer and the profile anchored there in tier 1."""
        group = self.tier1.of(anchor)
        own = group == self.tier1.of(claim.profile)
        return own and (claim.strength != Strength.WEAK or group not in self.known)


def partition(claims: Iterable[Claim], names: Mapping[int, str], common: Collection[bytes] = ()) -> tuple[Person, ...]:
    """The people whom the claims make of their profiles, in order of their roots' age. names: the outside name of each
    profile. common: identifiers known to be common although fewer of their holders are among the claims."""
    facts = _Facts.of(claims, names, common)
    groups = _tier_one(facts)
    _tier_two(facts, groups)
    touched = _tier_three(facts, groups)
    people = _people(facts, groups, touched)
    return tuple(sorted(people, key=lambda one: facts.age(one.root)))


def known_by_themselves(claims: Iterable[Claim]) -> set[int]:
    """The profiles of one person that rule 1 makes known; the others are theirs by rules 2 and 3. claims: all of the
    person's."""
    facts = _Facts.of(claims, {}, ())
    groups = _tier_one(facts)
    return {profile for profile in facts.anchor if groups.tier1.of(profile) in groups.known}


def _tier_one(facts: _Facts) -> _Groups:
    groups = _Groups(Sets(facts.anchor))
    between_unknown: list[tuple[int, int]] = []
    for identifier, claims, strong in facts.joining():
        anchor = facts.anchored.get(identifier)
        holders = [one.profile for one in claims if one.role != Role.ALIAS and not facts.is_left(one)]
        if strong:
            groups.tier1.unite(holders)
        aliases = [(one.profile, anchor) for one in claims if one.role == Role.ALIAS and anchor is not None]
        if strong:
            for pair in aliases:
                groups.tier1.unite(pair)
        else:
            between_unknown.extend(aliases)
    groups.known = {groups.tier1.of(profile) for profile in facts.users}
    groups.nobody = {groups.tier1.of(one) for one, anchor in facts.anchor.items() if anchor.strength >= Strength.NOBODY}
    for one, other in between_unknown:
        if groups.known.isdisjoint((groups.tier1.of(one), groups.tier1.of(other))):
            groups.tier1.unite((one, other))
    return groups


def _tier_two(facts: _Facts, groups: _Groups) -> None:
    claimants: dict[int, set[int]] = defaultdict(set)
    for identifier, claims, strong in facts.joining():
        anchor = facts.anchored.get(identifier)
        if strong or anchor is None or (group := groups.tier1.of(anchor)) in groups.known:
            continue
        for claim in claims:
            beside = facts.anchor[claim.profile].strength == Strength.BESIDE_NOBODY
            if (claimant := groups.tier1.of(claim.profile)) in groups.known and not beside:
                claimants[group].add(claimant)
                groups.direct.append((claim, anchor))
    for group, several in claimants.items():
        if len(several) == 1 and several.isdisjoint(groups.nobody):
            groups.attached[group] = next(iter(several))
        else:
            groups.barred.add(group)


def _tier_three(facts: _Facts, groups: _Groups) -> dict[int, set[int]]:
    """Attach the clusters. Who touches each cluster: the profiles of the known group that share something with it."""
    touches: dict[int, set[int]] = defaultdict(set)
    for identifier, claims, strong in facts.joining():
        if strong:
            continue
        holders = {claim.profile for claim in claims}
        known = {one for one in holders if groups.known_group(one) is not None}
        free = {groups.tier1.of(one) for one in holders - known} - groups.barred
        if len({groups.known_group(one) for one in known}) > 1:
            groups.shared.add(identifier)
        else:
            groups.clusters.unite(free)
        for group in free:
            touches[group] |= known
    touched: dict[int, set[int]] = defaultdict(set)
    for group, profiles in touches.items():
        touched[groups.clusters.of(group)] |= profiles
    return touched


def _people(facts: _Facts, groups: _Groups, touched: Mapping[int, set[int]]) -> list[Person]:
    members: dict[int, list[int]] = defaultdict(list)
    home: dict[int, int] = {}
    for profile in facts.anchor:
        home[profile] = _home(profile, groups, touched)
        members[home[profile]].append(profile)
    edges = _edges(facts, groups, home)
    return [_person(facts, groups, touched, profiles, edges[at]) for at, profiles in members.items()]


def _home(profile: int, groups: _Groups, touched: Mapping[int, set[int]]) -> int:
    known = groups.known_group(profile)
    if known is not None:
        return known
    group = groups.tier1.of(profile)
    if group in groups.barred:
        return group
    cluster = groups.clusters.of(group)
    over = {groups.known_group(one) for one in touched.get(cluster, ())}
    if len(over) != 1 or not over.isdisjoint(groups.nobody):
        return cluster
    return next(one for one in over if one is not None)


@dataclass(slots=True)
class _Edges:
    """What joined one person's profiles. within: tier 1. direct: of an unknown group by a known profile's claim. weak:
    claims of weak identifiers that joined clusters, to one another or to a known group."""

    within: list[Edge] = field(default_factory=list)
    direct: list[tuple[Claim, int]] = field(default_factory=list)
    weak: list[Claim] = field(default_factory=list)


def _edges(facts: _Facts, groups: _Groups, home: Mapping[int, int]) -> dict[int, _Edges]:
    found: dict[int, _Edges] = defaultdict(_Edges)
    for identifier, claims, strong in facts.joining():
        anchor = facts.anchored.get(identifier)
        for claim in claims:
            at = found[home[claim.profile]]
            if strong and claim.role != Role.ALIAS:
                tie = (facts.names[claim.profile], identifier.hex())
                at.within.append((claim.since, tie, claim.profile, identifier))
            elif claim.role == Role.ALIAS and anchor is not None and groups.aliased(claim, anchor):
                since = max(claim.since, facts.anchor[anchor].since)
                tie = (facts.names[claim.profile], facts.names[anchor])
                at.within.append((since, tie, claim.profile, anchor))
        if not strong and identifier not in groups.shared:
            for claim in claims:
                if groups.tier1.of(claim.profile) not in groups.barred:
                    found[home[claim.profile]].weak.append(claim)
    for claim, anchor in groups.direct:
        if home[claim.profile] == home[anchor]:
            found[home[anchor]].direct.append((claim, anchor))
    return found


def _person(
    facts: _Facts, groups: _Groups, touched: Mapping[int, set[int]], profiles: list[int], edges: _Edges
) -> Person:
    core = [one for one in profiles if groups.tier1.of(one) in groups.known] or profiles
    candidates = [one for one in core if facts.anchor[one].strength == Strength.USER] or core
    root = min(candidates, key=facts.age)
    name = _name(facts, profiles)
    if len(profiles) == 1:
        return Person(root, name, {root: ALWAYS}, ())
    run = link(profiles, edges.within, root)
    if edges.direct:
        run = link(profiles, made := [*edges.within, *_direct(facts, groups, edges, run.linked)], root)
    else:
        made = edges.within
    if len(run.linked) < len(profiles):
        run = link(profiles, [*made, *_weak(facts, groups, touched, edges, run.linked)], root)
    return Person(root, name, run.linked, run.joins)


def _direct(facts: _Facts, groups: _Groups, edges: _Edges, linked: Mapping[int, int]) -> Iterable[Edge]:
    """An unknown group joins when all who claim it had become one person with the root."""
    floor: dict[int, int] = {}
    for claim, anchor in edges.direct:
        group = groups.tier1.of(anchor)
        floor[group] = max(floor.get(group, ALWAYS), linked[claim.profile])
    for claim, anchor in edges.direct:
        since = max(claim.since, facts.anchor[anchor].since, floor[groups.tier1.of(anchor)])
        yield since, (facts.names[claim.profile], facts.names[anchor]), claim.profile, anchor


def _weak(
    facts: _Facts, groups: _Groups, touched: Mapping[int, set[int]], edges: _Edges, linked: Mapping[int, int]
) -> Iterable[Edge]:
    """A cluster joins when all whom it touches had become one person with the root; until then its own are joined to
    one another."""
    by_identifier: dict[bytes, list[Claim]] = defaultdict(list)
    for claim in edges.weak:
        by_identifier[claim.identifier].append(claim)
    for identifier, claims in by_identifier.items():
        free = [one for one in claims if groups.known_group(one.profile) is None]
        if not free:
            continue
        cluster = groups.clusters.of(groups.tier1.of(free[0].profile))
        floor = max(chain((linked[one] for one in touched.get(cluster, ()) if one in linked), (ALWAYS,)))
        for claim in claims:
            known = groups.known_group(claim.profile) is not None
            since = max(claim.since, floor) if known else claim.since
            yield since, (facts.names[claim.profile], identifier.hex()), claim.profile, identifier


def _name(facts: _Facts, profiles: Collection[int]) -> str:
    """Of the user ids those that nobody calls an older name, if there are such; the least in the order of text."""
    users = [one for one in profiles if facts.anchor[one].strength == Strength.USER]
    current = [one for one in users if not _superseded(facts, one)]
    return min(facts.names[one] for one in current or users or profiles)


def _superseded(facts: _Facts, profile: int) -> bool:
    claims = facts.by_identifier[facts.anchor[profile].identifier]
    return any(one.role == Role.ALIAS and one.profile != profile for one in claims)
