"""What an agent does: a note for the next one, the reason of a call, cases, hand-offs, consent; all of it events in the
customer's one history, durable before the page says so."""

from __future__ import annotations

import asyncio
import re
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from starlette.responses import HTMLResponse, Response

from features.cases import REASONED, SEVERITIES, open_cases, spoken
from features.discretion import discreet
from features.event import Event, Kind
from features.stores.acceptance import json_text
from features.stores.protocol import Append
from models.policy_rules import Direction
from serving import context_parts, handoff
from serving.console.answering import rendered
from serving.console.record import speaking
from serving.console.visit import Visit
from serving.context import check_channel
from serving.errors import invalid
from serving.person import Known
from serving.runtime import Runtime
from serving.schemas import HandoffRequest, TakeRequest
from serving.words import place

_ONCE = re.compile(r"[A-Za-z0-9_-]{16,64}")


@dataclass(frozen=True, slots=True)
class Choices:
    """What the forms offer. channels: where a journey can be handed to. consents: (value, words) of what consent is
    about. speaking: a contact is under way. once: what makes a form that is sent twice count once."""

    reasons: tuple[str, ...]
    severities: tuple[str, ...]
    channels: tuple[tuple[str, str], ...]
    consents: tuple[tuple[str, str], ...]
    cases: tuple[str, ...]
    speaking: bool
    once: str

    @classmethod
    def of(cls, runtime: Runtime, known: Known) -> Choices:
        catalogue = runtime.catalogue().catalogue
        here = runtime.settings.console_channel
        asked = [one.id for one in catalogue.channels.values() if one.direction is Direction.OUTBOUND]
        topics = [(f"/{topic}", f"about {name or topic}") for topic, name in _topics(runtime).items()]
        return cls(
            reasons=tuple(sorted({*catalogue.contact_reasons, "complaint"})),
            severities=tuple(SEVERITIES),
            channels=tuple((one, place(one)) for one in catalogue.channels if one != here),
            consents=(*((f"{one}/", place(one)) for one in asked), *topics),
            cases=_open_cases(runtime, known),
            speaking=speaking(known),
            once=secrets.token_urlsafe(16),
        )


def _open_cases(runtime: Runtime, known: Known) -> tuple[str, ...]:
    """Their ids; most people have none, and then the log is not asked."""
    if not open_cases(known.record.page, known.moment):
        return ()
    told = runtime.store.timeline(known.identifier, None, 100, context_parts.CASE_KINDS)
    return tuple(one.case_id for one in context_parts.open_cases(told, None, known.moment))


def _topics(runtime: Runtime) -> Mapping[str, str]:
    return {topic: one.name for topic, one in runtime.catalogue().catalogue.topics.items()}


async def note(visit: Visit, known: Known) -> Response:
    told, promised, due = visit.field("told"), visit.field("promised"), visit.field("due", 40)
    if not told and not promised:
        raise invalid("told", None, "a note says what was told or promised", "write one of them")
    properties = {"told": told, "promised": promised, "due": due}
    await _tell(visit, known, _event(visit, known, Kind.NOTE_WRITTEN, "Note Written", properties))
    return await _done(visit, known, "note", "The note is written; whoever serves them next sees it first.")


async def call_reason(visit: Visit, known: Known) -> Response:
    """With a contact under way the reason is told with its end, else with its beginning."""
    reason = visit.required("reason", 64)
    under_way = speaking(known)
    kind, name = (Kind.CALL_ENDED, "Call Ended") if under_way else (Kind.CALL_STARTED, "Call Started")
    await _tell(visit, known, _event(visit, known, kind, name, {"reason": reason}))
    return await _done(visit, known, "call", "The reason is logged.")


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
    case, outcome = visit.required("case_id", 200), visit.field("reason", 100)
    properties = {"case_id": case, **({"outcome": outcome} if outcome else {})}
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
    return HTMLResponse('<p class="good" role="status">You have taken it over.</p>')


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
    case: str | None = None,
    severity: int = 0,
    channel: str | None = "",
    topic: str | None = None,
    line: int = 0,
) -> Event:
    """channel: "" for the desk's own. No card number is kept that somebody wrote down."""
    kept = {key: discreet(text) for key, text in properties.items() if text}
    return Event(
        message_id=f"desk:{kind.name.lower()}:{_once(visit)}",
        kind=kind,
        name=name,
        occurred_at=known.moment,
        recorded_at=known.moment,
        line=line,
        channel=visit.runtime.settings.console_channel if channel == "" else channel,
        decision=case,
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
    customer_id, choices = await asyncio.to_thread(_anew, visit.runtime, known)
    return HTMLResponse(rendered(f"form_{form}.html", visit, customer_id=customer_id, choices=choices, done=words))


def _anew(runtime: Runtime, known: Known) -> tuple[str, Choices]:
    record = runtime.store.read(known.identifier)
    return record.customer_id, Choices.of(runtime, Known(known.identifier, record, known.moment))
