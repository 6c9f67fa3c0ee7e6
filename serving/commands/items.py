"""nextbest items: which items can be had."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from serving.commands.shell import console, one_line, present_of, the_store

app = typer.Typer(help="Items: which of them can be had.", no_args_is_help=True)

_AT_A_TIME = 10_000


@app.callback()
def items() -> None:
    """Items: which of them can be had."""


@app.command("feed", epilog="nextbest items feed stock.csv")
def feed(
    file: Annotated[
        Path, typer.Argument(help=".csv or .parquet with the columns id and stock; an empty stock is unknown.")
    ],
) -> None:
    """Tell the stock of items; services notice within seconds. Items that the file leaves out stay as they are."""
    from models.item_feed import FeedInvalid, read

    with one_line(FeedInvalid), the_store() as store:
        states = read(file)
        at = present_of(store)
        portions = [states[start : start + _AT_A_TIME] for start in range(0, len(states), _AT_A_TIME)]
        changed = sum(store.feed_items(portion, at) for portion in portions)
    console.print(f"{len(states)} items told, {changed} of them are other than before")
