"""Whether a store holds what the mixed load's clients were told that it holds: everything acknowledged, nothing twice,
nothing that nobody told, and page, ledger, consents, traits and people that follow from the log.

Nothing of the store's own arithmetic is used: what is expected is computed from the operations by plain loops.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Set
from dataclasses import dataclass, field
from functools import cache

from features import consent, ledger
from features.event import LOG_ONLY, Event, Identifier, Kind
from features.history import PAGE_LIMIT, CustomerRecord
from features.stores.people import LoggedEvent
from features.stores.protocol import Store
from tests.checks.mixed_load import Decided, Refused, Told, customers, maker_of, operation, told_by

LATER = 4_000_000_000_000
"""After everything, ms UTC."""
Key = tuple[str, int]
"""(message_id, line)."""
Maker = tuple[str, int]

made_by = cache(operation)


@dataclass(slots=True)
class Reconciled:
    """What was compared, to be quoted, and every difference found, one sentence each. unacknowledged: operations that
    were stored before their answer was lost, and not sent again yet."""

    acknowledged: int = 0
    operations: Counter[str] = field(default_factory=Counter)
    events: int = 0
    unacknowledged: int = 0
    people: int = 0
    faults: list[str] = field(default_factory=list)

    def __str__(self) -> str:
        kinds = ", ".join(f"{count:,} {name}" for name, count in sorted(self.operations.items()))
        return (
            f"{self.acknowledged:,} operations acknowledged ({kinds}); {self.events:,} events of {self.people} people "
            f"in the log; {len(self.faults)} faults"
        )


@dataclass(frozen=True, slots=True)
class Logged:
    """The store's log. people: the events of each person, by sequence."""

    events: Mapping[Key, LoggedEvent]
    people: Mapping[int, tuple[LoggedEvent, ...]]
    twice: tuple[Key, ...]

    @classmethod
    def of(cls, store: Store) -> Logged:
        events: dict[Key, LoggedEvent] = {}
        people: dict[int, list[LoggedEvent]] = defaultdict(list)
        told: Counter[Key] = Counter()
        for person, logged in store.logged(frozenset(Kind)):
            key = (logged.event.message_id, logged.event.line)
            told[key] += 1
            events[key] = logged
            people[person].append(logged)
        ordered = {person: tuple(sorted(rows, key=lambda one: one.sequence)) for person, rows in people.items()}
        return cls(events, ordered, tuple(key for key, count in told.items() if count > 1))


def reconcile(store: Store, acknowledged: Mapping[str, Set[int]]) -> Reconciled:
    """acknowledged: the numbers of the operations of each writer."""
    done = Reconciled()
    log = Logged.of(store)
    makers = {(writer, number) for writer, numbers in acknowledged.items() for number in numbers}
    present = {maker for key in log.events if (maker := maker_of(key[0])) is not None}
    done.acknowledged, done.events, done.people = len(makers), len(log.events), store.people()
    done.operations.update(type(made_by(*maker)).__name__.lower() for maker in makers)
    done.unacknowledged = len(present - makers)
    for faults in (
        _log_faults(log, makers, present),
        _decision_faults(store, makers),
        _letter_faults(store, makers),
        _people_faults(store, log, makers | present),
        _identity_faults(store, makers | present),
        (f"check: {fault}" for fault in store.check().faults),
    ):
        done.faults.extend(faults)
    return done


def _log_faults(log: Logged, makers: Set[Maker], present: Set[Maker]) -> Iterator[str]:
    """Lost, doubled, torn, altered or invented."""
    yield from (f"{key} is in the log twice" for key in log.twice)
    expected: dict[Key, Event] = {}
    for maker in makers | present:
        told = {(one.message_id, one.line): one for _, one in told_by(made_by(*maker))}
        expected.update(told)
        missing = [key for key in told if key not in log.events]
        if missing and maker in makers:
            yield f"{maker} was acknowledged and is lost: {missing[:3]}"
        elif missing:
            yield f"{maker} is stored in part: {missing[:3]} are missing"
    for key, logged in log.events.items():
        if key not in expected:
            yield f"{key} is in the log and nobody told it"
        elif _said(logged.event) != _said(expected[key]):
            yield f"{key} was told as {_said(expected[key])} and is logged as {_said(logged.event)}"


def _said(one: Event) -> tuple[object, ...]:
    numbers = (repr(one.quantity), repr(one.amount))
    return (one.kind, one.occurred_at, one.channel, one.item, one.action, one.order, one.decision, one.topic, *numbers)


def _decision_faults(store: Store, makers: Set[Maker]) -> Iterator[str]:
    for maker in makers:
        made = made_by(*maker)
        if not isinstance(made, Decided):
            continue
        wanted = made.write.decision
        stored = store.decision(wanted.decision_id)
        if stored is None:
            yield f"decision {wanted.decision_id} was acknowledged and is lost"
        elif (stored.request, stored.response) != (wanted.request, wanted.response):
            yield f"decision {wanted.decision_id} is another than was acknowledged"


def _letter_faults(store: Store, makers: Set[Maker]) -> Iterator[str]:
    """A dead letter has no id: an acknowledged one is there, one sent again may be there again."""
    letters = Counter(letter.payload for letter in store.dead_letters(10**9))
    for maker in makers:
        made = made_by(*maker)
        if isinstance(made, Refused) and not letters[made.letter.payload]:
            yield f"dead letter of {maker} was acknowledged and is lost"


def _people_faults(store: Store, log: Logged, makers: Set[Maker]) -> Iterator[str]:
    persons = {one: record.person for one in customers() if (record := store.read(one)).person >= 0}
    traits = _expected_traits(log, makers, persons)
    yield from projection_faults(store, log, set(persons))
    for person, record in {person: store.read(one) for one, person in persons.items()}.items():
        held = {name: value for name, value in record.traits.items() if name.startswith("by_")}
        if held != traits.get(person, {}):
            yield f"person {person} has traits {held}, told were {traits.get(person, {})}"


def _identity_faults(store: Store, makers: Set[Maker]) -> Iterator[str]:
    """Each customer is one person with the older names and visits that it claimed, and with no other customer."""
    claims: dict[Identifier, set[Identifier]] = defaultdict(set)
    for maker in makers:
        made = made_by(*maker)
        for write in made.writes if isinstance(made, Told) else ():
            claims[write.identifier].update(write.also, write.previous)
    claimer_of = {name: claimer for claimer, names in claims.items() for name in names}
    held: dict[int, set[Identifier]] = defaultdict(set)
    told: dict[Identifier, set[Identifier]] = defaultdict(set)
    for one in customers():
        person = store.read(one).person
        if person >= 0:
            held[person].add(one)
            told[claimer_of.get(one, one)].add(one)
    for person, names in held.items():
        if names not in told.values():
            yield f"person {person} answers to {sorted(map(str, names))}; told were {list(told.values())}"


def projection_faults(store: Store, log: Logged, names: Set[Identifier]) -> Iterator[str]:
    """Page, ledger, consents and what is owned, of everybody who answers to one of the names."""
    records = {record.person: record for one in names if (record := store.read(one)).person >= 0}
    if missing := set(log.people) - set(records):
        yield f"people {sorted(missing)[:5]} have events and answer to no name"
    units = bought_units(log)
    for person, record in records.items():
        yield from record_faults(person, record, log.people.get(person, ()))
        owned = owned_units(store, record)
        if owned != units.get(person, Counter()):
            yield f"person {person} owns {dict(owned)}, bought and not returned were {dict(units.get(person, {}))}"


def record_faults(person: int, record: CustomerRecord, log: tuple[LoggedEvent, ...]) -> Iterator[str]:
    """Page, ledger and consents against the sequences in the log."""
    kept = [one for one in log if one.event.kind not in LOG_ONLY]
    page = sorted(int(one) for one in record.page["sequence"])
    sequences = {one.sequence for one in kept}
    if len(kept) <= PAGE_LIMIT and page != sorted(sequences):
        yield f"person {person} has a page of {len(page)} events, the log has {len(kept)}"
    if len(kept) > PAGE_LIMIT and (len(set(page)) != PAGE_LIMIT or not set(page) <= sequences):
        yield f"person {person} has a page of {len(set(page))} different events, the log has {len(kept)}"
    for name, kinds in (("ledger", ledger.LEDGER_KINDS), ("consents", consent.CONSENT_KINDS)):
        wanted = [one.sequence for one in kept if one.event.kind in kinds]
        held = [int(one) for one in getattr(record, name)["sequence"]]
        # A merge adds withdrawals of its own: the stricter side wins.
        wrong = held != wanted if name == "ledger" else not Counter(wanted) <= Counter(held)
        if wrong:
            yield f"person {person} has {len(held)} rows of {name}, the log has {len(wanted)}"


def _expected_traits(
    log: Logged, makers: Set[Maker], persons: Mapping[Identifier, int]
) -> dict[int, dict[str, object]]:
    """By person, trait and the value told last, in the log's own order."""
    newest: dict[tuple[int, str], tuple[int, object]] = {}
    for maker in makers:
        made = made_by(*maker)
        for write in made.writes if isinstance(made, Told) else ():
            if not write.traits or (write.events[0].message_id, 0) not in log.events:
                continue
            sequence = log.events[write.events[0].message_id, 0].sequence
            for name, value in write.traits.items():
                spot = (persons[write.identifier], name)
                newest[spot] = max(newest.get(spot, (0, None)), (sequence, value), key=lambda one: one[0])
    traits: dict[int, dict[str, object]] = defaultdict(dict)
    for (person, name), (_, value) in newest.items():
        traits[person][name] = value
    return traits


def bought_units(log: Logged) -> dict[int, Counter[str]]:
    """By person, the units of each item that were bought and did not come back. An order is told once here."""
    units: dict[int, Counter[str]] = {}
    for person, rows in log.people.items():
        bought: dict[tuple[str | None, str | None], float] = {}
        for one in (row.event for row in rows if row.event.kind == Kind.ORDERED):
            bought[one.order, one.item] = one.quantity
        for one in (row.event for row in rows if row.event.kind == Kind.REFUNDED):
            bought[one.order, one.item] = 0.0
        held: Counter[str] = Counter()
        for (_, item), quantity in bought.items():
            held[str(item)] += int(quantity)
        units[person] = +held
    return units


def owned_units(store: Store, record: CustomerRecord) -> Counter[str]:
    units: Counter[str] = Counter()
    for line in ledger.owned(record.ledger, LATER):
        units[str(store.vocabulary.text("item", int(line["item"])))] += int(line["quantity"])
    return units
