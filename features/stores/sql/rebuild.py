"""Everybody, and every projection, made again from claims and log."""

from __future__ import annotations

from collections.abc import Iterator

from features.partition import Person, partition
from features.stores.sql.assembly import alone
from features.stores.sql.claims import Claims
from features.stores.sql.regroup import PEOPLE, Regrouped, put_together
from features.stores.sql.session import Session
from features.vault import Vault

_MEETING = """SELECT DISTINCT c.profile FROM claim c JOIN identifier i ON i.digest = c.digest
              WHERE (i.strength > 0 AND c.anchor IS NULL) OR c.alias IS NOT NULL
                    OR c.digest IN (SELECT digest FROM claim GROUP BY digest HAVING count(*) > 1)"""


def rebuild(session: Session, vault: Vault) -> None:
    """Inside a transaction that nobody writes beside."""
    session.execute("DELETE FROM sealed")
    for people in everybody(session, vault):
        put_together(session, vault, people, Regrouped(), stamped=False)


def everybody(session: Session, vault: Vault) -> Iterator[list[Person]]:
    """Who the claims say there is, in portions. Only profiles that have to do with another are weighed together."""
    source = Claims(session, vault)
    meeting = {profile for (profile,) in session.rows(_MEETING)}
    found = partition(source.of_profiles(meeting), source.names(meeting))
    together = [one for one in found if source.is_somebody(one.root)]
    for at in range(0, len(together), PEOPLE):
        yield together[at : at + PEOPLE]
    last = 0
    query = "SELECT person, name FROM person WHERE person > ? ORDER BY person LIMIT ?"
    while rows := session.rows(query, (last, PEOPLE)):
        last = rows[-1][0]
        yield [alone(profile, vault.open(name)) for profile, name in rows if profile not in meeting]
