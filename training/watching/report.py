"""What was watched, as people read it and as machines do."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass

import msgspec
import numpy as np

from features.progress import Progress
from models.document_fields import text_of
from models.drift import InTheLarge, Shift
from training.offpolicy import arms
from training.offpolicy.logged import Reward
from training.settings import DEFAULT_SEED
from training.watching.figures import Against, FeatureDrift, Responses, ScoreDrift, Watched, watched
from training.watching.reading import Span, WatchedStore, read
from training.watching.underserved import Counts, Served, served

ACTIONS, FEATURES, GATES = 20, 15, 3
"""At most so many lines of actions and of features, and gates in a cell, are for people; JSON has them all."""


@dataclass(frozen=True, slots=True)
class Report:
    """findings: what somebody should look at, a sentence each. remarks: what was left out, a line each."""

    found: Watched
    served: tuple[Served, ...]
    findings: tuple[str, ...]
    remarks: tuple[str, ...]


def look(store: WatchedStore, now: int, days: int, limit: int, progress: Progress) -> Report:
    """The last `days` until `now` (ms UTC), from at most `limit` decisions. Raises NothingToLearn."""
    log = read(store, Span.last(days, now), limit, progress)
    lifts = arms.by_arm(log.draws, Reward.SUCCESS, np.random.default_rng(DEFAULT_SEED)) if log.draws else ()
    found, told = watched(log, lifts), served(log)
    return Report(found, told, findings(found), log.remarks)


def findings(found: Watched) -> tuple[str, ...]:
    """What chance alone would hardly have made: once in a thousand times for each figure."""
    told = [
        f"{one.degraded:,} of {one.decisions:,} decisions of model {one.model} were answered by the fallback ranking"
        for one in found.degraded
        if one.degraded
    ]
    told += [
        f"contacts on {row.channel} chosen by model {row.model} succeed {row.found.ratio:.2f} times as often as "
        f"expected ({row.found.low:.2f} to {row.found.high:.2f})"
        for row in found.responses
        if row.action is None and not row.surely.low <= 1.0 <= row.surely.high
    ]
    told += [
        f"scores of model {one.model} on {one.channel} differ from {_than(one.against)} (PSI {one.found.psi:.2f})"
        for one in found.scores
        if one.shift is not Shift.NONE
    ]
    told += [
        f"feature {one.feature} differs from {_than(one.against)} (PSI {one.found.psi:.2f})"
        for one in found.features
        if one.shift is Shift.GREAT
    ]
    return tuple(told)


def _than(against: Against) -> str:
    return "what the model learned from" if against is Against.LEARNED else "the period before"


def as_json(report: Report) -> str:
    """Moments in RFC 3339; what is unknown or without bound is null."""
    found = asdict(report.found) | {"since": text_of(report.found.since), "until": text_of(report.found.until)}
    for name in ("scores", "features"):
        rows: Sequence[ScoreDrift | FeatureDrift] = getattr(report.found, name)
        found[name] = [asdict(one) | {"shift": one.shift.value} for one in rows]
    whole = {
        "findings": report.findings,
        **found,
        "served": [asdict(one) for one in report.served],
        "remarks": report.remarks,
    }
    return json.dumps(json.loads(msgspec.json.encode(whole, enc_hook=_number)), indent=2, ensure_ascii=False)


def _number(found: object) -> float:
    """A float of numpy's, as intervals have them. Raises TypeError for whatever is none."""
    if isinstance(found, np.floating):
        return float(found)
    raise TypeError(f"{type(found).__name__} is no number")


def markdown(report: Report) -> str:
    found = report.found
    lines = [f"# {text_of(found.since)} to {text_of(found.until)}", ""]
    lines += [f"- {one}" for one in report.findings] or [_without_findings(found)]
    lines += ["", "## Responses", "", *_response_lines(found.responses)]
    lines += ["", "## Scores", "", *_score_lines(found.scores)]
    lines += ["", "## Features", "", *_feature_lines(found.features)]
    lines += ["", "## Served badly", "", *_served_lines(report.served)]
    lines += ["", "## Arms", "", arms.table(found.arms) if found.arms else "No draw has matured yet."]
    return "\n".join(lines)


def _without_findings(found: Watched) -> str:
    compared = found.scores or found.features or any(one.contacts for one in found.responses)
    return "Nothing stands out." if compared else "Nothing can be compared yet; below is what is missing."


def _response_lines(rows: Sequence[Responses]) -> list[str]:
    if not rows:
        return ["Nothing was chosen, and no contact has matured."]
    shown = [one for one in rows if one.action is None]
    shown += sorted((one for one in rows if one.action), key=lambda one: -one.contacts)[:ACTIONS]
    lines = [
        "| channel | action | model | chosen | matured contacts | expected | succeeded | observed / expected (95 %) "
        "| rate | rate learned from |",
        "|---|---|---|---|---|---|---|---|---|---|",
    ]
    for one in shown:
        rate = f"{one.found.observed / one.contacts:.2%}" if one.contacts else ""
        learned = "" if one.learned is None else f"{one.learned.successes / one.learned.contacts:.2%}"
        lines.append(
            f"| {one.channel} | {_plain(one.action or '*all*')} | {one.model} | {one.chosen:,} | {one.contacts:,} "
            f"| {one.found.expected:,.1f} | {one.found.observed:,.0f} | {_ratio(one.found)} | {rate} | {learned} |"
        )
    left = len(rows) - len(shown)
    return lines if not left else [*lines, "", f"{left:,} more actions are in the JSON."]


def _ratio(one: InTheLarge) -> str:
    return "" if math.isnan(one.ratio) else f"{one.ratio:.2f} ({one.low:.2f} to {one.high:.2f})"


def _score_lines(rows: Sequence[ScoreDrift]) -> list[str]:
    if not rows:
        return ["There is nothing to compare: no scores, or neither what was learned from nor a period before."]
    return [
        "| channel | model | scores | compared with | PSI | chance alone reaches | shift |",
        "|---|---|---|---|---|---|---|",
        *(
            f"| {one.channel} | {one.model} | {one.scores:,} | {one.against.value} | {one.found.psi:.3f} "
            f"| {one.found.noise:.3f} | {one.shift.value} |"
            for one in rows
        ),
    ]


def _feature_lines(rows: Sequence[FeatureDrift]) -> list[str]:
    if not rows:
        return ["There is nothing to compare: no rows were sampled, or no model knows what it learned from."]
    return [
        "| feature | decisions | unknown | compared with | PSI | chance alone reaches | shift |",
        "|---|---|---|---|---|---|---|",
        *(
            f"| {one.feature} | {one.decisions:,} | {one.unknown:.0%} | {one.against.value} | {one.found.psi:.3f} "
            f"| {one.found.noise:.3f} | {one.shift.value} |"
            for one in rows[:FEATURES]
        ),
    ]


def _served_lines(rows: Sequence[Served]) -> list[str]:
    if not rows:
        return ["Nothing was decided."]
    lines = ["| channel | of | in all | nothing | poor | share | lost most to |", "|---|---|---|---|---|---|---|"]
    for one in rows:
        for whose, counts in (("people", one.people), ("slates", one.slates)):
            lines.append(
                f"| {one.channel or '*all*'} | {whose} | {counts.total:,} | {counts.empty:,} | {counts.poor:,} "
                f"| {counts.share:.1%} | {_gates(counts)} |"
            )
    return lines


def _gates(counts: Counts) -> str:
    return ", ".join(f"{gate} {count:,}" for gate, count in list(counts.lost_to.items())[:GATES])


def _plain(text: str) -> str:
    return text.replace("|", "\\|")
