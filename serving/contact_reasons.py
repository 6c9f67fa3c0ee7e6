"""GET /customers/{id}/contact_reasons: why this person is probably contacting us, for the one who answers."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from pydantic import TypeAdapter

from features.consent import objects_to_profiling
from features.discretion import discreet
from features.event import Event, Identifier
from features.history import CustomerRecord, merged
from features.identity import IdentityError, customer_identifier
from features.stores.people import LoggedEvent, Stretch
from models.columns import CompiledCatalogue
from models.contact_evidence import EVIDENCE_KINDS
from models.contact_moment import LABELLED, SKEW, Question, question
from models.contact_ranking import Origin, contact_reasons
from serving.call import Call
from serving.errors import invalid_sentence
from serving.person import record_of
from serving.runtime import InForce, Runtime
from serving.schemas import Instant
from serving.timeline import limit_of

REASONS, MOST_REASONS = 3, 20
LOOKED_AT = 300
"""The newest events that evidence is sought in, and as many that tell a reason."""


@dataclass(frozen=True, slots=True)
class ContactReasonAnswer:
    """probability: given everything that was known. evidence: facts of the log that speak for the reason, the
    weightiest first. say: a sentence to read out; it holds nothing personal, for nobody has proved yet who they are."""

    reason: str
    probability: float
    evidence: list[str]
    say: str


@dataclass(frozen=True, slots=True)
class ContactReasonsAnswer:
    """as_of: just before the contact that is under way began, else the present: what went into it came before. origin:
    learned from past contacts, or rules of thumb while there are too few. model_version: null for rules. personal:
    false when nothing about this person went into it, because nothing is known or they object to profiling. reasons:
    the likeliest first, "other" last; empty when nothing can be told."""

    customer_id: str
    as_of: Instant
    origin: Literal["model", "rules"]
    model_version: str | None
    personal: bool
    reasons: list[ContactReasonAnswer]


ANSWER: TypeAdapter[ContactReasonsAnswer] = TypeAdapter(ContactReasonsAnswer)


@dataclass(frozen=True, slots=True)
class _Seen:
    """What is known of the person: the record, and the events that evidence is made of, oldest first. objects: to
    profiling, at the present."""

    asked: Question
    record: CustomerRecord
    events: tuple[Event, ...]
    objects: bool


async def reasons(runtime: Runtime, customer_id: str, query: Mapping[str, str], call: Call) -> bytes:
    """Also of somebody unknown, as a telephone system asks before it knows who calls."""
    in_force = runtime.in_force
    in_force.keyring.admit("read", call)
    limit = limit_of(query, REASONS, MOST_REASONS)
    compiled = runtime.catalogue()
    try:
        identifier = customer_identifier(customer_id)
    except IdentityError as error:
        raise invalid_sentence("customer_id", customer_id, str(error)) from error
    present = in_force.clock.present(call.now)
    answer = await asyncio.to_thread(reasons_of, runtime, in_force, compiled, identifier, present, limit, customer_id)
    return ANSWER.dump_json(answer)


def reasons_of(
    runtime: Runtime,
    in_force: InForce,
    compiled: CompiledCatalogue,
    identifier: Identifier,
    present: int,
    limit: int,
    asked: str,
) -> ContactReasonsAnswer:
    record = record_of(runtime, identifier)
    under_way = question(record.page, present)
    told = runtime.store.stretches(identifier, evidence_asked(under_way))
    return reasons_from(runtime, in_force, compiled, identifier, record, under_way, told, limit, asked)


def evidence_asked(under_way: Question) -> tuple[Stretch, ...]:
    """What the log is asked for the evidence."""
    until = (under_way.moment + SKEW + 1, 0)
    return Stretch(LOOKED_AT, EVIDENCE_KINDS, until), Stretch(LOOKED_AT, LABELLED, until)


def reasons_from(
    runtime: Runtime,
    in_force: InForce,
    compiled: CompiledCatalogue,
    identifier: Identifier,
    record: CustomerRecord,
    under_way: Question,
    told: Sequence[Sequence[LoggedEvent]],
    limit: int,
    asked: str,
) -> ContactReasonsAnswer:
    """record: the present one. told: the log's answers to evidence_asked."""
    seen = _seen(runtime, identifier, record, under_way, told)
    names, model = runtime.item_names.of_version(compiled.version), in_force.model.contact_reason
    found = contact_reasons(seen.record, seen.events, seen.asked, compiled, model, names, limit, seen.objects)
    return ContactReasonsAnswer(
        customer_id=seen.record.customer_id if seen.record.known else asked,
        as_of=Instant(seen.asked.moment),
        origin=found.origin.value,
        model_version=in_force.model.version if found.origin is Origin.MODEL else None,
        personal=found.personal,
        reasons=[
            ContactReasonAnswer(
                discreet(one.reason), one.probability, [discreet(fact) for fact in one.evidence], one.say
            )
            for one in found.reasons
        ],
    )


def _seen(
    runtime: Runtime,
    identifier: Identifier,
    record: CustomerRecord,
    asked: Question,
    told: Sequence[Sequence[LoggedEvent]],
) -> _Seen:
    objects = objects_to_profiling(record.consents, asked.asked_at)
    if asked.moment < asked.asked_at:
        before = runtime.store.read_as_of(identifier, asked.moment)
        record = replace(record, page=merged(before.page, record.page))
    return _Seen(asked, record, _events(*told), objects)


def _events(newest: Sequence[LoggedEvent], telling: Sequence[LoggedEvent]) -> tuple[Event, ...]:
    """Oldest first; those that tell a reason may go further back."""
    seen = {one.sequence for one in newest}
    older = [one for one in telling if one.sequence not in seen]
    return tuple(one.event for one in (*reversed(older), *reversed(newest)))
