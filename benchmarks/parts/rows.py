"""The one shape in which every benchmark tells what it measured, so that `make bench` can print one table."""

from __future__ import annotations

import argparse
import statistics
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

import msgspec


class Row(msgspec.Struct, frozen=True):
    """What was measured against what: the median over the repeats, with the least and the most. unit: "x" of a ratio.
    goal: the number to reach, with at_least or at_most as sense; None: told for the record. told: the figures behind
    it. missing: why it was not measured, and how to; then no figure counts."""

    what: str
    against: str
    ratio: float
    least: float
    most: float
    repeats: int
    goal: float | None = None
    sense: Literal["at_least", "at_most"] = "at_least"
    unit: str = "x"
    told: str = ""
    missing: str = ""

    @property
    def met(self) -> bool | None:
        """None where nothing is asked or nothing was measured."""
        if self.goal is None or self.missing:
            return None
        return self.ratio >= self.goal if self.sense == "at_least" else self.ratio <= self.goal

    @property
    def asked(self) -> str:
        if self.goal is None:
            return "-"
        return f"{'>=' if self.sense == 'at_least' else '<='} {figure(self.goal)}"

    def __str__(self) -> str:
        return self.line(judged=True)

    def line(self, judged: bool) -> str:
        """judged: say whether the goal was met; tiny sizes cannot."""
        if self.missing:
            return f"{self.what:<44} not measured: {self.missing}"
        spread = f"{figure(self.ratio)} {self.unit} ({figure(self.least)} to {figure(self.most)})"
        verdict = {True: "met", False: "MISSED", None: ""}[self.met if judged else None]
        return f"{self.what:<44} {self.against:<44} {spread:<34} {self.asked:<10} {verdict:<7} {self.told}".rstrip()


def row(
    what: str,
    against: str,
    ratios: Sequence[float],
    goal: float | None = None,
    sense: Literal["at_least", "at_most"] = "at_least",
    told: str = "",
    unit: str = "x",
) -> Row:
    """Of the ratios of the repeats."""
    spread = (statistics.median(ratios), min(ratios), max(ratios))
    return Row(what, against, *spread, len(ratios), goal, sense, unit, told)


def missing(what: str, why: str, goal: float | None = None) -> Row:
    """why: what is not there, and how to have it."""
    return Row(what, "", 0.0, 0.0, 0.0, 0, goal, missing=why)


def figure(number: float) -> str:
    return f"{number:,.0f}" if abs(number) >= 100 else f"{number:.3g}"


def parser(doc: str | None) -> argparse.ArgumentParser:
    """With --quick and --json, which every benchmark has."""
    made = argparse.ArgumentParser(description=doc.splitlines()[0] if doc else None)
    made.add_argument("--quick", action="store_true", help="tiny sizes: does it run at all?")
    made.add_argument("--json", type=Path, help="write the rows there, too")
    return made


def finish(rows: Sequence[Row], path: Path | None) -> None:
    """Print them, and write them where that was asked for."""
    for one in rows:
        print(one, flush=True)
    if path is not None:
        path.write_bytes(msgspec.json.format(msgspec.json.encode(rows)))


def load(path: Path) -> list[Row]:
    return msgspec.json.decode(path.read_bytes(), type=list[Row])
