"""Plots as SVG, drawn here: no script, no colour by attribute, words for whoever cannot see them. A table with the same
figures stands beside each."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from typing import Final

from markupsafe import Markup

from serving.console.earned import ArmSales
from serving.console.figures import ArmFigures, Funnel
from serving.console.refusals import gate_words

_LEFT, _WIDTH, _ROW, _THICK = 150, 620, 22, 16
_WIDE, _LONGEST = 260, 38
"""Where names of features and of gates stand, and how many characters of one."""
_SPARK: Final = 116


def _svg(title: str, words: str, height: int, body: Sequence[str]) -> Markup:
    label, inside = escape(f"{title}. {words}"), f"<title>{escape(title)}</title>{''.join(body)}"
    frame = f'<svg class="plot" role="img" aria-label="{label}" viewBox="0 0 {_WIDTH} {height}">'
    return Markup(f"{frame}{inside}</svg>")  # noqa: S704 - every text in it was escaped


def _text(kind: str, x: float, y: float, words: str) -> str:
    return f'<text class="{kind}" x="{x:.1f}" y="{y:.1f}">{escape(words)}</text>'


def _rect(kind: str, x: float, y: float, width: float) -> str:
    return f'<rect class="{kind}" x="{x:.1f}" y="{y:.1f}" width="{max(0.0, width):.1f}" height="{_THICK}"/>'


def _line(kind: str, x: float, y: float, to_x: float, to_y: float) -> str:
    return f'<line class="{kind}" x1="{x:.1f}" y1="{y:.1f}" x2="{to_x:.1f}" y2="{to_y:.1f}"/>'


def _point(x: float, y: float, radius: float) -> str:
    return f'<circle class="point" cx="{x:.1f}" cy="{y:.1f}" r="{radius}"/>'


def funnel_plot(funnel: Funnel) -> Markup:
    """What is left before each gate, and what it takes away; gates that take nothing are left out."""
    if not funnel.candidates:
        return Markup("")
    steps = [(gate, count) for gate, count in funnel.steps if count]
    scale = (_WIDTH - _WIDE - 60) / funnel.candidates
    rows, left = [_bar(0, "candidates", funnel.candidates, 0, scale)], funnel.candidates
    for place, (gate, count) in enumerate(steps, start=1):
        left -= count
        rows.append(_bar(place, gate_words(gate), left, count, scale))
    rows.append(_bar(len(steps) + 1, "chosen", funnel.chosen, 0, scale))
    gate, most = max(steps, key=lambda one: one[1], default=("", 0))
    refused = f"Most were refused because of “{gate_words(gate)}”: {most:,}." if gate else "None was refused."
    words = f"Of {funnel.candidates:,} candidates {funnel.eligible:,} were eligible and {funnel.chosen:,} chosen. "
    return _svg("Who is refused at which gate", f"{words}{refused}", (len(steps) + 2) * _ROW + 6, rows)


def _bar(place: int, name: str, left: int, taken: int, scale: float) -> str:
    y, kept, gone = place * _ROW + 4, left * scale, taken * scale
    number = f"- {taken:,}" if taken else f"{left:,}"
    bars = _rect("kept", _WIDE, y, kept) + _rect("gone", _WIDE + kept, y, gone)
    return _text("name", _WIDE - 8, y + 12, name) + bars + _text("value", _WIDE + kept + gone + 6, y + 12, number)


@dataclass(frozen=True, slots=True)
class Whisker:
    """A figure with its interval; words: the same, written out."""

    name: str
    value: float
    interval: tuple[float, float]
    words: str


def arms_plot(arms: Sequence[ArmFigures]) -> Markup:
    """How far each arm's response is ahead of the full one's."""
    return whiskers("Response of the arms against the full one", _ahead(arms, "+.1%"), "as the full arm")


def sales_plot(arms: Sequence[ArmSales]) -> Markup:
    """How far each arm's sales are ahead of the holdout's."""
    return whiskers("Sales of the arms against the holdout", _ahead(arms, "+,.2f"), "as the holdout")


def _ahead(arms: Sequence[ArmFigures] | Sequence[ArmSales], form: str) -> list[Whisker]:
    """form: of a number, in words."""
    return [
        Whisker(
            one.arm.replace("_", " "),
            one.ahead,
            one.interval,
            f"{one.ahead:{form}}, between {one.interval[0]:{form}} and {one.interval[1]:{form}}",
        )
        for one in arms
        if not math.isnan(one.ahead)
    ]


def whiskers(title: str, rows: Sequence[Whisker], zero: str) -> Markup:
    """Figures with their intervals, beside the line of no difference, below which `zero` stands."""
    if not rows:
        return Markup("")
    reach = max(max(abs(end) for end in one.interval) for one in rows) or 1.0
    middle, scale = (_LEFT + _WIDTH) / 2, (_WIDTH - _LEFT - 40) / 2 / reach
    height = len(rows) * 30 + 24
    body = [_line("zero", middle, 2, middle, height - 18)]
    for place, one in enumerate(rows):
        y, (low, high) = place * 30 + 18, one.interval
        body.append(_text("name", _LEFT - 8, y + 4, one.name))
        body.append(_line("reach", middle + low * scale, y, middle + high * scale, y))
        body.append(_point(middle + one.value * scale, y, 4))
    body.append(_text("middle", middle, height - 4, zero))
    return _svg(title, "; ".join(f"{one.name} {one.words}" for one in rows), height, body)


def drift_plot(title: str, rows: Sequence[tuple[str, float]], limit: float) -> Markup:
    """How far what is seen has moved, by name, with the limit from which it counts as another."""
    if not rows:
        return Markup("")
    reach = max(limit * 1.5, *(value for _, value in rows))
    scale, height = (_WIDTH - _WIDE - 60) / reach, len(rows) * _ROW + 24
    at = _WIDE + limit * scale
    body = [_line("zero", at, 2, at, height - 18)]
    for place, (name, value) in enumerate(rows):
        y = place * _ROW + 4
        body.append(_text("name", _WIDE - 8, y + 12, name if len(name) <= _LONGEST else f"{name[: _LONGEST - 1]}…"))
        body.append(_rect("gone" if value >= limit else "kept", _WIDE, y, value * scale))
        body.append(_text("value", _WIDE + value * scale + 6, y + 12, f"{value:.3f}"))
    body.append(_text("middle", at, height - 4, f"look from {limit}"))
    return _svg(title, "; ".join(f"{name} {value:.3f}" for name, value in rows), height, body)


def response_plot(low: float, rate: float, high: float, expected: float, most: float) -> Markup:
    """One action's response with its interval, and a tick for what the model expected; on the scale up to `most`. The
    row that it stands in has the figures, so that it is hidden from whoever cannot see it."""
    if math.isnan(rate) or most <= 0:
        return Markup("")
    scale = _SPARK / most
    at = 2 + expected * scale
    tick = "" if math.isnan(expected) or at > _SPARK + 4 else _line("tick", at, 2, at, 16)
    body = _line("reach", 2 + low * scale, 9, 2 + high * scale, 9) + _point(2 + rate * scale, 9, 3.5) + tick
    return Markup(f'<svg class="spark" aria-hidden="true" viewBox="0 0 120 18">{body}</svg>')  # noqa: S704 - numbers
