"""Whose a name with a postcode is: keyed digests, one for each pair that a profile ever told. Rows are only added, and
whoever looks compares with the traits of now; they go with their profile."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Mapping
from itertools import groupby
from operator import itemgetter

from features.event import Identifier
from features.naming import name_key, tells_name
from features.stores.sql.people import merged_traits
from features.stores.sql.session import Session, table
from features.vault import Vault

_ROWS = table("name_of", digest="bytes", person="integer")
Name = tuple[bytes, int]
"""(digest, profile)."""


def name_of(vault: Vault, profile: int, changed: Mapping[str, object], traits: str) -> tuple[Name, ...]:
    """What a change of traits adds. traits: JSON of all that the person has after it."""
    if not tells_name(changed):
        return ()
    key = name_key(json.loads(traits))
    return () if key is None else ((_digest(vault, key), profile),)


def _digest(vault: Vault, key: str) -> bytes:
    """Another digest than that of any identifier: types have no colon."""
    return vault.digest(Identifier("name:postcode", key))


def insert_names(session: Session, names: Collection[Name]) -> None:
    if names:
        session.insert(_ROWS, sorted(set(names)), "ON CONFLICT DO NOTHING")


def named(session: Session, vault: Vault, key: str, limit: int) -> tuple[str, ...]:
    """The outside names of those who have, or had, it."""
    query = """SELECT DISTINCT p.customer_id FROM name_of n JOIN person m ON m.person = n.person
               JOIN person p ON p.person = m.root WHERE n.digest = ? LIMIT ?"""
    return tuple(sorted(vault.open(name) for (name,) in session.rows(query, (_digest(vault, key), limit))))


def delete_names(session: Session, profiles: Iterable[int]) -> None:
    for profile in profiles:
        session.execute("DELETE FROM name_of WHERE person = ?", (profile,))


def fill(session: Session, vault: Vault) -> None:
    """Of everybody whom a store of before holds, by what was told of them: projections may be made only later."""
    rows = session.rows("SELECT person, changes FROM trait_change ORDER BY person, sequence")
    for person, told in groupby(rows, key=itemgetter(0)):
        traits: dict[str, object] = {}
        for _, changes in told:
            changed = json.loads(changes)
            traits = merged_traits(traits, changed)
            insert_names(session, name_of(vault, person, changed, json.dumps(traits)))
