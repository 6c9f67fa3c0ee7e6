"""Nobody is asked how it went while it goes on: surveys wait until the journey and every case have ended."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from features.cases import open_cases
from features.journey import HandoffState, handoffs, present
from models.document_fields import text_of
from models.policy.gate import Account
from models.policy.situation import Situation


@dataclass(frozen=True, slots=True)
class AfterwardsOnly:
    name: str = "survey"
    revision: int = 1

    def refuses(self, situation: Situation) -> NDArray[np.bool_]:
        policy = situation.compiled.policy
        if not policy.any_survey or _going_on(situation) is None:
            return situation.nobody
        return policy.survey[situation.candidates.action]

    def account(self, situation: Situation, place: int) -> Account:  # noqa: ARG002 all are refused for one reason
        observed = str(_going_on(situation))
        return Account(
            "afterwards", observed, "journey and cases have ended", f"a survey waits, for there is {observed}"
        )


def _going_on(situation: Situation) -> str | None:
    page, moment, rules = situation.known, situation.moment, situation.compiled.catalogue.journey
    journey = present(page, moment, rules.idle)
    if journey is not None:
        return f"a journey since {text_of(journey.started_at)}"
    cases = open_cases(page, moment)
    if cases:
        return f"a case open since {text_of(cases[0].opened_at)}"
    waiting = [one for one in handoffs(page, moment, rules.patience) if one.state is HandoffState.OPEN]
    return f"a hand-off waiting since {text_of(waiting[0].at)}" if waiting else None
