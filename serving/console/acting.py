"""What an agent does: a note for the next one, the reason of a call, cases, hand-offs, consent; all of it events in the
customer's one history, durable before the page says so."""

from __future__ import annotations

import asyncio
import hashlib
import re
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import msgspec
from starlette.responses import HTMLResponse, Response

from features.cases import REASONED, SEVERITIES, open_cases, spoken
from features.discretion import discreet
from features.event import Event, Kind
from features.stores.acceptance import json_text
from features.stores.people import LoggedEvent
from features.stores.protocol import Append
from models.policy_rules import Direction
from serving import context_parts, handoff
from serving.console.answering import rendered
from serving.console.pressing import pressing
from serving.console.record import speaking
from serving.console.visit import Visit
from serving.console.wording import date_at, day_of
from serving.context import NOTES, NOTES_READ, check_channel, with_promises
from serving.errors import conflict, invalid
from serving.know_answers import CaseAnswer, NoteAnswer
from serving.person import Known
from serving.runtime import Runtime
from serving.schemas import HandoffRequest, TakeRequest
from serving.words import label, place

_ONCE = re.compile(r"[A-Za-z0-9_-]{16,64}")
_CASE_EVENTS = 100
"""Of a customer, among which cases are looked for."""
_CALLS = 20
"""Of a customer, among which the one is looked for that a form has told already."""
_HOW: Final[Mapping[str, tuple[Kind, str, str, str]]] = {
    "end": (Kind.CALL_ENDED, "Call Ended", "no call is under way any more", "Log a call about it"),
    "begin": (Kind.CALL_STARTED, "Call Started", "a call is under way by now", "Log it and end the call"),
}
"""By the button of the form: what is told, why not, and which button is meant then."""


@dataclass(frozen=True, slots=True)
class Choices:
    """What the forms offer. channels: where a journey can be handed to. consents: (value, words) of what consent is
    about. cases: (id, words) of those that are open. promises: that nobody has kept yet. today: of the page's zone, as
    a form gives a day. speaking: a contact is under way. once: what makes a form that is sent
    twice count once."""

    reasons: tuple[str, ...]
    severities: tuple[str, ...]
    channels: tuple[tuple[str, str], ...]
    consents: tuple[tuple[str, str], ...]
    cases: tuple[tuple[str, str], ...]
    promises: tuple[NoteAnswer, ...]
    speaking: bool
    today: str
    once: str

    @classmethod
    def of(
        cls, visit: Visit, known: Known, cases: Sequence[CaseAnswer], notes: Sequence[NoteAnswer], speaking: bool
    ) -> Choices:
        """cases: those that are open."""
        runtime = visit.runtime
        catalogue = runtime.catalogue().catalogue
        here = runtime.settings.console_channel
        asked = [one.id for one in catalogue.channels.values() if one.direction is Direction.OUTBOUND]
        topics = [(f"/{topic}", f"about {name or topic}") for topic, name in _topics(runtime).items()]
        return cls(
            reasons=tuple(sorted({*catalogue.contact_reasons, "complaint"})),
            severities=tuple(SEVERITIES),
            channels=tuple((one, label(one)) for one in catalogue.channels if one != here),
            consents=(*((f"{one}/", place(one)) for one in asked), *topics),
            cases=tuple((one.case_id, f"{one.reason or 'no reason told'} ({one.case_id})") for one in cases),
            promises=tuple(one for one in pressing(notes) if one.is_open),
            speaking=speaking,
            today=date_at(known.moment, visit.zone).isoformat(),
            once=secrets.token_urlsafe(16),
        )


def _open_cases(runtime: Runtime, known: Known) -> Sequence[CaseAnswer]:
    """Most people have none, and then the log is not asked."""
    if not open_cases(known.record.page, known.moment):
        return ()
    return context_parts.open_cases(_of_cases(runtime, known), None, known.moment)


def _of_cases(runtime: Runtime, known: Known) -> tuple[LoggedEvent, ...]:
    return runtime.store.timeline(known.identifier, None, _CASE_EVENTS, context_parts.CASE_KINDS)


def _topics(runtime: Runtime) -> Mapping[str, str]:
    return {topic: one.name for topic, one in runtime.catalogue().catalogue.topics.items()}


async def note(visit: Visit, known: Known) -> Response:
    told, promise, due = visit.field("told"), visit.field("promised"), visit.field("due", 40)
    if not told and not promise:
        raise invalid("told", None, "a note says what was told or promised", "write one of them")
    if due and not promise:
        raise invalid("promised", None, "by when is the day of a promise", "what did you promise by then?")
    on, today = day_of(due), date_at(known.moment, visit.zone)
    if on is not None and on < today:
        raise invalid("due", due, f"a promise is due today, {today.isoformat()}, or later", "choose another day")
    properties = {"told": told, "promised": promise, "due": due}
    whose = visit.who.name if promise else None
    await _tell(visit, known, _event(visit, known, Kind.NOTE_WRITTEN, "Note Written", properties, whose))
    return await _done(visit, known, "note", "The note is written; whoever serves them next sees it first.")


async def kept(visit: Visit, known: Known) -> Response:
    """A promise, whoever gave it. Said again, also by somebody else, it counts once; from a list it is said again, for
    what kept it may not have said whose promise it was."""
    note_id, listed = visit.form.get("note_id", ""), bool(visit.field("listed"))
    told = await asyncio.to_thread(_notes, visit.runtime, known)
    found = next((one for one in context_parts.notes(told) if one.promised and one.note_id == note_id), None)
    if found is None:
        raise invalid("note_id", note_id, "a note of this customer that holds a promise", "load the page again")
    if found.kept_at is None or listed:
        await _tell(visit, known, _keeping(visit, known, found))
    if listed:
        return HTMLResponse('<p class="good" data-say>Kept</p>')
    return await _done(visit, known, "kept", "It is kept, and everybody sees it.")


def _notes(runtime: Runtime, known: Known) -> Sequence[LoggedEvent]:
    newest = runtime.store.timeline(known.identifier, None, NOTES_READ, context_parts.NOTE_KINDS)
    return with_promises(runtime, known, newest)


def _keeping(visit: Visit, known: Known, note: NoteAnswer) -> Event:
    """With the note's id as it is, and an id of its own that whoever else says it makes too."""
    told = {"keeps": note.note_id, "kept": note.promised, "promised_by": note.agent_id, "agent_id": visit.who.name}
    made = _event(visit, known, Kind.NOTE_WRITTEN, "Note Written", {}, note.agent_id)
    once = hashlib.sha256(note.note_id.encode()).hexdigest()
    return msgspec.structs.replace(made, message_id=f"desk:kept:{once}", properties=json_text(told))


async def call_reason(visit: Visit, known: Known) -> Response:
    """With a contact under way the reason is told with its end, else with its beginning, as the button says that was
    pressed: a call may have come or ended since the page was told. Sent twice by one form it counts once."""
    reason, how = visit.required("reason", 64), visit.required("how", 10)
    if how not in _HOW:
        raise invalid("how", how, f"one of {', '.join(_HOW)}", "press a button of the form")
    kind, name, rule, instead = _HOW[how]
    event = _event(visit, known, kind, name, {"reason": reason})
    if speaking(known) != (how == "end") and not await asyncio.to_thread(_is_told, visit.runtime, known, event):
        raise conflict("reason", reason, rule, f"press “{instead}”")
    await _tell(visit, known, event)
    return await _done(visit, known, "call", "The reason is logged.")


def _is_told(runtime: Runtime, known: Known, event: Event) -> bool:
    told = runtime.store.timeline(known.identifier, None, _CALLS, frozenset({event.kind}))
    return any(one.event.message_id == event.message_id for one in told)


async def open_case(visit: Visit, known: Known) -> Response:
    reason, severity = visit.required("reason", 100), visit.required("severity", 20)
    if severity not in SEVERITIES:
        raise invalid("severity", severity, f"one of {', '.join(SEVERITIES)}", "choose one")
    case = f"case-{_once(visit)[:10].lower()}"
    properties = {"case_id": case, "reason": reason, "severity": severity}
    event = _event(visit, known, Kind.CASE_OPENED, "Case Opened", properties, case, SEVERITIES[severity])
    await _tell(visit, known, event)
    return await _done(visit, known, "case", f"{case} is open.")


async def close_case(visit: Visit, known: Known) -> Response:
    """Sent twice by one form it is closed once."""
    case, outcome = visit.required("case_id", 200), visit.field("reason", 100)
    told = await asyncio.to_thread(_of_cases, visit.runtime, known)
    if case not in context_parts.cases(told):
        raise invalid("case_id", case, "a case of this customer", "choose one of the list")
    still_open = {one.case_id: one.reason for one in context_parts.open_cases(told, None, known.moment)}
    if case not in still_open and all(one.event.message_id != f"desk:case_closed:{_once(visit)}" for one in told):
        raise conflict("case_id", case, "it was closed meanwhile", "choose another one, or open a case")
    properties = {"case_id": case, "outcome": outcome, "about": still_open.get(case) or ""}
    await _tell(visit, known, _event(visit, known, Kind.CASE_CLOSED, "Case Closed", properties, case))
    return await _done(visit, known, "case", f"{case} is closed.")


async def hand_over(visit: Visit, known: Known) -> Response:
    request = HandoffRequest(
        to_channel=visit.required("to_channel", 256),
        from_channel=visit.runtime.settings.console_channel,
        inquiry=visit.required("inquiry"),
        reason=visit.required("reason"),
        agent_id=visit.who.name,
        handoff_id=f"desk-{_once(visit)}",
    )
    await handoff.hand_off(visit.runtime, known.record.customer_id, request, visit.call)
    return await _done(visit, known, "handover", f"It is handed on; they are expected {place(request.to_channel)}.")


async def take(visit: Visit, known: Known) -> Response:
    handoff_id = visit.required("handoff_id", 256)
    request = TakeRequest(agent_id=visit.who.name)
    await handoff.take(visit.runtime, known.record.customer_id, handoff_id, request, visit.call)
    return HTMLResponse('<p class="takeover good" data-say>You have taken it over.</p>')


async def consent(visit: Visit, known: Known) -> Response:
    """About a channel, or about a topic on every channel on which it was asked for."""
    about, answer = visit.required("about", 600), visit.required("answer", 10)
    channel, _, topic = about.partition("/")
    if answer not in {"yes", "no"}:
        raise invalid("answer", answer, "yes or no", "choose one")
    if channel:
        check_channel("about", channel, visit.runtime.catalogue().catalogue)
    elif topic not in _topics(visit.runtime):
        raise invalid("about", about, "a channel or a topic of the catalogue", "choose one of the list")
    granted = answer == "yes"
    kind = Kind.CONSENT_GRANTED if granted else Kind.CONSENT_WITHDRAWN
    channels = [channel] if channel else _channels_of_topic(visit.runtime) if granted else [None]
    events = [
        _event(visit, known, kind, "Channel Subscription Updated", {}, channel=one, topic=topic or None, line=line)
        for line, one in enumerate(channels)
    ]
    await _tell(visit, known, *events)
    words = "may be contacted" if granted else "is not contacted"
    where = place(channel) if channel else f"about {_topics(visit.runtime)[topic] or topic}"
    return await _done(visit, known, "consent", f"From now on the customer {words} {where}.")


def _channels_of_topic(runtime: Runtime) -> Sequence[str]:
    """A yes that names no channel would grant nothing."""
    return tuple(runtime.catalogue().catalogue.channels)


def written_note(runtime: Runtime, account: str, message_id: str, at: int, told: str) -> Event:
    """A note that the console writes by itself. at: ms UTC."""
    properties = json_text({"told": told, "agent_id": account})
    channel = runtime.settings.console_channel
    return Event(message_id, Kind.NOTE_WRITTEN, "Note Written", at, at, channel=channel, properties=properties)


def _event(
    visit: Visit,
    known: Known,
    kind: Kind,
    name: str,
    properties: Mapping[str, str],
    about: str | None = None,
    severity: int = 0,
    channel: str | None = "",
    topic: str | None = None,
    line: int = 0,
) -> Event:
    """about: stands where a decision's id would: a case, or whose promise. channel: "" for the desk's own. No card
    number is kept that somebody wrote down."""
    kept = {key: discreet(text) for key, text in properties.items() if text}
    return Event(
        message_id=f"desk:{kind.name.lower()}:{_once(visit)}",
        kind=kind,
        name=name,
        occurred_at=known.moment,
        recorded_at=known.moment,
        line=line,
        channel=visit.runtime.settings.console_channel if channel == "" else channel,
        decision=about,
        severity=severity,
        properties=json_text({**kept, "agent_id": visit.who.name}),
        topic=spoken(kept.get("reason")) if kind in REASONED else topic,
    )


def _once(visit: Visit) -> str:
    """What the form carries, so that sent twice it counts once. Raises Refusal."""
    once = visit.form.get("once", "")
    if not _ONCE.fullmatch(once):
        raise invalid("once", once, "must come from a form of ours", "load the page again")
    return once


async def _tell(visit: Visit, known: Known, *events: Event) -> None:
    visit.runtime.in_force.keyring.admit("write", visit.call)
    await asyncio.wrap_future(visit.runtime.store.append([Append(known.identifier, events)]))


async def _done(visit: Visit, known: Known, form: str, words: str) -> Response:
    """The form again, empty, with what was done; nothing else of the page changes."""
    customer_id, choices = await asyncio.to_thread(_anew, visit, known)
    return HTMLResponse(rendered(f"form_{form}.html", visit, customer_id=customer_id, choices=choices, done=words))


def _anew(visit: Visit, known: Known) -> tuple[str, Choices]:
    runtime = visit.runtime
    record = runtime.store.read(known.identifier)
    fresh = Known(known.identifier, record, known.moment)
    notes = context_parts.notes(_notes(runtime, fresh), NOTES)
    return record.customer_id, Choices.of(visit, fresh, _open_cases(runtime, fresh), notes, speaking(fresh))
