"""What a condition may say."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum


class Truth(Enum):
    """MET and UNMET are what the condition says. UNKNOWN: it read what is not known, without asking has() first, and so
    is not met. BROKEN: it could not be evaluated."""

    MET = "met"
    UNMET = "unmet"
    UNKNOWN = "unknown"
    BROKEN = "broken"


@dataclass(frozen=True, slots=True)
class Answer:
    """words: what is unknown, or what went wrong (of which no value is told, for it may be personal); else empty."""

    truth: Truth
    words: str = ""


MET, UNMET = Answer(Truth.MET), Answer(Truth.UNMET)
