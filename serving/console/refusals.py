"""Why something may not be said, as a sentence that an agent can say or act on. What the gate says exactly (its rule,
what was observed, what is required) stands behind it.

A sentence is chosen by the gate and its rule, and filled with what a catalogue calls things and with the moments that
the gate tells; a part in brackets is left out where nothing fills it. A test walks over every gate and rule there is.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from features.declared_traits import DO_NOT_CONTACT
from features.instants import parse_instant
from models.catalogue import Action, Catalogue, Regime
from models.conditions.names import CONTEXT, CUSTOMER, HISTORY, Name, names_in, reads_clock
from models.decision import Refusal
from models.journey_rules import Trigger
from models.policy_rules import Arm
from serving.console.wording import INSTANT, clock, day, humane, listed, sentence
from serving.item_names import ItemNames
from serving.words import place

GATES: Final[Mapping[str, str]] = {
    "schedule": "not running now",
    "channel": "made for another place",
    "available": "out of stock",
    "trigger": "for another occasion",
    "reachable": "they cannot be reached",
    "consent": "they have not agreed",
    "eligibility": "for other customers",
    "quiet_hours": "quiet time",
    "service_first": "help comes first",
    "survey": "not before all is settled",
    "already_purchased": "bought already, or about to be",
    "accepted": "accepted, and not ordered yet",
    "basket": "not in their basket",
    "recently_rejected": "they were not interested",
    "contact_limits": "told often enough",
    "budget": "nothing left to spend on it",
    "ceiling": "new, and for few people at first",
    "excluded": "left out on request",
    "arm": "they get no offers for a while",
    "distinct": "suggested already",
    "group": "something like it is suggested",
    "fallback": "only when nothing else is left",
    "urgent": "something urgent goes first",
}
"""In a few words, who holds something back."""


def gate_words(gate: str) -> str:
    """Of one that there is no more, in an older decision, its name."""
    return GATES.get(gate, gate.replace("_", " "))


CONDITION: Final = "condition"
"""In the place of a rule that is a condition's own text."""
_AGAIN = "[; it may be said again from {until} on]"
_CLOSED = "[: nothing is sold until it is closed, or until {until} if nobody works on it]"
_HELP = ", and helping comes before selling"
_BOUGHT = (f"They bought {{thing}}[ on {{since}}]{_AGAIN}",)
_UNJUDGED = "Nobody could tell whether it may be said, and then it is not; tell whoever runs nextbest"
_SPENT = "What is left to spend on it"
_NEW = "It is new and goes to few people at first, and"

SENTENCES: Final[Mapping[tuple[str, str], tuple[str, ...]]] = {
    ("schedule", "not_started"): ("It has not begun, or is paused[; it may be said from {until} on]",),
    ("schedule", "ended"): ("It is over[ since {until}]",),
    ("channel", "placement"): ("It is made for another place than this one",),
    ("available", "unavailable"): (
        "{things} cannot be had at the moment",
        "Nothing of what it is for can be had at the moment",
    ),
    ("trigger", Trigger.ESCALATION): ("It is for a matter that takes long or was passed on often, and theirs is not",),
    ("trigger", Trigger.HANDOFF_LOST): ("It answers a hand-over that nobody took in time, and none of theirs is left",),
    ("reachable", DO_NOT_CONTACT): ("They must be neither written to nor called, whatever it is about",),
    ("reachable", "no_address"): ("We do not know how to reach them {where}; ask them",),
    ("reachable", "bounced"): ("What we send them {where} comes back[ since {since}]; ask whether it is still right",),
    **{
        ("consent", regime): (
            "They have said on {since} that we may not contact them {where}{about}",
            "They have not agreed to be contacted {where}{about}; ask whether we may",
        )
        for regime in Regime
    },
    ("eligibility", CONDITION): (
        "It is for some customers only, which goes by {unasked}: that is not known of them; ask for it",
        "It is for some customers only, which goes by {unknown}: that is not known",
        "It is for some customers only, which goes by {goes_by}, and they are not among them",
    ),
    ("quiet_hours", "quiet_hours"): ("It is quiet time for them {where}[; it may be said from {until} on]",),
    ("service_first", "in_service"): (
        "Somebody is serving them, or they wait for it: nothing is sold until that is over",
    ),
    ("service_first", "open_case"): (f"They have an open case{_HELP}{_CLOSED}",),
    ("service_first", "complaint"): (f"They have an open complaint{_HELP}{_CLOSED}",),
    ("service_first", "delivery_failed"): (
        f"A delivery of theirs is late{_HELP}[: nothing is sold until it has arrived, or until {{until}}]",
    ),
    ("service_first", "payment_failed"): (
        f"A payment of theirs has failed{_HELP}[: nothing is sold until that is mended, or until {{until}}]",
    ),
    ("survey", "afterwards"): ("It asks how it went, and waits until what they came with is settled",),
    ("already_purchased", "never"): ("They have {thing} already[, bought on {since}], and one is enough",),
    ("already_purchased", "after"): _BOUGHT,
    ("already_purchased", "fallback"): _BOUGHT,
    ("already_purchased", "learned"): ("They bought {thing}[ on {since}], and will hardly need it again so soon",),
    ("already_purchased", "subscribed"): ("They are subscribed to {thing}[ since {since}]",),
    ("already_purchased", "in_basket"): ("{thing} lies in their basket already",),
    ("accepted", "pending"): ("They said yes to it[ on {since}], and it waits for their order[ until {until}]",),
    ("basket", "require"): ("It reminds people of {thing} in their basket, and it is not there",),
    ("recently_rejected", "action"): (f"They were not interested in it[ on {{since}}]{_AGAIN}",),
    ("recently_rejected", "group"): (f"They were not interested in something like it[ on {{since}}]{_AGAIN}",),
    ("contact_limits", "never"): ("It may not be told to anybody here",),
    ("contact_limits", "too_many"): (f"They have been told as often as they may be for now{_AGAIN}",),
    ("contact_limits", "chosen"): ("With what is suggested already they would be told more often than they may be",),
    ("budget", "never"): (
        "To tell one person of it costs more than may be spent on it{dearer}",
        f"{_SPENT} does not do for one more",
    ),
    ("budget", "spent"): (f"{_SPENT} today does not do for one more{_AGAIN}",),
    ("budget", "chosen"): (f"{_SPENT} is needed for what is suggested already",),
    ("ceiling", "spent"): (f"{_NEW} those of today have had it{_AGAIN}",),
    ("ceiling", "chosen"): (f"{_NEW} what is suggested already makes them up",),
    ("excluded", "request"): ("This desk has asked for it to be left out",),
    ("arm", Arm.HOLDOUT): ("They are among the few who get no offers for a while, to see what offers are good for",),
    ("distinct", "chosen"): ("It is suggested already",),
    ("group", "chosen"): ("Something of the same kind is suggested already",),
    ("fallback", "others"): ("It is for when there is nothing else to say",),
    ("urgent", "first"): ("Something that cannot wait goes first",),
}
"""By gate and rule; of several the first whose blanks outside of brackets are all filled."""
OF_ANY_GATE: Final[Mapping[str, str]] = {"gate_failed": _UNJUDGED, "unexplained": _UNJUDGED}
"""By rule: what comes of any gate that fails."""


@dataclass(frozen=True, slots=True)
class HeldBack:
    """name: of the action. words: the sentence. exact: what it is made of."""

    name: str
    words: str
    exact: Refusal

    @property
    def gate(self) -> str:
        return gate_words(self.exact.gate)


@dataclass(slots=True)
class Speaker:
    """What things are called. channel: of the desk. zone: in which moments are written."""

    catalogue: Catalogue
    item_names: ItemNames
    channel: str
    zone: str
    _actions: dict[str, Action] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        self._actions = {one.id: one for one in self.catalogue.actions}

    def told(self, refused: Refusal) -> HeldBack:
        action = self._actions.get(refused.action_id)
        name = refused.action_id if action is None else action.name
        return HeldBack(name, self._sentence(refused, action), refused)

    def _sentence(self, refused: Refusal, action: Action | None) -> str:
        rule = CONDITION if refused.gate == "eligibility" else refused.rule
        said = OF_ANY_GATE.get(refused.rule)
        forms = SENTENCES.get((refused.gate, rule), ()) if said is None else (said,)
        blanks = self._blanks(refused, action)
        found = next((form for form in forms if all(blanks[one] is not None for one in _needed(form))), None)
        return sentence(humane(refused.reason, self.zone) if found is None else _filled(found, blanks))

    def _blanks(self, refused: Refusal, action: Action | None) -> dict[str, str | None]:
        began, ends = INSTANT.findall(refused.observed), INSTANT.findall(refused.required)
        names = _names_of(refused)
        unknown = _unknown(refused, names)
        return {
            "since": day(parse_instant(began[0]), self.zone) if began else None,
            "until": clock(parse_instant(ends[-1]), self.zone) if ends else None,
            "thing": self._thing(refused, action),
            "things": self._things(action, "and"),
            "where": place(self.channel),
            "about": self._about(refused, action),
            "goes_by": listed([*dict.fromkeys(map(_what, names)), *_clock(refused)]) or "something that is not told",
            "unasked": _what(unknown) if unknown is not None and unknown.root == CUSTOMER else None,
            "unknown": None if unknown is None else _what(unknown),
            "dearer": "" if _is_dearer(refused) else None,
        }

    def _about(self, refused: Refusal, action: Action | None) -> str:
        """The topic, where nothing else was withdrawn or is asked for: what was said of a whole channel is of more."""
        topic = None if action is None or action.topic is None else self.catalogue.topics[action.topic]
        if topic is None or refused.reason.startswith(f"consent to {self.channel} was withdrawn"):
            return ""
        return f" about {topic.name}"

    def _thing(self, refused: Refusal, action: Action | None) -> str:
        """What the gate tells of, where it tells of one among several."""
        if action is None:
            return "it"
        told = {f"item {one} ": self.item_names(one) for one in action.items}
        told |= {f"category {one} ": self._category(one) for one in action.categories}
        named = [one for one in told if refused.reason.startswith(one)]
        return told[max(named, key=len)] if named else self._things(action, "or") or "something that it is for"

    def _things(self, action: Action | None, joined: str) -> str | None:
        """None where they are too many to be said."""
        if action is None:
            return "it"
        names = [*map(self.item_names, action.items), *map(self._category, action.categories)]
        return listed(names, joined) if 0 < len(names) <= 3 else None

    def _category(self, category: str) -> str:
        return self.catalogue.categories[category].name or category


def _unknown(refused: Refusal, names: tuple[Name, ...]) -> Name | None:
    """What a verdict failed for, as nobody knows it; None where it is known that the condition is not met, whatever is
    unknown beside."""
    if refused.reason.endswith(f": {refused.observed}") and len(names) > 1:
        return None
    return next((one for one in names if refused.reason.endswith(f": {one} is unknown")), None)


_AMOUNT = re.compile(r"\d+(?:\.\d+)?")


def _is_dearer(refused: Refusal) -> bool:
    """Of a budget that never allows one more: whether it never did, as one contact costs more than all of it. What a
    day may cost is there again on the next."""
    if refused.gate != "budget":
        return False
    if " a day" in refused.required:
        return True
    most, costs = (_AMOUNT.search(one) for one in (refused.required, refused.reason.partition(" one more is ")[2]))
    return most is not None and costs is not None and float(costs[0]) > float(most[0])


def _names_of(refused: Refusal) -> tuple[Name, ...]:
    """What a condition reads; of other rules nothing."""
    return names_in(refused.rule) if refused.gate == "eligibility" else ()


def _clock(refused: Refusal) -> list[str]:
    return ["the time of day"] if refused.gate == "eligibility" and reads_clock(refused.rule) else []


_OF_ROOTS: Final[Mapping[str, str]] = {
    CUSTOMER: "their {}",
    HISTORY: "what they did before",
    CONTEXT: "what is told of this conversation",
}


def _what(name: Name) -> str:
    return _OF_ROOTS[name.root].format((name.field or "record").replace("_", " "))


_BLANK = re.compile(r"\{(\w+)\}")
_PART = re.compile(r"\[([^\]]*)\]")


def _needed(form: str) -> list[str]:
    return _BLANK.findall(_PART.sub("", form))


def _filled(form: str, blanks: Mapping[str, str | None]) -> str:
    kept = _PART.sub(lambda part: part[1] if all(blanks[one] for one in _BLANK.findall(part[1])) else "", form)
    return " ".join(_BLANK.sub(lambda found: blanks[found[1]] or "", kept).split())
