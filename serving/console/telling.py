"""Telling the log what was answered at the desk, once nobody can undo it any more.

One answer of a conversation is told. An answer that gives way to another waits while that one can still be undone; it
is dropped once the other is told, and told once the other is undone.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping
from typing import Final

import msgspec
from pydantic import JsonValue

from features.history import text_code
from features.instants import render_instant
from features.stores.desk import Answered
from features.stores.protocol import Append, StoreUnavailable
from serving import feedback
from serving.call import Call, SignedIn
from serving.console import accounts
from serving.console.acting import written_note
from serving.console.answers import claims_of, contradicts
from serving.console.said import Conversation, Outcome, Said, Told, conversation_of, key_of
from serving.desk_answers import answers_logged, message_id, other_answer
from serving.errors import Refusal
from serving.person import Known, record_of
from serving.runtime import Runtime
from serving.tokens import TokenClaims

logger = logging.getLogger("nextbest.console")

_AT_ONCE = 50
_REPORTED: Final[Mapping[Outcome, tuple[str, ...]]] = {
    "presented": ("displayed",),
    "accepted": ("displayed", "accepted"),
    "rejected": ("displayed", "rejected"),
    "later": ("displayed",),
}
"""Whatever somebody answers to, they have been told: that is the contact."""


async def tell_due(runtime: Runtime) -> None:
    """One look; there is one every second or so (Runtime.start_watching)."""
    await tell_those_due(runtime, accounts.now())


async def tell_those_due(runtime: Runtime, now: int) -> int:
    """How many were told. One that fails keeps no other waiting; what it failed with is raised once all were tried.
    Without a catalogue nobody knows what stands, and all wait."""
    if runtime.in_force.catalogue is None:
        return 0
    count, failed = 0, list[Exception]()
    for one in await asyncio.to_thread(runtime.store.due_answers, now, _AT_ONCE):
        try:
            count += await _told_in_turn(runtime, one, now)
        except StoreUnavailable:
            raise
        except Exception as error:  # noqa: BLE001 - raised below
            failed.append(error)
    if failed:
        raise failed[0]
    return count


async def _told_in_turn(runtime: Runtime, kept: Answered, now: int) -> int:
    """How many were told. What gives way to an answer that can still be undone waits for that one, which is told first
    once it is due: it may lie beyond those that one look takes. Raises StoreError."""
    count, first = 0, await asyncio.to_thread(_undoable_before, runtime, kept)
    if first is not None and first.due_at <= now:
        count = await _told_in_turn(runtime, first, now)  # ends: `Conversation.first_answer` is first everywhere
        first = await asyncio.to_thread(_undoable_before, runtime, kept)
    return count if first is not None else count + await _told(runtime, kept)


def _undoable_before(runtime: Runtime, kept: Answered) -> Answered | None:
    """What this one gives way to unless it is taken back; None also where this one cannot be told in any case."""
    try:
        told = msgspec.json.decode(kept.body, type=Told)
        claims = claims_of(runtime, told.token)
        about = _about(runtime, claims, told)
        first = None if about is None else _first_of_others(runtime, about[1], kept, claims, told)
    except (Refusal, msgspec.DecodeError):
        return None
    return first.kept.answer if first is not None and first.state == "waiting" and first.kept is not None else None


async def _told(runtime: Runtime, kept: Answered) -> bool:
    """Raises StoreError."""
    store = runtime.store
    if not await asyncio.to_thread(store.claim_answer, kept.answer_id, kept.due_at):
        return False
    remains = ""
    try:
        told = msgspec.json.decode(kept.body, type=Told)
        remains = told.remains
        await _tell(runtime, kept, told)
    except (Refusal, msgspec.DecodeError) as error:  # the customer was erased, or the token's secret is another
        logger.warning("an answer is dropped", extra={"reason": str(error)})
        await asyncio.to_thread(store.drop_answer, kept.answer_id, kept.due_at, remains)
        return False
    await asyncio.to_thread(store.answer_told, kept.answer_id, kept.due_at, remains)
    return True


async def _tell(runtime: Runtime, kept: Answered, told: Told) -> None:
    """Raises Refusal, also when something else was told of the same suggestion: the log keeps the first."""
    claims = claims_of(runtime, told.token)
    call = Call(None, None, None, None, SignedIn(kept.account, frozenset({"write"})))
    try:
        await asyncio.to_thread(_require_alone, runtime, kept, claims, told.outcome)
        await asyncio.to_thread(_require_first, runtime, kept, claims, told)
        await feedback.feedback(runtime, _reports(claims, told), call)
    except Refusal:
        if await asyncio.to_thread(_no_contact, runtime, claims, told):
            await feedback.feedback(runtime, _reports(claims, msgspec.structs.replace(told, outcome="presented")), call)
        raise
    if told.outcome == "later":
        await _note_later(runtime, kept, claims, told)
    await asyncio.to_thread(_require_alone, runtime, kept, claims, told.outcome)


def _require_alone(runtime: Runtime, kept: Answered, claims: TokenClaims, outcome: Outcome) -> None:
    """Raises Refusal."""
    decision = runtime.store.decision(claims.decision_id)
    if decision is None or outcome == "presented":
        return
    record = record_of(runtime, feedback.asked_about(decision))
    other = other_answer(record, runtime.store.vocabulary, claims, outcome)
    if other is not None:
        raise contradicts(runtime, claims, outcome, Said(other, "recorded"), kept.account)


def _about(runtime: Runtime, claims: TokenClaims, told: Told) -> tuple[Known, Conversation] | None:
    """Whom it was answered by, and in which conversation; None once they were erased. Raises Refusal."""
    decision = runtime.store.decision(claims.decision_id)
    if decision is None:
        return None
    asked = feedback.asked_about(decision)
    known = Known(asked, record_of(runtime, asked), told.at)
    return known, conversation_of(runtime, known)


def _first_of_others(
    runtime: Runtime, conversation: Conversation, kept: Answered, claims: TokenClaims, told: Told
) -> Said | None:
    """The answer of the conversation that stands before this one; None where this is the first. What follows something
    presented is told of the same decision, and is no other contact."""
    first = conversation.first_answer(key_of(runtime, claims.action_id))
    if first is None or first.kept is None or first.state == "dropped" or first.answer_id == kept.answer_id:
        return None
    if told.outcome != "presented":
        return first
    if first.state == "recorded":
        return None  # as a contact it is in the log
    token = msgspec.json.decode(first.kept.answer.body, type=Told).token
    return None if claims_of(runtime, token).decision_id == claims.decision_id else first


def _require_first(runtime: Runtime, kept: Answered, claims: TokenClaims, told: Told) -> None:
    """Raises Refusal where another has come to stand in its conversation: another system told one meanwhile, or one was
    kept for somebody who was found to be the same person since; and of something presented where it was told them by
    another decision. One that waits does not stand before what is told."""
    about = _about(runtime, claims, told)
    if about is None:
        return
    (known, conversation), key = about, key_of(runtime, claims.action_id)
    first, logged = _first_of_others(runtime, conversation, kept, claims, told), conversation.answered(key)
    if first is not None and first.state != "waiting":
        raise contradicts(runtime, claims, told.outcome, first, kept.account)
    if told.outcome == "presented":
        if conversation.contacts.get(key, frozenset()) - {text_code(claims.decision_id)}:
            raise contradicts(runtime, claims, told.outcome, Said(logged or "presented", "recorded"), kept.account)
        return
    # By this very suggestion it may be what a killed worker told of it, or the same that another system did.
    if logged is not None and told.outcome not in answers_logged(known.record, runtime.store.vocabulary, claims):
        raise contradicts(runtime, claims, told.outcome, Said(logged, "recorded"), kept.account)


def _no_contact(runtime: Runtime, claims: TokenClaims, told: Told) -> bool:
    """Whether the log has an answer of the conversation, but of no decision that it was told them: the agent did say
    it, and what they then told another system is credited to that. Raises Refusal."""
    about, key = _about(runtime, claims, told), key_of(runtime, claims.action_id)
    return about is not None and about[1].answered(key) is not None and key not in about[1].contacts


def _reports(claims: TokenClaims, told: Told) -> list[JsonValue]:
    at = render_instant(told.at)
    return [
        {
            "token": told.token,
            "outcome": one,
            "occurred_at": at,
            "message_id": message_id(claims, "displayed" if one == "displayed" else "answer"),
        }
        for one in _REPORTED[told.outcome]
    ]


async def _note_later(runtime: Runtime, kept: Answered, claims: TokenClaims, told: Told) -> None:
    decision = await asyncio.to_thread(runtime.store.decision, claims.decision_id)
    if decision is None:
        return
    words = f"Wants to hear of “{told.name}” later."
    event = written_note(runtime, kept.account, message_id(claims, "later"), told.at, words)
    await asyncio.wrap_future(runtime.store.append([Append(feedback.asked_about(decision), (event,))]))
