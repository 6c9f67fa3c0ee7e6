"""Whether a person has said yes or no to a channel, as of any moment."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from features.event import Kind
from features.history import CONSENT_ENTRY, NO_CHANNEL, Records, as_of

CONSENT_KINDS = frozenset({Kind.CONSENT_GRANTED, Kind.CONSENT_WITHDRAWN})


@dataclass(frozen=True, slots=True)
class Consent:
    """What the person last said: granted, or withdrawn, and since when (ms UTC)."""

    granted: bool
    since: int


def entries(records: Records) -> Records:
    """The CONSENT_ENTRY rows that EVENT records hold, sorted by sequence. A grant that names no channel is left out: it
    grants nothing. A withdrawal that names none stays and holds for every channel."""
    granted = records["kind"] == Kind.CONSENT_GRANTED
    kept = (granted & (records["channel"] != NO_CHANNEL)) | (records["kind"] == Kind.CONSENT_WITHDRAWN)
    chosen = records[kept]
    made = np.zeros(len(chosen), dtype=CONSENT_ENTRY)
    for name in ("occurred_at", "recorded_at", "sequence", "channel"):
        made[name] = chosen[name]
    made["granted"] = granted[kept]
    return made[np.argsort(made["sequence"], kind="stable")]


def state(consents: Records, channel: int, moment: int) -> Consent | None:
    """What holds for the channel (vocabulary code) at `moment`: the statement with the newest occurred_at; a withdrawal
    wins a tie. None when nothing is known."""
    known = as_of(consents, moment)
    known = known[(known["channel"] == channel) | (known["channel"] == NO_CHANNEL)]
    if len(known) == 0:
        return None
    newest = known["occurred_at"].max()
    granted = known["granted"][known["occurred_at"] == newest].all()
    return Consent(bool(granted), int(newest))
