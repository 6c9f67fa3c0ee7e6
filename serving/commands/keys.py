"""nextbest keys: who may write events, ask for decisions, read customers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from serving.commands.output import AsJson, Cell, Rows, Several, show
from serving.commands.shell import console, one_line, stop, the_store

if TYPE_CHECKING:
    from features.stores.protocol import AccessKey

app = typer.Typer(help="Access keys: who may write events, ask for decisions, read customers.", no_args_is_help=True)


@app.command("add", epilog="nextbest keys add --right write --origin https://shop.example")
def add_key(
    right: Annotated[list[str], typer.Option(help="write, decide, read, admin or replay; may be repeated.")],
    note: Annotated[str, typer.Option(help="Who it is for.")] = "",
    origin: Annotated[
        list[str] | None, typer.Option(help="https://shop.example: a web page that holds the key; may be repeated.")
    ] = None,
) -> None:
    """Make a key and show it once; only its hash is kept."""
    import time

    from serving.security import new_key

    with one_line(), the_store(create=True) as store:
        try:
            key, record = new_key(right, time.time_ns() // 1_000_000, note, origin or ())
        except ValueError as error:
            stop(str(error))
        store.add_key(record)
    print(key)
    pages = f" from pages of {', '.join(sorted(record.origins))}" if record.origins else ""
    console.print(f"key {record.key_id} may {', '.join(sorted(record.rights))}{pages}; it is not shown again")


@app.command("revoke")
def revoke_key(key_id: str) -> None:
    """Take a key out of force; running services notice within seconds."""
    with one_line(), the_store() as store:
        if not store.revoke_key(key_id):
            stop("key id is unknown; it is the short name of a key in force, not the key; see `nextbest keys list`")


@app.command("list")
def list_keys(as_json: AsJson = False) -> None:
    """The keys in force, oldest first; keys themselves are not kept."""
    from features.instants import render_instant

    with one_line(), the_store() as store:
        keys = store.keys()
    columns = ("key", "rights", "origins", "created", "note")
    show(Rows(columns, [_row(key, render_instant(key.created_at)) for key in keys], "no key is in force"), as_json)


def _row(key: AccessKey, created: str) -> tuple[Cell, ...]:
    return key.key_id, Several(sorted(key.rights)), Several(sorted(key.origins)), created, key.note
