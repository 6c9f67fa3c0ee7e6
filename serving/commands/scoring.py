"""nextbest score: a decision for everybody in an audience, as a Parquet file."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from features.progress import Terminal
from serving.commands.shell import console, hush, one_line, require_there, settings, stop

if TYPE_CHECKING:
    from serving.audience.run import Question


def score(
    channel: Annotated[list[str], typer.Option(help="May be repeated.")],
    out: Annotated[Path, typer.Option(help="The Parquet file to make; its columns are in docs/scoring.md.")],
    *,
    audience: Annotated[
        str, typer.Option(help="`all`, a file of customer ids (text, .csv, .parquet), or a condition in CEL.")
    ] = "all",
    limit: Annotated[int, typer.Option(min=1, max=20, help="Actions per channel.")] = 1,
    deliver_at: Annotated[
        str | None, typer.Option(help="When it is to be delivered; default: as it is decided.")
    ] = None,
    placement: Annotated[str | None, typer.Option(help="Of the channel; default: any.")] = None,
    context: Annotated[str, typer.Option(help="A JSON object that conditions see as `context`.")] = "{}",
    exclude: Annotated[list[str] | None, typer.Option(help="An action's id; may be repeated.")] = None,
    distinct: Annotated[bool, typer.Option("--distinct", help="No action twice over the channels.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only look: log nothing, reserve nothing.")] = False,
    strangers: Annotated[
        bool, typer.Option("--strangers", help="Decide about ids, too, that nobody was ever told of.")
    ] = False,
    accept_changes: Annotated[
        bool, typer.Option("--accept-changes", help="Go on although catalogue or model have changed.")
    ] = False,
    processes: Annotated[int | None, typer.Option(min=1, help="Default: one a core.")] = None,
    part: Annotated[int, typer.Option(min=1, help="Customers in one part of the work.")] = 1_000,
) -> None:
    """Decide for a whole audience. Decisions are logged and reserve, as those of /recommend_batch do; what was
    stopped or killed goes on by the same command, and decides about nobody twice. Exit code 130 after Ctrl-C."""
    where = settings()
    require_there(where)
    hush()
    from serving.audience.run import AudienceError
    from serving.audience.scoring import Wanted
    from serving.audience.scoring import score as run
    from serving.errors import Refusal

    fields = {
        "channels": channel,
        "limit": limit,
        "deliver_at": deliver_at,
        "placement": placement,
        "context": _object(context),
        "exclude": exclude or [],
        "distinct": distinct,
    }
    question = _question(fields, dry_run, strangers)
    wanted = Wanted(question, audience, out, processes or _cores(), part, accept_changes)
    with one_line(AudienceError, Refusal):
        print(run(where, wanted, Terminal(console)))


def _cores() -> int:
    """Those that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _object(text: str) -> dict[str, object]:
    try:
        told = json.loads(text)
    except ValueError:
        told = None
    if not isinstance(told, dict):
        stop(f'context is {text}; it must be a JSON object; write it like \'{{"season": "spring"}}\'')
    return told


def _question(fields: dict[str, object], dry_run: bool, strangers: bool) -> Question:
    """Ends the command when it is none."""
    import msgspec
    from pydantic import ValidationError

    from serving.audience.run import Question
    from serving.errors import from_validation

    asked = msgspec.json.Encoder(order="deterministic").encode(
        {name: value for name, value in fields.items() if value is not None}
    )
    question = Question(asked.decode(), dry_run, strangers)
    try:
        question.of(["anybody"], None)
    except ValidationError as error:
        stop(str(from_validation(error)))
    return question
