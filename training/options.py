"""What `nextbest train`, `nextbest evaluate` and `nextbest arms` may be told, for their help."""

from __future__ import annotations

from typing import Annotated

import typer

from training.settings import DEFAULT_SEED

Seed = Annotated[
    int | None,
    typer.Option(help=f"Of every draw; the same seed and history give the same trees. Default: {DEFAULT_SEED}."),
]
Until = Annotated[
    str | None, typer.Option(help="RFC 3339; nothing recorded later is looked at. Default: all that was recorded.")
]
Evaluated = Annotated[
    bool, typer.Option("--evaluate/--no-evaluate", help="Also compare with the baselines; takes as long again.")
]
Minutes = Annotated[
    float | None,
    typer.Option(
        "--tune",
        metavar="MINUTES",
        help="First search so long for better trees of the response model; what is chosen depends on the machine "
        "too. Default: no search.",
    ),
]
Trials = Annotated[
    int | None,
    typer.Option(
        "--tune-trials",
        metavar="N",
        help="The same with N trials at most; the same seed and history choose the same trees. Default: no limit.",
    ),
]
Trees = Annotated[
    str,
    typer.Option(
        "--response",
        metavar="NAME=VALUE,...",
        help="Trees of the response model, as a search tells what it chose: num_leaves=15,learning_rate=0.1. "
        "Default: those in docs/tuning.md.",
    ),
]
Value = Annotated[
    bool, typer.Option("--value", help="A success counts what the action is worth, in the catalogue's currency.")
]
