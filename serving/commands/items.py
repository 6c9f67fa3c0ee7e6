"""nextbest items: which items can be had, and what they cost."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from serving.commands.shell import console, one_line, present_of, the_store

if TYPE_CHECKING:
    from features.stores.protocol import Store

app = typer.Typer(help="Items: which of them can be had, and what they cost.", no_args_is_help=True)

_AT_A_TIME = 10_000


@app.callback()
def items() -> None:
    """Items: which of them can be had, and what they cost."""


@app.command("feed", epilog="nextbest items feed stock.csv")
def feed(
    file: Annotated[
        Path,
        typer.Argument(
            help=".csv or .parquet with the columns id, and stock, price or both; an empty stock is unknown, an empty"
            " price the catalogue's own."
        ),
    ],
) -> None:
    """Tell stock and price of items; services notice within seconds. What the file leaves out stays as it is."""
    from features.stores.acceptance import check_item_states
    from models.item_feed import FeedInvalid, read

    with one_line(FeedInvalid), the_store() as store:
        states = read(file, _sold(store))
        at = present_of(store)
        check_item_states(states, at)  # a portion that is refused must not come after one that was written
        portions = [states[start : start + _AT_A_TIME] for start in range(0, len(states), _AT_A_TIME)]
        changed = sum(store.feed_items(portion, at) for portion in portions)
    console.print(f"{len(states)} items told, {changed} of them are other than before")


def _sold(store: Store) -> frozenset[str]:
    from models.catalogue_items import from_ipc

    stored = store.catalogue()
    return frozenset() if stored is None else frozenset(from_ipc(stored.items)["id"].to_pylist())
