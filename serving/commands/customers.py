"""nextbest customers: what a person may demand of us, a copy or that we forget them."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, TextIO

import typer

from serving.commands.naming import Named, identity_of, operator
from serving.commands.output import AsJson, Json, Rows, Yes, confirm, counted, show, show_json
from serving.commands.shell import console, one_line, present_of, stop, the_store

app = typer.Typer(help="Rights of the person: everything held on them, or its erasure.", no_args_is_help=True)


@app.command("export", epilog="nextbest customers export c-17 --output c-17.json")
def export_customer(
    customer: Named,
    output: Annotated[Path | None, typer.Option(help="A new file, for your eyes only; else standard output.")] = None,
) -> None:
    """Everything held on one person as one JSON document (docs/rights.md). Leaves an entry in the audit."""
    from features.identity import customer_identifier

    with one_line(), the_store() as store:
        identity = identity_of(store, customer)
        with _target(output) as file:
            document = store.export(customer_identifier(identity.customer_id), present_of(store), operator())
            if document is None:
                stop(f"customer is {customer}; nobody has it any more; they were erased meanwhile")
            file.write(document + "\n")
    if output is not None:
        console.print(f"written to {output}, readable by you alone", markup=False, highlight=False)


@contextmanager
def _target(output: Path | None) -> Iterator[TextIO]:
    """Where a copy goes, there before the copy is made, for the audit then has it; gone again when it is not."""
    if output is None:
        yield sys.stdout
        return
    try:
        descriptor = os.open(output, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    except FileExistsError:
        stop(f"output is {output}; the file exists; name a new one")
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            yield file
    except BaseException:
        output.unlink()
        raise


@app.command("erase", epilog="nextbest customers erase c-17")
def erase_customer(customer: Named, yes: Yes = False, as_json: AsJson = False) -> None:
    """Forget one person, for good. What stays, and why: docs/rights.md."""
    from features.identity import customer_identifier

    with one_line(), the_store() as store:
        identity = identity_of(store, customer)
        confirm(
            f"{identity.customer_id} (known as {', '.join(identity.names)},"
            f" {counted(len(identity.identifiers), 'identifier')})"
            " will be erased: events, decisions, consents, traits, identifiers, dead letters; there is no way back",
            yes,
        )
        entry = store.erase(customer_identifier(identity.customer_id), present_of(store), operator())
    if entry is None:
        stop(f"customer is {customer}; nobody has it any more; they were erased meanwhile")
    counts: dict[str, int] = json.loads(entry.counts)
    if as_json:
        show_json({"audit": entry.number, "erased": counts})
    else:
        show(Rows(("erased", "rows"), list(counts.items()), "nothing was held"), as_json=False)


def compact() -> None:
    """Write the store's files anew, so that nothing that was erased is left in them; meanwhile nobody can write."""
    with one_line(), the_store() as store:
        store.compact()
    console.print("the store's files hold nothing that was deleted")


def audit(
    limit: Annotated[int, typer.Option(min=1, max=100_000, help="Entries, the newest first.")] = 50,
    as_json: AsJson = False,
) -> None:
    """What was exported, erased and split, when and by whom; about whom only a keyed digest says."""
    from features.instants import render_instant

    with one_line(), the_store() as store:
        entries = store.audit(limit)
    rows = [
        (one.number, render_instant(one.at), one.what, one.author, one.subject, Json(one.counts)) for one in entries
    ]
    show(Rows(("number", "at", "what", "author", "subject", "counts"), rows, "nothing is recorded"), as_json)
