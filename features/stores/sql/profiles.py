"""The profiles that a write transaction tells of, and what it claims of them."""

from __future__ import annotations

import dataclasses
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field

from features.event import Event, Identifier, Kind
from features.history import text_code
from features.identity import ANONYMOUS_ID, USER_ID, IdentityError, check_declared
from features.links import ALWAYS
from features.partition import COMMON, Claim, Role
from features.stores.protocol import Append, LetterLimits, StoreError
from features.stores.sql.claims import (
    CLAIM_ROWS,
    CLAIM_STANDS,
    ClaimState,
    ambiguous,
    answering,
    called,
    claimer,
    customer_ids,
    holders,
    insert_identifiers,
    profiles_of,
    select_claims,
)
from features.stores.sql.decisions import decided_for
from features.stores.sql.people import PersonState, ProfileState, insert_profiles, select_profiles
from features.stores.sql.regroup import Regrouped, regroup
from features.stores.sql.session import MustBeAlone, Row, Session, columns, table
from features.vault import Vault

ADDRESSED_ROWS = table(
    "addressed",
    digest="bytes",
    sequence="integer",
    occurred_at="integer",
    recorded_at="integer",
    channel="integer",
    topic="integer",
)
_DIGEST = columns(digest="bytes")


@dataclass(frozen=True, slots=True)
class Rules:
    """What a store is opened with. declared: types of external ids that are strong."""

    vault: Vault
    declared: frozenset[str] = frozenset()
    letters: LetterLimits = field(default_factory=LetterLimits)

    def __post_init__(self) -> None:
        """Raises StoreError for a declared type that several people may share."""
        try:
            check_declared(self.declared)
        except IdentityError as error:
            raise StoreError(str(error)) from error


@dataclass(slots=True)
class Profiles:
    """Load first everybody who will be asked for; `store` what was claimed; `settle` who is who, last of all. fresh:
    the claims that are new or older than was thought, and their moments (ms UTC) as stored before, None for none."""

    session: Session
    rules: Rules
    states: dict[bytes, ProfileState] = field(default_factory=dict)
    people: dict[int, PersonState] = field(default_factory=dict)
    claims: dict[tuple[bytes, int], ClaimState] = field(default_factory=dict)
    fresh: dict[tuple[bytes, int, Role], int | None] = field(default_factory=dict)
    told: dict[bytes, Identifier] = field(default_factory=dict)
    addressed: list[Row] = field(default_factory=list)
    numbers: list[int] = field(default_factory=list)
    _digests: dict[Identifier, bytes] = field(default_factory=dict)
    _decided: dict[Identifier, bytes | StoreError] = field(default_factory=dict)
    _answered: dict[str, bytes] = field(default_factory=dict)

    def digest(self, identifier: Identifier) -> bytes:
        known = self._digests.get(identifier)
        if known is None:
            known = self._digests[identifier] = self.rules.vault.digest(identifier)
        return known

    def load(self, appends: Sequence[Append], decided: Collection[Identifier] = ()) -> None:
        self._answered = decided_for(self.session, {one.decision for one in appends if one.decision is not None})
        anchors = {self._anchor(write) for write in appends}
        self.states = select_profiles(self.session, anchors | {self.digest(one) for one in decided}, self.people)
        self._load_decided(set(decided))
        self.claims = select_claims(self.session, self._pairs(appends))
        made = anchors | {one for one in self._decided.values() if isinstance(one, bytes)}
        missing = sum(one not in self.states for one in made)
        self.numbers = list(reversed(self.session.numbers("person", missing)))

    def _load_decided(self, decided: Iterable[Identifier]) -> None:
        for one in decided:
            self._decided[one] = digest = self.digest(one)
            # Who goes by a user id of their own takes what was decided under it along.
            if one.type == USER_ID or (digest in self.states and one.type == ANONYMOUS_ID):
                continue
            holding = answering(self.session, self.rules.vault, one)
            roots = {root for _, root in holding}
            if len(roots) > 1:
                names = customer_ids(self.session, roots)
                self._decided[one] = ambiguous(self.rules.vault, one, names)
            elif roots and (digest not in self.states or self.states[digest].person.person not in roots):
                claimers = [profile for profile, _ in holding]
                self._decided[one] = anchor = claimer(self.session, self.rules.vault, digest, claimers)
                self.states.update(select_profiles(self.session, {anchor} - self.states.keys(), self.people))

    def _pairs(self, appends: Sequence[Append]) -> set[tuple[bytes, int]]:
        pairs = set()
        for write in appends:
            if (write.also or write.previous) and (known := self.states.get(self._anchor(write))):
                pairs |= {(self.digest(one), known.profile) for one in (*write.also, *write.previous)}
        return pairs

    def check_decided(self, identifier: Identifier) -> None:
        """Raises AmbiguousIdentifier."""
        found = self._decided[identifier]
        if isinstance(found, StoreError):
            raise found

    def decided(self, identifier: Identifier, since: int) -> ProfileState:
        """The profile for which a decision on the identifier is logged."""
        found = self._decided[identifier]
        if isinstance(found, StoreError):
            raise found
        return self.states[found] if found in self.states else self.of(identifier, since)

    def deciding(self, identifier: Identifier) -> ProfileState | None:
        """For whom a decision on the identifier would be logged; None for somebody who is new."""
        found = self._decided[identifier]
        return None if isinstance(found, StoreError) else self.states.get(found)

    def told_of(self, write: Append) -> ProfileState | None:
        """Under whom the events would be told; None for somebody who is new."""
        return self.states.get(self._anchor(write)) or self.states.get(self.digest(write.identifier))

    def _anchor(self, write: Append) -> bytes:
        answered = None if write.decision is None else self._answered.get(write.decision)
        return self.digest(write.identifier) if answered is None else answered

    def telling(self, write: Append, since: int) -> ProfileState:
        """The profile under which the events are told, made now if there is none. since: ms UTC of recording."""
        found = self.states.get(self._anchor(write))
        return self.of(write.identifier, since) if found is None else found

    def of(self, identifier: Identifier, since: int) -> ProfileState:
        """The profile that the identifier anchors, made now if there is none. since: ms UTC of recording."""
        digest = self.digest(identifier)
        state = self.states.get(digest)
        if state is None:
            number = self.numbers.pop()
            name = self.rules.vault.seal(called(self.rules.vault, identifier))
            person = self.people[number] = PersonState(number, name, name)
            state = self.states[digest] = ProfileState(number, digest, since, ALWAYS, person, created=True)
            self.claim(state, identifier, Role.ANCHOR, since)
        return state

    def tell(self, profile: ProfileState, write: Append, moments: Sequence[int]) -> None:
        """What the call says of who the profile is. moments: ms UTC, when its events were recorded."""
        if self.digest(write.identifier) == profile.digest:
            self.known_since(profile, write.identifier, min(moments))
        for role, identifiers in ((Role.HELD, write.also), (Role.ALIAS, write.previous)):
            for one in identifiers:
                if self.digest(one) != profile.digest:
                    self.claim(profile, one, role, max(moments))

    def known_since(self, profile: ProfileState, anchor: Identifier, moment: int) -> None:
        """The profile was told of at the moment (ms UTC of recording), if not earlier."""
        if moment < profile.since:
            self.claim(profile, anchor, Role.ANCHOR, moment)
            profile.since = moment

    def claim(self, profile: ProfileState, identifier: Identifier, role: Role, since: int) -> None:
        key = self.digest(identifier), profile.profile
        stored = self.claims.get(key)
        if stored is None:
            stored = self.claims[key] = ClaimState(*key)
        before = profile.since_before if role == Role.ANCHOR else stored.since(role)
        if stored.claim(role, since):
            self.told[key[0]] = identifier
            self.fresh.setdefault((*key, role), before)

    def address(self, identifiers: Collection[Identifier], event: Event, sequence: int, channel: int) -> None:
        """A withdrawal of consent came through these identifiers."""
        if event.kind == Kind.CONSENT_WITHDRAWN:
            place = event.occurred_at, event.recorded_at, channel, text_code(event.topic)
            self.addressed += [(self.digest(one), sequence, *place) for one in dict.fromkeys(identifiers)]

    def store(self) -> None:
        """Write profiles and claims, in the order of their keys, so that groups beside one another never wait in a
        circle. Raises MustBeAlone when others might be joined by them."""
        beyond = self.addressed or any(role != Role.ANCHOR for _, _, role in self.fresh)
        stale = any(person.stale for person in self.people.values())
        if (beyond or stale) and not self.session.alone:
            raise MustBeAlone
        insert_profiles(self.session, [one for one in self.states.values() if one.created])
        insert_identifiers(self.session, self.rules.vault, self.told, self.rules.declared)
        changed = {(digest, profile) for digest, profile, _ in self.fresh}
        self.session.insert(CLAIM_ROWS, [self.claims[one].row() for one in sorted(changed)], CLAIM_STANDS)
        self.session.insert(ADDRESSED_ROWS, self.addressed, "ON CONFLICT DO NOTHING")

    def settle(self) -> Regrouped:
        """Work out anew who is who, as far as the claims change it."""
        forced = {person.person for person in self.people.values() if person.stale}
        forced |= profiles_of(self.session, {row[0] for row in self.addressed})
        seeds: set[int] = set()
        if self.fresh:
            digests = {digest for digest, _, _ in self.fresh}
            counts = holders(self.session, digests, COMMON + len(self.fresh))
            seeds = {profile for digest, profile, role in self.fresh if self._weighs(digest, role, counts)}
            crossed = {digest for digest, count in counts.items() if COMMON < count <= COMMON + len(self.fresh)}
            bound = self._withdrawn_through(digests)
            forced |= profiles_of(self.session, crossed)
            forced |= {profile for digest, profile, _ in self.fresh if digest in bound}
        return regroup(self.session, self.rules.vault, seeds, self._before, forced) if seeds or forced else Regrouped()

    def _weighs(self, digest: bytes, role: Role, counts: dict[bytes, int]) -> bool:
        """A claim changes who is who when somebody else holds the identifier, or when it makes known; that an anchor is
        older than was thought, when its person has others who were younger."""
        if role == Role.ANCHOR and self.states[digest].person.derived:
            return True
        return counts.get(digest, 0) > 1 or (role == Role.HELD and self.told[digest].type == USER_ID)

    def _withdrawn_through(self, digests: Collection[bytes]) -> set[bytes]:
        query = "SELECT DISTINCT a.digest FROM wanted w CROSS JOIN addressed a WHERE a.digest = w.digest"
        return {bytes(one) for (one,) in self.session.wanted(_DIGEST, query, [(one,) for one in digests])}

    def _before(self, claim: Claim) -> Claim | None:
        key = claim.identifier, claim.profile, claim.role
        if key not in self.fresh:
            return claim
        before = self.fresh[key]
        return None if before is None else dataclasses.replace(claim, since=before)
