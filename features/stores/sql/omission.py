"""Forgetting the values of identifiers that a store kept before it was told to omit them (docs/identity.md)."""

from __future__ import annotations

from features.event import Identifier
from features.identity import DIGEST, USER_ID, outside_name
from features.stores.sql.audit import Note, note
from features.stores.sql.regroup import regroup
from features.stores.sql.session import MustBeAlone, Session, value
from features.vault import Vault

_AT_A_TIME = 1000
"""Profiles that are renamed in one transaction."""

_CALLED = """SELECT c.profile, c.digest, p.name, p.regrouped > 0 OR p.root <> p.person
              FROM claim c CROSS JOIN identifier i CROSS JOIN person p
              WHERE i.digest = c.digest AND p.person = c.profile AND c.profile > ?
              AND c.anchor IS NOT NULL AND i.type <> ? ORDER BY c.profile LIMIT ?"""


def kept(session: Session) -> int:
    """How many values are kept beside those of user ids."""
    return int(value(session, "SELECT count(*) FROM identifier WHERE clear IS NOT NULL AND type <> ?", (USER_ID,)))


def rename(session: Session, vault: Vault, after: int) -> int | None:
    """Call the next profiles that no user id names by their digests: the last of them, None when there are no more.
    Raises MustBeAlone."""
    if not session.alone:
        raise MustBeAlone
    rows = session.rows(_CALLED, (after, USER_ID, _AT_A_TIME))
    joined: set[int] = set()
    for profile, digest, name, has_others in rows:
        called = outside_name(Identifier(DIGEST, bytes(digest).hex()))
        if vault.open(name) != called:
            sealed = vault.seal(called)
            session.execute("UPDATE person SET name = ?, customer_id = ? WHERE person = ?", (sealed, sealed, profile))
            joined |= {profile} if has_others else set()
    # What the others of a person are called depends on it.
    regroup(session, vault, (), forced=joined)
    return rows[-1][0] if rows else None


def forget(session: Session, vault: Vault, at: int, author: str) -> int:
    """The values, with an entry in the audit; how many there were."""
    count = session.execute("UPDATE identifier SET clear = NULL WHERE clear IS NOT NULL AND type <> ?", (USER_ID,))
    if count:
        note(session, vault, Note(at, "omitted", author, "", {"identifiers": count}))
    return count
