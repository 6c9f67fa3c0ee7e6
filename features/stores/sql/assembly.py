"""People put together from the logs of their profiles: for now, for any earlier moment, and to be compared."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from features.event import LOG_ONLY
from features.history import CONSENT_ENTRY, Records
from features.links import ALWAYS
from features.partition import Person, Role
from features.stores import packed
from features.stores.acceptance import LATEST
from features.stores.sql.people import merged_traits
from features.stores.sql.session import Session, columns
from features.stores.together import Together, together

_PERSON = columns(person="integer")
_PROFILE = columns(profile="integer")
_LOG_ONLY = [int(kind) for kind in LOG_ONLY]

NEWEST = 2**62
"""A sequence after all others."""


def _any(_profile: int, _since: int, _role: Role) -> bool:
    return True


@dataclass(frozen=True, slots=True)
class Until:
    """How far a record is put together: what was recorded by `moment` (ms UTC), with a sequence up to `version`, and
    through identifiers that were claimed: whether one counts is asked by profile, moment and role."""

    moment: int = LATEST
    version: int = NEWEST
    claimed: Callable[[int, int, Role], bool] = _any


EVERYTHING = Until()


@dataclass(frozen=True, slots=True)
class Assembled:
    """person: who. log: all of it. traits: the latest value by name. version: the newest sequence that changed the
    record, 0 none. derived: the consents hold more than the log of one profile."""

    person: Person
    log: Together
    traits: dict[str, object]
    version: int
    derived: bool


def alone(profile: int, name: str) -> Person:
    """A person of one profile."""
    return Person(profile, name, {profile: ALWAYS}, ())


def logs_of(session: Session, profiles: Collection[int]) -> dict[int, Records]:
    """All EVENT records, by profile and sequence."""
    if len(profiles) == 1:
        (profile,) = profiles
        rows = session.rows("SELECT record FROM event WHERE person = ? ORDER BY sequence", (profile,))
        return {profile: packed.events(b"".join([row[0] for row in rows]))}
    query = "SELECT e.person, e.record FROM wanted w CROSS JOIN event e WHERE e.person = w.person"
    found: dict[int, list[bytes]] = {one: [] for one in profiles}
    for profile, record in session.wanted(_PERSON, query, [(one,) for one in profiles]):
        found[profile].append(record)
    return {profile: _by_sequence(packed.events(b"".join(records))) for profile, records in found.items()}


def _by_sequence(log: Records) -> Records:
    """Sorted; no copy of what the log's own order has sorted, as it mostly has."""
    sequence = log["sequence"]
    return log if (sequence[1:] > sequence[:-1]).all() else log[np.argsort(sequence, kind="stable")]


def assemble(session: Session, people: Sequence[Person], until: Until = EVERYTHING) -> Iterator[Assembled]:
    """What was known of each. Their logs are in memory together."""
    everybody = [profile for person in people for profile in person.linked]
    logs = logs_of(session, everybody)
    changes = _trait_changes(session, everybody, until)
    addressed = _addressed(session, everybody, until)
    for person in people:
        mine = {one: _known(logs[one], until) for one in person.linked}
        received = {one: addressed[one] for one in person.linked if one in addressed}
        log = together(person, mine, received)
        traits: dict[str, object] = {}
        last = 0
        for sequence, told in sorted(change for one in person.linked for change in changes.get(one, ())):
            traits, last = merged_traits(traits, json.loads(told)), sequence
        changing = log.records["sequence"][~np.isin(log.records["kind"], _LOG_ONLY)]
        version = max(int(changing.max()) if len(changing) else 0, last)
        yield Assembled(person, log, traits, version, len(person.linked) > 1 or bool(received))


def _known(log: Records, until: Until) -> Records:
    if until is EVERYTHING:
        return log
    return log[(log["recorded_at"] <= until.moment) & (log["sequence"] <= until.version)]


def _trait_changes(session: Session, profiles: Iterable[int], until: Until) -> dict[int, list[tuple[int, str]]]:
    query = """SELECT t.person, t.recorded_at, t.sequence, t.changes FROM wanted w CROSS JOIN trait_change t
               WHERE t.person = w.person"""
    found: dict[int, list[tuple[int, str]]] = defaultdict(list)
    for profile, recorded_at, sequence, told in session.wanted(_PERSON, query, [(one,) for one in profiles]):
        if recorded_at <= until.moment and sequence <= until.version:
            found[profile].append((sequence, told))
    return found


def _addressed(session: Session, profiles: Iterable[int], until: Until) -> dict[int, Records]:
    """CONSENT_ENTRY rows of withdrawals that came through an identifier, by the profiles that hold it, recorded not
    before they did."""
    if not session.rows("SELECT 1 FROM addressed LIMIT 1"):
        return {}
    query = """SELECT c.profile, c.anchor, c.held, c.alias, a.occurred_at, a.recorded_at, a.sequence, a.topic, a.channel
               FROM wanted w CROSS JOIN claim c CROSS JOIN addressed a
               WHERE c.profile = w.profile AND a.digest = c.digest AND (c.severed = 0 OR c.anchor IS NOT NULL)
               ORDER BY c.profile, a.sequence"""
    found: dict[int, list[tuple[object, ...]]] = defaultdict(list)
    for profile, *claims, occurred_at, recorded_at, sequence, topic, channel in session.wanted(
        _PROFILE, query, [(one,) for one in profiles]
    ):
        named = zip(Role, claims, strict=True)
        held = [at for role, at in named if at is not None and until.claimed(profile, at, role)]
        since = max(recorded_at, min(held, default=LATEST + 1))
        if since <= until.moment and sequence <= until.version:
            found[profile].append((occurred_at, since, sequence, topic, channel))
    return {profile: _entries(rows) for profile, rows in found.items()}


def _entries(rows: Sequence[tuple[object, ...]]) -> Records:
    made = np.zeros(len(rows), dtype=CONSENT_ENTRY)
    for name, values in zip(
        ("occurred_at", "recorded_at", "sequence", "topic", "channel"), zip(*rows, strict=True), strict=True
    ):
        made[name] = values
    return made
