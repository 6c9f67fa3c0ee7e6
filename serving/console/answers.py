"""What the customer answered to a suggestion, recorded as feedback a few seconds later, so that it can be taken back.

The log takes nothing back: what is in it was decided by, counted and learned from. So an answer waits in the store
until nobody can undo it any more, and is told then by whichever worker sees it first, once, also when one is killed
between.
"""

from __future__ import annotations

import asyncio
import logging
import secrets
from collections.abc import Mapping
from typing import Final, Literal

import msgspec
from pydantic import JsonValue
from starlette.responses import HTMLResponse, Response

from features.instants import render_instant
from features.stores.desk import Answered, AnswerFate
from features.stores.protocol import Append, StoreUnavailable
from serving import feedback
from serving.call import Call, SignedIn
from serving.console import accounts
from serving.console.acting import written_note
from serving.console.answering import rendered
from serving.console.visit import Visit
from serving.errors import Refusal, invalid
from serving.person import Known
from serving.runtime import Runtime
from serving.tokens import InvalidToken

logger = logging.getLogger("nextbest.console")

UNDO_TIME: Final = 8_000
"""ms."""
_AT_ONCE = 50

Outcome = Literal["presented", "accepted", "rejected", "later"]
_WORDS: Final[Mapping[str, str]] = {
    "presented": "Presented",
    "accepted": "Accepted",
    "rejected": "Not interested",
    "later": "Later",
}
_REPORTED: Final[Mapping[str, tuple[str, ...]]] = {
    "presented": ("displayed",),
    "accepted": ("displayed", "accepted"),
    "rejected": ("displayed", "rejected"),
    "later": ("displayed",),
}
"""Whatever somebody answers to, they have been told: that is the contact."""


class Told(msgspec.Struct, frozen=True):
    """What waits. name: of the action. at: ms UTC, the present when it was answered."""

    token: str
    name: str
    outcome: Outcome
    at: int


async def answer(visit: Visit, known: Known) -> Response:
    visit.runtime.in_force.keyring.admit("write", visit.call)
    token, outcome = visit.required("token", 1000), _outcome(visit.required("outcome", 20))
    try:
        claims = visit.runtime.signer.read(token)
    except InvalidToken as error:
        raise invalid("token", token, "must be of a suggestion of ours", "load the page again") from error
    names = {one.id: one.name for one in visit.runtime.catalogue().catalogue.actions}
    told = Told(token, names.get(claims.action_id, claims.action_id), outcome, known.moment)
    body = msgspec.json.encode(told).decode()
    kept = Answered(f"a-{secrets.token_hex(12)}", visit.who.name, accounts.now() + UNDO_TIME, body)
    await asyncio.to_thread(visit.runtime.store.keep_answer, kept)
    return _shown(visit, known, kept.answer_id, outcome, "waiting", token)


async def take_back(visit: Visit, known: Known) -> Response:
    answer_id, token = visit.required("answer_id", 60), visit.required("token", 1000)
    outcome = _outcome(visit.required("outcome", 20))
    taken = await asyncio.to_thread(visit.runtime.store.take_back, answer_id, visit.who.name)
    return _shown(visit, known, answer_id, outcome, "open" if taken else "late", token)


async def settled(visit: Visit, known: Known) -> Response:
    """Once the time to take it back is over: what has become of it."""
    outcome, answer_id = _outcome(visit.request.query_params.get("outcome", "")), visit.path["answer_id"]
    fate = await asyncio.to_thread(visit.runtime.store.answer_fate, answer_id)
    state = {AnswerFate.WAITING: "late", AnswerFate.OPEN: "undone"}.get(fate, fate.value)
    return _shown(visit, known, answer_id, outcome, state, "")


def _outcome(told: str) -> Outcome:
    """Raises Refusal."""
    try:
        found: Outcome = msgspec.convert(told, Outcome)
    except msgspec.ValidationError as error:
        raise invalid("outcome", told, f"one of {', '.join(_WORDS)}", "use the buttons") from error
    return found


def _shown(visit: Visit, known: Known, answer_id: str, outcome: Outcome, state: str, token: str) -> Response:
    """state: "waiting" can be taken back, "open" was, "late" can be no more and is not told yet; "undone":
    elsewhere, in another window; else its fate."""
    values = {"answer_id": answer_id, "outcome": outcome, "words": _WORDS[outcome], "state": state, "token": token}
    customer_id = known.record.customer_id
    return HTMLResponse(rendered("answer.html", visit, customer_id=customer_id, seconds=UNDO_TIME // 1000, **values))


async def tell_due(runtime: Runtime) -> None:
    """One look; there is one every second or so (Runtime.start_watching)."""
    await tell_those_due(runtime, accounts.now())


async def tell_those_due(runtime: Runtime, now: int) -> int:
    """How many were told. One that fails keeps no other waiting; what it failed with is raised once all were tried."""
    count, failed = 0, list[Exception]()
    for one in await asyncio.to_thread(runtime.store.due_answers, now, _AT_ONCE):
        try:
            count += await _told(runtime, one)
        except StoreUnavailable:
            raise
        except Exception as error:  # noqa: BLE001 - raised below
            failed.append(error)
    if failed:
        raise failed[0]
    return count


async def _told(runtime: Runtime, kept: Answered) -> bool:
    """Raises StoreError."""
    store = runtime.store
    if not await asyncio.to_thread(store.claim_answer, kept.answer_id):
        return False
    call = Call(None, None, None, None, SignedIn(kept.account, frozenset({"write"})))
    try:
        told = msgspec.json.decode(kept.body, type=Told)
        await feedback.feedback(runtime, _reports(kept.answer_id, told), call)
        if told.outcome == "later":
            await _note_later(runtime, kept, told)
    except (Refusal, msgspec.DecodeError) as error:  # the customer was erased, or the token's secret is another
        logger.warning("an answer is dropped", extra={"reason": str(error)})
        await asyncio.to_thread(store.drop_answer, kept.answer_id)
        return False
    await asyncio.to_thread(store.answer_told, kept.answer_id)
    return True


def _reports(answer_id: str, told: Told) -> list[JsonValue]:
    at = render_instant(told.at)
    return [
        {"token": told.token, "outcome": one, "occurred_at": at, "message_id": f"desk:{answer_id}:{one}"}
        for one in _REPORTED[told.outcome]
    ]


async def _note_later(runtime: Runtime, kept: Answered, told: Told) -> None:
    decision_id = runtime.signer.read(told.token).decision_id
    decision = await asyncio.to_thread(runtime.store.decision, decision_id)
    if decision is None:
        return
    message_id = f"desk:{kept.answer_id}:later"
    event = written_note(runtime, kept.account, message_id, told.at, f"Wants to hear of “{told.name}” later.")
    await asyncio.wrap_future(runtime.store.append([Append(feedback.asked_about(decision), (event,))]))
