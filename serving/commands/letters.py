"""nextbest letters: what was sent and refused, to be looked at, sent again, or dropped."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from serving.commands.output import AsJson, Json, Rows, Yes, confirm, counted, show
from serving.commands.shell import console, one_line, present_of, settings, stop, the_store

if TYPE_CHECKING:
    from collections.abc import Sequence

    from features.stores import Store
    from features.stores.protocol import BuriedLetter
    from serving.runtime import Runtime

app = typer.Typer(help="Dead letters: events that were refused, and why.", no_args_is_help=True)

Numbers = Annotated[list[str] | None, typer.Argument(help="As `nextbest letters list` shows them.")]
All = Annotated[bool, typer.Option("--all", help="Every letter.")]

_AT_A_TIME = 500


@app.command("list", epilog="nextbest letters list --limit 5 --json")
def list_letters(
    limit: Annotated[int, typer.Option(min=1, max=100_000, help="Letters, the newest first.")] = 50,
    as_json: AsJson = False,
) -> None:
    """The refused events, the newest first: when, why, and what was sent."""
    from features.instants import render_instant

    with one_line(), the_store() as store:
        buried = store.buried(limit)
    rows = [
        (one.number, render_instant(one.letter.received_at), one.letter.reason, Json(one.letter.payload))
        for one in buried
    ]
    show(Rows(("number", "received", "reason", "payload"), rows, "no letter is dead"), as_json)


@app.command("retry", epilog="nextbest letters retry --all")
def retry_letters(numbers: Numbers = None, every: All = False, as_json: AsJson = False) -> None:
    """Read refused events again, by the catalogue of now; exit code 1 when some are refused again, and stay."""
    import asyncio

    from serving.runtime import Runtime

    with one_line(), the_store() as store:
        chosen = _chosen(store, numbers, every)
        runtime = Runtime(settings())
        try:
            refused = _retold(runtime, chosen, present_of(store))
        finally:
            asyncio.run(runtime.close())
    console.print(f"{len(chosen) - len(refused)} taken, {len(refused)} refused again")
    if refused or as_json:
        show(Rows(("number", "reason"), refused, ""), as_json)
    if refused:
        raise typer.Exit(1)


def _retold(runtime: Runtime, chosen: Sequence[BuriedLetter], present: int) -> list[tuple[int, str]]:
    """Number and reason of those that are refused again; the others are told, and dropped once they are durable."""
    from features.stores.protocol import AmbiguousIdentifier, InvalidEvent
    from features.wire.errors import WireError
    from serving.letters import reread

    taken: list[int] = []
    refused: list[tuple[int, str]] = []
    try:
        for one in chosen:
            try:
                runtime.store.append(reread(runtime, one.letter, present)).result()
            except (WireError, AmbiguousIdentifier, InvalidEvent) as error:
                refused.append((one.number, str(error)))
            else:
                taken.append(one.number)
    finally:
        runtime.store.unbury(taken)
    return refused


@app.command("drop", epilog="nextbest letters drop 17 18")
def drop_letters(numbers: Numbers = None, every: All = False, yes: Yes = False) -> None:
    """Drop refused events for good."""
    with one_line(), the_store() as store:
        chosen = _chosen(store, numbers, every)
        confirm(f"{counted(len(chosen), 'refused event')} will be dropped; there is no way back", yes)
        dropped = store.unbury([one.number for one in chosen])
    console.print(f"{dropped} dropped")


def _chosen(store: Store, numbers: list[str] | None, every: bool) -> list[BuriedLetter]:
    """The letters that are meant, oldest first; ends the command when that is not clear or one is not there."""
    if every == bool(numbers):
        stop("number is missing or doubled; name letters or --all; see `nextbest letters list`")
    wanted = {_number(one) for one in numbers or ()}
    letters = _all_letters(store)
    if every:
        return letters
    if absent := sorted(wanted - {one.number for one in letters}):
        stop(f"number is {absent[0]}; no letter has it; see `nextbest letters list`")
    return [one for one in letters if one.number in wanted]


def _number(text: str) -> int:
    if not (text.isascii() and text.isdecimal()):
        stop(f"number is {text}; a letter is named by its number; see `nextbest letters list`")
    return int(text)


def _all_letters(store: Store) -> list[BuriedLetter]:
    found: list[BuriedLetter] = []
    while more := store.buried(_AT_A_TIME, found[-1].number if found else None):
        found.extend(more)
    return found[::-1]
