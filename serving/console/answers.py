"""What the customer answered to a suggestion, recorded as feedback a few seconds later, so that it can be taken back.

The log takes nothing back: what is in it was decided by, counted and learned from. So an answer waits in the store
until nobody can undo it any more, and is told then (serving.console.telling) by whichever worker sees it first, once,
also when one is killed between. There is one place for the answer to an action in a conversation: whoever comes second,
also from another desk and at the same moment, is refused.
"""

from __future__ import annotations

import asyncio
from typing import Final

import msgspec
from starlette.responses import HTMLResponse, Response

from features.event import Kind
from features.stores.desk import Answered
from serving import feedback
from serving.console import accounts
from serving.console.answering import rendered
from serving.console.said import (
    WORDS,
    Conversation,
    Outcome,
    Said,
    Told,
    answer_id,
    beginning,
    conversation_of,
    key_of,
)
from serving.console.visit import Visit
from serving.desk_answers import DESK_DECISION, answers_logged
from serving.errors import Refusal, conflict, invalid
from serving.notices import suggests_notice
from serving.person import Known, record_of
from serving.runtime import Runtime
from serving.tokens import InvalidToken, TokenClaims

UNDO_TIME: Final = 8_000
"""ms."""
_DISPLAYED = 100
"""Of a customer, among which it is looked for that something was told them in this conversation."""


async def answer(visit: Visit, known: Known) -> Response:
    """The same answer again is nothing. Raises Refusal when another one stands."""
    runtime = visit.runtime
    runtime.in_force.keyring.admit("write", visit.call)
    token, outcome = visit.required("token", 1000), _outcome(visit.required("outcome", 20))
    claims = claims_of(runtime, token)
    await asyncio.to_thread(_require_theirs, runtime, known, claims)
    await asyncio.to_thread(_require_answerable, runtime, claims, outcome)
    conversation = conversation_of(runtime, known)
    said = _said_before(runtime, known, conversation, claims)
    if not said.stands and not (said.presented and outcome == "presented"):
        told = await asyncio.to_thread(_told_by, runtime, known, conversation, said, token, claims, outcome)
        if await asyncio.to_thread(_keep, visit, conversation, told):
            return await _shown(visit, known, token, claims, focus=True)
        said = _said_before(runtime, known, conversation_of(runtime, known), claims)
    if outcome not in {said.outcome, "presented"}:
        raise await asyncio.to_thread(contradicts, runtime, claims, outcome, said, visit.who.name)
    return await _shown(visit, known, token, claims, focus=True)


def _keep(visit: Visit, conversation: Conversation, told: Told) -> bool:
    """False where another stands by now."""
    runtime, claims = visit.runtime, claims_of(visit.runtime, told.token)
    number, key = runtime.store.filed_under(claims.decision_id), key_of(runtime, claims.action_id)
    if number is None:
        raise _not_theirs(claims)
    place = answer_id(beginning(runtime, number), key, told.outcome)
    kept = Answered(place, visit.who.name, accounts.now() + UNDO_TIME, msgspec.json.encode(told).decode())
    return runtime.store.keep_answer(kept, conversation.told(key, told.outcome), conversation.ids(key, told.outcome))


async def take_back(visit: Visit, known: Known) -> Response:
    token, kept, due = visit.required("token", 1000), visit.required("answer_id", 80), visit.required("due_at", 20)
    claims = claims_of(visit.runtime, token)
    due_at = int(due) if due.isascii() and due.isdecimal() and len(due) < 19 else 0
    taken = await asyncio.to_thread(visit.runtime.store.take_back, kept, visit.who.name, due_at)
    return await _shown(visit, known, token, claims, focus=True, taken=taken)


async def said(visit: Visit, known: Known) -> Response:
    """What stands as answered by now, whoever answered."""
    token = visit.request.query_params.get("token", "")
    return await _shown(visit, known, token, claims_of(visit.runtime, token))


def claims_of(runtime: Runtime, token: str) -> TokenClaims:
    """Raises Refusal."""
    try:
        claims = runtime.signer.read(token)
    except InvalidToken as error:
        raise invalid("token", token, "must be of a suggestion of ours", "load the page again") from error
    if claims.channel != runtime.settings.console_channel or not DESK_DECISION.fullmatch(claims.decision_id):
        raise invalid("token", token, "must be of a suggestion for the desk", "load the page again")
    return claims


def _require_theirs(runtime: Runtime, known: Known, claims: TokenClaims) -> None:
    """Raises Refusal."""
    decision = runtime.store.decision(claims.decision_id)
    if decision is None or record_of(runtime, feedback.asked_about(decision)).person != known.record.person:
        raise _not_theirs(claims)


def _not_theirs(claims: TokenClaims) -> Refusal:
    rule = "must be of a suggestion for this customer"
    return invalid("token", claims.decision_id, rule, "load the page again")


def _require_answerable(runtime: Runtime, claims: TokenClaims, outcome: Outcome) -> None:
    """Raises Refusal."""
    if outcome != "presented" and _only_told(runtime, claims):
        rule = "a notice is only told, and nobody accepts or refuses it"
        raise invalid("answer", WORDS[outcome], rule, "press “I have told them”")


def _only_told(runtime: Runtime, claims: TokenClaims) -> bool:
    return suggests_notice(runtime, claims.action_id, runtime.store.decision(claims.decision_id))


def _said_before(runtime: Runtime, known: Known, conversation: Conversation, claims: TokenClaims) -> Said:
    """In this conversation; else what was ever answered to this very suggestion, from a page that was long open."""
    said = conversation.said(key_of(runtime, claims.action_id))
    before = answers_logged(known.record, runtime.store.vocabulary, claims)
    return Said(min(before), "recorded") if before and not said.stands else said


def contradicts(runtime: Runtime, claims: TokenClaims, outcome: Outcome, said: Said, who: str) -> Refusal:
    """who: whoever is refused. Nobody else's answer can be undone by them, and what only the log has by nobody."""
    by = f" by {said.account}" if said.account else ""
    stands = f"as “{said.words}”{by}" if said.outcome else "at this moment"
    return conflict(
        "answer",
        WORDS[outcome],
        f"“{_name(runtime, claims)}” was answered {stands}, and one answer counts",
        _remedy(said, who),
    )


def _remedy(said: Said, who: str) -> str:
    if not said.account:
        return "write a note"
    undo = "undo that one" if said.account == who else f"ask {said.account} to undo it"
    return f"{undo} while it can be, or write a note"


def _name(runtime: Runtime, claims: TokenClaims) -> str:
    """Also once the action has ended. Not in the event loop."""
    action = claims.action_id
    return runtime.action_names.of((action,), runtime.in_force.catalogue_version).get(action, action)


def _told_by(
    runtime: Runtime,
    known: Known,
    conversation: Conversation,
    said: Said,
    token: str,
    claims: TokenClaims,
    outcome: Outcome,
) -> Told:
    """What they say to something that was presented is the answer to that decision, whatever was decided since."""
    if said.presented:
        presented = _presented(runtime, known, conversation, said, claims)
        token = token if presented is None else presented
    return Told(token, _name(runtime, claims), outcome, known.moment)


def _presented(
    runtime: Runtime, known: Known, conversation: Conversation, said: Said, claims: TokenClaims
) -> str | None:
    """The token of the decision that was presented; None where it was told of none, or only of one that another system
    asked for: what it tells of that one has ids of its own, and one answer would be stored twice."""
    if said.kept is not None and said.state != "recorded":
        return msgspec.json.decode(said.kept.answer.body, type=Told).token
    told = runtime.store.timeline(known.identifier, None, _DISPLAYED, frozenset({Kind.DISPLAYED}))
    for one in told:
        event = one.event
        here = (event.action, event.channel) == (claims.action_id, claims.channel)
        ours = event.decision is not None and DESK_DECISION.fullmatch(event.decision) is not None
        if here and ours and event.occurred_at >= conversation.since:
            return runtime.signer.sign(msgspec.structs.replace(claims, decision_id=event.decision))
    return None


def _outcome(told: str) -> Outcome:
    """Raises Refusal."""
    try:
        found: Outcome = msgspec.convert(told, Outcome)
    except msgspec.ValidationError as error:
        raise invalid("outcome", told, f"one of {', '.join(WORDS)}", "use the buttons") from error
    return found


async def _shown(
    visit: Visit, known: Known, token: str, claims: TokenClaims, *, focus: bool = False, taken: bool | None = None
) -> Response:
    """As of now. focus: whoever asked goes on from here. taken: whether one was taken back, None where nobody asked."""
    conversation = conversation_of(visit.runtime, known)
    standing = conversation.said(key_of(visit.runtime, claims.action_id))
    notice = await asyncio.to_thread(_only_told, visit.runtime, claims)
    name = await asyncio.to_thread(_name, visit.runtime, claims)
    about = {"token": token, "name": name, "notice": notice}
    values = {"said": standing, **about, "focus": focus, "did": _did(taken, standing)}
    return HTMLResponse(rendered("answer.html", visit, customer_id=known.record.customer_id, **values))


def _did(taken: bool | None, standing: Said) -> str:
    if taken is None:
        return ""
    if not taken:
        return "It could not be undone."
    return "Yours was taken back; another stands." if standing.stands else "Taken back."
