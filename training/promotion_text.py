"""A verdict as people read it and as machines do."""

from __future__ import annotations

import json
from dataclasses import asdict

from training.promotion import Criterion, Verdict


def markdown(found: Verdict) -> str:
    decided = "promoted" if found.promoted else "refused"
    lines = [
        f"Version {found.challenger}: **{decided}** ({found.remark})",
        "",
        "| criterion | observed | required | result | |",
        "|---|---|---|---|---|",
        *map(_row, found.criteria),
    ]
    if found.reasons:
        lines += ["", *(f"- refused for {reason}" for reason in found.reasons)]
    return "\n".join(lines)


def as_json(found: Verdict) -> str:
    return json.dumps({"promoted": found.promoted, **asdict(found)}, indent=2, ensure_ascii=False, allow_nan=False)


def _row(one: Criterion) -> str:
    observed = "" if one.observed is None else f"{one.observed:.4f}"
    required = "" if one.required is None else f"{one.bound} {one.required:.4f}"
    return f"| {one.name} | {observed} | {required} | {one.result} | {one.sentence} |"
