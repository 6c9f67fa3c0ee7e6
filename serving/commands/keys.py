"""nextbest keys: who may write events, ask for decisions, read customers."""

from __future__ import annotations

from typing import Annotated

import typer

from serving.commands.shell import console, one_line, stop, the_store

app = typer.Typer(help="Access keys: who may write events, ask for decisions, read customers.", no_args_is_help=True)


@app.command("add")
def add_key(
    right: Annotated[list[str], typer.Option(help="write, decide, read, admin or replay; may be repeated.")],
    note: Annotated[str, typer.Option(help="Who it is for.")] = "",
) -> None:
    """Make a key and show it once; only its hash is kept."""
    import time

    from serving.security import new_key

    with one_line(), the_store(create=True) as store:
        try:
            key, record = new_key(right, time.time_ns() // 1_000_000, note)
        except ValueError as error:
            stop(str(error))
        store.add_key(record)
    print(key)
    console.print(f"key {record.key_id} may {', '.join(sorted(record.rights))}; it is not shown again")


@app.command("revoke")
def revoke_key(key_id: str) -> None:
    """Take a key out of force; running services notice within seconds."""
    with one_line(), the_store() as store:
        if not store.revoke_key(key_id):
            stop("key id is unknown; it is the short name of a key in force, not the key; see `nextbest keys list`")


@app.command("list")
def list_keys() -> None:
    """The keys in force."""
    with one_line(), the_store() as store:
        for key in store.keys():  # noqa: SIM118 - a store is no mapping
            print(key.key_id, ",".join(sorted(key.rights)), key.note, sep="\t")
