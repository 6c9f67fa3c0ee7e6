"""`nextbest simulate`, as the command line has it; what it needs is imported when it runs."""

from __future__ import annotations

import signal
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, NoReturn

import typer
from rich.console import Console


def simulate(
    people: Annotated[int, typer.Option(min=20, max=100_000, help="Synthetic people.")] = 2_000,
    rounds: Annotated[int, typer.Option(min=1, max=50, help="Of 14 simulated days, a retrain between two.")] = 4,
    decisions: Annotated[
        int, typer.Option(min=14, max=1_000_000, help="In each round; at most one a person and day.")
    ] = 5_000,
    seed: Annotated[int, typer.Option(min=0, help="Of the people, their days and their luck.")] = 1,
    out: Annotated[Path | None, typer.Option(help="Also write the figures as JSON.")] = None,
) -> None:
    """A SYNTHETIC retailer with known truth, decided for by the real service: what its choices were truly worth beside
    random, popularity, the best fixed order and the oracle. Keeps nothing and leaves nothing running."""
    import msgspec

    from features.progress import Terminal
    from features.stores import StoreError
    from training.errors import ServiceRefused
    from training.simulation.experiment import ROUND, Plan, simulated, table
    from training.simulation.running import Home

    console = Console(stderr=True, soft_wrap=True)
    if decisions > people * ROUND:
        _stop(console, f"decisions is {decisions}; it is at most {people * ROUND} for {people} people; ask for fewer")
    if out is not None and not out.absolute().parent.is_dir():
        _stop(console, f"out is {out}; its folder must be there; make it or name another file")
    if out is not None and out.is_dir():
        _stop(console, f"out is {out}; that is a folder; name a file")
    try:
        with _interruptible(), tempfile.TemporaryDirectory(prefix="nextbest-") as folder:
            plan = Plan(people, rounds, decisions, seed)
            found = simulated(Home(Path(folder)), plan, Terminal(console), console.print)
    except (ServiceRefused, StoreError) as error:
        _stop(console, str(error))
    except KeyboardInterrupt:
        console.print("stopped; nothing is kept and nothing runs any more")
        raise typer.Exit(130) from None
    typer.echo(
        f"SYNTHETIC people, seed {seed}; rewards in EUR per decision; "
        f"promoted before the first round, then after each: {found.promoted}\n"
    )
    typer.echo(table(found.rounds))
    if out is not None:
        try:
            out.write_bytes(msgspec.json.format(msgspec.json.encode(found), indent=2))
        except OSError as error:
            _stop(console, f"out is {out}; the figures could not be written ({error}); they are in the table")


@contextmanager
def _interruptible() -> Iterator[None]:
    """SIGTERM ends what runs as Ctrl-C does."""

    def end(_signal: int, _frame: object) -> None:
        raise KeyboardInterrupt

    before = {number: signal.signal(number, end) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _stop(console: Console, line: str) -> NoReturn:
    console.print(line, markup=False, highlight=False, soft_wrap=True)
    raise typer.Exit(2)
