"""What a customer's page is made of, besides what to say: read beside the event loop, as of one present."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Final

from features.cases import SEVERITY_NAMES
from features.event import Kind
from features.identity import customer_identifier
from features.journey import LONGEST_WAIT
from features.stores.people import Identity, LoggedEvent
from models.contact_moment import question
from serving.console import happenings, wording
from serving.console.happenings import Happenings
from serving.console.just_told import JustTold, just_told
from serving.console.naming import Named, further
from serving.console.visit import Visit
from serving.contact_reasons import ContactReasonsAnswer, evidence_asked, reasons_from
from serving.context import context_asked, context_from
from serving.customers import owned_by
from serving.journey_answers import TELLING
from serving.know_answers import ContextAnswer, HandoffAnswer, OwnedAnswer
from serving.person import Known
from serving.runtime import Runtime

REASONS: Final = 3
OWNED: Final = 40
_SHOWN: Final[Mapping[str, str]] = {
    "phone": "Telephone",
    "email": "E-mail",
    "loyalty_card": "Card",
    "user_id": "Customer id",
}


@dataclass(frozen=True, slots=True)
class Identified:
    """type: in words. value: as it may be shown."""

    type: str
    value: str


@dataclass(frozen=True, slots=True)
class Who:
    """confirmed: this session has made sure that it is the caller; until then identifiers are masked and further facts
    left out. since: in words."""

    customer_id: str
    named: Named
    since: str
    identifiers: tuple[Identified, ...]
    facts: Mapping[str, str]
    confirmed: bool


@dataclass(frozen=True, slots=True)
class Owned:
    """shown: the newest, by name. more: how many there are beyond."""

    shown: tuple[tuple[str, OwnedAnswer], ...]
    more: int


@dataclass(frozen=True, slots=True)
class Now:
    """What may change while the page is open. newest: the sequence of the newest event that is in it; version: of the
    history that decisions read. confirmed: as in Who; until then what was filled in is not shown. told: what they have
    just chosen or filled in. speaking: a call or chat is under way. names: of actions that the journey is about, by
    id."""

    known: Known
    newest: int
    confirmed: bool
    context: ContextAnswer
    told: tuple[JustTold, ...]
    speaking: bool
    zone: str
    currency: str
    severities: Mapping[int, str]
    names: Mapping[str, str]

    @property
    def customer_id(self) -> str:
        return self.known.record.customer_id

    @property
    def version(self) -> int:
        return self.known.record.version

    @property
    def present(self) -> int:
        return self.known.moment

    @property
    def waiting(self) -> list[HandoffAnswer]:
        return [one for one in self.context.handoffs if one.state != "taken"]


@dataclass(frozen=True, slots=True)
class Desk:
    """The whole page."""

    now: Now
    who: Who
    reasons: ContactReasonsAnswer
    owned: Owned
    timeline: Happenings


def read_now(visit: Visit, known: Known) -> Now:
    told = visit.runtime.store.stretches(known.identifier, context_asked(known.record.page))
    newest = _newest(visit.runtime, known, told)
    return _now(visit, known, told, speaking(known), newest, _is_confirmed(visit, known))


def _newest(runtime: Runtime, known: Known, told: Sequence[Sequence[LoggedEvent]]) -> int:
    """Whatever was told after it is told to the page. It is the record's version, or the note after it, for a note
    changes no record. Where anything else was told since the record was read, also of what no part reads, it is the
    version: what the page shows already may come twice, and nothing waits for the next that is told."""
    version = known.record.version
    since = [one for stretch in told for one in stretch if one.sequence > version]
    if not since or any(one.event.kind is not Kind.NOTE_WRITTEN for one in since):
        return version
    if runtime.store.read(known.identifier).version != version:
        return version
    return max(one.sequence for one in since)


def _now(
    visit: Visit,
    known: Known,
    told: Sequence[Sequence[LoggedEvent]],
    speaking: bool,
    newest: int,
    confirmed: bool,
) -> Now:
    """told: the log's answers to context_asked."""
    runtime = visit.runtime
    catalogue = runtime.catalogue().catalogue
    context = context_from(runtime, known, runtime.settings.console_channel, catalogue, told)
    actions = set[str]() if context.journey is None else _acted_on(told, int(context.journey.started_at))
    names = runtime.action_names.of(actions, runtime.in_force.catalogue_version)
    beside = (speaking, visit.zone, catalogue.currency, SEVERITY_NAMES, names)
    return Now(known, newest, confirmed, context, just_told(context, told), *beside)


def _is_confirmed(visit: Visit, known: Known) -> bool:
    return visit.runtime.store.confirmed(visit.who.session.digest, known.record.customer_id)


def _acted_on(told: Sequence[Sequence[LoggedEvent]], since: int) -> set[str]:
    """Actions that what tells of a journey names; since: ms UTC, when it began. Whatever else stands in quotation marks
    there is none, and would be looked for in the whole history of the catalogue."""
    events = (one.event for stretch in told for one in stretch)
    steps = (one for one in events if one.kind in TELLING and one.occurred_at >= since)
    return {one.action for one in steps if one.action is not None}


def speaking(known: Known) -> bool:
    """Whether a call or chat is under way; one that began longer ago is over whatever was told of it."""
    page = known.record.page
    lately = page[page["occurred_at"] > known.moment - 2 * LONGEST_WAIT]
    return question(lately, known.moment).moment < known.moment


def read(visit: Visit, known: Known) -> Desk:
    """Its parts ask the log together, so that what several of them need is read and put into words once."""
    runtime, record = visit.runtime, known.record
    in_force, compiled = runtime.in_force, runtime.catalogue()
    under_way = question(record.page, known.moment)
    parts = (context_asked(record.page), evidence_asked(under_way), (happenings.FIRST,))
    told = runtime.store.stretches(known.identifier, list(chain.from_iterable(parts)))
    each = iter(told)
    context, evidence, (first,) = ([next(each) for _ in asked] for asked in parts)
    newest, confirmed = _newest(runtime, known, told), _is_confirmed(visit, known)
    return Desk(
        now=_now(visit, known, context, under_way.moment < known.moment, newest, confirmed),
        who=_who(visit, known, confirmed),
        reasons=reasons_from(
            runtime, in_force, compiled, known.identifier, record, under_way, evidence, REASONS, record.customer_id
        ),
        owned=_owned(runtime, known),
        timeline=happenings.told_in(runtime, known, first),
    )


def who(visit: Visit, known: Known) -> Who:
    return _who(visit, known, _is_confirmed(visit, known))


def _who(visit: Visit, known: Known, confirmed: bool) -> Who:
    record = known.record
    identity = visit.runtime.store.identity(customer_identifier(record.customer_id))
    named = Named.of(record.traits)
    return Who(
        customer_id=record.customer_id,
        named=named,
        since=_since(named, known, visit.runtime.catalogue().catalogue.time_zone),
        identifiers=() if identity is None else _identifiers(identity, confirmed),
        facts=further(record.traits) if confirmed else {},
        confirmed=confirmed,
    )


def _identifiers(identity: Identity, confirmed: bool) -> tuple[Identified, ...]:
    held = {(one.type, one.value) for one in identity.identifiers if not one.severed and one.type in _SHOWN}
    shown = sorted(held, key=lambda one: (list(_SHOWN).index(one[0]), one[1] or ""))
    return tuple(
        Identified(_SHOWN[type_], "kept unreadable" if value is None else value if confirmed else wording.masked(value))
        for type_, value in shown
        if type_ != "user_id" or confirmed
    )


def _since(named: Named, known: Known, zone: str) -> str:
    """As it was told, else the oldest that the page still holds of them."""
    if named.since:
        return f"customer since {wording.month_told(named.since, zone)}"
    page = known.record.page
    lasting = page["occurred_at"][page["kind"] != Kind.RESERVED]
    return f"first heard of in {wording.month(int(lasting.min()), zone)}" if len(lasting) else ""


def _owned(runtime: Runtime, known: Known) -> Owned:
    names = runtime.item_names.of_version(runtime.in_force.catalogue_version)
    found = owned_by(known.record, runtime.store.vocabulary, known.moment)
    shown = tuple((names(one.item) if one.item else "something", one) for one in found[:OWNED])
    return Owned(shown, len(found) - len(shown))
