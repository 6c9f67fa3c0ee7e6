"""Nobody is contacted without consent. What silence means is the channel's regime: under opt_in it means no, under
opt_out yes; under not_needed nobody asks. A withdrawal stands until a later grant."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from features import consent
from models.catalogue import Regime
from models.catalogue_document import text_of
from models.policy.gate import Account
from models.policy.situation import Situation


@dataclass(frozen=True, slots=True)
class ConsentGiven:
    name: str = "consent"
    revision: int = 1

    def refuses(self, situation: Situation) -> NDArray[np.bool_]:
        closed = [not _open(situation, channel) for channel in situation.candidates.channels]
        return np.array(closed, np.bool_)[situation.candidates.channel]

    def account(self, situation: Situation, place: int) -> Account:
        channel = situation.channel(place)
        regime = situation.compiled.catalogue.channels[channel].consent
        known = _known(situation, channel)
        if known is None:
            reason = f"{channel} needs a grant ({regime}) and none is known"
            return Account(regime, "nothing known", "a grant", reason)
        since = text_of(known.since)
        return Account(regime, f"withdrawn {since}", "a later grant", f"consent to {channel} was withdrawn on {since}")


def _known(situation: Situation, channel: str) -> consent.Consent | None:
    return consent.state(
        situation.customer.consents, situation.compiled.channel_codes[channel], consent.EVERYTHING, situation.moment
    )


def _open(situation: Situation, channel: str) -> bool:
    regime = situation.compiled.catalogue.channels[channel].consent
    if regime is Regime.NOT_NEEDED:
        return True
    known = _known(situation, channel)
    return known.granted if known is not None else regime is Regime.OPT_OUT
