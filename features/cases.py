"""Cases that are open, as the page tells of them.

A case is open unless its newest opening or closing closed it; one that is only updated was opened before we heard of
it. Cases told without an id are taken for one. Its reason is compared as it is spoken: without regard to case and to
spaces around and between words.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np

from features.event import Kind
from features.history import Records, as_of

KINDS = frozenset({Kind.CASE_OPENED, Kind.CASE_UPDATED, Kind.CASE_CLOSED})

REASONED = KINDS | {Kind.CALL_STARTED, Kind.CHAT_STARTED, Kind.IVR_MENU_SELECTED}
"""Kinds that may tell a reason, which stands where an order would (features.stores.packed)."""

SEVERITIES: Final[Mapping[str, int]] = {"low": 1, "medium": 2, "high": 3, "critical": 4}
"""How bad a case is, by the words for it; any other whole number may be told too."""
SEVERITY_NAMES: Final[Mapping[int, str]] = {number: word for word, number in SEVERITIES.items()}

LONGEST_REASON = 100
"""Characters; a longer one is a story."""

_IS_OF_CASE = np.isin(np.arange(256), sorted(KINDS))


@dataclass(frozen=True, slots=True)
class OpenCase:
    """code: text_code of its id, 0 for none. opened_at, touched_at: ms UTC of its (first known) opening and of the
    newest word on it. severity: the newest that was told, 0 when none was. reason: text_code of the newest `spoken`
    reason that was told, 0 when none was."""

    code: int
    opened_at: int
    touched_at: int
    severity: int
    reason: int


def spoken(reason: object) -> str | None:
    """A reason as reasons are compared; None for what is none: no text, an empty one, or one too long for a reason."""
    words = worded(reason)
    return words if words is not None and len(words) <= LONGEST_REASON else None


def worded(reason: object) -> str | None:
    """The same for one of any length."""
    words = " ".join(reason.casefold().split()) if isinstance(reason, str) else ""
    return words or None


def open_cases(page: Records, moment: int) -> tuple[OpenCase, ...]:
    """Those open at `moment` (ms UTC), the longest open first. page: EVENT records in any order."""
    known = as_of(page, moment)
    told = known[_IS_OF_CASE[known["kind"]]]
    if len(told) == 0:
        return ()
    # At one moment a closing comes after an opening: a case that was opened and closed at once is closed.
    told = told[np.lexsort((told["kind"], told["occurred_at"]))]
    cases = (_case(told[told["decision"] == code], int(code)) for code in np.unique(told["decision"]))
    return tuple(sorted((case for case in cases if case is not None), key=lambda case: (case.opened_at, case.code)))


def _case(told: Records, code: int) -> OpenCase | None:
    turns = told[told["kind"] != Kind.CASE_UPDATED]
    if len(turns) and turns["kind"][-1] == Kind.CASE_CLOSED:
        return None
    severities = told["severity"][told["severity"] != 0]
    reasons = told["order"][told["order"] != 0]  # where a case's topic stands (features.stores.packed)
    closed = told["occurred_at"][told["kind"] == Kind.CASE_CLOSED]
    since = told if len(closed) == 0 else told[told["occurred_at"] >= closed.max()]
    opened = since["occurred_at"][since["kind"] == Kind.CASE_OPENED]
    return OpenCase(
        code=code,
        opened_at=int(opened[0] if len(opened) else told["occurred_at"][0]),
        touched_at=int(told["occurred_at"][-1]),
        severity=int(severities[-1]) if len(severities) else 0,
        reason=int(reasons[-1]) if len(reasons) else 0,
    )
