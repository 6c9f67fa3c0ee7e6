"""Asking for a decision without a service."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Annotated

import typer

from serving.commands.shell import console, hush, one_line, require_there, settings, stop

if TYPE_CHECKING:
    from serving.settings import Settings


def recommend(
    customer: Annotated[str, typer.Argument(help="The customer's id.")],
    channel: Annotated[list[str] | None, typer.Option(help="May be repeated; none means every channel.")] = None,
    limit: Annotated[int, typer.Option(min=1, max=20, help="Actions per channel.")] = 3,
    explain: Annotated[bool, typer.Option(help="Add what was refused, and why.")] = False,
) -> None:
    """Ask for a decision without a service and without leaving a trace (a dry run); JSON on standard output."""
    with one_line():
        answer = dry_run(settings(), customer, channel, limit, explain=explain)
    if answer["degraded"]:
        console.print("no model answers, so the ranking is value times lever; run `nextbest train`, `nextbest promote`")
    print(json.dumps(answer, indent=2, ensure_ascii=False))


def dry_run(
    where: Settings, customer: str, channels: list[str] | None, limit: int, *, explain: bool
) -> dict[str, object]:
    """The service's own answer. Whoever can read the store needs no key."""
    import asyncio

    from pydantic import ValidationError

    from serving.deciding import look
    from serving.errors import Refusal, from_validation
    from serving.runtime import Runtime
    from serving.schemas import RecommendRequest

    async def answer(request: RecommendRequest) -> bytes:
        runtime = Runtime(where)
        try:
            return await look(runtime, request)
        finally:
            await runtime.close()

    require_there(where)
    hush()
    try:
        request = RecommendRequest(customer_id=customer, channels=channels, limit=limit, explain=explain)
        found: dict[str, object] = json.loads(asyncio.run(answer(request)))
    except ValidationError as error:
        stop(str(from_validation(error)))
    except Refusal as refusal:
        stop(str(refusal))
    return found
