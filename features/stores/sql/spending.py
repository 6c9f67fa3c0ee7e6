"""What actions have spent, counted in the transaction of what spends it.

A charge is one contact per (decision, action, channel). It counts once, on the day of its decision: from the decision
on when that reserved it, else from its first report as sent or displayed; `not sent` takes a reservation back, unless
it was sent, and what is sent or displayed after that counts again. A reservation of which nothing is ever reported
stays counted. The rows of counters are locked in their order, after those of people and of charges, until the group is
committed, so that no number of groups beside one another spends more than there is.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import IntEnum

from features.event import CONTACTS, Event, Kind
from features.spending import Charge, Spent
from features.stores.protocol import Append, BudgetSpent, LogDecision
from features.stores.sql.session import Session, columns, table

EVER = 0
"""The day of the row that counts all days."""

_SPENT_ROWS = table("spent", action="text", day="integer", contacts="integer", money="integer")
_CHARGE_ROWS = table(
    "charge",
    decision="text",
    action="text",
    channel="text",
    person="integer",
    day="integer",
    money="integer",
    stage="integer",
)
_COUNTER = columns(action="text", day="integer")
_DECISION = columns(decision="text")
_TELLING = frozenset({*CONTACTS, Kind.NOT_SENT})
_SPENT_STANDS = "ON CONFLICT(action, day) DO UPDATE SET contacts = excluded.contacts, money = excluded.money"
_CHARGE_STANDS = "ON CONFLICT(decision, action, channel) DO UPDATE SET stage = excluded.stage"

_Counter = tuple[str, int]
"""(action, day)."""
_Contact = tuple[str, str, str]
"""(decision, action, channel)."""
_Amount = tuple[int, int]
"""(contacts, money)."""


class Stage(IntEnum):
    """Of a charge. HELD and MADE count."""

    OFFERED = 0
    HELD = 1
    MADE = 2
    RELEASED = 3


@dataclass(frozen=True, slots=True)
class _Charged:
    """person: the profile."""

    person: int
    day: int
    money: int
    stage: Stage


@dataclass(slots=True)
class Spending:
    """Of one group. Load it once people are locked; nothing is written before `store`."""

    session: Session
    amounts: dict[_Counter, _Amount] = field(default_factory=dict)
    charged: dict[_Contact, _Charged] = field(default_factory=dict)
    moved: set[_Counter] = field(default_factory=set)
    staged: set[_Contact] = field(default_factory=set)

    def load(self, appends: Iterable[Append], decisions: Iterable[LogDecision]) -> None:
        told = {event.decision for write in appends for event in write.events if event.kind in _TELLING}
        self.charged = dict(_charges(self.session, {one for one in told if one is not None}))
        counted = {(charge.action, charge.day) for write in decisions for charge in write.charges}
        counted |= {(action, one.day) for (_, action, _), one in self.charged.items()}
        self.amounts = _locked(self.session, counted | {(action, EVER) for action, _ in counted})

    def check(self, decisions: Iterable[LogDecision]) -> None:
        """Whether all that they reserve is within what they may spend. Raises BudgetSpent."""
        trial: dict[_Counter, _Amount] = {}
        for charge in (charge for write in decisions for charge in write.charges if charge.reserves):
            today, ever = (charge.action, charge.day), (charge.action, EVER)
            (contacts, money), (all_contacts, all_money) = (trial.get(one, self.amounts[one]) for one in (today, ever))
            spent = Spent(contacts, all_contacts, money, all_money)
            if any(most.exceeded(spent, charge.money) for most in charge.most):
                message = (
                    f"budget of {charge.action} is spent; others were contacted meanwhile; read it and decide again"
                )
                raise BudgetSpent(message, charge.day)
            after = spent.with_contact(charge.money)
            trial[today] = after.contacts_today, after.money_today
            trial[ever] = after.contacts_ever, after.money_ever

    def decided(self, decision_id: str, profile: int, charges: Iterable[Charge]) -> None:
        for charge in charges:
            contact = decision_id, charge.action, charge.channel
            stage = Stage.HELD if charge.reserves else Stage.OFFERED
            self.charged[contact] = _Charged(profile, charge.day, charge.money, stage)
            self.staged.add(contact)
            if charge.reserves:
                self._count(charge.action, self.charged[contact], 1)

    def told(self, event: Event) -> None:
        """An event that is new to the log."""
        if event.kind not in _TELLING or event.decision is None or event.action is None or event.channel is None:
            return
        contact = event.decision, event.action, event.channel
        before = self.charged.get(contact)
        if before is None:
            return
        if event.kind in CONTACTS:
            self._become(contact, before, Stage.MADE)
        elif before.stage is Stage.HELD:
            self._become(contact, before, Stage.RELEASED)

    def _become(self, contact: _Contact, before: _Charged, stage: Stage) -> None:
        if stage is before.stage:
            return
        self.charged[contact] = dataclasses.replace(before, stage=stage)
        self.staged.add(contact)
        counting = stage in (Stage.HELD, Stage.MADE)
        self._count(contact[1], before, counting - (before.stage in (Stage.HELD, Stage.MADE)))

    def _count(self, action: str, charged: _Charged, contacts: int) -> None:
        """contacts: 1, 0 or -1."""
        for day in (charged.day, EVER) if contacts else ():
            counted, money = self.amounts[action, day]
            self.amounts[action, day] = counted + contacts, money + contacts * charged.money
            self.moved.add((action, day))

    def store(self) -> None:
        spent = [(*counter, *self.amounts[counter]) for counter in sorted(self.moved)]
        self.session.insert(_SPENT_ROWS, spent, _SPENT_STANDS)
        rows = [(*one, *dataclasses.astuple(self.charged[one])) for one in sorted(self.staged)]
        self.session.insert(_CHARGE_ROWS, rows, _CHARGE_STANDS)


def _charges(session: Session, decision_ids: Collection[str]) -> Iterator[tuple[_Contact, _Charged]]:
    query = f"""SELECT c.decision, c.action, c.channel, c.person, c.day, c.money, c.stage
                FROM wanted w CROSS JOIN charge c WHERE c.decision = w.decision
                ORDER BY c.decision, c.action, c.channel {session.locking("c")}"""  # noqa: S608
    for *contact, person, day, money, stage in session.wanted(
        _DECISION, query, [(one,) for one in sorted(decision_ids)]
    ):
        decision, action, channel = contact
        yield (decision, action, channel), _Charged(person, day, money, Stage(stage))


def _locked(session: Session, counters: Collection[_Counter]) -> dict[_Counter, _Amount]:
    """Made where they are missing: what is not there cannot be locked."""
    ordered = sorted(counters)
    session.insert(_SPENT_ROWS, [(*one, 0, 0) for one in ordered], "ON CONFLICT DO NOTHING")
    query = f"""SELECT s.action, s.day, s.contacts, s.money
                FROM wanted w CROSS JOIN spent s WHERE s.action = w.action AND s.day = w.day
                ORDER BY s.action, s.day {session.locking("s")}"""  # noqa: S608
    found = session.wanted(_COUNTER, query, ordered)
    return {(action, day): (contacts, money) for action, day, contacts, money in found}


def spent(session: Session, actions: Collection[str], day: int) -> dict[str, Spent]:
    """Of those that have a counter."""
    query = """SELECT s.action, s.day, s.contacts, s.money
               FROM wanted w CROSS JOIN spent s WHERE s.action = w.action AND s.day = w.day"""
    wanted = [(action, one) for action in sorted(set(actions)) for one in (EVER, day)]
    rows = {(action, at): (contacts, money) for action, at, contacts, money in session.wanted(_COUNTER, query, wanted)}
    return {
        action: _spent(rows.get((action, day), (0, 0)), rows[action, EVER])
        for action in sorted(set(actions))
        if (action, EVER) in rows
    }


def _spent(today: _Amount, ever: _Amount) -> Spent:
    return Spent(today[0], ever[0], today[1], ever[1])


def delete_charges(session: Session, profiles: Sequence[int]) -> None:
    """Of an erased person. What they had stays counted, for it was spent, and says nothing of them."""
    for profile in profiles:
        session.execute("DELETE FROM charge WHERE person = ?", (profile,))


def miscounted(session: Session) -> Iterator[str]:
    """Counters below the charges that count; above is right, where people were erased."""
    query = """SELECT c.action, c.day, count(*), sum(c.money) FROM charge c
               WHERE c.stage IN (?, ?) GROUP BY c.action, c.day"""
    days: dict[_Counter, _Amount] = {
        (action, day): (contacts, int(money))
        for action, day, contacts, money in session.rows(query, (Stage.HELD.value, Stage.MADE.value))
    }
    told = session.rows("SELECT action, day, contacts, money FROM spent ORDER BY action, day")
    counted: Mapping[_Counter, _Amount] = {(action, day): (contacts, money) for action, day, contacts, money in told}
    for (action, day), least in sorted(days.items()):
        found = counted.get((action, day), (0, 0))
        if found[0] < least[0] or found[1] < least[1]:
            yield f"action {action} has {found[0]} contacts on day {day}, its charges make {least[0]}"
    ever: dict[str, int] = {}
    for (action, day), (contacts, _) in counted.items():
        ever[action] = ever.get(action, 0) + (-contacts if day == EVER else contacts)
    yield from (f"action {action} has other contacts ever than by day" for action, apart in ever.items() if apart)
