"""Everything that a gate may look at."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from features.history import CustomerRecord
from models.columns import ChannelCandidates, CompiledCatalogue
from models.decision import DecisionRequest
from models.policy.published import Published
from models.policy_rules import Arm


@dataclass(frozen=True, slots=True)
class Situation:
    """One question, about one customer, at one moment (ms UTC): what was known by then is all that counts. arm: the
    customer's, for the whole decision."""

    request: DecisionRequest
    customer: CustomerRecord
    compiled: CompiledCatalogue
    candidates: ChannelCandidates
    moment: int
    published: Published
    arm: Arm

    def at(self, places: NDArray[np.intp]) -> Situation:
        """The same with only the candidates at `places`, in that order."""
        return replace(self, candidates=self.candidates.at(places))

    def action_id(self, place: int) -> str:
        return self.compiled.catalogue.actions[int(self.candidates.action[place])].id

    def channel(self, place: int) -> str:
        return self.candidates.channels[int(self.candidates.channel[place])]
