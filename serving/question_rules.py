"""What a question about a decision must be beyond its shape."""

from __future__ import annotations

from features.instants import render_instant
from features.stores import Store
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


def require_known_exclusions(question: DecisionQuestion, compiled: CompiledCatalogue, store: Store) -> None:
    """What no version of the catalogue and no event has ever named is a slip of the pen: whoever made it believes that
    something is excluded. Once known, an id is known for ever, so that what has ended may be excluded. Raises Refusal,
    422."""
    strange = [place for place, action_id in enumerate(question.exclude) if action_id not in compiled.action_number]
    known = store.vocabulary.codes["action"] if strange else {}
    for place in strange:
        if question.exclude[place] not in known:
            rule = "an action that a version of the catalogue or an event has named"
            raise invalid(f"exclude[{place}]", question.exclude[place], rule, "mend the id, or leave it out")


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
