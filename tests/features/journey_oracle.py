"""The journey and the hand-offs once more, slowly and plainly: every pair of steps is looked at."""

from __future__ import annotations

from dataclasses import dataclass

from features.event import Kind
from features.history import Records
from features.journey import LONGEST_WAIT, Handoff, HandoffState, Journey

NO_CHANNEL = 255
SILENT = {
    *(Kind.OTHER, Kind.REFUNDED, Kind.CANCELLED, Kind.ORDER_UPDATED, Kind.ORDER_SHIPPED, Kind.ORDER_DELIVERED),
    *(Kind.SUBSCRIPTION_STARTED, Kind.SUBSCRIPTION_CHANGED, Kind.SUBSCRIPTION_ENDED),
    *(Kind.DECIDED, Kind.RESERVED, Kind.SENT, Kind.NOT_SENT, Kind.DISPLAYED, Kind.CLICKED, Kind.ACCEPTED),
    *(Kind.REJECTED, Kind.CONVERTED, Kind.MESSAGE_OPENED, Kind.MESSAGE_MACHINE_OPENED),
    Kind.ADDRESS_FAILED,
    *(Kind.CONSENT_GRANTED, Kind.CONSENT_WITHDRAWN, Kind.IDENTIFIED),
    *(Kind.CASE_UPDATED, Kind.CASE_CLOSED, Kind.DELIVERY_DELAYED, Kind.NOTE_WRITTEN),
}
"""What is no step of the person's."""

STAYS = {
    *(Kind.CALL_ENDED, Kind.CHAT_ENDED, Kind.CASE_OPENED, Kind.PAYMENT_FAILED, Kind.FORM_FIELD_CAPTURED),
    *(Kind.SURVEY_ANSWERED, Kind.HANDED_OFF, Kind.HANDOFF_TAKEN),
}
"""Steps that do not show that somebody has come to a channel."""

_REASONED = {Kind.CALL_STARTED, Kind.CHAT_STARTED, Kind.IVR_MENU_SELECTED, Kind.CASE_OPENED}
"""Steps that tell a reason where others tell an order."""


@dataclass(frozen=True, slots=True, order=True)
class Step:
    at: int
    kind: int
    channel: int
    order: int
    decision: int
    item: int
    action: int
    amount: float
    quantity: float
    severity: int
    sequence: int


def _known(page: Records, moment: int) -> list[Step]:
    rows = [row for row in page if row["occurred_at"] <= moment and row["recorded_at"] <= moment]
    return sorted(
        Step(
            at=int(row["occurred_at"]),
            kind=int(row["kind"]),
            channel=int(row["channel"]),
            order=int(row["order"]),
            decision=int(row["decision"]),
            item=int(row["item"]),
            action=int(row["action"]),
            amount=float(row["amount"]),
            quantity=float(row["quantity"]),
            severity=int(row["severity"]),
            sequence=int(row["sequence"]),
        )
        for row in rows
    )


def _talk_end(step: Step, steps: list[Step]) -> int | None:
    """Until when the call or chat that `step` begins is under way."""
    ends = {Kind.CALL_STARTED: Kind.CALL_ENDED, Kind.CHAT_STARTED: Kind.CHAT_ENDED}.get(Kind(step.kind))
    if ends is None:
        return None
    told = [other.at for other in steps if other.kind == ends and other.at >= step.at]
    return min([*told, step.at + LONGEST_WAIT])


def _held_until(step: Step, steps: list[Step], idle: int) -> int:
    ends = [step.at + idle]
    talk = _talk_end(step, steps)
    if talk is not None:
        ends.append(talk)
    if step.kind == Kind.HANDED_OFF:
        taken = [one.at for one in steps if one.kind == Kind.HANDOFF_TAKEN and one.decision == step.decision]
        if taken:
            ends.append(min([*taken, step.at + LONGEST_WAIT]))
    return max(ends)


def present(page: Records, moment: int, idle: int) -> Journey | None:
    steps = [step for step in _known(page, moment) if step.kind not in SILENT]
    begun: list[Step] = []
    for place, step in enumerate(steps):
        if not any(_held_until(earlier, steps, idle) >= step.at for earlier in steps[:place]):
            begun = []
        begun.append(step)
    if not begun or all(_held_until(step, steps, idle) < moment for step in steps):
        return None
    first, last = begun[0].at, begun[-1].at
    talking = [min(moment, end) for step in begun if (end := _talk_end(step, steps)) is not None]
    return Journey(
        started_at=first,
        latest_at=last,
        elapsed=max([last, *talking]) - first,
        transfers=_transfers(begun, steps),
        channels=_once([step.channel for step in begun if step.channel != NO_CHANNEL and step.kind != Kind.HANDED_OFF]),
        items=_once([step.item for step in reversed(begun) if step.item >= 0]),
        orders=_once([step.order for step in reversed(begun) if step.order and step.kind not in _REASONED]),
    )


def _once(codes: list[int]) -> tuple[int, ...]:
    return tuple(code for place, code in enumerate(codes) if code not in codes[:place])


def _transfers(begun: list[Step], steps: list[Step]) -> int:
    """Counted step by step: was the person passed on here?"""
    places = [place for place in range(len(begun)) if _passed(begun, place, steps)]
    return len(places)


def _passed(begun: list[Step], place: int, steps: list[Step]) -> bool:
    step = begun[place]
    if step.kind == Kind.CALL_TRANSFERRED:
        return True
    if _counts(begun, place, steps):
        where = [one.channel for at, one in enumerate(begun[:place]) if _counts(begun, at, steps)]
        if where and where[-1] != step.channel:
            return True
    if step.kind != Kind.HANDOFF_TAKEN:
        return False
    made = [at for at in range(place) if begun[at].kind == Kind.HANDED_OFF and begun[at].decision == step.decision]
    return bool(made) and not any(_passed(begun, at, steps) for at in range(made[0], place))


def _counts(begun: list[Step], place: int, steps: list[Step]) -> bool:
    """Whether the step says where the person is."""
    step = begun[place]
    if step.channel == NO_CHANNEL or step.kind == Kind.HANDED_OFF:
        return False
    if step.kind in {
        *(Kind.CALL_STARTED, Kind.CHAT_STARTED, Kind.CALL_TRANSFERRED, Kind.STORE_VISITED, Kind.HANDOFF_TAKEN),
    }:
        return True
    ends = [_talk_end(earlier, steps) for earlier in begun[:place]]
    return not any(end is not None and step.at <= end for end in ends)


def handoffs(page: Records, moment: int, patience: int) -> tuple[Handoff, ...]:
    known = _known(page, moment)
    found: dict[int, Handoff] = {}
    for made in known:
        if made.kind != Kind.HANDED_OFF or made.decision == 0 or made.decision in found:
            continue
        taken = any(one.kind == Kind.HANDOFF_TAKEN and one.decision == made.decision for one in known)
        for one in known:
            came = one.kind not in SILENT | STAYS and one.channel == made.channel
            taken = taken or (came and made.at < one.at <= made.at + patience)
        late = moment > made.at + patience
        state = HandoffState.TAKEN if taken else HandoffState.LOST if late else HandoffState.OPEN
        found[made.decision] = Handoff(made.at, made.decision, made.channel, state)
    return tuple(sorted(found.values(), key=lambda one: (-one.at, one.code)))
