"""The command line: the only module that reaches both training and serving.

Exit codes: 0 done, 1 something was found to be wrong (a failed check), 2 it could not be done and one line says why, 130 Ctrl-C.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.progress import Progress as Bars

if TYPE_CHECKING:
    from features.progress import Advance

os.environ.setdefault("BENTOML_DO_NOT_TRACK", "True")
os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")

console = Console(stderr=True)
app = typer.Typer(
    name="nextbest",
    help="Next-best-action: one history per customer, one calibrated model, one honest decision per channel.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


class Bar:
    """features.progress.Progress on the terminal; a plain line per step where there is none."""

    @contextmanager
    def step(self, title: str, total: float | None = None) -> Iterator[Advance]:
        if not console.is_terminal:
            console.print(f"{title} ...")
            yield lambda steps=1.0, /: None  # noqa: ARG005
            return
        columns = (SpinnerColumn(), TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
        with Bars(*columns, console=console) as bars:
            task = bars.add_task(title, total=total)
            yield lambda steps=1.0, /: bars.advance(task, steps)
            bars.update(task, total=total or 1, completed=total or 1)
