"""The closed loop on SYNTHETIC people with known truth: what share of the oracle's gain over random nextbest takes, and
what share Vowpal Wabbit takes in a world of its own with the same people, days and luck.

    python benchmarks/closed_loop.py [--small] [--seed 2] [--every 7]

Both are asked through the real service, whose gates say what is eligible. `pip install vowpalwabbit` first; without it
nextbest runs alone. The full size has seed 2: Vowpal Wabbit's settings were chosen on seed 1.
"""

from __future__ import annotations

import argparse
import importlib.util
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from rich.console import Console

from features.progress import Terminal
from training.simulation.experiment import Plan, opened, run, served, table
from training.simulation.judged import Figures
from training.simulation.loop import ByService, Loop
from training.simulation.running import Home

FULL = Plan(people=500, rounds=4, decisions=2_000, seed=2)
SMALL = Plan(people=200, rounds=2, decisions=400, seed=1)


def ours(plan: Plan, console: Console) -> list[Figures]:
    with tempfile.TemporaryDirectory(prefix="nextbest-") as folder:
        home, progress = Home(Path(folder)), Terminal(console)
        world, _ = opened(home, plan, progress)
        with served(home, progress) as client:
            loop = Loop(world, client, ByService(client))
            promoted = run(home, plan, loop, progress, console.print, retrained=True)
    print(f"promoted before the first round, then after each: {promoted}")
    return loop.log.figures(plan.seed)


def theirs(plan: Plan, console: Console) -> list[Figures]:
    from benchmarks.parts.vowpal import ByVowpal  # noqa: PLC0415 it is optional

    with tempfile.TemporaryDirectory(prefix="nextbest-") as folder:
        home, progress = Home(Path(folder)), Terminal(console)
        world, past = opened(home, plan, progress)
        with served(home, progress) as client:
            loop = Loop(world, client, ByVowpal(client, world.truth, past, plan.seed))
            run(home, plan, loop, progress, console.print, retrained=False)
    return loop.log.figures(plan.seed)


def asked(arguments: Sequence[str] | None = None) -> tuple[Plan, str | None]:
    """The plan, and whom alone to run. arguments: None, those of the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--small", action="store_true", help="a size that measures nothing")
    parser.add_argument("--seed", type=int, help=f"default: {FULL.seed}, with --small {SMALL.seed}")
    parser.add_argument("--people", type=int)
    parser.add_argument("--rounds", type=int)
    parser.add_argument("--decisions", type=int)
    parser.add_argument("--every", type=int, choices=(2, 7, 14), help="days from one retrain to the next; default: 14")
    parser.add_argument("--only", choices=("ours", "vw"))
    given = parser.parse_args(arguments)
    base = SMALL if given.small else FULL
    told = {name: getattr(given, name) for name in ("people", "rounds", "decisions", "seed", "every")}
    return replace(base, **{name: number for name, number in told.items() if number is not None}), given.only


def main() -> None:
    (plan, only), console = asked(), Console(stderr=True, soft_wrap=True)
    print(f"SYNTHETIC: {plan}; rewards in EUR per decision; goal: 80 % of the oracle's gain, ahead of Vowpal Wabbit")
    if only != "vw":
        begun = time.monotonic()
        print(f"\nnextbest\n\n{table(tuple(ours(plan, console)))}\n\n{time.monotonic() - begun:.0f} s")
    if only == "ours":
        return
    if importlib.util.find_spec("vowpalwabbit") is None:
        print("\nvowpalwabbit is missing; the comparison needs it; pip install vowpalwabbit")
        return
    begun = time.monotonic()
    print(f"\nVowpal Wabbit (its row is called ours)\n\n{table(tuple(theirs(plan, console)))}")
    print(f"\n{time.monotonic() - begun:.0f} s")


if __name__ == "__main__":
    main()
