"""What has gone wrong for somebody, so that helping comes before selling."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain

import numpy as np

from features.cases import KINDS, OpenCase, open_cases
from features.event import Kind
from features.history import Records
from features.journey import ENDS, HandoffState, handoffs, under_way
from models.document_fields import text_of
from models.policy.situation import Situation
from models.policy_rules import ServiceFirst

_MENDED = {
    Kind.DELIVERY_DELAYED: (Kind.ORDER_DELIVERED, Kind.REFUNDED, Kind.CANCELLED),
    Kind.PAYMENT_FAILED: (Kind.ORDERED, Kind.CANCELLED),
}
"""What ends each failure: of the same order, or of any where the failure names none."""

_SERVED = (*ENDS, Kind.HANDED_OFF)
"""What begins to be served, or to wait for it."""

_FAILURE = {
    Kind.DELIVERY_DELAYED: ("delivery_failed", "a delivery was delayed"),
    Kind.PAYMENT_FAILED: ("payment_failed", "a payment failed"),
}
"""Each in one word, and as a sentence."""


@dataclass(frozen=True, slots=True)
class Trouble:
    """rule: in one word. observed: what there is. ends: when selling may go on. story: a sentence."""

    rule: str
    observed: str
    ends: str
    story: str


def trouble(rule: ServiceFirst, situation: Situation) -> Trouble | None:
    """The first of: somebody is being served now, a case is open, a delivery or a payment failed. None: nothing is."""
    return next(chain(_in_service(rule, situation), _cases(rule, situation), _failures(rule, situation)), None)


def blocks(rule: ServiceFirst, case: OpenCase, moment: int) -> bool:
    """Whether the case stops selling. How bad it is nobody may have told; it then stops selling, too."""
    stale = stale_since(rule, case.touched_at, moment) is not None
    return not stale and (case.severity == 0 or case.severity >= rule.severity or _complains(rule, case))


def _complains(rule: ServiceFirst, case: OpenCase) -> bool:
    return case.reason in rule.complaints


def stale_since(rule: ServiceFirst | None, touched_at: int, moment: int) -> int | None:
    """ms UTC since when an open case is taken for forgotten, for nobody has touched it: it stops nothing any more.
    None: it is not, or there is no rule. touched_at: of the newest word on it."""
    since = None if rule is None else touched_at + rule.stale
    return None if since is None or since > moment else since


def _in_service(rule: ServiceFirst, situation: Situation) -> Iterator[Trouble]:
    codes = {situation.compiled.channel_codes[channel]: channel for channel in rule.in_service}
    if not codes or not situation.has_any(_SERVED):
        return
    page, moment = situation.known, situation.moment
    for code, since in under_way(page, moment):
        if code in codes:
            story = f"they have been speaking with us on {codes[code]} since {text_of(since)}"
            yield Trouble("in_service", f"on {codes[code]} since {text_of(since)}", "when the conversation ends", story)
    for one in handoffs(page, moment, situation.compiled.catalogue.journey.patience):
        if one.state is HandoffState.OPEN and one.channel in codes:
            story = f"they have been waiting to be taken over on {codes[one.channel]} since {text_of(one.at)}"
            yield Trouble("in_service", f"waiting since {text_of(one.at)}", "when the hand-off has ended", story)


def _cases(rule: ServiceFirst, situation: Situation) -> Iterator[Trouble]:
    if not situation.has_any(KINDS):
        return
    for case in open_cases(situation.known, situation.moment):
        if blocks(rule, case, situation.moment):
            opened, ends = text_of(case.opened_at), text_of(case.touched_at + rule.stale)
            level = f"of severity {case.severity}" if case.severity else "of unknown severity"
            word, what = ("complaint", "a complaint") if _complains(rule, case) else ("open_case", "a case")
            story = f"{what} {level} is open since {opened}, last touched on {text_of(case.touched_at)}"
            yield Trouble(word, f"{what} {level}", f"when it is closed, or from {ends} if untouched", story)


def _failures(rule: ServiceFirst, situation: Situation) -> Iterator[Trouble]:
    if not situation.has_any(_MENDED):
        return
    known = situation.known
    recent = known[known["occurred_at"] > situation.moment - rule.delivery]
    for failure in recent[np.isin(recent["kind"], list(_MENDED))][::-1]:
        if not _mended(failure, known):
            at = int(failure["occurred_at"])
            (word, what), ends = _FAILURE[Kind(int(failure["kind"]))], text_of(at + rule.delivery)
            story = f"{what} on {text_of(at)}"
            yield Trouble(word, story, f"when that is mended, or from {ends}", story)


def _mended(failure: np.void, known: Records) -> bool:
    later = known[known["occurred_at"] >= failure["occurred_at"]]
    later = later[np.isin(later["kind"], _MENDED[Kind(int(failure["kind"]))])]
    return bool(len(later)) and bool(failure["order"] == 0 or (later["order"] == failure["order"]).any())
