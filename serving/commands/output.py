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

AsJson = Annotated[bool, typer.Option("--json", help="JSON instead of lines.")]
Yes = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")]


@dataclass(frozen=True, slots=True)
class Several:
    """Words in one cell: a list where JSON is asked for."""

    words: Sequence[str]


@dataclass(frozen=True, slots=True)
class Json:
    """Text in one cell: what it says where JSON is asked for and it is JSON, else the text."""

    text: str


Cell = str | int | float | bool | tuple[str, ...] | Several | Json | None
"""A tuple is words in one cell, as Several is, from packages that do not know this one."""


@dataclass(frozen=True, slots=True)
class Rows:
    """columns: their names. rows: one cell for each column, None for none. empty: what to say when there are none."""

    columns: tuple[str, ...]
    rows: Sequence[Sequence[Cell]]
    empty: str


def show(shown: Rows, as_json: bool) -> None:
    """On standard output; the header comes first, and that there is nothing goes to standard error."""
    if as_json:
        show_json([dict(zip(shown.columns, map(_value, row), strict=True)) for row in shown.rows])
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


def _value(cell: Cell) -> object:
    if isinstance(cell, Several | tuple):
        return list(cell if isinstance(cell, tuple) else cell.words)
    if not isinstance(cell, Json):
        return cell
    from pydantic_core import from_json

    try:
        # Stricter than the standard library: no NaN, no half of a character, no depth that breaks the writer.
        return from_json(cell.text, allow_inf_nan=False)
    except ValueError:
        return cell.text


def _text(cell: Cell) -> str:
    """What came from outside must not steer the terminal, nor break a line."""
    if isinstance(cell, bool):
        return "yes" if cell else "no"
    if isinstance(cell, float):
        return f"{cell:.6g}"
    if isinstance(cell, Several | tuple):
        cell = ",".join(cell if isinstance(cell, tuple) else cell.words)
    elif isinstance(cell, Json):
        cell = cell.text
    return printable("" if cell is None else str(cell))


def printable(text: str) -> str:
    """With whatever would steer a terminal or break a line escaped."""
    return text if text.isprintable() else text.encode("unicode_escape", "backslashreplace").decode("ascii")


def counted(number: int, what: str) -> str:
    """what: in the singular."""
    return f"{number:,} {what}{'' if number == 1 else 's'}"


def confirm(what: str, yes: bool) -> None:
    """Tells what will happen and goes on when a person at a terminal agrees, or has agreed by `yes`."""
    console.print(what, markup=False, highlight=False)
    if yes:
        return
    if not sys.stdin.isatty():
        stop("confirmation is missing; nobody at a terminal can be asked; add --yes")
    try:
        agreed = typer.confirm("Go on?", err=True)
    except typer.Abort:
        raise KeyboardInterrupt from None
    if not agreed:
        stop("confirmation was refused; nothing was changed; run it again to be asked again")
