"""Who was champion since when, and why, and how versions were judged, as the registry's tags tell it.

training.champions writes the entries of champions, one tag of the registered model each; training.judging the verdicts,
one tag of the version that each is about (models.kept_verdict).
"""

from __future__ import annotations

from typing import Final

import msgspec

from models import kept_verdict
from models.kept_verdict import KeptVerdict
from serving import registry

TAG: Final = "champion."


class Grounds(msgspec.Struct, frozen=True):
    """how: "verdict", "forced" or "rollback". reason, by: in somebody's own words, "" when not told."""

    how: str
    reason: str = ""
    by: str = ""


class Reign(msgspec.Struct, frozen=True):
    """since: ms UTC by the store's clock."""

    version: str
    digest: str
    since: int
    grounds: Grounds


def reigns(tracking_uri: str, model: str) -> tuple[Reign, ...]:
    """The newest first; a tag that somebody else wrote is none of ours. Raises RegistryError."""
    tags = registry.model_tags(tracking_uri, model)
    found = []
    for key in sorted((key for key in tags if key.startswith(TAG)), reverse=True):
        try:
            found.append(msgspec.json.decode(tags[key], type=Reign))
        except msgspec.DecodeError:
            continue
    return tuple(found)


def verdicts(tracking_uri: str, model: str) -> tuple[tuple[str, KeptVerdict], ...]:
    """(version, the newest verdict about it), the newest version first. Raises RegistryError."""
    told = registry.version_tags(tracking_uri, model, kept_verdict.TAG).items()
    read = ((version, kept_verdict.from_text(text)) for version, text in told)
    return tuple((version, one) for version, one in read if one is not None)
