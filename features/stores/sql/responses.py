"""What came of contacts against what the model expected, counted in the transaction of what tells it.

A row of `exposure` is one contact per (decision, action, channel), or what is known of one before it is reported: what
was expected, when it was first sent or displayed, and outcomes. It succeeded when one came within its window.
An outcome is credited once: to the contact of its own decision, action and channel, else to the latest of its decision
and action, else to the latest of that action with the same person. One that names its decision and is told before its
contact waits for it: meanwhile it counts for another channel of that decision and action where one was contacted, and
for no other decision. The tallies are the sum over these rows: what changes is taken back and counted anew.

Every process adds to tallies of its own `part`, so that two hardly ever wait for one another; whoever reads adds up.
They are locked in their order, last of all, until the group is committed.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np

from features.event import CONTACTS, Event, Kind
from features.live_response import SUMS, Contact, Expectation, Tallies, Tally, expectations_of, tally_of
from features.stores.protocol import Append, LogDecision
from features.stores.sql.people import ProfileState
from features.stores.sql.session import Row, Session, columns, table, value

PARTS = 8
"""Rows of one tally."""

_SCALE = 1_000_000_000
"""Probabilities are kept in whole billionths."""

_DOUBLES = "<f8"

_OUTCOMES = 8
"""Of one contact, that are kept."""

_SUCCESSES = frozenset({Kind.CLICKED, Kind.ACCEPTED, Kind.CONVERTED})
_TELLING = CONTACTS | _SUCCESSES

_TALLY_ROWS = table("tally", model="text", action="text", channel="text", part="integer", at="integer", sums="bytes")
_EXPOSURE_ROWS = table(
    "exposure",
    decision="text",
    action="text",
    channel="text",
    person="integer",
    model="text",
    expected="integer",
    success="integer",
    reach="integer",
    contacted_at="integer",
    outcomes="text",
)
_DECISION = columns(decision="text")
_PERSONS = columns(root="integer", action="text")
_COUNTER = columns(model="text", action="text", channel="text", part="integer")
_TALLY_STANDS = "ON CONFLICT(model, action, channel, part) DO UPDATE SET at = excluded.at, sums = excluded.sums"
_EXPOSURE_STANDS = """ON CONFLICT(decision, action, channel) DO UPDATE
                      SET contacted_at = excluded.contacted_at, outcomes = excluded.outcomes"""
_EXPOSURE = """e.decision, e.action, e.channel, e.person, e.model, e.expected, e.success, e.reach,
               e.contacted_at, e.outcomes"""

_Contact = tuple[str, str, str]
"""(decision, action, channel)."""
_Counter = tuple[str, str, str, int]
"""(model, action, channel, part)."""


@dataclass(frozen=True, slots=True)
class _Exposure:
    """person: the profile. expected: billionths. reach: ms. contacted_at: ms UTC, None not told yet. outcomes: ms UTC,
    in order, with commas between; the latest of many."""

    person: int
    model: str
    expected: int
    success: int
    reach: int
    contacted_at: int | None = None
    outcomes: str = ""

    def row(self) -> Row:
        made = self.person, self.model, self.expected, self.success, self.reach
        return *made, self.contacted_at, self.outcomes

    def fits(self, outcome_at: int) -> bool:
        return self.contacted_at is not None and 0 <= outcome_at - self.contacted_at <= self.reach

    def counted(self, count: int) -> Contact | None:
        """None while nobody was contacted."""
        if self.contacted_at is None:
            return None
        return Contact(self.contacted_at, self.expected / _SCALE, self.succeeded, count)

    @property
    def succeeded(self) -> bool:
        return any(self.fits(one) for one in self._outcomes())

    def with_outcome(self, at: int) -> _Exposure:
        return self._with({*self._outcomes(), at})

    def without(self, outcomes: Collection[int]) -> _Exposure:
        return self._with({*self._outcomes()}.difference(outcomes))

    def fitting(self, other: _Exposure) -> list[int]:
        """Outcomes of the other that are successes of this one."""
        return [at for at in other._outcomes() if self.fits(at)]

    def _with(self, outcomes: set[int]) -> _Exposure:
        return dataclasses.replace(self, outcomes=",".join(map(str, sorted(outcomes)[-_OUTCOMES:])))

    def _outcomes(self) -> list[int]:
        return [int(one) for one in self.outcomes.split(",") if one]


@dataclass(slots=True)
class Responses:
    """Of one group. Load it once people are locked; nothing is written before `store`. part: of this process. roots: of
    profiles that have exposures. expected: by decision, the profile, the model and what it expected."""

    session: Session
    part: int
    exposures: dict[_Contact, _Exposure] = field(default_factory=dict)
    roots: dict[int, int] = field(default_factory=dict)
    expected: dict[str, tuple[int, str, list[Expectation]]] = field(default_factory=dict)
    changed: set[_Contact] = field(default_factory=set)
    moved: dict[_Counter, list[Contact]] = field(default_factory=dict)

    def load(self, told: Iterable[tuple[Append, int | None]]) -> None:
        """told: with the root of whom it is told of, None of somebody new."""
        every = [(event, root) for write, root in told for event in write.events if _tells(event)]
        decisions = {event.decision for event, _ in every if event.decision is not None}
        people = {(root, str(event.action)) for event, root in every if root is not None and event.kind in _SUCCESSES}
        self.expected = _expected(self.session, decisions)
        self.exposures = {**self._of_people(people), **_of_decisions(self.session, decisions)}

    def _of_people(self, people: Collection[tuple[int, str]]) -> dict[_Contact, _Exposure]:
        """people: root and action. Their rows are safe with the lock on the people."""
        query = f"""SELECT w.root, {_EXPOSURE} FROM wanted w CROSS JOIN person p CROSS JOIN exposure e
                    WHERE p.root = w.root AND e.person = p.person AND e.action = w.action"""  # noqa: S608
        found = dict[_Contact, _Exposure]()
        for root, *row in self.session.wanted(_PERSONS, query, sorted(people)) if people else ():
            one, exposure = _read(row)
            found[one] = exposure
            self.roots[exposure.person] = root
        return found

    def decided(self, decision: LogDecision, profile: int) -> None:
        one = decision.decision
        if one.expected is not None:
            self.expected[one.decision_id] = (profile, one.model_version, expectations_of(one.expected))

    def told(self, event: Event, profile: ProfileState) -> None:
        """An event that is new to the log."""
        if not _tells(event):
            return
        if event.kind in CONTACTS:
            self._contacted(event)
        else:
            self._came(event, profile)

    def _contacted(self, event: Event) -> None:
        """The first of sent and displayed, whichever is told first."""
        own = self._of_decision(event)
        for one, exposure in own:
            if one[2] == event.channel:
                before = exposure.contacted_at
                at = event.occurred_at if before is None else min(before, event.occurred_at)
                self._become(one, dataclasses.replace(exposure, contacted_at=at))
                self._settle(one, [other for other, _ in own if other != one])

    def _settle(self, one: _Contact, others: Sequence[_Contact]) -> None:
        """What had waited for this contact counts for it alone; what no contact that is told has counts for it, too,
        until its own is told."""
        told = {other: self.exposures[other] for other in others if self.exposures[other].contacted_at is not None}
        mine = self.exposures[one]
        for other, exposure in told.items():
            self._become(other, exposure.without(mine.fitting(mine)))
        counted = {at for exposure in told.values() for at in exposure.fitting(exposure)}
        free = {at for other in others for at in mine.fitting(self.exposures[other])} - counted
        for at in sorted(free) if not mine.succeeded else ():
            mine = mine.with_outcome(at)
        self._become(one, mine)

    def _came(self, event: Event, profile: ProfileState) -> None:
        own = [(one, exposure) for one, exposure in self._of_decision(event) if exposure.success == event.kind]
        there = [(one, exposure) for one, exposure in own if one[2] == event.channel]
        waiting = [(one[2] != event.channel, one) for one, exposure in own if exposure.contacted_at is None]
        among = (there, own, () if waiting else self._with(event, profile))
        credited = next(filter(None, (_latest(some, event.occurred_at) for some in among)), None)
        if credited is None and own:
            credited = min(waiting)[1] if waiting else min((one[2] != event.channel, one) for one, _ in own)[1]
        its_own = {one for elsewhere, one in waiting if not elsewhere}
        for one in sorted(its_own | ({credited} if credited is not None else set())):
            if not self.exposures[one].succeeded:
                self._become(one, self.exposures[one].with_outcome(event.occurred_at))

    def _of_decision(self, event: Event) -> list[tuple[_Contact, _Exposure]]:
        """Of its action; made where nothing was told of them before."""
        if event.decision is None or event.decision not in self.expected:
            return []
        profile, model, expectations = self.expected[event.decision]
        found = list[tuple[_Contact, _Exposure]]()
        for one in expectations:
            if one.action == event.action:
                contact_ = event.decision, one.action, one.channel
                made = _Exposure(profile, model, round(one.probability * _SCALE), one.success, one.window)
                found.append((contact_, self.exposures.setdefault(contact_, made)))
        return found

    def _with(self, event: Event, profile: ProfileState) -> list[tuple[_Contact, _Exposure]]:
        """Contacts of the person with the action, whatever decision they come from."""
        root, mine = profile.person.person, profile.profile
        return [
            (one, exposure)
            for one, exposure in self.exposures.items()
            if one[1] == event.action and exposure.success == event.kind
            if exposure.person == mine or self.roots.get(exposure.person) == root
        ]

    def _become(self, one: _Contact, exposure: _Exposure) -> None:
        before = self.exposures[one]
        if exposure == before:
            return
        self.exposures[one] = exposure
        self.changed.add(one)
        counter = (exposure.model, one[1], one[2], self.part)
        for change in (before.counted(-1), exposure.counted(1)):
            if change is not None:
                self.moved.setdefault(counter, []).append(change)

    def store(self) -> None:
        rows = [(*one, *self.exposures[one].row()) for one in sorted(self.changed)]
        self.session.insert(_EXPOSURE_ROWS, rows, _EXPOSURE_STANDS)
        before = _locked(self.session, self.moved)
        after = [(one, before[one].beside(tally_of(self.moved[one]))) for one in sorted(self.moved)]
        self.session.insert(
            _TALLY_ROWS, [(*one, made.at, made.sums.astype(_DOUBLES).tobytes()) for one, made in after], _TALLY_STANDS
        )


def _tells(event: Event) -> bool:
    return event.kind in _TELLING and event.action is not None


def _latest(among: Iterable[tuple[_Contact, _Exposure]], outcome_at: int) -> _Contact | None:
    fitting = [(exposure.contacted_at, one) for one, exposure in among if exposure.fits(outcome_at)]
    return max(fitting)[1] if fitting else None


def _expected(session: Session, decisions: Collection[str]) -> dict[str, tuple[int, str, list[Expectation]]]:
    """By decision: the profile, the model, and what it expected; of those that logged it. Locked, for of a contact that
    nothing was told of yet there is no row to lock."""
    query = f"""SELECT d.decision_id, d.person, d.model_version, d.expected FROM wanted w CROSS JOIN decision d
                WHERE d.decision_id = w.decision AND d.expected IS NOT NULL
                ORDER BY d.decision_id {session.locking("d")}"""  # noqa: S608
    found = session.wanted(_DECISION, query, [(one,) for one in sorted(decisions)]) if decisions else ()
    return {decision: (person, model, expectations_of(text)) for decision, person, model, text in found}


def _of_decisions(session: Session, decisions: Collection[str]) -> dict[_Contact, _Exposure]:
    query = f"""SELECT {_EXPOSURE} FROM wanted w CROSS JOIN exposure e WHERE e.decision = w.decision
                ORDER BY e.decision, e.action, e.channel {session.locking("e")}"""  # noqa: S608
    rows = [(one,) for one in sorted(decisions)]
    return dict(map(_read, session.wanted(_DECISION, query, rows))) if rows else {}


def _read(row: Sequence[object]) -> tuple[_Contact, _Exposure]:
    decision, action, channel, *rest = row
    return (str(decision), str(action), str(channel)), _Exposure(*rest)  # type: ignore[arg-type]


def _locked(session: Session, counters: Collection[_Counter]) -> dict[_Counter, Tally]:
    """Made where they are missing: what is not there cannot be locked."""
    if not counters:
        return {}
    ordered, nothing = sorted(counters), np.zeros(SUMS).tobytes()
    session.insert(_TALLY_ROWS, [(*one, 0, nothing) for one in ordered], "ON CONFLICT DO NOTHING")
    query = f"""SELECT t.model, t.action, t.channel, t.part, t.at, t.sums FROM wanted w CROSS JOIN tally t
                WHERE t.model = w.model AND t.action = w.action AND t.channel = w.channel AND t.part = w.part
                ORDER BY t.model, t.action, t.channel, t.part {session.locking("t")}"""  # noqa: S608
    found = session.wanted(_COUNTER, query, ordered)
    return {(model, action, channel, part): _tally(at, sums) for model, action, channel, part, at, sums in found}


def _tally(at: int, sums: bytes) -> Tally:
    return Tally(at, np.frombuffer(bytes(sums), _DOUBLES).astype(np.float64))


def tallies(session: Session, model: str) -> Tallies:
    """Of what decisions by that version led to."""
    found: dict[tuple[str, str], Tally] = {}
    rows = session.rows("SELECT t.action, t.channel, t.at, t.sums FROM tally t WHERE t.model = ?", (model,))
    for action, channel, at, sums in rows:
        one = _tally(at, sums)
        known = found.get((action, channel))
        found[action, channel] = one if known is None else known.beside(one)
    return dict(sorted(found.items()))


def contacted(session: Session, decisions: Collection[str]) -> Iterator[tuple[str, str, str, float, bool]]:
    """(decision, action, channel, the model's probability, whether it succeeded) of each contact that was told."""
    query = f"""SELECT {_EXPOSURE} FROM wanted w CROSS JOIN exposure e
                WHERE e.decision = w.decision AND e.contacted_at IS NOT NULL"""  # noqa: S608
    for row in session.wanted(_DECISION, query, [(one,) for one in decisions]):
        (decision, action, channel), one = _read(row)
        yield decision, action, channel, one.expected / _SCALE, one.succeeded


def delete_exposures(session: Session, profiles: Sequence[int]) -> None:
    """Of an erased person. What came of them stays counted, and says nothing of them."""
    for profile in profiles:
        session.execute("DELETE FROM exposure WHERE person = ?", (profile,))


def uncounted(session: Session) -> Iterator[str]:
    """Tallies of another form than this version's, and exposures of no decision."""
    query = "SELECT count(*) FROM tally t WHERE length(t.sums) <> ?"
    if count := value(session, query, (8 * SUMS,)):
        yield f"{count} tallies are not of {SUMS} sums"
    query = """SELECT count(*) FROM exposure e
               WHERE NOT EXISTS (SELECT 1 FROM decision d WHERE d.decision_id = e.decision)"""
    if count := value(session, query):
        yield f"{count} exposures are of no decision"
