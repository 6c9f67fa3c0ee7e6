"""Who is who worked out anew where claims have changed, and the projections of those whom it concerns made again from
the log, in the same transaction. No event moves: they stay with the profile under which they were told."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field

from features.history import page
from features.links import ALWAYS
from features.partition import Claim, Person
from features.stores import packed
from features.stores.acceptance import json_text
from features.stores.region import Before, settle
from features.stores.sql.assembly import Assembled, assemble
from features.stores.sql.claims import Claims
from features.stores.sql.people import PERSON_ROWS, PERSON_STANDS, SEALED_ROWS, SEALED_STANDS
from features.stores.sql.session import MustBeAlone, Session, columns
from features.vault import Vault

PEOPLE = 256
"""People whose logs are in memory at one time."""

SEEDS = 2000
"""Profiles from which one walk sets out at most."""

_PERSON = columns(person="integer")
_ROOT = columns(root="integer")


@dataclass(slots=True)
class Regrouped:
    """roots and versions: of the profiles whose people were put together again."""

    roots: dict[int, int] = field(default_factory=dict)
    versions: dict[int, int] = field(default_factory=dict)


def unchanged(claim: Claim) -> Claim:
    return claim


def regroup(
    session: Session, vault: Vault, seeds: Collection[int], before: Before = unchanged, forced: Collection[int] = ()
) -> Regrouped:
    """seeds: profiles whose claims changed, or that lost a neighbour. before: what each claim was. forced: profiles
    whose people are put together again in any case. Raises MustBeAlone."""
    if not session.alone:
        raise MustBeAlone
    done = Regrouped()
    listed, firm = sorted({*seeds, *forced}), set(forced)
    for at in range(0, len(listed), SEEDS):
        part = set(listed[at : at + SEEDS])
        source = Claims(session, vault)
        settled = settle(source, part, before, part & firm)
        _apply(session, vault, settled.now, firm, done)
    return done


def _apply(session: Session, vault: Vault, people: Sequence[Person], firm: Collection[int], done: Regrouped) -> None:
    stored = _stored(session, [profile for person in people for profile in person.linked])
    somebody = [one for one in people if one.root in stored]
    concerned = [one for one in somebody if _differs(one, stored) or not one.linked.keys().isdisjoint(firm)]
    roots = {stored[profile].root for one in concerned for profile in one.linked}
    concerned += _left_behind(session, vault, roots, concerned)
    put_together(session, vault, concerned, done)


@dataclass(frozen=True, slots=True)
class _Stored:
    root: int
    linked_at: int
    name: bytes
    regrouped: int


def _stored(session: Session, profiles: Iterable[int]) -> dict[int, _Stored]:
    query = """SELECT p.person, p.root, p.linked_at, p.name, p.regrouped FROM wanted w CROSS JOIN person p
               WHERE p.person = w.person"""
    return {one: _Stored(*row) for one, *row in session.wanted(_PERSON, query, [(one,) for one in profiles])}


def _differs(person: Person, stored: dict[int, _Stored]) -> bool:
    """One who is alone and was never anything else needs nothing."""
    root = stored[person.root]
    return len(person.linked) > 1 or root.root != person.root or root.regrouped > 0


def _left_behind(session: Session, vault: Vault, roots: set[int], concerned: Sequence[Person]) -> list[Person]:
    """Those who belonged to one of the roots and are of none of these people any more, as they are now."""
    known = {profile for one in concerned for profile in one.linked}
    query = "SELECT p.person FROM wanted w CROSS JOIN person p WHERE p.root = w.root"
    rest = {one for (one,) in session.wanted(_ROOT, query, [(one,) for one in roots])} - known
    if not rest:
        return []
    settled = settle(Claims(session, vault), rest, unchanged, rest)
    return [one for one in settled.now if known.isdisjoint(one.linked)]


def put_together(
    session: Session, vault: Vault, people: Sequence[Person], done: Regrouped, stamped: bool = True
) -> None:
    """Write the people's rows and projections as their logs make them. stamped: as a change that readers may notice."""
    for at in range(0, len(people), PEOPLE):
        part = people[at : at + PEOPLE]
        names = _stored(session, [profile for one in part for profile in one.linked])
        fresh = session.numbers("sequence", len(part) if stamped else 0)
        stamps = fresh or [names[one.root].regrouped for one in part]
        rows: list[tuple[object, ...]] = []
        sealed: list[tuple[object, ...]] = []
        gone: list[int] = []
        for stamp, made in zip(stamps, assemble(session, part), strict=True):
            rows += _rows(vault, made, names, stamp)
            sealed.append(_sealed(made))
            gone += [one for one in made.person.linked if one != made.person.root]
            done.roots.update(dict.fromkeys(made.person.linked, made.person.root))
            done.versions.update(dict.fromkeys(made.person.linked, max(stamp, made.version)))
        session.insert(PERSON_ROWS, rows, PERSON_STANDS)
        session.insert(SEALED_ROWS, sealed, SEALED_STANDS)
        for profile in gone:
            session.execute("DELETE FROM sealed WHERE person = ?", (profile,))


def _rows(vault: Vault, made: Assembled, names: dict[int, _Stored], stamp: int) -> Iterable[tuple[object, ...]]:
    person = made.person
    root = names[person.root].name
    called = root if vault.open(root) == person.name else vault.seal(person.name)
    version = max(stamp, made.version)
    for profile, linked_at in person.linked.items():
        own = names[profile].name
        if profile == person.root:
            record = (stamp, int(made.derived), version, json_text(made.traits), b"", own, called)
            yield profile, profile, ALWAYS, *record
        else:
            yield profile, person.root, linked_at, 0, 0, 0, "{}", b"", own, own


def _sealed(made: Assembled) -> tuple[object, ...]:
    whole = packed.seal(packed.NOTHING, made.log.records.tobytes())
    return made.person.root, page(made.log.records).tobytes(), whole.ledger, made.log.consents.tobytes()
