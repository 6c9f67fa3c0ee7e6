"""Claims as rows, and the profiles and people that answer to an identifier."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass

from features.event import Identifier
from features.identity import ANONYMOUS_ID, DIGEST, ORDER_NUMBER, USER_ID, is_strong, outside_name
from features.partition import COMMON, Claim, Role, Strength
from features.stores.acceptance import LATEST
from features.stores.protocol import AmbiguousIdentifier
from features.stores.sql.orders import told_under
from features.stores.sql.session import Row, Session, columns, table
from features.vault import Vault

CLAIM_ROWS = table(
    "claim", digest="bytes", profile="integer", anchor="integer", held="integer", alias="integer", severed="integer"
)
CLAIM_STANDS = """ON CONFLICT(digest, profile) DO UPDATE SET anchor = excluded.anchor, held = excluded.held,
                  alias = excluded.alias, severed = excluded.severed"""
IDENTIFIER_ROWS = table("identifier", digest="bytes", type="text", strength="integer", clear="bytes")
_DIGEST = columns(digest="bytes")
_PROFILE = columns(profile="integer")
_PERSON = columns(person="integer")
_PAIR = columns(digest="bytes", profile="integer")
_DIGEST_THEN = columns(digest="bytes", moment="integer")
_CLAIM = "c.digest, c.profile, c.anchor, c.held, c.alias, c.severed, i.strength"
_BY_THEN = "(c.anchor <= w.moment OR c.held <= w.moment OR c.alias <= w.moment)"

_OWN = frozenset({USER_ID, ANONYMOUS_ID, DIGEST})
"""Types under which people are addressed: the profile so called answers, whoever else claims it."""

NAMELESS = ""
"""What boundaries are called; no outside name is empty."""

CANDIDATES = 20
"""Names that a refusal lists at most."""

_MANY = 1000
"""Holders of one identifier that are looked at, where so many people that it makes no difference are among them."""

_ENOUGH = 3
"""Besides the profile that is called so itself there are two more."""

_ALL = 2**62

_HOLDING = """SELECT c.profile, m.root, c.anchor, c.held, c.alias FROM claim c JOIN person m ON m.person = c.profile
              WHERE c.digest = ?"""
_ANSWERING = f"""{_HOLDING} AND c.anchor IS NOT NULL UNION ALL SELECT * FROM
                 ({_HOLDING} AND c.anchor IS NULL AND c.severed = 0 LIMIT ?) o"""  # noqa: S608


@dataclass(slots=True)
class ClaimState:
    """One row of claims: of a profile on a digest. anchor, held, alias: ms UTC of recording when it was first claimed
    so, None never."""

    digest: bytes
    profile: int
    anchor: int | None = None
    held: int | None = None
    alias: int | None = None
    severed: bool = False

    def since(self, role: Role) -> int | None:
        return (self.anchor, self.held, self.alias)[role]

    def claim(self, role: Role, since: int) -> bool:
        """Whether that is anything new."""
        stored = self.since(role)
        if stored is not None and stored <= since:
            return False
        setattr(self, ("anchor", "held", "alias")[role], since)
        return True

    def row(self) -> Row:
        return self.digest, self.profile, self.anchor, self.held, self.alias, int(self.severed)


def strength(type_: str, declared: Collection[str]) -> Strength:
    if type_ == USER_ID:
        return Strength.USER
    return Strength.STRONG if is_strong(type_, declared) else Strength.WEAK


def called(vault: Vault, identifier: Identifier) -> str:
    """The outside name of the profile that the identifier anchors, where clear values may be omitted."""
    if not vault.keeps(identifier):
        return outside_name(Identifier(DIGEST, vault.digest(identifier).hex()))
    return outside_name(identifier)


def insert_identifiers(
    session: Session, vault: Vault, told: Mapping[bytes, Identifier], declared: Collection[str]
) -> None:
    rows = [(digest, one.type, strength(one.type, declared), vault.keep(one)) for digest, one in sorted(told.items())]
    session.insert(IDENTIFIER_ROWS, rows, "ON CONFLICT(digest) DO NOTHING")


def select_claims(session: Session, pairs: Collection[tuple[bytes, int]]) -> dict[tuple[bytes, int], ClaimState]:
    """The stored claims of (digest, profile)."""
    query = """SELECT c.digest, c.profile, c.anchor, c.held, c.alias, c.severed FROM wanted w CROSS JOIN claim c
               WHERE c.digest = w.digest AND c.profile = w.profile"""
    return {
        (digest, profile): ClaimState(digest, profile, anchor, held, alias, bool(severed))
        for digest, profile, anchor, held, alias, severed in session.wanted(_PAIR, query, list(pairs))
    }


def holders(session: Session, digests: Collection[bytes], enough: int, moment: int = LATEST) -> dict[bytes, int]:
    """How many profiles hold each of the digests that anybody holds, or held by `moment` (ms UTC). However many have
    it, the count stops at some number above `enough`."""
    # A power of two, so that there are few statements to prepare.
    most = 1 << enough.bit_length()
    query = f"""SELECT w.digest, (SELECT count(*) FROM (SELECT 1 FROM claim c WHERE c.digest = w.digest
                AND c.severed = 0 AND {_BY_THEN} LIMIT {most}) o) FROM wanted w"""  # noqa: S608
    counted = session.wanted(_DIGEST_THEN, query, [(one, moment) for one in digests])
    return {digest: count for digest, count in counted if count}


def profiles_of(session: Session, digests: Collection[bytes]) -> set[int]:
    """Everybody who holds one of the digests, severed or not."""
    query = "SELECT c.profile FROM wanted w CROSS JOIN claim c WHERE c.digest = w.digest"
    return {profile for (profile,) in session.wanted(_DIGEST, query, [(one,) for one in digests])}


class Claims:
    """Implements features.stores.region.Source on the store's tables, as of `moment` (ms UTC), None: as they are."""

    def __init__(self, session: Session, vault: Vault, moment: int | None = None) -> None:
        self._session = session
        self._vault = vault
        self._moment = moment
        self._names: dict[int, str] = {}

    def of_profiles(self, profiles: Collection[int]) -> Iterable[Claim]:
        query = f"""SELECT {_CLAIM} FROM wanted w CROSS JOIN claim c CROSS JOIN identifier i
                    WHERE c.profile = w.profile AND i.digest = c.digest"""  # noqa: S608
        return list(self._read(self._session.wanted(_PROFILE, query, [(one,) for one in profiles])))

    def of_identifiers(self, identifiers: Collection[bytes]) -> tuple[Iterable[Claim], Collection[bytes]]:
        moment = LATEST if self._moment is None else self._moment
        counts = holders(self._session, identifiers, COMMON, moment)
        few = [(digest, moment) for digest, count in counts.items() if count <= COMMON]
        query = f"""SELECT {_CLAIM} FROM wanted w CROSS JOIN claim c CROSS JOIN identifier i
                    WHERE c.digest = w.digest AND i.digest = c.digest AND {_BY_THEN}"""  # noqa: S608
        found = list(self._read(self._session.wanted(_DIGEST_THEN, query, few)))
        return found, [digest for digest, count in counts.items() if count > COMMON]

    def names(self, profiles: Collection[int]) -> Mapping[int, str]:
        query = "SELECT p.person, p.name FROM wanted w CROSS JOIN person p WHERE p.person = w.person"
        missing = [(one,) for one in profiles if one not in self._names]
        for profile, sealed in self._session.wanted(_PERSON, query, missing) if missing else ():
            self._names[profile] = self._vault.open(sealed)
        return {one: self._names.get(one, NAMELESS) for one in profiles}

    def is_somebody(self, profile: int) -> bool:
        """Whether the profile, whose name was asked for, is more than the boundary that an erased person left."""
        return profile in self._names

    def _read(self, rows: Iterable[Row]) -> Iterator[Claim]:
        for digest, profile, *moments, severed, strength_ in rows:
            for role, since in zip(Role, moments, strict=True):
                if since is not None and (self._moment is None or since <= self._moment):
                    cut = bool(severed) and role != Role.ANCHOR
                    yield Claim(profile, digest, role, since, Strength(strength_), cut)


def answering(session: Session, vault: Vault, identifier: Identifier, moment: int | None = None) -> list[Row]:
    """(profile, root) of those who answer to the identifier, the one called so first; of very many who have it and are
    not one person, some. To the number of an order answers, beside who claims it, whoever has the order."""
    digest = vault.digest(identifier)
    rows = _holding(session, digest, moment)
    placed: dict[int, int] = {}
    if identifier.type == ORDER_NUMBER:
        placed = told_under(session, vault, identifier, _MANY if moment is None else _ALL, moment)
    called_so = [row[:2] for row in rows if row[2] is not None and (moment is None or row[2] <= moment)]
    if called_so and identifier.type in _OWN:
        return called_so
    claiming = {row[0] for row in rows}
    others = [row[:2] for row in rows if row[2] is None]
    others += sorted(one for one in placed.items() if one[0] not in claiming)
    if not called_so:
        return [] if identifier.type == ANONYMOUS_ID and len({root for _, root in others}) > 1 else others
    # Events told under a shared name are nobody's: they do not stand beside the people who share it.
    ((name, root),) = called_so
    lonely = name == root and name not in placed
    several = len({one for _, one in others} - {root}) > (0 if placed else 1)
    return others if lonely and several else [*called_so, *others]


def _holding(session: Session, digest: bytes, moment: int | None) -> list[Row]:
    """(profile, root, anchor, held, alias) of those who hold the digest."""
    rows = session.rows(_ANSWERING, (digest, digest, _ALL if moment is not None else _MANY))
    if moment is not None:
        return [row for row in rows if any(one is not None and one <= moment for one in row[2:])]
    if len(rows) >= _MANY and len({root for _, root, anchor, *_ in rows if anchor is None}) < _ENOUGH:
        return session.rows(_ANSWERING, (digest, digest, _ALL))
    return rows


def claimer(session: Session, vault: Vault, digest: bytes, profiles: Collection[int]) -> bytes:
    """The digest that anchors the one of one person's `profiles`, all of which answer to `digest`, that has it: the one
    by whose name the person is called, else who claimed it first, else the first under which the order was told."""
    query = """SELECT a.digest, p.name, r.customer_id, c.held, c.alias, p.person FROM wanted w
               CROSS JOIN claim a CROSS JOIN person p CROSS JOIN person r
               LEFT JOIN claim c ON c.digest = w.digest AND c.profile = w.profile
               WHERE a.profile = w.profile AND a.anchor IS NOT NULL AND p.person = w.profile AND r.person = p.root"""
    rows = list(session.wanted(_PAIR, query, [(digest, one) for one in profiles]))
    if len(rows) > 1:
        rows.sort(key=lambda row: (vault.open(row[1]) != vault.open(row[2]), _first(row[3:5]), row[5]))
    return bytes(rows[0][0])


def _first(moments: Iterable[int | None]) -> int:
    return min((one for one in moments if one is not None), default=LATEST)


def ambiguous(vault: Vault, identifier: Identifier, sealed_names: Iterable[bytes]) -> AmbiguousIdentifier:
    names = sorted(vault.open(one) for one in sealed_names)
    number = str(len(names)) if len(names) <= CANDIDATES else f"more than {CANDIDATES}"
    message = f"{identifier.type} belongs to {number} people; only one can be meant; name the customer id"
    return AmbiguousIdentifier(message, tuple(names[:CANDIDATES]))


def customer_ids(session: Session, roots: Collection[int]) -> list[bytes]:
    query = "SELECT p.customer_id FROM wanted w CROSS JOIN person p WHERE p.person = w.person"
    return [sealed for (sealed,) in session.wanted(_PERSON, query, [(one,) for one in sorted(roots)])]
