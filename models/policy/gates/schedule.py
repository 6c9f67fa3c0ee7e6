"""An action runs from its start until before its end, judged at the moment of delivery."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from models.document_fields import text_of
from models.policy.gate import Account
from models.policy.situation import Situation


@dataclass(frozen=True, slots=True)
class Schedule:
    name: str = "schedule"
    revision: int = 1

    def refuses(self, situation: Situation) -> NDArray[np.bool_]:
        columns, moment = situation.candidates.candidates, situation.request.deliver_at
        return (columns.starts_at > moment) | (columns.ends_at <= moment)

    def account(self, situation: Situation, place: int) -> Account:
        columns, moment = situation.candidates.candidates, situation.request.deliver_at
        starts_at, delivered = int(columns.starts_at[place]), text_of(moment)
        if starts_at > moment:
            start = text_of(starts_at)
            return Account("not_started", delivered, f"from {start}", f"it starts on {start}, after {delivered}")
        end = text_of(int(columns.ends_at[place]))
        return Account("ended", delivered, f"before {end}", f"it ended on {end}, and delivery is on {delivered}")
