"""Everything that a gate may look at."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from features.event import Kind
from features.history import CustomerRecord, Records, as_of
from features.live_response import NO_LIFTS, Lifts
from features.published import Published
from models.columns import ChannelCandidates, CompiledCatalogue
from models.conditions.answers import Answers
from models.decision import DecisionRequest
from models.policy_rules import Arm


@dataclass(frozen=True, slots=True)
class Situation:
    """One question, about one customer, at one moment (ms UTC): what was known by then is all that counts. arm: the
    customer's, for the whole decision. known: of the customer's page, what was known by then; kinds: of its events, a
    byte each. answers: of the catalogue's conditions about that customer, kept as they are given. nobody:
    bool[candidates], the verdict of a gate that refuses nothing. Always the same array, read-only, so that whoever runs
    the gates knows it without looking through it."""

    request: DecisionRequest
    customer: CustomerRecord
    compiled: CompiledCatalogue
    candidates: ChannelCandidates
    moment: int
    published: Published
    arm: Arm
    known: Records = field(init=False, repr=False, compare=False)
    kinds: bytes = field(init=False, repr=False, compare=False)
    answers: Answers = field(init=False, repr=False, compare=False)
    nobody: NDArray[np.bool_] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        asked, known = self.request, as_of(self.customer.page, self.moment)
        object.__setattr__(self, "known", known)
        object.__setattr__(self, "kinds", known["kind"].tobytes())
        answers = Answers(self.compiled, self.customer, asked.context, self.moment, asked.deliver_at)
        object.__setattr__(self, "answers", answers)
        object.__setattr__(self, "nobody", _none_of(len(self.candidates)))

    def has_any(self, kinds: Iterable[Kind]) -> bool:
        """Whether anything of these kinds is known of the customer."""
        held = self.kinds
        return any(kind in held for kind in kinds)

    @property
    def lifts(self) -> Lifts:
        """How actions do by now; nothing by a catalogue that will not have it, whatever was published under another."""
        return self.published.lifts if self.compiled.catalogue.live_response else NO_LIFTS

    def at(self, places: NDArray[np.intp]) -> Situation:
        """The same with only the candidates at `places`, in that order."""
        narrowed = replace(self, candidates=self.candidates.at(places))
        object.__setattr__(narrowed, "answers", self.answers)
        return narrowed

    def action_id(self, place: int) -> str:
        return self.compiled.catalogue.actions[int(self.candidates.action[place])].id

    def channel(self, place: int) -> str:
        return self.candidates.channels[int(self.candidates.channel[place])]


@lru_cache(maxsize=256)
def _none_of(count: int) -> NDArray[np.bool_]:
    none = np.zeros(count, np.bool_)
    none.flags.writeable = False
    return none
