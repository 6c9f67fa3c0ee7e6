"""Who somebody is, in words; and parting what should never have been one."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from features.event import Identifier
from features.links import Join, Sets
from features.partition import Claim, Person, Role
from features.stores.people import HeldIdentifier, Identity
from features.stores.protocol import StoreError
from features.stores.region import Region
from features.stores.sql.audit import Note, note
from features.stores.sql.claims import (
    CLAIM_ROWS,
    CLAIM_STANDS,
    Claims,
    ClaimState,
    profiles_of,
    select_claims,
)
from features.stores.sql.reads import find
from features.stores.sql.regroup import regroup
from features.stores.sql.session import MustBeAlone, Session
from features.vault import Vault

_HELD = """SELECT i.type, i.clear, p.name, c.anchor, c.held, c.alias, c.severed
           FROM person p JOIN claim c ON c.profile = p.person JOIN identifier i ON i.digest = c.digest
           WHERE p.root = ?"""

_ROOT = "SELECT p.person, p.customer_id FROM person m JOIN person p ON p.person = m.root WHERE m.person = ?"

Pair = tuple[bytes, int]
"""(digest, profile)."""


@dataclass(frozen=True, slots=True)
class Parting:
    """The identifier to cut off the person whom `customer` names; at: ms UTC; author: who does it."""

    customer: Identifier
    identifier: Identifier
    at: int
    author: str


def identity(session: Session, vault: Vault, identifier: Identifier) -> Identity | None:
    """See features.stores.people.IdentityStore."""
    found = find(session, vault, identifier)
    if found is None:
        return None
    return _identity(session, vault, *found)


def _identity(session: Session, vault: Vault, root: int, customer_id: str) -> Identity:
    held = list(_held(session, vault, root))
    names = tuple(sorted({one.profile for one in held}))
    return Identity(root, customer_id, names, tuple(sorted(held, key=_order)))


def _order(one: HeldIdentifier) -> tuple[str, bool, str, str]:
    return one.profile, not one.anchor, one.type, one.value or ""


def _held(session: Session, vault: Vault, root: int) -> Iterable[HeldIdentifier]:
    for type_, clear, name, *moments, severed in session.rows(_HELD, (root,)):
        told = [one for one in moments if one is not None]
        if told:
            value = None if clear is None else vault.open(clear)
            anchor = moments[0] is not None
            yield HeldIdentifier(type_, value, vault.open(name), min(told), anchor, bool(severed) and not anchor)


def may_split(session: Session, vault: Vault, customer: Identifier, identifier: Identifier) -> bool:
    """See features.stores.people.IdentityStore."""
    return bool(_cut(session, vault, customer, identifier).knife.severed)


def split(session: Session, vault: Vault, parting: Parting) -> Identity:
    """See features.stores.people.IdentityStore. Raises MustBeAlone."""
    if not session.alone:
        raise MustBeAlone
    cut = _cut(session, vault, parting.customer, parting.identifier)
    if count := len(cut.knife.severed):
        _sever(session, vault, cut.knife)
        note(session, vault, Note(parting.at, "split", parting.author, cut.customer_id, {"claims": count}))
    root, customer_id = session.rows(_ROOT, (cut.kept,))[0]
    return _identity(session, vault, root, vault.open(customer_id))


@dataclass(frozen=True, slots=True)
class _Cut:
    """What is to be severed, nothing where all of it is already. customer_id: before. kept: the profile with which the
    customer stays."""

    customer_id: str
    knife: _Knife
    kept: int


def _cut(session: Session, vault: Vault, customer: Identifier, identifier: Identifier) -> _Cut:
    """Changes nothing. Raises StoreError for what cannot be cut off."""
    found = find(session, vault, customer)
    if found is None:
        raise _refused(identifier, "the customer is unknown")
    knife = _Knife.at(session, vault, found[0])
    digest, called = vault.digest(identifier), vault.digest(customer)
    if digest == called:
        raise _refused(identifier, f"{found[1]} is called by it", "cut the other names off instead")
    kept = knife.kept(called, digest)
    cuts = knife.cut(kept, digest)
    if not cuts and not any(
        one.severed for one in select_claims(session, [(digest, one) for one in knife.profiles]).values()
    ):
        raise _refused(identifier, f"{found[1]} has no such identifier besides the only name")
    return _Cut(found[1], knife, kept)


def _refused(identifier: Identifier, why: str, advice: str = "look at the customer's identity") -> StoreError:
    return StoreError(f"{identifier.type} is {identifier.value}; it cannot be cut off, {why}; {advice}")


@dataclass(slots=True)
class _Knife:
    """The claims around one person, and those of them that are severed here."""

    source: Claims
    region: Region
    profiles: frozenset[int]
    severed: set[Pair] = field(default_factory=set)

    @classmethod
    def at(cls, session: Session, vault: Vault, root: int) -> _Knife:
        source, region, opened = Claims(session, vault), Region(), {root}
        while True:
            region.walk(source, opened, opened)
            person = _with(region.people(source), root)
            if person.linked.keys() & region.users <= opened:
                return cls(source, region, frozenset(person.linked))
            opened |= person.linked.keys() & region.users

    def person(self, profile: int) -> Person:
        return _with(self.region.people(self.source, self._as_cut), profile)

    def _as_cut(self, claim: Claim) -> Claim:
        return dataclasses.replace(claim, severed=True) if self._is_cut(claim) else claim

    def _is_cut(self, claim: Claim) -> bool:
        return claim.role != Role.ANCHOR and (claim.identifier, claim.profile) in self.severed

    def anchor(self, digest: bytes) -> int | None:
        """The person's profile that the digest anchors."""
        claims = self.region.claims.values()
        found = (one.profile for one in claims if one.role == Role.ANCHOR and one.identifier == digest)
        return next((one for one in found if one in self.profiles), None)

    def kept(self, customer: bytes, cut: bytes) -> int:
        """The profile with which the customer stays: the one that was named, if another is cut off."""
        away = self.anchor(cut)
        named = self.anchor(customer)
        person = self.person(next(iter(self.profiles)))
        order = [one for one in (named, person.root, *sorted(person.linked)) if one is not None and one != away]
        return order[0] if order else person.root

    def cut(self, kept: int, digest: bytes) -> bool:
        """Sever what makes the identifier the person's; whether there was anything to sever."""
        away = self.anchor(digest)
        if away == kept:
            return False
        if away is not None:
            while away in (person := self.person(kept)).linked:
                self.severed |= self._latest(person, kept, away)
            # Nor may either of them claim the other again.
            self.severed |= {(digest, kept), (self._anchor_of(kept), away)}
        # The customer's own claim first: whoever came by that identifier alone goes with it.
        while pairs := self._holding(digest, self.person(kept).linked) - self.severed:
            self.severed.add(min(pairs, key=lambda pair: (pair[1] != kept, pair[1])))
        return bool(self.severed)

    def _anchor_of(self, profile: int) -> bytes:
        claims = self.region.claims.values()
        return next(one.identifier for one in claims if one.role == Role.ANCHOR and one.profile == profile)

    def _holding(self, digest: bytes, profiles: Iterable[int]) -> set[Pair]:
        among = set(profiles)
        return {
            (digest, one.profile)
            for one in self.region.claims.values()
            if one.identifier == digest and one.profile in among and one.role != Role.ANCHOR and not one.severed
        }

    def _latest(self, person: Person, kept: int, away: int) -> set[Pair]:
        """The claims of the join that made the two one, on the side that is cut off where either would do."""
        sides: Sets[int] = Sets(person.linked)
        for join in person.joins:
            ours, theirs = sides.of(kept), sides.of(away)
            if {sides.of(join.one), sides.of(join.other)} == {ours, theirs}:
                break
            sides.unite((join.one, join.other))
        gone = {one for one in person.linked if sides.of(one) == sides.of(away)}
        return self._claims_of(join, gone, person.linked)

    def _claims_of(self, join: Join, gone: set[int], linked: Mapping[int, int]) -> set[Pair]:
        if isinstance(join.through, int):
            return {(self._anchor_of(join.through), join.claimer)}
        theirs = self._holding(join.through, gone) - self.severed
        return theirs or self._holding(join.through, linked) - self.severed


def _with(people: Iterable[Person], profile: int) -> Person:
    return next(one for one in people if profile in one.linked)


def _sever(session: Session, vault: Vault, knife: _Knife) -> None:
    stored = select_claims(session, knife.severed)
    for pair in knife.severed:
        stored.setdefault(pair, ClaimState(*pair)).severed = True
    session.insert(CLAIM_ROWS, [one.row() for one in stored.values()], CLAIM_STANDS)

    def before(claim: Claim) -> Claim:
        newly = claim.role != Role.ANCHOR and (claim.identifier, claim.profile) in knife.severed
        return dataclasses.replace(claim, severed=False) if newly else claim

    seeds = profiles_of(session, {digest for digest, _ in knife.severed})
    regroup(session, vault, seeds, before, knife.profiles)
