"""An action with a condition is for those only who meet it. Nobody meets a condition by what is not known of them."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from google.protobuf.timestamp_pb2 import Timestamp
from numpy.typing import NDArray

from models.conditions.truth import Truth
from models.policy.gate import Account, Unjudged
from models.policy.situation import Situation

_SHOWN = 200
"""Characters of a value that an account shows."""


class ConditionBroken(Unjudged):
    """Conditions could not be evaluated."""


@dataclass(frozen=True, slots=True)
class Eligibility:
    name: str = "eligibility"
    revision: int = 1

    def refuses(self, situation: Situation) -> NDArray[np.bool_]:
        """Each distinct condition is asked once. Raises ConditionBroken with all that could not be evaluated."""
        conditions = situation.compiled.conditions
        wanted = conditions.of_action[situation.candidates.action]
        asked = np.zeros(len(conditions.all) + 1, np.bool_)
        asked[wanted] = True
        numbers = np.flatnonzero(asked[:-1]).tolist()
        truths = situation.answers.truths(numbers)
        if Truth.BROKEN in truths:
            raise ConditionBroken("; ".join(_broken(situation, numbers)))
        if all(truth is Truth.MET for truth in truths):
            return situation.nobody
        met = np.ones(len(asked), np.bool_)  # the last one is for NONE
        met[numbers] = [truth is Truth.MET for truth in truths]
        return ~met[wanted]

    def account(self, situation: Situation, place: int) -> Account:
        conditions = situation.compiled.conditions
        number = int(conditions.of_action[situation.candidates.action[place]])
        condition, answer = conditions.all[number], situation.answers.of(number)
        held = situation.answers.observed(condition)
        observed = ", ".join(f"{name} {_shown(value)}" for name, value in held.items()) or "nothing that it reads"
        reason = "its condition is not met" + (f": {observed}" if held else "")
        if answer.truth is Truth.UNKNOWN:
            reason = f"its condition is not met: {answer.words} is unknown"
        return Account(condition.text, observed, "true", reason)


def _broken(situation: Situation, numbers: Sequence[int]) -> Iterator[str]:
    for number in numbers:
        answer = situation.answers.of(number)
        if answer.truth is Truth.BROKEN:
            yield f"{situation.compiled.conditions.all[number].text!r}: {answer.words}"


def _shown(value: object) -> str:
    if value is None:
        return "is unknown"
    if isinstance(value, Timestamp):
        return f"is {value.ToJsonString()}"
    if isinstance(value, float):
        return f"is {value:g}"
    text = json.dumps(value, ensure_ascii=False) if isinstance(value, str | Sequence | dict | bool | int) else "?"
    return f"is {text[:_SHOWN]}"
