"""What customers answered to an agent: one answer to a suggestion, by whatever way it comes."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from typing import Final, Literal

import msgspec
import numpy as np

from features.event import Kind
from features.history import CustomerRecord, text_code
from features.vocabulary import Vocabulary
from serving.tokens import TokenClaims

DESK_DECISION: Final = re.compile(r"desk-[0-9a-f]{32}")
"""The ids of decisions that are made for the desk's pages (serving.console.suggesting)."""
DeskAnswer = Literal["accepted", "rejected"]
ANSWERS: Final[Mapping[int, DeskAnswer]] = {Kind.ACCEPTED: "accepted", Kind.REJECTED: "rejected"}
_KINDS: Final = np.asarray(list(ANSWERS), np.uint8)


def answers_logged(record: CustomerRecord, vocabulary: Vocabulary, claims: TokenClaims) -> frozenset[DeskAnswer]:
    """What the log has as answered to this very suggestion, "presented" aside."""
    page = record.page
    mine = page[np.isin(page["kind"], _KINDS) & (page["decision"] == text_code(claims.decision_id))]
    mine = mine[mine["action"] == vocabulary.code("action", claims.action_id)]
    mine = mine[mine["channel"] == vocabulary.code("channel", claims.channel)]
    return frozenset(ANSWERS[int(kind)] for kind in mine["kind"])


def other_answer(record: CustomerRecord, vocabulary: Vocabulary, claims: TokenClaims, than: str) -> DeskAnswer | None:
    """Another that the log has of this very suggestion; None of none."""
    return min((one for one in answers_logged(record, vocabulary, claims) if one != than), default=None)


def message_id(claims: TokenClaims, what: Literal["displayed", "answer", "later"]) -> str:
    """The same for every answer to one suggestion, so that of several the store keeps the first, whoever tells them and
    whenever. "Later" is a note and no such answer: what they answer after it is kept beside it."""
    parts = msgspec.json.encode((claims.decision_id, claims.action_id, claims.channel))
    return f"desk:{hashlib.sha256(parts).hexdigest()[:32]}:{what}"
