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
from models.policy_rules import Direction
from serving import deciding
from serving.call import Call
from serving.console.wording import money, number
from serving.draws import occasion
from serving.person import Known
from serving.question_text import canonical
from serving.runtime import Runtime
from serving.schemas import RecommendRequest

MOST: Final = 5
SERVICE_FIRST: Final = "service_first"
_TALK: Final = ("talk_track", "script", "say", "text", "words")
"""What a treatment calls the words for whoever speaks, the first that it has."""


class Refused(msgspec.Struct, frozen=True):
    action_id: str
    gate: str
    rule: str
    observed: str
    required: str
    reason: str


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
    refused: list[Refused] = []
    withheld: list[Refused] = []


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
    the model failed. why: empty when nothing is known of it."""

    name: str
    kind: str
    talk: str
    details: tuple[tuple[str, str], ...]
    probability: float | None
    value: float | None
    incremental_value: float | None
    chance: float
    maturity: float
    why: tuple[Why, ...]
    token: str


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
    """funnel: (gate, how many it was the first to refuse), in the order of the gates, none of which is 0."""

    candidates: int
    eligible: int
    funnel: tuple[tuple[str, int], ...]
    refused: tuple[Refused, ...]
    names: Mapping[str, str]


async def suggestions(runtime: Runtime, known: Known, call: Call) -> Suggestions:
    """Raises Refusal."""
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
    made = [_suggestion(one, names, reasons.get(one.action_id, []), catalogue) for one in chosen]
    return Suggestions(
        none="",
        actions=tuple(sorted(made, key=lambda one: one.kind != "service")),
        held_back=next((one.reason for one in refused if one.gate == SERVICE_FIRST), ""),
        degraded=standing.degraded,
        personalised=standing.personalised,
        refused=len(refused),
    )


async def why_not(runtime: Runtime, known: Known) -> WhyNot:
    """Of now, and of nobody's contact: a dry run. Raises Refusal."""
    catalogue, channel = runtime.catalogue().catalogue, runtime.settings.console_channel
    names = {action.id: action.name for action in catalogue.actions}
    if _unable(catalogue, channel):
        return WhyNot(0, 0, (), (), names)
    slate = (await _looked(runtime, known, channel)).channels[0]
    gates = [(gate, count) for gate, count in slate.funnel.items() if gate not in {"candidates", "eligible"} and count]
    refused = (*slate.refused, *slate.withheld)
    return WhyNot(slate.funnel["candidates"], slate.funnel["eligible"], tuple(gates), refused, names)


def _unable(catalogue: Catalogue, channel: str) -> str:
    known = catalogue.channels.get(channel)
    if known is None:
        return f"The catalogue has no channel “{channel}”; add it, with treatments, or set NEXTBEST_CONSOLE_CHANNEL."
    if known.direction is Direction.OUTBOUND:
        return (
            f"The channel “{channel}” is one on which we write first; the console suggests where customers come to us."
        )
    return ""


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


def _suggestion(one: _Action, names: Mapping[str, str], reasons: Sequence[str], catalogue: Catalogue) -> Suggestion:
    talk = next((name for name in _TALK if isinstance(one.content.get(name), str)), None)
    details = {name: value for name, value in one.content.items() if name != talk}
    return Suggestion(
        name=names.get(one.action_id, one.action_id),
        kind=one.kind,
        talk="" if talk is None else str(one.content[talk]),
        details=tuple((name.replace("_", " "), _written(name, value, catalogue)) for name, value in details.items()),
        probability=one.response_probability,
        value=one.value,
        incremental_value=one.incremental_value,
        chance=one.selection_probability,
        maturity=one.maturity,
        why=tuple(map(_why, reasons)),
        token=one.token or "",
    )


def _written(name: str, value: object, catalogue: Catalogue) -> str:
    if isinstance(value, int | float) and not isinstance(value, bool):
        return money(value, catalogue.currency) if "price" in name else number(value)
    return value if isinstance(value, str) else msgspec.json.encode(value).decode()


def _why(reason: str) -> Why:
    """models.reasons writes "what: its value; what it does to the odds"."""
    words, _, effect = reason.rpartition("; ")
    return Why(words or reason, effect.startswith("raises"), effect)
