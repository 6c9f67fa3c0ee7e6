"""What a gate is: a question with yes or no for every candidate, and a sentence for those who ask why.

A gate is pure, judges each candidate by itself (so order and company do not matter), and closes when it fails: the one
that runs it (models.policy.screening) refuses, by the gate's name, every candidate for which it raises.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from models.policy.situation import Situation


@dataclass(frozen=True, slots=True)
class Account:
    """Why one candidate was refused. rule: in one word. observed and required: what was and what should have been.
    reason: a sentence for people, never empty."""

    rule: str
    observed: str
    required: str
    reason: str


class Unjudged(Exception):
    """A gate could not judge candidates. Its text is shown to those who ask why: it tells nothing of the customer."""


class Gate(Protocol):
    """name: as the funnel and the refusals show it. revision: raised whenever its verdicts may change."""

    @property
    def name(self) -> str: ...

    @property
    def revision(self) -> int: ...

    def refuses(self, situation: Situation) -> NDArray[np.bool_]:
        """bool[candidates]: True refuses."""

    def account(self, situation: Situation, place: int) -> Account:
        """For a candidate that it refuses."""
