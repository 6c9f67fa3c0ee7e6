"""nextbest cases: open cases of all customers, for whoever leads those who work on them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from features.progress import Terminal
from serving.commands.output import AsJson, Cell, Rows, show
from serving.commands.shell import console, one_line, present_of, stop, the_store

if TYPE_CHECKING:
    from features.stores import Store
    from models.policy_rules import ServiceFirst
    from serving.open_cases import CaseOfSomebody

app = typer.Typer(help="Open cases of all customers.", no_args_is_help=True)

_COLUMNS = ("customer", "case_id", "severity", "opened", "touched", "stale_since")


@app.callback()
def _group() -> None:
    """So that the only command keeps its name."""


@app.command("list", epilog="nextbest cases list --stale --json")
def list_cases(
    stale: Annotated[
        bool, typer.Option("--stale", help="Only those untouched for so long that selling goes on.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Cases that are open, the longest untouched first. Stale is what nobody has touched for the catalogue's
    service_first.stale_days. No customer is named where the company has no id of its own."""
    from serving.open_cases import cases_of_everybody

    found: list[CaseOfSomebody] = []
    with one_line(), the_store() as store:
        rule, moment = _rule(store), present_of(store)
        if rule is None and stale:
            stop("service_first is absent; its stale_days say when a case is stale; add it, or list without --stale")
        with Terminal(console).step("Look through cases") as advance:
            found.extend(cases_of_everybody(store, rule, stale, moment, advance))
    found.sort(key=lambda one: (one.case.touched_at, one.customer or "", one.case_id or ""))
    show(Rows(_COLUMNS, [_row(one) for one in found], "no case is stale" if stale else "no case is open"), as_json)


def _rule(store: Store) -> ServiceFirst | None:
    """Of the catalogue in force; ends the command where there is none."""
    from models.catalogue import parse

    stored = store.catalogue()
    if stored is None:
        stop("catalogue is absent; none is published yet; publish one with `nextbest catalogue apply`")
    return parse(stored.document, stored.version).service_first


def _row(one: CaseOfSomebody) -> tuple[Cell, ...]:
    from features.instants import render_instant

    opened, touched = render_instant(one.case.opened_at), render_instant(one.case.touched_at)
    since = None if one.stale_since is None else render_instant(one.stale_since)
    return one.customer, one.case_id, one.case.severity or None, opened, touched, since
