"""Nobody is contacted in the quiet hours of a channel, on their own clock, at the moment of delivery."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from models.document_fields import text_of
from models.journey_rules import MINUTE
from models.local_time import zone_of
from models.policy.gate import Account
from models.policy.quiet import quiet_until
from models.policy.situation import Situation
from models.policy_rules import WEEKDAYS, QuietHours


@dataclass(frozen=True, slots=True)
class OutsideQuietHours:
    name: str = "quiet_hours"
    revision: int = 1

    def refuses(self, situation: Situation) -> NDArray[np.bool_]:
        quiet = [_until(situation, channel) is not None for channel in situation.candidates.channels]
        if not any(quiet):
            return situation.nobody
        return np.array(quiet, np.bool_)[situation.candidates.channel]

    def account(self, situation: Situation, place: int) -> Account:
        channel = situation.channel(place)
        rule, until = _rule(situation, channel), _until(situation, channel)
        if rule is None or until is None:
            raise LookupError(f"quiet hours are over on {channel}; it refuses nothing there; ask for what it refuses")
        observed = _local(situation, situation.request.deliver_at)
        required = text_of(until)
        reason = f"on {channel} it is quiet {_words(rule)}; the earliest moment is {required}"
        return Account("quiet_hours", observed, f"from {required}", reason)


def _rule(situation: Situation, channel: str) -> QuietHours | None:
    return situation.compiled.catalogue.channels[channel].quiet_hours


def _until(situation: Situation, channel: str) -> int | None:
    rule = _rule(situation, channel)
    if rule is None:
        return None
    zone, otherwise = situation.customer.time_zone, situation.compiled.catalogue.time_zone
    return quiet_until(rule, situation.request.deliver_at, zone, otherwise)


def _local(situation: Situation, moment: int) -> str:
    zone = zone_of(situation.customer.time_zone, situation.compiled.catalogue.time_zone)
    return dt.datetime.fromtimestamp(moment / 1000, zone).isoformat(timespec="minutes")


def _words(rule: QuietHours) -> str:
    closed = "".join(f" and all {WEEKDAYS[day]}" for day in sorted(rule.closed))
    return f"from {_clock(rule.begin)} to {_clock(rule.end)}{closed}"


def _clock(moment: int) -> str:
    return f"{moment // (60 * MINUTE):02d}:{moment // MINUTE % 60:02d}"
