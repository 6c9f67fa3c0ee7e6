"""What the command line makes of the log: arms, training table, skew, drift, lists of next items."""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from training.options import Value
from training.settings import DEFAULT_SEED

if TYPE_CHECKING:
    from rich.console import Console

    from features.stores import Store
    from training.decision_rows import MadeAgain
    from training.registry import Registry
    from training.skew import RowsAgain, Skew

DAY = 86_400_000
Days = Annotated[int, typer.Option(min=1, max=3650, help="Decisions of the last so many days.")]
AsJson = Annotated[bool, typer.Option("--json", help="JSON instead of Markdown.")]


@dataclass(frozen=True, slots=True)
class Log:
    """A store, its present (ms UTC), what makes its decisions again, and the revision of the code that does."""

    store: Store
    present: int
    again: MadeAgain
    rows: RowsAgain
    revision: str


OpenLog = Callable[[], AbstractContextManager[Log]]
"""A function of a module, so that other processes find it."""


@dataclass(frozen=True, slots=True)
class House:
    """What only the command line has. one_line: what is foreseen ends in one line. moment: ms UTC of RFC 3339, and the
    option's name."""

    open_log: OpenLog
    one_line: Callable[[], AbstractContextManager[None]]
    moment: Callable[[str | None, str], int | None]
    console: Console
    registry: Callable[[], Registry]


def skew_of(log: Log, days: int, until: int | None, console: Console) -> Skew:
    """Of the decisions of so many days before `until` (ms UTC; None: the present)."""
    from features.progress import Terminal
    from training.skew import measure_skew

    end = log.present if until is None else min(until, log.present)
    return measure_skew(log.store, log.rows, log.revision, end - days * DAY, end, Terminal(console))


def add_to(app: typer.Typer, house: House) -> None:
    """The commands arms, watch, table, skew and next-items."""
    _add_arms(app, house)
    _add_watch(app, house)
    _add_table(app, house)
    _add_skew(app, house)
    _add_next_items(app, house)


def _add_arms(app: typer.Typer, house: House) -> None:
    @app.command()
    def arms(
        days: Days = 90,
        value: Value = False,
        seed: Annotated[int, typer.Option(help="Of the intervals' draws.")] = DEFAULT_SEED,
    ) -> None:
        """What each arm's draws earned, from the decision log, and how far ahead of the full arm; with 95 % intervals
        over people; Markdown on standard output."""
        with house.one_line(), house.open_log() as log:
            from features.progress import Terminal
            from training.offpolicy.arms import report
            from training.offpolicy.logged import Reward

            reward, now = Reward.VALUE if value else Reward.SUCCESS, log.present
            remarks, table = report(log.store, now - days * DAY, now, reward, seed, Terminal(house.console))
            _tell(house, remarks)
            print(table)


def _add_watch(app: typer.Typer, house: House) -> None:
    @app.command(epilog="nextbest watch --days 28 --report")
    def watch(
        days: Annotated[int, typer.Option(min=1, max=3650, help="The last so many days, beside as many before.")] = 7,
        limit: Annotated[int, typer.Option(min=1, help="So many decisions at most are read, the newest.")] = 200_000,
        as_json: AsJson = False,
        report: Annotated[bool, typer.Option("--report", help="Also keep it, with plots, as a run of MLflow.")] = False,
        check: Annotated[bool, typer.Option("--check", help="Exit code 1 when something stands out.")] = False,
    ) -> None:
        """What has changed since the model learned: responses beside what was expected, drift of scores and features,
        and who is served badly, from the decision log; Markdown on standard output."""
        with house.one_line(), house.open_log() as log:
            from features.progress import Terminal
            from training.watching import report as reports

            found = reports.look(log.store, log.present, days, limit, Terminal(house.console))
            _tell(house, found.remarks)
            print(reports.as_json(found) if as_json else reports.markdown(found))
            if report:
                from training.watching.recording import keep

                house.console.print(f"kept as run {keep(found, house.registry())}")
            if check and found.findings:
                raise typer.Exit(1)


def _add_table(app: typer.Typer, house: House) -> None:
    @app.command()
    def table(
        out: Annotated[Path, typer.Option(help="The folder to write; it must not be there yet, or be empty.")],
        buckets: Annotated[int, typer.Option(min=1, max=10_000, help="Of people; one is in memory at a time.")] = 16,
        known_at: Annotated[
            str | None, typer.Option(help="RFC 3339; nothing recorded later is seen. Default: the present.")
        ] = None,
        processes: Annotated[int, typer.Option(min=1, max=64, help="Beside one another; the result is the same.")] = 1,
        overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace a training table that is there.")] = False,
    ) -> None:
        """Write the training table as Parquet by bucket of people: exposures and decisions with features, labels and
        chances; see docs/training-table.md. The manifest goes to standard output."""
        with house.one_line():
            from features.progress import Terminal
            from training.parquet_table import to_json
            from training.table_writing import write_table

            seen = house.moment(known_at, "known-at")
            if seen is None:
                with house.open_log() as log:
                    seen = log.present
            terminal = Terminal(house.console)
            manifest = write_table(
                house.open_log, out.absolute(), seen, buckets, processes, terminal, overwrite=overwrite
            )
            print(to_json(manifest).decode(), end="")


def _add_skew(app: typer.Typer, house: House) -> None:
    @app.command()
    def skew(
        days: Days = 90,
        as_json: AsJson = False,
    ) -> None:
        """Make logged decisions again and compare their feature rows with those that were logged. Exit code 1 when
        more than what a promotion allows are different."""
        with house.one_line(), house.open_log() as log:
            found = skew_of(log, days, None, house.console)
            _show_skew(house, found, as_json=as_json)


def _show_skew(house: House, found: Skew, *, as_json: bool) -> None:
    from training.promotion import Limits, Skewed
    from training.skew import markdown, remarks

    judged = found.judged()
    if as_json:
        print(json.dumps({**asdict(found), "sentence": judged.sentence if isinstance(judged, Skewed) else judged.why}))
    else:
        _tell(house, remarks(found))
        print(markdown(found))
    if isinstance(judged, Skewed) and judged.share > Limits().skew:
        raise typer.Exit(1)


def _add_next_items(app: typer.Typer, house: House) -> None:
    @app.command("next-items", epilog="nextbest next-items --out next_items.parquet --limit 10")
    def next_items(
        out: Annotated[
            Path, typer.Option(help="The .parquet or .jsonl file to make; its columns are in docs/next-items.md.")
        ],
        limit: Annotated[int, typer.Option(min=1, max=100, help="Items of a customer at most.")] = 10,
        customers: Annotated[
            Path | None,
            typer.Option(help="Only these: a file of customer ids (text, .csv, .parquet). Default: everybody."),
        ] = None,
        seed: Annotated[
            int, typer.Option(min=0, help="Of every draw; the same seed and history give the same file.")
        ] = DEFAULT_SEED,
        overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace a file that is there.")] = False,
    ) -> None:
        """List the items that each customer is likeliest to buy next, from everybody's baskets, never one that was
        bought and is not to be bought again yet. Judges itself first, on each customer's last basket beside counting;
        the table goes to standard output, a run to MLflow. Exit code 1, and no file, when counting foretells clearly
        better."""
        with house.one_line(), house.open_log() as log:
            from features.progress import Terminal
            from training.next_purchase.making import Wanted, make
            from training.next_purchase.ranker import Settings

            wanted = Wanted(out, limit, customers, overwrite, Settings(seed=seed))
            made = make(log.store, house.registry(), wanted, Terminal(house.console))
            print(made.judged.table.markdown())
            _tell(house, (*made.remarks, f"kept as run {made.run_id}, see `nextbest mlflow`"))
            if made.counts is None:
                raise typer.Exit(1)


def _tell(house: House, remarks: tuple[str, ...]) -> None:
    for remark in remarks:
        house.console.print(remark, markup=False, highlight=False)
