"""nextbest check: whether what decisions read equals the log."""

from __future__ import annotations

import typer

from serving.commands.output import counted
from serving.commands.shell import console, one_line, the_store


def check() -> None:
    """Rebuild every page, ledger and consent from the log and compare; exit code 1 when anything differs."""
    with one_line(), the_store() as store:
        report = store.check()
    for fault in report.faults:
        console.print(fault, markup=False)
    people = "1 person" if report.people == 1 else f"{report.people:,} people"
    print(f"{people}, {counted(report.events, 'event')}, {counted(len(report.faults), 'fault')}")
    if report.faults:
        raise typer.Exit(1)
