"""What an erased person leaves in the tables, said by nobody (features.stores.boundary, docs/rights.md)."""

from __future__ import annotations

import secrets
from collections.abc import Collection, Iterable, Mapping

from features.history import Records
from features.identity import USER_ID
from features.partition import Claim, Role
from features.stores.boundary import left_behind
from features.stores.sql.claims import CLAIM_ROWS, IDENTIFIER_ROWS, ClaimState
from features.stores.sql.profiles import ADDRESSED_ROWS
from features.stores.sql.session import Session
from features.stores.withdrawals import CONTACT

_DIGEST_BYTES = 16


def leave_boundary(session: Session, claims: Collection[Claim], others: Mapping[bytes, int]) -> int:
    """How many profiles without a name now stand for the person whose claims these were. others: how many other
    profiles hold each identifier."""

    def nameless() -> tuple[int, bytes]:
        return session.numbers("person", 1)[0], secrets.token_bytes(_DIGEST_BYTES)

    made = left_behind(claims, others, nameless)
    anchors = [one for one in made if one.role == Role.ANCHOR]
    session.insert(IDENTIFIER_ROWS, [(one.identifier, USER_ID, one.strength, None) for one in anchors])
    states: dict[tuple[bytes, int], ClaimState] = {}
    for claim in made:
        key = claim.identifier, claim.profile
        states.setdefault(key, ClaimState(*key)).claim(claim.role, claim.since)
    session.insert(CLAIM_ROWS, [one.row() for one in states.values()])
    return len(anchors)


def keep_withdrawals(session: Session, withdrawals: Records, types: Mapping[bytes, str], own: Iterable[bytes]) -> int:
    """Address the withdrawals to the identifiers that are the person's own and by which they come back or are written
    to, and forget any others that came through what was theirs alone. How many are kept."""
    theirs = sorted(own)
    for digest in theirs:
        session.execute("DELETE FROM addressed WHERE digest = ?", (digest,))
    digests = [one for one in theirs if types[one] in CONTACT]
    if not digests:
        return 0
    numbers = session.numbers("sequence", len(withdrawals))
    rows = [
        (digest, number, *(int(one[name]) for name in ("occurred_at", "recorded_at", "channel", "topic")))
        for number, one in zip(numbers, withdrawals, strict=True)
        for digest in digests
    ]
    session.insert(ADDRESSED_ROWS, rows)
    return len(withdrawals)
