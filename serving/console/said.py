"""What was answered to an action in the conversation under way, whoever answered, wherever it was told.

One answer stands for an action in a conversation. Until it is told it lies in the store, and for a day beside what the
log has of it; after that, and of what other systems told, the log speaks alone. "Presented" is no answer yet: what they
say to it may follow.

It is kept under the number that its decision is filed under, so that it goes where that goes: people who are found to
be one bring their answers along, and take them back when they are parted.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final, Literal

import msgspec
import numpy as np

from features.event import Kind
from features.history import CustomerRecord, Records
from features.stores.desk import AnswerFate, KeptAnswer
from models.local_time import utc_offset
from models.policy_rules import DAY
from serving.desk_answers import ANSWERS
from serving.draws import occasion
from serving.person import Known
from serving.question_text import canonical
from serving.runtime import Runtime

Outcome = Literal["presented", "accepted", "rejected", "later"]
WORDS: Final[Mapping[Outcome, str]] = {
    "presented": "Presented",
    "accepted": "Accepted",
    "rejected": "Not interested",
    "later": "Later",
}
State = Literal["open", "waiting", "telling", "recorded", "dropped"]
_STATES: Final[Mapping[AnswerFate, State]] = {
    AnswerFate.WAITING: "waiting",
    AnswerFate.TELLING: "telling",
    AnswerFate.TOLD: "recorded",
    AnswerFate.DROPPED: "dropped",
}
_OF_LOG: Final[Mapping[int, Outcome]] = {
    Kind.DISPLAYED: "presented",
    **ANSWERS,
}


class Remembered(msgspec.Struct, frozen=True):
    """What is known of an answer, and all that is once it is told. at: ms UTC, the present when it was answered."""

    outcome: Outcome
    at: int


class Told(msgspec.Struct, frozen=True):
    """What waits to be told. token: of the decision that it answers. name: of the action."""

    token: str
    name: str
    outcome: Outcome
    at: int

    @property
    def remains(self) -> str:
        return msgspec.json.encode(Remembered(self.outcome, self.at)).decode()


@dataclass(frozen=True, slots=True)
class Said:
    """outcome: None while nothing was answered. account: whose answer it is, "" of another system's or nobody's. name:
    of the action. kept: None of what only the log knows. lost: an answer that is not recorded, for this one was there
    first."""

    outcome: Outcome | None = None
    state: State = "open"
    kept: KeptAnswer | None = None
    lost: Said | None = None

    @property
    def words(self) -> str:
        return "" if self.outcome is None else WORDS[self.outcome]

    @property
    def account(self) -> str:
        return "" if self.kept is None else self.kept.answer.account

    @property
    def answer_id(self) -> str:
        """Empty of what only the log knows."""
        return "" if self.kept is None else self.kept.answer.answer_id

    @property
    def due_at(self) -> int:
        """0 of what only the log knows."""
        return 0 if self.kept is None else self.kept.answer.due_at

    @property
    def version(self) -> str:
        """Another whenever something else is to be shown."""
        own = self.state if self.outcome is None else f"{self.state}:{self.outcome}:{self.due_at}"
        return own if self.lost is None else f"{own} {self.lost.version}"

    @property
    def stands(self) -> bool:
        """Whether another answer would be one too many."""
        return self.state in {"waiting", "telling", "recorded"} and self.outcome != "presented"

    @property
    def put_off(self) -> bool:
        """Recorded as "later", which what they answer afterwards to another system takes the place of."""
        return (self.outcome, self.state) == ("later", "recorded")

    @property
    def presented(self) -> bool:
        return self.state in {"waiting", "telling", "recorded"}


OPEN: Final = Said()
_ANSWERED: Final = "{}-said"
_PRESENTED: Final = "{}-told"
"""The places in which it is kept what was answered to an action, and that it was presented, by key."""


@dataclass(frozen=True, slots=True)
class Conversation:
    """whose: how the ids of the customer's answers begin, one for each number that leads to them. since: ms UTC, from
    when on an answer is of this conversation. kept: by place, also of earlier ones. logged: the newest answer that the
    log has, else that it was told them, by key. contacts: of which decisions the log has that it was told them, as
    text codes, by key."""

    whose: tuple[str, ...]
    since: int
    kept: Mapping[str, Sequence[KeptAnswer]]
    logged: Mapping[str, Outcome]
    contacts: Mapping[str, frozenset[int]]

    def said(self, key: str) -> Said:
        """key: of the action, as `key_of` makes it."""
        standing = self._what_stands(key)
        return replace(standing, lost=self._lost(key, standing))

    def answered(self, key: str) -> Outcome | None:
        """What the log has as answered; None of nothing."""
        logged = self.logged.get(key)
        return logged if logged in {"accepted", "rejected"} else None

    def _what_stands(self, key: str) -> Said:
        """What was told while it waited, an answer gives way to, and will not be told; of one that is being told the
        log may have it already."""
        answered, presented = self.first_answer(key), self._first(_PRESENTED.format(key))
        logged, told = self.logged.get(key), self.answered(key)
        overtaken = answered is not None and (
            answered.state == "waiting" or (answered.state == "telling" and answered.outcome != told)
        )
        gives_way = told is not None and answered is not None and (answered.put_off or overtaken)
        if answered is not None and answered.state != "dropped" and not gives_way:
            return answered
        if told is not None:
            return Said(told, "recorded")
        if answered is not None:
            return answered
        if presented is not None and (presented.state != "dropped" or logged is None):
            return presented
        return OPEN if logged is None else Said(logged, "recorded")

    def _lost(self, key: str, standing: Said) -> Said | None:
        """The newest of those that say something else than what was recorded."""
        if not standing.stands:
            return None
        kept = (_kept(one, self.since) for one in self.kept.get(_ANSWERED.format(key), ()))
        others = [one for one in kept if one is not None and one.outcome != standing.outcome]
        lost = [
            one
            for one in others
            if one.state == "dropped" or (one.state in {"waiting", "telling"} and standing.state == "recorded")
        ]
        return replace(max(lost, key=lambda one: one.due_at), state="dropped") if lost else None

    def all(self) -> dict[str, str]:
        """By key, the version of whatever is not open."""
        keys = {place.rpartition("-")[0] for place in self.kept} | self.logged.keys()
        found = {key: self.said(key).version for key in sorted(keys)}
        return {key: version for key, version in found.items() if version != OPEN.version}

    def first_answer(self, key: str) -> Said | None:
        """Of those that were kept the one that stands; else of those that were dropped the newest."""
        return self._first(_ANSWERED.format(key))

    def _first(self, place: str) -> Said | None:
        found = (_kept(one, self.since) for one in self.kept.get(place, ()))
        return min((one for one in found if one is not None), key=_before, default=None)

    def ids(self, key: str, outcome: Outcome) -> tuple[str, ...]:
        """Wherever an answer to it may be kept."""
        return tuple(answer_id(one, key, outcome) for one in self.whose)

    def told(self, key: str, outcome: Outcome) -> frozenset[int]:
        """When those were due that were told."""
        found = self.kept.get(place_of(key, outcome), ())
        return frozenset(one.answer.due_at for one in found if one.fate is AnswerFate.TOLD)


def conversation_of(runtime: Runtime, known: Known) -> Conversation:
    whose = whose_of(runtime, known.record)
    since = since_of(runtime, known)
    kept: dict[str, list[KeptAnswer]] = {}
    for one in runtime.store.answers(*whose):
        kept.setdefault(one.answer.answer_id.split("-", 2)[2], []).append(one)
    logged: dict[str, Outcome] = {}
    contacts: dict[str, frozenset[int]] = {}
    for action, outcome, decision in _logged(runtime, known, since):
        key = key_of(runtime, action)
        if outcome != "presented" or key not in logged:
            logged[key] = outcome
        if outcome == "presented":
            contacts[key] = contacts.get(key, frozenset()) | {decision}
    return Conversation(whose, since, kept, logged, contacts)


def _kept(kept: KeptAnswer, since: int) -> Said | None:
    """None of what was taken back, and of what is of an earlier conversation."""
    remembered = None if kept.fate is AnswerFate.OPEN else _remembered(kept.answer.body)
    if remembered is None:
        return None
    state = _STATES[kept.fate]
    over = state in {"recorded", "dropped"} and remembered.at < since
    return None if over else Said(remembered.outcome, state, kept)


def _before(said: Said) -> tuple[bool, bool, bool, int, str]:
    """Of several that were kept for one action, of people who were found to be one only then, the least stands: an
    answer before "later", what is told before what is not, and what was given first."""
    if said.state == "dropped":
        return True, False, False, -said.due_at, said.answer_id
    return False, said.outcome == "later", said.state != "recorded", said.due_at, said.answer_id


def whose_of(runtime: Runtime, record: CustomerRecord) -> tuple[str, ...]:
    """By every number that leads to the customer."""
    return tuple(beginning(runtime, one) for one in runtime.store.numbers_of(record.person))


def beginning(runtime: Runtime, number: int) -> str:
    """Of the ids of the answers that are kept under a number. Nobody else is ever given it: who is erased and comes
    again begins anew."""
    return f"a-{runtime.signer.number(canonical(['answers', number])):016x}-"


def key_of(runtime: Runtime, action: str) -> str:
    """Of an action that is suggested at the desk: the same whoever the customer is found to be."""
    return f"{runtime.signer.number(canonical(['answer', runtime.settings.console_channel, action])):016x}"


def place_of(key: str, outcome: Outcome) -> str:
    """Accepted, rejected and later have one place, which whoever comes first takes."""
    return (_PRESENTED if outcome == "presented" else _ANSWERED).format(key)


def answer_id(whose: str, key: str, outcome: Outcome) -> str:
    """whose: one that `beginning` made."""
    return f"{whose}{place_of(key, outcome)}"


def since_of(runtime: Runtime, known: Known) -> int:
    """The beginning of the journey under way, or so shortly before that it belongs to it: a call may be logged after
    the first answer. Without a journey, of the customer's day."""
    catalogue, record = runtime.catalogue().catalogue, known.record
    kind, at = occasion(record, catalogue, known.moment)
    if kind == "journey":
        return at - catalogue.journey.idle
    return at * DAY - utc_offset(record.time_zone, catalogue.time_zone, known.moment)


def _logged(runtime: Runtime, known: Known, since: int) -> Iterator[tuple[str, Outcome, int]]:
    """(action, outcome, text code of the decision) of what was told at the desk since then, the oldest first."""
    vocabulary = runtime.store.vocabulary
    here = vocabulary.code("channel", runtime.settings.console_channel)
    page: Records = known.record.page
    told = page[(page["occurred_at"] >= since) & (page["channel"] == here) & np.isin(page["kind"], list(_OF_LOG))]
    for one in told:
        action = vocabulary.text("action", int(one["action"]))
        if action is not None:
            yield action, _OF_LOG[int(one["kind"])], int(one["decision"])


def _remembered(body: str) -> Remembered | None:
    """None of what an earlier version left, and of what was taken back."""
    try:
        return msgspec.json.decode(body, type=Remembered)
    except msgspec.DecodeError:
        return None
