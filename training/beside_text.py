"""The report by segment as people read it."""

from __future__ import annotations

import math
from collections.abc import Callable

from training.beside import Fit, OnContacts, OnLog, Segments
from training.offpolicy.intervals import Interval

NOTE = (
    "Intervals of a table hold together at 95 % (Bonferroni); * is worse beyond its own. Without an interval there is "
    "too little to compare by."
)


def markdown(found: Segments) -> str:
    parts = [NOTE]
    if found.contacts:
        parts.append("\n".join([_CONTACTS, "|---|---|---|---|---|---|---|---|", *map(_on_contacts, found.contacts)]))
    if found.log:
        parts.append("\n".join([_LOG, "|---|---|---|---|---|---|", *map(_on_log, found.log)]))
    return "\n\n".join(parts) if len(parts) > 1 else "By segment there is nothing to compare by."


_CONTACTS = (
    "| segment, on later contacts | people | contacts | successes | log loss, champion -> challenger | difference "
    "| observed / predicted | AUC |"
)
_LOG = "| segment, on the log | people | draws | effective people | champion's reward per draw | difference |"


def _on_contacts(one: OnContacts) -> str:
    size = one.challenger.calibration
    cells = (
        _change(one, lambda fit: f"{fit.log_loss:.4f}"),
        _interval(one.difference, 6, one.is_worse),
        _change(one, lambda fit: f"{fit.calibration.ratio:.2f}"),
        _change(one, lambda fit: "" if math.isnan(fit.auc) else f"{fit.auc:.3f}"),
    )
    return f"| {one.name} | {one.people:,} | {size.rows:,.0f} | {size.successes:,} | {' | '.join(cells)} |"


def _change(one: OnContacts, told: Callable[[Fit], str]) -> str:
    before = "" if one.champion is None else f"{told(one.champion)} -> "
    return f"{before}{told(one.challenger)}".strip(" ->")


def _on_log(one: OnLog) -> str:
    champion = "" if math.isnan(one.champion) else f"{one.champion:.4f}"
    difference = _interval(one.difference, 4, one.is_worse)
    return f"| {one.name} | {one.people:,} | {one.draws:,} | {one.effective_people:.0f} | {champion} | {difference} |"


def _interval(found: Interval | None, digits: int, is_worse: bool) -> str:
    if found is None:
        return ""
    if not math.isfinite(found.low):
        return f"{found.value:+.{digits}f}"
    ends = f"{found.low:+.{digits}f} to {found.high:+.{digits}f}"
    return f"{found.value:+.{digits}f} ({ends}){' *' if is_worse else ''}"
