"""An action needs a treatment for the placement that was asked for, or one for any placement of the channel."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from models.policy.gate import Account
from models.policy.situation import Situation


@dataclass(frozen=True, slots=True)
class ChannelPlacement:
    name: str = "channel"
    revision: int = 1

    def refuses(self, situation: Situation) -> NDArray[np.bool_]:
        return situation.nobody if situation.candidates.fits.all() else ~situation.candidates.fits

    def account(self, situation: Situation, place: int) -> Account:
        channel = situation.channel(place)
        action = situation.compiled.catalogue.actions[situation.candidates.action[place]]
        shown = sorted({str(entry.placement) for entry in action.treatments if entry.channel == channel})
        wanted = str(situation.candidates.placement)
        observed = ", ".join(shown)
        return Account(
            "placement", observed, wanted, f"on {channel} it has treatments for {observed}, none for {wanted}"
        )
