"""What an erased person leaves where others hold the same identifiers, so that those others stay who they were.

On a computer that two known people share, what was done without a name belongs to neither. Were one of the two simply
gone, it would become the other's, though it may well be of the one who was erased. So somebody without a name stays in
that place: a random name that holds what others hold too, and that nobody ever joins (Strength.NOBODY, BESIDE_NOBODY).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping

from features.partition import COMMON, Claim, Role, Strength, known_by_themselves

Nameless = Callable[[], tuple[int, bytes]]
"""A profile number that was never given before, and random bytes for its anchor."""


def is_known(claims: Iterable[Claim]) -> bool:
    """Whether the person of these claims has a user id."""
    return any(
        one.strength >= Strength.USER and one.role != Role.ALIAS and (one.role == Role.ANCHOR or not one.severed)
        for one in claims
    )


def left_behind(claims: Collection[Claim], others: Mapping[bytes, int], nameless: Nameless) -> list[Claim]:
    """claims: all of the erased person. others: how many other profiles hold each of their identifiers. One profile for
    each of the person's that held what bounds others, all of them one."""
    counting = [one for one in claims if one.role == Role.ANCHOR or not one.severed]
    bounding = _bounding(counting, others)
    held: dict[int, list[Claim]] = defaultdict(list)
    for claim in counting:
        if claim.identifier in bounding:
            held[claim.profile].append(claim)
    core = known_by_themselves(counting)
    made: list[Claim] = []
    first: Claim | None = None
    for profile, ours in sorted(held.items()):
        number, name = nameless()
        since = min(one.since for one in ours)
        strength = Strength.NOBODY if profile in core else Strength.BESIDE_NOBODY
        made.append(anchor := Claim(number, name, Role.ANCHOR, since, strength))
        if first is not None:
            made.append(Claim(number, first.identifier, Role.HELD, since, first.strength))
        first = first or anchor
        made += [Claim(number, one.identifier, _role(one), one.since, one.strength) for one in ours]
    return made


def _bounding(claims: Collection[Claim], others: Mapping[bytes, int]) -> set[bytes]:
    """Of a known person the weak identifiers that others hold too; of anybody those that are common, for without all
    their holders they would not be."""
    known = is_known(claims)
    own: dict[bytes, set[int]] = defaultdict(set)
    for claim in claims:
        own[claim.identifier].add(claim.profile)
    weak = {one.identifier for one in claims if one.strength == Strength.WEAK}
    return {
        identifier
        for identifier, profiles in own.items()
        if (count := others.get(identifier, 0)) and (len(profiles) + count > COMMON or (known and identifier in weak))
    }


def _role(claim: Claim) -> Role:
    return Role.HELD if claim.role == Role.ANCHOR else claim.role
