"""What a question about a decision must be beyond its shape."""

from __future__ import annotations

from features.instants import render_instant
from models.columns import CompiledCatalogue
from models.delivery import FURTHEST, TOLERATED
from models.policy_rules import DAY
from serving.errors import invalid
from serving.schemas import DecisionQuestion


def channels_of(question: DecisionQuestion, compiled: CompiledCatalogue) -> tuple[str, ...]:
    """Those asked for, all where none are named. Raises Refusal, 422."""
    known = compiled.catalogue.channels
    if question.channels is None:
        return tuple(known)
    for position, channel in enumerate(question.channels):
        if channel not in known:
            raise invalid(
                f"channels[{position}]", channel, f"one of {', '.join(known)}", "name a channel of the catalogue"
            )
        if channel in question.channels[:position]:
            raise invalid(f"channels[{position}]", channel, "each channel once", "leave the second out")
    return tuple(question.channels)


def require_deliverable(question: DecisionQuestion, moment: int) -> None:
    """moment: ms UTC, the present or `at`. Not asked of a request that has a decision already: repeated late, it is
    answered as before. Raises Refusal, 422."""
    wanted = question.deliver_at
    if wanted is None:
        return
    of_then = "the present" if question.at is None else "`at`"
    if wanted < moment - TOLERATED:
        rule, remedy = f"not before {of_then}", f"leave it out to deliver at {of_then}, or name a later moment"
        raise invalid("deliver_at", render_instant(wanted), rule, remedy)
    if wanted > moment + FURTHEST:
        rule = f"at most {FURTHEST // DAY} days after {of_then}"
        raise invalid("deliver_at", render_instant(wanted), rule, "name an earlier moment, and look at the year")
