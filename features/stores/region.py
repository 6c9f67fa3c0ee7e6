"""How much of all claims must be looked at to say who somebody is: as far as one known person's doorstep.

What joins unknown profiles is followed in every direction; at a profile with a user id of its own the walk goes on only
along what is strong, because no weak identifier leads from one known person to another. So a change costs what its
neighbourhood costs, however large the store. `settle` widens the walk until every person that changed is known whole.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Protocol

from features.partition import Claim, Person, Role, Strength, partition

Before = Callable[[Claim], Claim | None]
"""What a claim was before the change; None: it was not."""


class Source(Protocol):
    """Where claims are. Each method is asked many things at once."""

    def of_profiles(self, profiles: Collection[int]) -> Iterable[Claim]:
        """All claims of these profiles."""

    def of_identifiers(self, identifiers: Collection[bytes]) -> tuple[Iterable[Claim], Collection[bytes]]:
        """All claims on these identifiers, and those of the identifiers that are common: their claims are left out."""

    def names(self, profiles: Collection[int]) -> Mapping[int, str]:
        """The outside names of these profiles."""


@dataclass(slots=True)
class Region:
    """Part of all claims, closed: what is in it has the same neighbours as in the whole."""

    claims: dict[tuple[int, bytes, Role], Claim] = field(default_factory=dict)
    common: set[bytes] = field(default_factory=set)
    users: set[int] = field(default_factory=set)
    profiles: set[int] = field(default_factory=set)
    asked: set[bytes] = field(default_factory=set)

    def walk(self, source: Source, seeds: Collection[int], opened: Collection[int]) -> None:
        """Take in all that must be looked at to say who the seeds are. opened: profiles with a user id beyond which
        the walk goes on nevertheless."""
        frontier = set(seeds)
        while frontier:
            fresh = frontier - self.profiles
            self._take(source.of_profiles(fresh))
            self.profiles |= fresh
            held, common = source.of_identifiers(self._leading(opened))
            self.common |= set(common)
            frontier = {claim.profile for claim in held} - self.profiles

    def _take(self, claims: Iterable[Claim]) -> None:
        for claim in claims:
            self.claims[claim.profile, claim.identifier, claim.role] = claim
            if claim.role == Role.ANCHOR and claim.strength >= Strength.USER:
                self.users.add(claim.profile)

    def _leading(self, opened: Collection[int]) -> set[bytes]:
        closed = self.users - set(opened)
        leading = {
            claim.identifier
            for claim in self.claims.values()
            if not (claim.severed or (claim.profile in closed and claim.strength == Strength.WEAK))
        }
        leading -= self.asked
        self.asked |= leading
        return leading

    def people(self, source: Source, before: Before | None = None) -> tuple[Person, ...]:
        """Who the profiles of the region are, or were `before`."""
        claims = list(self.claims.values())
        if before is not None:
            earlier = [before(claim) for claim in claims]
            claims = [claim for claim in earlier if claim is not None]
            there = {claim.profile for claim in claims if claim.role == Role.ANCHOR}
            claims = [claim for claim in claims if claim.profile in there]
        return partition(claims, source.names({claim.profile for claim in claims}), self.common)


@dataclass(frozen=True, slots=True)
class Settled:
    """The people who are not as they were, whole; and those who are no more."""

    now: tuple[Person, ...]
    gone: tuple[Person, ...]


def settle(source: Source, seeds: Collection[int], before: Before, forced: Collection[int] = ()) -> Settled:
    """Who changed by what happened to the claims of the seeds. forced: profiles whose people count as changed in any
    case."""
    region, opened = Region(), set(seeds) | set(forced)
    while True:
        region.walk(source, opened, opened)
        now = {_key(person): person for person in region.people(source)}
        was = {_key(person): person for person in region.people(source, before)}
        changed = [person for key, person in now.items() if key not in was or not set(forced).isdisjoint(person.linked)]
        gone = [person for key, person in was.items() if key not in now]
        whole = {profile for person in (*changed, *gone) for profile in person.linked}
        if whole & region.users <= opened:
            return Settled(tuple(changed), tuple(gone))
        opened |= whole & region.users


def person_of(source: Source, profile: int) -> Person:
    """The person to whom the profile belongs, whole."""
    region, opened = Region(), {profile}
    while True:
        region.walk(source, opened, opened)
        (person,) = (one for one in region.people(source) if profile in one.linked)
        whole = set(person.linked) & region.users
        if whole <= opened:
            return person
        opened |= whole


def _key(person: Person) -> tuple[object, ...]:
    return person.root, person.name, frozenset(person.linked.items()), person.joins
