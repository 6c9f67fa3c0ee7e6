"""nextbest catalogue: what may be offered, looked at and changed; running services take a change up by themselves."""

from __future__ import annotations

from enum import StrEnum
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from serving.commands.naming import operator
from serving.commands.output import AsJson, Rows, counted, show, show_json
from serving.commands.rehearsal import rehearse
from serving.commands.shell import console, one_line, present_of, settings, stop, the_store, the_store_or_an_empty_one

if TYPE_CHECKING:
    from features.stores import Store
    from features.stores.protocol import StoredCatalogue
    from models.catalogue_diff import CatalogueDiff, Change, ItemsApart
    from serving.editing import Published, Signed

app = typer.Typer(help="The catalogue: what may be offered, to whom and how.", no_args_is_help=True)

File = Annotated[
    Path, typer.Argument(help="YAML or JSON (docs/catalogue.md); without items it keeps those of the newest version.")
]
Note = Annotated[str, typer.Option(help="Why, for the history.")]
Expected = Annotated[
    int | None, typer.Option("--expect", min=0, help="Only when this is the newest version; 0 for none at all.")
]
_SHOWN = 60
_SIGNS = {"added": "+", "removed": "-", "changed": "~", "reordered": "~"}


class Format(StrEnum):
    YAML = "yaml"
    JSON = "json"


@app.command("validate", epilog="nextbest catalogue validate catalogue.yaml")
def validate(file: File) -> None:
    """Check a file and change nothing; exit code 2 and one line for each fault when it has any."""
    from models.catalogue_file import read
    from serving.editing import items_of

    with one_line(), the_store_or_an_empty_one() as store:
        source = read(file, items_of(store.catalogue()))
    print(f"{file.name} has no faults, {counted(source.items.num_rows, 'item')}")


@app.command("diff", epilog="nextbest catalogue diff catalogue.yaml")
def diff(file: File, as_json: AsJson = False) -> None:
    """What applying a file would change; exit code 0 for nothing, 1 for something, 2 when it has faults."""
    from models.catalogue_diff import since
    from models.catalogue_file import read
    from serving.catalogue_answers import COMPARED, ComparedAnswer
    from serving.editing import items_of, number_of

    with one_line(), the_store_or_an_empty_one() as store:
        newest = store.catalogue()
        found = since(newest, read(file, items_of(newest)))
    if as_json:
        show_json(COMPARED.dump_python(ComparedAnswer(number_of(newest), not found, found), mode="json"))
    else:
        _tell(found)
    if found:
        raise typer.Exit(1)


app.command("rehearse", epilog="nextbest catalogue rehearse catalogue.yaml --since 7d --plot changes.svg")(rehearse)


@app.command("apply", epilog="nextbest catalogue apply catalogue.yaml --note 'summer offers'")
def apply(file: File, note: Note = "", expected: Expected = None) -> None:
    """Publish a file as the new version, whole or not at all. The same content again is the same version."""
    from models.catalogue_file import read
    from serving.editing import publish
    from serving.opening import is_there

    with one_line():
        if not is_there(settings()):
            read(file)  # a file with faults makes no store
        with the_store(create=True) as store:
            base = _newest(store, expected)
            made = publish(store, partial(read, file), base, forced=False, signed=_signed(store, note))
    _tell_version(made)


@app.command("rollback", epilog="nextbest catalogue rollback 3 --note 'the summer offers were wrong'")
def rollback(
    version: Annotated[int, typer.Argument(min=1, help="As `nextbest catalogue history` shows it.")],
    note: Note = "",
    expected: Expected = None,
) -> None:
    """Publish what an older version said as the new version."""
    from serving.editing import number_of, roll_back

    with one_line(), the_store() as store:
        older = _version(store, version)
        newest = number_of(_newest(store, expected))
        made = roll_back(store, older, newest, _signed(store, note or f"rolled back to version {version}"))
    _tell_version(made)


@app.command("history", epilog="nextbest catalogue history --limit 5 --json")
def history(
    limit: Annotated[int, typer.Option(min=1, max=10_000, help="Versions, the newest first.")] = 50,
    as_json: AsJson = False,
) -> None:
    """What was published when and by whom, the newest first."""
    from features.instants import render_instant

    with one_line(), the_store() as store:
        found = store.catalogue_versions(limit)
    columns = (
        "version",
        "published",
        "author",
        "note",
        "channels",
        "topics",
        "categories",
        "actions",
        "items",
        "digest",
    )
    rows = [
        (
            *(one.version, render_instant(one.published_at), one.author, one.note),
            *(one.channels, one.topics, one.categories, one.actions, one.items, one.digest[:16]),
        )
        for one in found
    ]
    show(Rows(columns, rows, "no catalogue is published yet"), as_json)


@app.command("show", epilog="nextbest catalogue show --no-items > catalogue.yaml")
def show_catalogue(
    version: Annotated[int | None, typer.Option(min=1, help="Default: the newest.")] = None,
    as_format: Annotated[Format, typer.Option("--format", help="How it is written.")] = Format.YAML,
    with_items: Annotated[bool, typer.Option("--items/--no-items", help="With what is sold.")] = True,
) -> None:
    """The catalogue as a file that `apply` takes; applied without items it keeps those that there are."""
    from models.catalogue_writing import as_json, as_yaml
    from serving.editing import items_of

    with one_line(), the_store() as store:
        stored = _version(store, version)
    items = items_of(stored) if with_items else None
    if as_format is Format.YAML:
        print(as_yaml(stored.document, items), end="")
    else:
        print(as_json(stored.document, items))


def _version(store: Store, version: int | None) -> StoredCatalogue:
    """Ends the command where there is none."""
    stored = store.catalogue(version)
    if stored is None and version is None:
        stop("catalogue is absent; none is published yet; publish one with `nextbest catalogue apply`")
    if stored is None:
        stop(f"version is {version}; there is no such version; see `nextbest catalogue history`")
    return stored


def _newest(store: Store, expected: int | None) -> StoredCatalogue | None:
    """The version that a change is made to; ends the command when that is another than expected."""
    newest = store.catalogue()
    number = 0 if newest is None else newest.version
    if expected is not None and expected != number:
        stop(
            f"version is {number}; {expected} was expected; see `nextbest catalogue history` and make the change again"
        )
    return newest


def _signed(store: Store, note: str) -> Signed:
    from serving.editing import Signed

    return Signed(present_of(store), operator(), note)


def _tell_version(made: Published) -> None:
    if made.published:
        console.print(f"version {made.version} is published; running services take it up within seconds")
    else:
        console.print(f"version {made.version} says the same already; nothing was published")


def _tell(found: CatalogueDiff) -> None:
    """One line for each change, on standard output."""
    from serving.commands.output import printable

    for change in found.changes:
        print(printable(f"{_SIGNS[change.what]} {'.'.join(change.path)}{_told(change)}"))
    parts = (("+", found.items_added), ("-", found.items_removed), ("~", found.items_changed))
    for sign, items in parts:
        if items.count:
            print(printable(f"{sign} {_named(items)}"))
    if found.items_reordered:
        print("~ items: reordered")


def _told(change: Change) -> str:
    if change.what == "reordered":
        return ": reordered"
    if change.what == "changed":
        return f": {_short(change.before)} -> {_short(change.after)}"
    value = change.after if change.what == "added" else change.before
    return "" if isinstance(value, dict) else f": {_short(value)}"


def _short(value: object) -> str:
    import json

    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= _SHOWN else f"{text[: _SHOWN - 3]}..."


def _named(items: ItemsApart) -> str:
    more = ", ..." if items.count > len(items.first) else ""
    return f"{counted(items.count, 'item')}: {', '.join(items.first)}{more}"
