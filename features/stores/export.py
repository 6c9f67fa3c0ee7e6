"""Everything held on one person as one JSON document: the format of docs/rights.md."""

from __future__ import annotations

import base64
import json
import math
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from features import consent, ledger
from features.event import Event, Kind
from features.history import NO_CHANNEL, CustomerRecord, text_code
from features.instants import render_instant
from features.live_response import Expectation, expectations_of
from features.stores.desk import LoggedView
from features.stores.people import AuditEntry, HeldIdentifier, Identity, LoggedEvent
from features.stores.protocol import DeadLetter, LoggedDecision
from features.vocabulary import Vocabulary

FORMAT = "nextbest-export"
FORMAT_VERSION = 2
"""Grows when a field changes its meaning or goes."""

_HALF_CHARACTER = re.compile(r"\\u[dD][89a-fA-F]")

Document = dict[str, object]


@dataclass(frozen=True, slots=True)
class TraitChange:
    """Traits told under the profile of this outside name, known since recorded_at (ms UTC); None removed one."""

    profile: str
    recorded_at: int
    changes: Mapping[str, object]


@dataclass(frozen=True, slots=True)
class CopiedLetter:
    """A refused event that names the person. own: it was told of them, and not of somebody else who mentions them: of
    that one neither the payload nor what the reason quotes of it is theirs to have."""

    letter: DeadLetter
    own: bool


@dataclass(frozen=True, slots=True)
class Holdings:
    """Everything held on one person, each in the order of the log. at: ms UTC of the copy."""

    at: int
    identity: Identity
    record: CustomerRecord
    trait_changes: tuple[TraitChange, ...]
    events: tuple[LoggedEvent, ...]
    decisions: tuple[LoggedDecision, ...]
    letters: tuple[CopiedLetter, ...]
    audit: tuple[AuditEntry, ...]
    views: tuple[LoggedView, ...] = ()

    @property
    def counts(self) -> dict[str, int]:
        """Rows by what they are, for the audit."""
        return {
            "events": len(self.events),
            "identifiers": len(self.identity.identifiers),
            "trait_changes": len(self.trait_changes),
            "decisions": len(self.decisions),
            "dead_letters": len(self.letters),
        }


def document(held: Holdings, vocabulary: Vocabulary) -> str:
    """The same holdings make the same text, byte for byte."""
    made: Document = {
        "format": FORMAT,
        "format_version": FORMAT_VERSION,
        "exported_at": render_instant(held.at),
        "customer_id": held.identity.customer_id,
        "names": list(held.identity.names),
        "identifiers": [identifier_shown(one) for one in held.identity.identifiers],
        "traits": dict(sorted(held.record.traits.items())),
        "trait_changes": [_trait_change(one) for one in held.trait_changes],
        "events": [_event(one) for one in held.events],
        "consents": _consents(held, vocabulary),
        "owned": _owned(held, vocabulary),
        "decisions": [_decision(one) for one in held.decisions],
        "dead_letters": [_letter(one) for one in held.letters],
        "audit": [_audit(one) for one in held.audit],
        "views": [{"at": render_instant(one.at), "what": one.what} for one in held.views],
    }
    return json.dumps(made, ensure_ascii=False, allow_nan=False, indent=1)


def identifier_shown(one: HeldIdentifier) -> Document:
    """As every place shows it that writes JSON."""
    return {
        "type": one.type,
        "value": one.value,
        "profile": one.profile,
        "since": one.since_outside,
        "anchor": one.anchor,
        "severed": one.severed,
    }


def _trait_change(one: TraitChange) -> Document:
    return {
        "profile": one.profile,
        "recorded_at": render_instant(one.recorded_at),
        "changes": dict(sorted(one.changes.items())),
    }


def _event(logged: LoggedEvent) -> Document:
    event = logged.event
    return {
        "profile": logged.profile,
        "message_id": event.message_id,
        "line": event.line,
        "kind": event.kind.name.lower(),
        "name": event.name,
        "occurred_at": render_instant(event.occurred_at),
        "recorded_at": render_instant(event.recorded_at),
        "channel": event.channel,
        "item": event.item,
        "action": event.action,
        "order": event.order,
        "decision": event.decision,
        "quantity": _number(event.quantity),
        "amount": _number(event.amount),
        "severity": event.severity,
        "topic": event.topic,
        "ends_at": None if event.ends_at is None else render_instant(event.ends_at),
        "properties": parsed(event.properties),
    }


def _consents(held: Holdings, vocabulary: Vocabulary) -> list[Document]:
    """What was said, and what was said for this person through an identifier that others hold too."""
    words = _topics(one.event for one in held.events)
    return [
        {
            "channel": None if said.channel == NO_CHANNEL else vocabulary.text("channel", said.channel),
            "topic": None if said.topic == consent.EVERYTHING else words.get(said.topic, f"code {said.topic}"),
            "granted": said.granted,
            "occurred_at": render_instant(said.occurred_at),
            "recorded_at": render_instant(said.recorded_at),
        }
        for said in consent.history(held.record.consents, held.at)
    ]


def _topics(events: Iterable[Event]) -> dict[int, str]:
    """The words behind topic codes."""
    told = {event.topic for event in events if event.topic is not None}
    return {text_code(topic): topic for topic in {consent.PROFILING_TOPIC, *told}}


def _owned(held: Holdings, vocabulary: Vocabulary) -> list[Document]:
    return [
        {
            "item": vocabulary.text("item", int(line["item"])),
            "quantity": _number(float(line["quantity"])),
            "since": render_instant(int(line["occurred_at"])),
        }
        for line in ledger.owned(held.record.ledger, held.at)
    ]


def _decision(one: LoggedDecision) -> Document:
    return {
        "decision_id": one.decision_id,
        "customer_id": one.customer_id,
        "decided_at": render_instant(one.decided_at),
        "request": parsed(one.request),
        "answer": parsed(one.response),
        "seed": str(one.seed),
        "arm": one.arm,
        "history_version": one.history_version,
        "catalogue_version": one.catalogue_version,
        "model_version": one.model_version,
        "policy_version": one.policy_version,
        "code_revision": one.code_revision,
        "feature_digest": one.feature_digest,
        "model_digest": one.model_digest,
        "snapshot": one.snapshot,
        "subject": one.subject,
        "addresses": None if one.addresses is None else parsed(one.addresses),
        "feature_rows": None if one.feature_rows is None else base64.b64encode(one.feature_rows).decode(),
        "expected": None if one.expected is None else [_expected(of) for of in expectations_of(one.expected)],
        "shadow": None if one.shadow is None else parsed(one.shadow),
    }


def _expected(one: Expectation) -> Document:
    return {
        "action": one.action,
        "channel": one.channel,
        "probability": one.probability,
        "success": Kind(one.success).name.lower(),
        "window": one.window,
    }


def _letter(one: CopiedLetter) -> Document:
    letter = one.letter
    return {
        "received_at": render_instant(letter.received_at),
        "own": one.own,
        "reason": letter.reason if one.own else _unquoted(letter.reason),
        "payload": parsed(letter.payload) if one.own else None,
    }


def _unquoted(reason: str) -> str | None:
    """Of `<name> is <value>; <rule>; <what to do>` what follows the value."""
    _, *told = reason.split("; ")
    return "; ".join(told[-2:]) if len(told) > 1 else None


def _audit(one: AuditEntry) -> Document:
    return {
        "number": one.number,
        "at": render_instant(one.at),
        "what": one.what,
        "author": one.author,
        "counts": parsed(one.counts),
    }


def _number(value: float) -> float | None:
    return None if math.isnan(value) else value


def parsed(text: str) -> object:
    """What the text says; the text itself where it was cut short, or says what UTF-8 or a number cannot."""
    if _HALF_CHARACTER.search(text):
        return text
    try:
        told: object = json.loads(text, parse_constant=_finite, parse_float=_finite)
    except (ValueError, RecursionError):
        return text
    return told


def _finite(text: str) -> float:
    value = float(text)
    if not math.isfinite(value):
        raise ValueError(text)
    return value
