"""What commands show: a table on a terminal, tab-separated lines elsewhere, JSON when asked for."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from serving.commands.shell import console, stop

Cell = str | int | bool | None
AsJson = Annotated[bool, typer.Option("--json", help="JSON instead of lines.")]
Yes = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")]


@dataclass(frozen=True, slots=True)
class Rows:
    """columns: their names. rows: one cell for each column, None for none. empty: what to say when there are none."""

    columns: tuple[str, ...]
    rows: Sequence[Sequence[Cell]]
    empty: str


def show(shown: Rows, as_json: bool) -> None:
    """On standard output; the header comes first, and that there is nothing goes to standard error."""
    if as_json:
        show_json([dict(zip(shown.columns, row, strict=True)) for row in shown.rows])
    elif not shown.rows:
        console.print(shown.empty, markup=False, highlight=False)
    elif sys.stdout.isatty():
        table = Table(*shown.columns, box=None, pad_edge=False)
        for row in shown.rows:
            table.add_row(*(Text(_text(cell)) for cell in row))
        Console().print(table)
    else:
        for line in (shown.columns, *shown.rows):
            print("\t".join(map(_text, line)))


def show_json(document: Mapping[str, object] | Sequence[Mapping[str, object]]) -> None:
    print(json.dumps(document, indent=2, ensure_ascii=False))


def _text(cell: Cell) -> str:
    """What came from outside must not steer the terminal, nor break a line."""
    if isinstance(cell, bool):
        return "yes" if cell else "no"
    text = "" if cell is None else str(cell)
    return text if text.isprintable() else text.encode("unicode_escape", "backslashreplace").decode("ascii")


def confirm(what: str, yes: bool) -> None:
    """Tells what will happen and goes on when a person at a terminal agrees, or has agreed by `yes`."""
    console.print(what, markup=False, highlight=False)
    if yes:
        return
    if not sys.stdin.isatty():
        stop("confirmation is missing; nobody at a terminal can be asked; add --yes")
    if not typer.confirm("Go on?", err=True):
        stop("confirmation was refused; nothing was changed; run it again to be asked again")
