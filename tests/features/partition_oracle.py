"""The rules of identity spelled out over and over until nothing changes: slow, and as they are written down."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence

from features.partition import COMMON, Claim, Role, Strength

Group = frozenset[int]
People = frozenset[tuple[Group, str]]


def people_slowly(claims: Sequence[Claim], names: Mapping[int, str]) -> People:
    """(profiles, outside name) of everybody."""
    count = _counting(claims)
    anchors = {one.identifier: one.profile for one in claims if one.role == Role.ANCHOR}
    tier1 = _tier_one(claims, count, anchors)
    known = {group for group in tier1 if _is_known(group, claims)}
    over = {group: _claimants(group, known, count, anchors) for group in tier1 - known}
    nobody = {group for group in known if _is_nobody(group, claims)}
    joining = known - nobody
    grown = {g: g | frozenset().union(*(h for h in over if over[h] == {g} and g in joining)) for g in known}
    free = {group for group in over if not over[group]}
    barred = {group for group in over if len(over[group]) > 1 or over[group] & nobody}
    clusters = _merged(free, lambda one, other: _neighbours(one, other, count, grown))
    touched = {cluster: {g for g in known if _shares(cluster, grown[g], count)} for cluster in clusters}
    made = {grown[g] | frozenset().union(*(c for c in clusters if touched[c] == {g} and g in joining)) for g in known}
    alone = barred | {cluster for cluster in clusters if len(touched[cluster]) != 1 or touched[cluster] & nobody}
    return frozenset((group, _name(group, claims, names)) for group in made | alone)


def _counting(claims: Sequence[Claim]) -> list[Claim]:
    """The claims that can join: neither severed nor of common identifiers."""
    sound = [one for one in claims if one.role == Role.ANCHOR or not one.severed]
    return [
        one for one in sound if len({other.profile for other in sound if other.identifier == one.identifier}) <= COMMON
    ]


def _merged(groups: Iterable[Group], joined: Callable[[Group, Group], bool]) -> set[Group]:
    """The groups, united as long as two are joined. `joined` is asked about the groups as given."""
    heaps = [[group] for group in groups]
    for _ in range(len(heaps)):
        for at, heap in enumerate(heaps):
            for other in heaps[at + 1 :]:
                if any(joined(a, b) or joined(b, a) for a in heap for b in other):
                    heap.extend(other)
                    other.clear()
    return {frozenset().union(*heap) for heap in heaps if heap}


def _tier_one(claims: Sequence[Claim], count: list[Claim], anchors: Mapping[bytes, int]) -> set[Group]:
    def strongly(one: Group, other: Group) -> bool:
        nobody = {c.profile for c in claims if c.strength >= Strength.NOBODY}
        sound = [c for c in count if c.profile not in nobody or c.strength >= Strength.NOBODY]
        pairs = [(a, b) for a in sound for b in sound if a.profile in one and b.profile in other]
        return any(
            a.identifier == b.identifier
            and a.strength != Strength.WEAK
            and (Role.ALIAS not in (a.role, b.role) or (a.role, b.role) == (Role.ALIAS, Role.ANCHOR))
            for a, b in pairs
        )

    def by_alias(one: Group, other: Group) -> bool:
        if _is_known(one, claims) or _is_known(other, claims):
            return False
        return any(a.role == Role.ALIAS and a.profile in one and anchors.get(a.identifier) in other for a in count)

    return _merged(_merged({frozenset({one.profile}) for one in claims}, strongly), by_alias)


def _is_known(group: Group, claims: Sequence[Claim]) -> bool:
    return any(
        one.profile in group and one.strength >= Strength.USER and one.role != Role.ALIAS and not one.severed
        for one in claims
    )


def _is_nobody(group: Group, claims: Sequence[Claim]) -> bool:
    """What an erased person left: it bounds others and takes nobody in."""
    return any(one.profile in group and one.strength >= Strength.NOBODY for one in claims)


def _claimants(group: Group, known: set[Group], count: list[Claim], anchors: Mapping[bytes, int]) -> set[Group]:
    beside = {one.profile for one in count if one.role == Role.ANCHOR and one.strength == Strength.BESIDE_NOBODY}
    bars = [one for one in count if one.profile not in beside]
    return {g for g in known for one in bars if one.profile in g and anchors.get(one.identifier) in group}


def _shared(one: Group, other: Group, count: list[Claim]) -> set[bytes]:
    """Weak identifiers of both."""
    held = [{c.identifier for c in count if c.profile in group and not c.strength} for group in (one, other)]
    return held[0] & held[1]


def _shares(one: Group, other: Group, count: list[Claim]) -> bool:
    return bool(_shared(one, other, count))


def _neighbours(one: Group, other: Group, count: list[Claim], grown: Mapping[Group, Group]) -> bool:
    """Whether the two share a weak identifier that at most one known person holds."""
    return any(
        sum(any(c.identifier == identifier and c.profile in g for c in count) for g in grown.values()) <= 1
        for identifier in _shared(one, other, count)
    )


def _name(group: Group, claims: Sequence[Claim], names: Mapping[int, str]) -> str:
    users = {
        one.profile: one for one in claims if one.profile in group and one.role == Role.ANCHOR and one.strength == 2
    }
    current = {
        profile
        for profile, anchor in users.items()
        if not any(
            one.identifier == anchor.identifier
            and one.role == Role.ALIAS
            and one.profile != profile
            and not one.severed
            for one in claims
        )
    }
    return min(names[one] for one in current or set(users) or group)
