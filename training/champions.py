"""Who was champion when, and why: one entry for each time that somebody became it, kept as tags of the registered
model, each under a key of its own, so that nothing is ever written over."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum

import msgspec

from training.errors import InvalidGrounds

LONGEST = 1_000
"""Characters of a reason or a name, that an entry fits into a tag."""
TAG = "champion."
"""Of an entry's tag, before its number and its bundle's digest."""


class How(StrEnum):
    """The verdict allowed it; it was forced past the verdict; the one before was brought back."""

    VERDICT = "verdict"
    FORCED = "forced"
    ROLLBACK = "rollback"


class Grounds(msgspec.Struct, frozen=True):
    """reason, by: in somebody's own words, "" when not told. Raises InvalidGrounds."""

    how: How
    reason: str
    by: str

    def __post_init__(self) -> None:
        for name, text in (("reason", self.reason), ("by", self.by)):
            if self.how is How.FORCED and not text.strip():
                raise InvalidGrounds(f"{name} is missing; to force is to say why and by whom; add --reason and --by")
            if len(text) > LONGEST:
                raise InvalidGrounds(f"{name} is {len(text):,} characters; at most {LONGEST:,} are kept; shorten it")


class Reign(msgspec.Struct, frozen=True):
    """since: ms UTC by the store's clock, when the version became champion. digest: of its bundle."""

    version: str
    digest: str
    since: int
    grounds: Grounds


def tag_of(reign: Reign, before: int) -> tuple[str, str]:
    """Key and value. before: how many entries there are; a driven clock may stand still, so times give no order."""
    return f"{TAG}{before + 1:06d}.{reign.digest[:12]}", msgspec.json.encode(reign).decode()


def history(tags: Mapping[str, str]) -> tuple[Reign, ...]:
    """The oldest first; a tag that somebody else wrote is none of ours."""
    found = []
    for key in sorted(key for key in tags if key.startswith(TAG)):
        try:
            found.append(msgspec.json.decode(tags[key], type=Reign))
        except msgspec.DecodeError:
            continue
    return tuple(found)
