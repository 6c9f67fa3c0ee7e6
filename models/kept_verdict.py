"""A verdict about a challenger as it is kept beside its version in the registry, for whoever shows it.

The whole of it, with segments and the model card, is `verdict.json` of the challenger's run.
"""

from __future__ import annotations

from typing import Final

import msgspec

TAG: Final = "verdict"
"""Of the model version."""


class KeptCriterion(msgspec.Struct, frozen=True):
    """observed, required: None where there is no figure. bound: "at least" or "at most". result: "passed", "failed" or
    "not evaluable"."""

    name: str
    observed: float | None
    bound: str
    required: float | None
    result: str
    sentence: str


class KeptVerdict(msgspec.Struct, frozen=True):
    """at: ms UTC by the store's clock. champion: the version that it was judged against, None where there was none. by:
    who put it forward. how: "verdict", "forced" or "refused"."""

    promoted: bool
    champion: str | None
    remark: str
    at: int
    by: str
    how: str
    criteria: tuple[KeptCriterion, ...]


def to_text(verdict: KeptVerdict) -> str:
    return msgspec.json.encode(verdict).decode()


def from_text(text: str) -> KeptVerdict | None:
    """None of what somebody else wrote."""
    try:
        return msgspec.json.decode(text, type=KeptVerdict)
    except msgspec.DecodeError:
        return None
