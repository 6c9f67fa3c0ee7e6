"""`nextbest next-items`, as the command line has it; what it needs is imported when it runs."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from training.commands import House, tell
from training.settings import DEFAULT_SEED

EXAMPLE = "nextbest next-items --out next_items.parquet --limit 10"


def add_to(app: typer.Typer, house: House) -> None:
    """The command next-items."""

    @app.command("next-items", epilog=EXAMPLE)
    def next_items(
        out: Annotated[
            Path, typer.Option(help="The .parquet or .jsonl file to make; its columns: docs/next-items.md.")
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
        """The items that each customer is likeliest to buy next, best first, from everybody's baskets; never one that
        was bought and is not to be bought again yet. It learns, judges itself on every customer's last basket beside
        counting (Markdown on standard output), keeps a run in MLflow and writes the lists. Exit code 1 when counting
        foretells clearly better: then nothing is written."""
        with house.one_line(), house.open_log() as log:
            from features.progress import Terminal
            from training.next_purchase.making import Wanted, make
            from training.next_purchase.ranker import Settings

            wanted = Wanted(out, limit, customers, overwrite, Settings(seed=seed))
            made = make(log.store, house.registry(), wanted, Terminal(house.console))
            typer.echo(made.judged.table.markdown())
            tell(house, made.remarks)
            tell(house, (f"kept as run {made.run_id}, see `nextbest mlflow`",))
            if made.counts is None:
                raise typer.Exit(1)
