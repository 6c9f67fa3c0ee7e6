"""What to say next: the decision for the desk's channel, made once for a customer's journey and history, with why.

A look reserves nothing and counts nowhere; what is shown again is the decision that was logged, without what a gate
refuses by now: its time is over, or the last of it was sold. Why it is so comes from the same decision made dry with
`explain`, which changes nothing about it; where something that everybody shares has changed meanwhile, from its replay.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import msgspec

from models.catalogue import Catalogue
from models.decision import Refusal
from models.notices import is_over
from models.policy_rules import Direction
from serving import deciding
from serving.call import Call
from serving.console.notice_card import Notice
from serving.console.refusals import HeldBack, Speaker, gate_words
from serving.console.said import Conversation, Said, conversation_of, key_of
from serving.console.wording import money, number
from serving.draws import occasion
from serving.person import Known
from serving.question_text import canonical
from serving.runtime import Runtime
from serving.schemas import RecommendRequest

MOST: Final = 5
REFUSED: Final = 60
"""Of what is held back, what is put into words."""
SERVICE_FIRST: Final = "service_first"
SCHEDULE: Final = "schedule"
TALK: Final = ("talk_track", "script", "say", "text", "words")
"""What a treatment calls the words for whoever speaks, the first that it has."""


class _Action(msgspec.Struct, frozen=True):
    action_id: str
    kind: str
    content: dict[str, object]
    response_probability: float | None
    value: float | None
    selection_probability: float
    maturity: float
    token: str | None
    incremental_value: float | None = None
    reasons: list[str] = []


class _Slate(msgspec.Struct, frozen=True):
    channel: str
    actions: list[_Action]
    funnel: dict[str, int]
    refused: list[Refusal] = []
    withheld: list[Refusal] = []


class _Answer(msgspec.Struct, frozen=True):
    decision_id: str | None
    degraded: bool
    personalised: bool
    channels: list[_Slate]


@dataclass(frozen=True, slots=True)
class Why:
    """words: what the model looked at, with its value. raises: whether it speaks for a success. effect: by how much."""

    words: str
    raises: bool
    effect: str


@dataclass(frozen=True, slots=True)
class Suggestion:
    """talk: what to say, "" where the treatment has no words. details: what else it has. probability, value: None when
    the model failed. why: empty when nothing is known of it. key: of serving.console.said. said: what they answered to
    it in this conversation. notice: None of what is offered. success: what the probability is of, as Action has it."""

    name: str
    kind: str
    success: str
    talk: str
    details: tuple[tuple[str, str], ...]
    probability: float | None
    value: float | None
    incremental_value: float | None
    chance: float
    maturity: float
    why: tuple[Why, ...]
    token: str
    key: str
    said: Said
    notice: Notice | None = None


@dataclass(frozen=True, slots=True)
class Suggestions:
    """none: why there is no decision at all, "" when there is one. held_back: why nothing is sold, "" when it is."""

    none: str
    actions: tuple[Suggestion, ...] = ()
    held_back: str = ""
    degraded: bool = False
    personalised: bool = True
    refused: int = 0


@dataclass(frozen=True, slots=True)
class WhyNot:
    """funnel: (gate in words, how many it was the first to refuse), in the order of the gates, none of which is 0.
    refused: the first REFUSED; more: how many there are beyond."""

    candidates: int
    eligible: int
    funnel: tuple[tuple[str, int], ...]
    refused: tuple[HeldBack, ...]
    more: int


async def suggestions(runtime: Runtime, known: Known, call: Call, zone: str) -> Suggestions:
    """zone: in which moments are written. Raises Refusal."""
    catalogue, channel = runtime.catalogue().catalogue, runtime.settings.console_channel
    unable = _unable(catalogue, channel)
    if unable:
        return Suggestions(unable)
    logged = await deciding.recommend(runtime, _request(runtime, known, channel, catalogue), call)
    standing = msgspec.json.decode(logged, type=_Answer)
    looked = await _looked(runtime, known, channel)
    refused = looked.channels[0].refused
    over = {one.action_id for one in refused}
    chosen = [one for one in standing.channels[0].actions if one.action_id not in over]
    reasons = {one.action_id: one.reasons for one in looked.channels[0].actions}
    if any(one.action_id not in reasons for one in chosen):
        reasons = await asyncio.to_thread(_replayed, runtime, standing.decision_id) | reasons
    names = {action.id: action.name for action in catalogue.actions}
    conversation, speaker = conversation_of(runtime, known), _speaker(runtime, zone)
    keys = {one.action_id: key_of(runtime, one.action_id) for one in chosen}
    made = [
        _suggestion(one, names, reasons.get(one.action_id, []), catalogue, keys[one.action_id], conversation)
        for one in chosen
    ]
    return Suggestions(
        none="",
        actions=tuple(sorted(made, key=lambda one: one.kind != "service")),
        held_back=next((speaker.told(one).words for one in refused if one.gate == SERVICE_FIRST), ""),
        degraded=standing.degraded,
        personalised=standing.personalised,
        refused=len({one.action_id for one in refused} - _ended(catalogue, known.moment)),
    )


async def why_not(runtime: Runtime, known: Known, zone: str) -> WhyNot:
    """Of now, and of nobody's contact: a dry run. zone: as above. Raises Refusal."""
    catalogue, channel = runtime.catalogue().catalogue, runtime.settings.console_channel
    if _unable(catalogue, channel):
        return WhyNot(0, 0, (), (), 0)
    slate = (await _looked(runtime, known, channel)).channels[0]
    ended = _ended(catalogue, known.moment)
    gone = {one.action_id for one in slate.refused} & ended
    counts = {**slate.funnel, SCHEDULE: slate.funnel.get(SCHEDULE, 0) - len(gone)}
    gates = [(gate, count) for gate, count in counts.items() if gate not in {"candidates", "eligible"} and count]
    told, speaker = (
        [one for one in (*slate.refused, *slate.withheld) if one.action_id not in ended],
        _speaker(runtime, zone),
    )
    return WhyNot(
        candidates=counts["candidates"] - len(gone),
        eligible=counts["eligible"],
        funnel=tuple((gate_words(gate), count) for gate, count in gates),
        refused=tuple(map(speaker.told, told[:REFUSED])),
        more=max(len(told) - REFUSED, 0),
    )


def _speaker(runtime: Runtime, zone: str) -> Speaker:
    names = runtime.item_names.of_version(runtime.in_force.catalogue_version)
    return Speaker(runtime.catalogue().catalogue, names, runtime.settings.console_channel, zone)


def _ended(catalogue: Catalogue, moment: int) -> frozenset[str]:
    """Notices that are over: nobody asks why they are not said any more."""
    return frozenset(action.id for action in catalogue.actions if is_over(action, moment))


def _unable(catalogue: Catalogue, channel: str) -> str:
    known = catalogue.channels.get(channel)
    if known is None:
        why = f"the catalogue has no channel “{channel}”; add it, with treatments, or set NEXTBEST_CONSOLE_CHANNEL"
    elif known.direction is Direction.OUTBOUND:
        why = f"the channel “{channel}” is one on which we write first, and this desk is where customers come to us"
    else:
        return ""
    return f"Nothing can be suggested at this desk. Tell whoever runs nextbest: {why}."


def _request(runtime: Runtime, known: Known, channel: str, catalogue: Catalogue) -> RecommendRequest:
    """With an id that is the same until something is known that a decision reads: so a page that is loaded again shows
    what it showed."""
    record, in_force = known.record, runtime.in_force
    state = (record.customer_id, occasion(record, catalogue, known.moment), record.version)
    versions = (catalogue.version, in_force.model.version, in_force.model.digest, channel)
    numbers = (runtime.signer.number(canonical(["console", part, *state, *versions])) for part in range(2))
    key = "desk-" + "".join(f"{number:016x}" for number in numbers)
    return RecommendRequest(customer_id=record.customer_id, channels=[channel], limit=MOST, decision_id=key)


async def _looked(runtime: Runtime, known: Known, channel: str) -> _Answer:
    request = RecommendRequest(customer_id=known.record.customer_id, channels=[channel], limit=MOST, explain=True)
    return msgspec.json.decode(await deciding.look(runtime, request), type=_Answer)


def _replayed(runtime: Runtime, decision_id: str | None) -> dict[str, list[str]]:
    logged = None if decision_id is None else runtime.store.decision(decision_id)
    made = None if logged is None else runtime.replayer.replay(logged).answer
    if made is None:
        return {}
    return {one.action_id: one.reasons for one in msgspec.json.decode(made, type=_Answer).channels[0].actions}


def _suggestion(
    one: _Action,
    names: Mapping[str, str],
    reasons: Sequence[str],
    catalogue: Catalogue,
    key: str,
    conversation: Conversation,
) -> Suggestion:
    talk = next((name for name in TALK if isinstance(one.content.get(name), str)), None)
    action = next((action for action in catalogue.actions if action.id == one.action_id), None)
    details = {name: value for name, value in one.content.items() if name != talk}
    return Suggestion(
        name=names.get(one.action_id, one.action_id),
        kind=one.kind,
        success="" if action is None else action.success,
        talk="" if talk is None else str(one.content[talk]),
        details=tuple((name.replace("_", " "), _written(name, value, catalogue)) for name, value in details.items()),
        probability=one.response_probability,
        value=one.value,
        incremental_value=one.incremental_value,
        chance=one.selection_probability,
        maturity=one.maturity,
        why=tuple(map(_why, reasons)),
        token=one.token or "",
        key=key,
        said=conversation.said(key),
        notice=Notice.of(action),
    )


def _written(name: str, value: object, catalogue: Catalogue) -> str:
    if isinstance(value, int | float) and not isinstance(value, bool):
        return money(value, catalogue.currency) if "price" in name else number(value)
    return value if isinstance(value, str) else msgspec.json.encode(value).decode()


def _why(reason: str) -> Why:
    """models.reasons writes "what: its value; what it does to the odds"."""
    words, _, effect = reason.rpartition("; ")
    return Why(words or reason, effect.startswith("raises"), effect)
