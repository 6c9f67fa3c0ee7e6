"""A decision as events of its person: what was chosen, and for how long an outbound choice counts as a contact."""

from __future__ import annotations

from collections.abc import Mapping

from features.event import Event, Kind
from features.history import Records
from features.stores.acceptance import LATEST, json_text
from models.catalogue import Channel
from models.decision import Decision
from models.policy_rules import Direction


def decision_events(
    decision: Decision, channels: Mapping[str, Channel], decision_id: str, moment: int, deliver_at: int
) -> tuple[Event, ...]:
    """One `decided` for each chosen action, one without action when nothing was chosen; and one `reserved` for each
    that was chosen on an outbound channel. moment: ms UTC, of the decision."""
    chosen = [(slate.channel, action.action_id) for slate in decision.slates for action in slate.actions]
    decided = [
        _event(Kind.DECIDED, f"decided:{decision_id}", line, channel, action, decision_id, moment)
        for line, (channel, action) in enumerate(chosen or [(None, None)])
    ]
    reserved = [
        reservation(channels[channel], action, decision_id, f"reserved:{decision_id}", line, moment, deliver_at)
        for line, (channel, action) in enumerate(chosen)
        if channels[channel].direction is Direction.OUTBOUND
    ]
    return (*decided, *reserved)


def reservation(
    channel: Channel, action: str, decision_id: str, message_id: str, line: int, moment: int, deliver_at: int
) -> Event:
    """Held for the channel's time from the moment of delivery on, which is not before `moment`."""
    ends_at = min(max(moment, deliver_at) + channel.reserve, LATEST)
    return _event(Kind.RESERVED, message_id, line, channel.id, action, decision_id, moment, ends_at)


def cancellation(channel: str, action: str, decision_id: str, line: int, moment: int, reason: str) -> Event:
    """We do not send it after all. The same again is the same event."""
    return _event(Kind.NOT_SENT, f"cancelled:{decision_id}", line, channel, action, decision_id, moment, reason=reason)


def _event(
    kind: Kind,
    message_id: str,
    line: int,
    channel: str | None,
    action: str | None,
    decision_id: str,
    moment: int,
    ends_at: int | None = None,
    reason: str | None = None,
) -> Event:
    return Event(
        message_id=message_id,
        kind=kind,
        name=f"Action {kind.name.replace('_', ' ').title()}",
        occurred_at=moment,
        recorded_at=moment,
        line=line,
        channel=channel,
        action=action,
        decision=decision_id,
        ends_at=ends_at,
        properties="{}" if reason is None else json_text({"reason": reason}),
    )


def after_reservations(page: Records, moment: int) -> int:
    """The moment (ms UTC), or that of the newest reservation where another worker's clock is ahead of ours, or its
    request came in later and was first: what is reserved must not be hidden from a decision that is made after it."""
    if Kind.RESERVED not in page["kind"].tobytes():
        return moment
    reserved = page["recorded_at"][page["kind"] == Kind.RESERVED]
    return max(moment, int(reserved.max())) if len(reserved) else moment
