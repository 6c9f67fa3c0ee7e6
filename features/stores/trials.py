"""A challenger beside the champion: which, on what share, since when, by whom and why.

Entries are only ever added, so that what is in force is the newest of its kind, and all of them are the audit.
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum
from typing import Protocol

import msgspec


class TrialKind(StrEnum):
    """Scored and logged, deciding nothing; or deciding for a share of the people."""

    SHADOW = "shadow"
    AB = "ab"


class Trial(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """version, digest, run_id: of the challenger, "" when the entry ends a trial. champion: the version beside which it
    decides, "" of a shadow. share: of decisions (shadow) or of people (ab), 0: the trial ends. since: ms UTC. until: ms
    UTC, from when it is over by itself; 0 of a shadow. by, reason: in somebody's own words."""

    kind: TrialKind
    version: str
    digest: str
    run_id: str
    champion: str
    share: float
    since: int
    until: int
    by: str
    reason: str

    @property
    def name(self) -> str:
        """Its lot: who is in another trial of the same bundle is drawn anew."""
        return f"{self.digest[:16]}.{self.since}"


def running(trials: Sequence[Trial], kind: TrialKind, now: int) -> Trial | None:
    """trials: the newest first. now: ms UTC."""
    newest = next((one for one in trials if one.kind is kind), None)
    if newest is None or newest.share == 0.0 or (newest.until and now >= newest.until):
        return None
    return newest


class TrialStore(Protocol):
    def add_trial(self, trial: Trial) -> int:
        """Durable; the number of the entry. Raises StoreError when its bundle is not in the store."""

    def trials(self, limit: int) -> tuple[Trial, ...]:
        """Newest first."""

    def trial_version(self) -> int:
        """The newest entry's number, 0 for none; cheap enough for a poll every second."""

    def log_shadows(self, scores: Sequence[tuple[str, str]]) -> int:
        """(decision id, JSON of models.shadow.ShadowScores), kept with the decision (LoggedDecision.shadow); how many
        of the decisions there are."""
