"""A verdict as people read it and as machines do."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import asdict

from models.kept_verdict import KeptCriterion, KeptVerdict
from training import beside_text
from training.champions import Grounds, How
from training.promotion import Criterion, Verdict


def markdown(found: Verdict, grounds: Grounds | None = None, card: str | None = None) -> str:
    """grounds: of whoever put it forward; None: it is only looked at, and nothing comes of it. card: the challenger's
    model card, to go with it."""
    decided = ("would be " if grounds is None else "") + ("promoted" if found.promoted else "refused")
    lines = [
        f"Version {found.challenger}: **{decided}** ({found.remark})",
        "",
        "| criterion | observed | required | result | |",
        "|---|---|---|---|---|",
        *map(_row, found.criteria),
    ]
    if found.reasons:
        lines += ["", *(f"- refused for {reason}" for reason in found.reasons)]
    if found.warnings:
        lines += ["", *(f"- warning: served worse, {one}" for one in found.warnings)]
    if found.segments is not None:
        lines += ["", beside_text.markdown(found.segments)]
    if grounds is not None:
        lines += ["", _approval(found, grounds)]
    if card is not None:
        lines += ["", card]
    return "\n".join(lines)


def as_json(found: Verdict, grounds: Grounds | None = None, card: str | None = None) -> str:
    """What is not known, or has no end, is null."""
    told = {"promoted": found.promoted, **asdict(found), "warnings": found.warnings}
    told["approver"] = None if grounds is None else grounds.by
    told["how"] = None if grounds is None else _how(found, grounds)
    told["model_card"] = card
    return json.dumps(finite(told), indent=2, ensure_ascii=False, allow_nan=False)


def kept(found: Verdict, grounds: Grounds, at: int) -> KeptVerdict:
    """at: ms UTC by the store's clock."""
    criteria = tuple(
        KeptCriterion(
            one.name, _plain(one.observed), one.bound.value, _plain(one.required), one.result.value, one.sentence
        )
        for one in found.criteria
    )
    how = _how(found, grounds)
    return KeptVerdict(found.promoted, found.champion, found.remark, at, grounds.by, how, criteria)


def _how(found: Verdict, grounds: Grounds) -> str:
    if found.promoted:
        return How.VERDICT.value
    return How.FORCED.value if grounds.how is How.FORCED else "refused"


def _approval(found: Verdict, grounds: Grounds) -> str:
    said = {"verdict": "Approved by", "forced": "Forced past the verdict by", "refused": "Asked for by"}
    reason = f": {grounds.reason}" if grounds.reason else ""
    return f"{said[_how(found, grounds)]} {grounds.by}{reason}"


def _plain(figure: float | None) -> float | None:
    """Not numpy's, as intervals have them."""
    return None if figure is None else float(figure)


def finite(value: object) -> object:
    """JSON has no infinity and no NaN: null."""
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, dict):
        return {name: finite(each) for name, each in value.items()}
    if isinstance(value, Sequence) and not isinstance(value, str):
        return [finite(each) for each in value]
    return value


def _row(one: Criterion) -> str:
    observed = "" if one.observed is None else f"{one.observed:.4f}"
    required = "" if one.required is None else f"{one.bound} {one.required:.4f}"
    return f"| {one.name} | {observed} | {required} | {one.result} | {one.sentence} |"
