"""POST /recommend and /recommend_batch: ask the store, decide, log durably, answer.

A decision that reserves stands only when nothing has happened to its person since their record was read, and while what
it spends of a budget is there; else it is made afresh. Those whom somebody has overtaken take turns within a worker,
and meet only those of other workers then.
"""

from __future__ import annotations

import asyncio
import hashlib
import logging
from collections.abc import Mapping
from concurrent.futures import Future
from dataclasses import dataclass, replace
from functools import cache

import numpy as np
from prometheus_client import Counter
from pydantic import JsonValue, TypeAdapter

from features.event import Identifier
from features.history import CustomerRecord
from features.identity import IdentityError, customer_identifier, normalise
from features.instants import render_instant
from features.live_response import expected_text
from features.stores.protocol import (
    AmbiguousIdentifier,
    BudgetSpent,
    DecisionConflict,
    DecisionReceipt,
    HistoryMoved,
    LogDecision,
    LoggedDecision,
)
from models.catalogue import UnknownPlacement
from models.columns import CompiledCatalogue
from models.decide import decide
from models.decision import Decision, DecisionRequest
from models.delivery import delivery
from models.live_response import expectations
from models.policy.spending import charges
from serving import metrics
from serving.addresses import with_addresses
from serving.admission import Line
from serving.answers import decision_answer, error_entry
from serving.body import checked
from serving.call import Call
from serving.decided_events import after_reservations, decision_events
from serving.draws import new_id, seed_of
from serving.errors import Refusal, ambiguous, conflict, invalid, invalid_sentence, shortened, unavailable
from serving.question_rules import channels_of, require_deliverable, require_known_exclusions
from serving.question_text import canonical, request_text, told_of
from serving.runtime import InForce, Runtime
from serving.sampled_rows import sampled_rows
from serving.schemas import DecisionQuestion, IdText, RecommendBatchRequest, RecommendRequest
from serving.shadowing import Made as Shadowable

logger = logging.getLogger("nextbest.decision")
_ID: TypeAdapter[str] = TypeAdapter(IdText)
TRIES = 16
"""Times that a reservation is decided afresh, in its turn. Of W workers at one person, each wins one in W."""


@dataclass(frozen=True, slots=True)
class Made:
    """One decision with its answer; write is None when it is not to be logged, or stands already."""

    answer: bytes
    write: LogDecision | None


@dataclass(frozen=True, slots=True)
class Who:
    """One customer of a question. customer_id: as named, None by an identifier alone. decision_id: the caller's key."""

    identifier: Identifier
    customer_id: str | None
    decision_id: str | None


@dataclass(frozen=True, slots=True)
class Asked:
    """A question with everything that is the same for each customer of it. told: its fields. moment: ms UTC, of the
    decision."""

    question: DecisionQuestion
    told: Mapping[str, object]
    compiled: CompiledCatalogue
    in_force: InForce
    moment: int
    channels: tuple[str, ...]

    @property
    def logged(self) -> bool:
        return not self.question.dry_run and self.question.at is None


async def recommend(runtime: Runtime, request: RecommendRequest, call: Call) -> bytes:
    asked = _asked(runtime, request, call)
    who = Who(identifier_of(request, runtime.settings.region), request.customer_id, request.decision_id)
    return await _settled(runtime, asked, who, _submitted(runtime, await _made(runtime, asked, who)))


async def recommend_batch(runtime: Runtime, request: RecommendBatchRequest, call: Call) -> bytes:
    return await _batch(runtime, _asked(runtime, request.question(), call), request)


async def batch_at_hand(runtime: Runtime, request: RecommendBatchRequest) -> bytes:  # no key is needed for that
    return await _batch(runtime, _understood(runtime, request.question(), None), request, alone=True)


async def _batch(runtime: Runtime, asked: Asked, request: RecommendBatchRequest, alone: bool = False) -> bytes:
    """alone: nobody else asks this process."""
    entries: list[tuple[Who | None, Made]] = []
    for position, customer_id in enumerate(request.customer_ids):
        if position and not alone:  # other requests wait for one decision, not for a thousand
            await runtime.admission.turn(Line.BACKGROUND, "one of a batch", runtime.settings.batch_timeout)
        decision_id = None if request.decision_id is None else f"{request.decision_id}:{position}"
        entries.append(await _entry(runtime, asked, position, customer_id, decision_id))
    pending = [(who, _submitted(runtime, made)) for who, made in entries]
    answers = [await _settled_entry(runtime, asked, who, one) for who, one in pending]
    return b'{"decisions":[' + b",".join(answers) + b"]}"


async def _entry(
    runtime: Runtime, asked: Asked, position: int, customer_id: JsonValue, decision_id: str | None
) -> tuple[Who | None, Made]:
    """One customer of a batch; a fault of this one is its answer."""
    try:
        known = checked(_ID, customer_id, ("customer_ids", position))
        who = Who(customer_identifier(known), known, decision_id)
        return who, await _made(runtime, asked, who)
    except IdentityError as error:
        refusal = invalid_sentence(f"customer_ids[{position}]", customer_id, str(error))
        return None, Made(error_entry(shortened(customer_id), refusal), None)
    except Refusal as refusal:
        return None, Made(error_entry(shortened(customer_id), refusal), None)


async def _settled_entry(runtime: Runtime, asked: Asked, who: Who | None, one: Submitted) -> bytes:
    if who is None:
        return one.made.answer
    try:
        return await _settled(runtime, asked, who, one)
    except Refusal as refusal:
        return error_entry(shortened(who.customer_id), refusal)


def identifier_of(request: RecommendRequest, region: str | None) -> Identifier:
    """region: of a phone number without country code. Raises Refusal."""
    try:
        if request.customer_id is not None:
            return customer_identifier(request.customer_id)
        if request.identifier is None:
            raise invalid("customer_id", None, "the customer must be named", "add customer_id or identifier")
        return normalise(request.identifier.type, request.identifier.value, region)
    except IdentityError as error:
        by_id = request.customer_id is not None
        field = "customer_id" if by_id else "identifier.value"
        value = request.customer_id if by_id or request.identifier is None else request.identifier.value
        raise invalid_sentence(field, value, str(error)) from error


async def look(runtime: Runtime, request: RecommendRequest) -> bytes:
    """A dry run for whoever has the store at hand, and so needs no key. Raises Refusal."""
    asked = _understood(runtime, request.model_copy(update={"dry_run": True}), None)
    who = Who(identifier_of(request, runtime.settings.region), request.customer_id, None)
    return (await _made(runtime, asked, who)).answer


def _asked(runtime: Runtime, question: DecisionQuestion, call: Call) -> Asked:
    keyring = runtime.in_force.keyring
    keyring.admit("decide", call)
    if question.at is not None:
        keyring.admit("replay", call)
    return _understood(runtime, question, call.now)


def _understood(runtime: Runtime, question: DecisionQuestion, now: str | None) -> Asked:
    in_force = runtime.in_force
    present = in_force.clock.present(now)
    if question.at is not None and question.at > present:
        raise invalid("at", render_instant(question.at), "not after the present", "ask about a moment that has been")
    compiled = runtime.catalogue()
    channels = channels_of(question, compiled)
    try:
        compiled.channel(channels[0], question.placement)
    except UnknownPlacement as error:
        raise invalid_sentence("placement", question.placement, str(error)) from error
    require_known_exclusions(question, compiled, runtime.store)
    moment = present if question.at is None else question.at
    asked = Asked(question, told_of(question), compiled, in_force, moment, channels)
    if question.decision_id is None or not asked.logged:
        require_deliverable(asked.question, asked.moment)
    return asked


async def _made(runtime: Runtime, asked: Asked, who: Who) -> Made:
    text = request_text(asked.told, who.identifier)
    digest = hashlib.sha256(text).hexdigest()
    if who.decision_id is not None and asked.logged:
        earlier = runtime.store.decision(who.decision_id)
        if earlier is not None:
            return Made(_standing(earlier, digest), None)
        require_deliverable(asked.question, asked.moment)
    record = await _record(runtime, asked, who)
    if asked.question.at is None and (moment := after_reservations(record.page, asked.moment)) != asked.moment:
        asked = replace(asked, moment=moment)
    in_force = asked.in_force
    beside = in_force.beside(record.customer_id, asked.moment)
    if beside.catalogue is not None and beside is not in_force:
        asked = replace(asked, compiled=beside.catalogue, in_force=beside)
    compiled, published = runtime.seen(asked.compiled, asked.in_force, asked.question.at)
    if compiled is not asked.compiled:
        asked = replace(asked, compiled=compiled)
    scorer = asked.in_force.model.scorer
    catalogue = asked.compiled.catalogue
    seed = seed_of(runtime.signer, asked.told, asked.channels, record, catalogue, scorer.version, asked.moment)
    request = _decision_request(asked, seed, record.customer_id)
    decision = decide(request, record, asked.compiled, scorer, asked.moment, np.random.default_rng(seed), published)
    given_id = (who.decision_id or new_id(asked.moment)) if asked.logged else None
    name = who.customer_id if who.customer_id is not None else record.customer_id
    for fault in decision.faults:
        runtime.tell_degraded(decision.model_version, fault, given_id)
    explain, signer = asked.question.explain, runtime.signer
    answer = decision_answer(decision, given_id, name, asked.moment, explain, record.known, signer)
    if given_id is None:  # who only looks leaves no counter behind
        return Made(answer, None)
    _decided(decision.degraded, decision.arm.value).inc()
    if decision.effect_failed:
        metrics.EFFECT_FAILED.inc()
    logged = _to_log(runtime, asked, decision, record, name, given_id, seed, text, digest, answer)
    best, sampled = asked.question.across == "best", logged.feature_rows is not None
    runtime.watch.decided(decision, asked.moment, best=best, sampled=sampled)
    channels = asked.compiled.catalogue.channels
    events = decision_events(decision, channels, given_id, asked.moment, request.deliver_at)
    spends = charges(decision, asked.compiled, asked.moment)
    if beside is in_force:  # what a challenger decided says nothing of the champion
        made = Shadowable(given_id, request, record, asked.moment, published, decision)
        runtime.shadow.offer(in_force.trials, made)
    return Made(answer, LogDecision(who.identifier, logged, events, spends, published))


@cache
def _decided(degraded: bool, arm: str) -> Counter:
    return metrics.DECISIONS.labels(str(degraded).lower(), arm)


async def _record(runtime: Runtime, asked: Asked, who: Who) -> CustomerRecord:
    store, at, identifier = runtime.store, asked.question.at, who.identifier
    try:
        if at is None:
            record = store.read(identifier)
        else:
            record = await asyncio.to_thread(store.read_as_of, identifier, at)
        return with_addresses(store, identifier, record, asked.compiled, asked.channels, at)
    except AmbiguousIdentifier as error:
        if who.customer_id is not None:
            raise ambiguous("customer_id", who.customer_id, error.customer_ids) from error
        raise ambiguous("identifier.value", identifier.value, error.customer_ids) from error


def _decision_request(asked: Asked, seed: int, subject: str) -> DecisionRequest:
    question = asked.question
    return DecisionRequest(
        channels=asked.channels,
        limit=question.limit,
        across=question.across,
        distinct=question.distinct,
        deliver_at=delivery(question.deliver_at, asked.moment),
        placement=question.placement,
        exclude=frozenset(question.exclude),
        explain=question.explain,
        seed=seed,
        subject=subject,
        context=question.context,
    )


def _standing(earlier: LoggedDecision, digest: str) -> bytes:
    if earlier.request_digest != digest:
        raise conflict(
            "decision_id",
            earlier.decision_id,
            "it stands for another request",
            "use a new decision_id, or send the same request",
        )
    return earlier.response.encode()


def _to_log(
    runtime: Runtime,
    asked: Asked,
    decision: Decision,
    record: CustomerRecord,
    customer_id: str,
    decision_id: str,
    seed: int,
    text: bytes,
    digest: str,
    answer: bytes,
) -> LoggedDecision:
    return LoggedDecision(
        decision_id=decision_id,
        person=record.person,
        customer_id=customer_id,
        decided_at=asked.moment,
        request=text.decode(),
        request_digest=digest,
        response=answer.decode(),
        seed=seed,
        arm=decision.arm.value,
        history_version=record.version,
        catalogue_version=decision.catalogue_version,
        model_version=decision.model_version,
        policy_version=decision.policy_version,
        code_revision=runtime.revision,
        feature_digest=decision.feature_digest,
        model_digest=asked.in_force.model.digest,
        snapshot=None,
        subject=record.customer_id,
        addresses=None if record.addresses is None else canonical(sorted(record.addresses)).decode(),
        feature_rows=sampled_rows(decision, seed, runtime.settings.feature_sample),
        expected=expected_text(expectations(decision, asked.compiled)),
    )


@dataclass(frozen=True, slots=True)
class Submitted:
    """receipt: None where nothing is to be logged."""

    made: Made
    receipt: Future[tuple[DecisionReceipt, ...]] | None


def _submitted(runtime: Runtime, made: Made) -> Submitted:
    """Each by itself, so that one whose person has moved on hinders no other; the store commits them together."""
    return Submitted(made, None if made.write is None else runtime.store.log_decisions([made.write]))


async def _settled(runtime: Runtime, asked: Asked, who: Who, one: Submitted) -> bytes:
    """The answer, once all that is to be logged is durable."""
    try:
        return await _logged(one)
    except (HistoryMoved, BudgetSpent) as overtaken:
        asked = _after(runtime, asked, overtaken)
    async with runtime.turns.of(who.identifier):
        for _ in range(TRIES):
            try:
                return await _logged(_submitted(runtime, await _made(runtime, asked, who)))
            except (HistoryMoved, BudgetSpent) as overtaken:
                asked = _after(runtime, asked, overtaken)
    raise unavailable("others kept reserving for the same customer, or of the same budget; nothing was changed")


def _after(runtime: Runtime, asked: Asked, overtaken: HistoryMoved | BudgetSpent) -> Asked:
    """The question as it is to be decided again."""
    metrics.DECIDED_AGAIN.inc()
    if isinstance(overtaken, HistoryMoved):
        return asked
    return replace(asked, in_force=runtime.counted_afresh(asked.in_force, asked.compiled, overtaken.day))


async def _logged(one: Submitted) -> bytes:
    """Raises HistoryMoved and BudgetSpent."""
    if one.receipt is None:
        return one.made.answer
    try:
        (receipt,) = await asyncio.wrap_future(one.receipt)
    except DecisionConflict as error:
        raise conflict("decision_id", str(error), "it stands for another request", "use a new decision_id") from error
    _note(receipt.decision, receipt.replayed)
    return receipt.decision.response.encode() if receipt.replayed else one.made.answer


def _note(decision: LoggedDecision, replayed: bool) -> None:
    extra = {
        "decision_id": decision.decision_id,
        "model_version": decision.model_version,
        "catalogue_version": decision.catalogue_version,
        "replayed": replayed,
    }
    logger.info("decided", extra=extra)
