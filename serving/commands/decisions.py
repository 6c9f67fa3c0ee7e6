"""nextbest decisions: past decisions made again from what is stored, without a service."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from features.progress import Terminal
from serving.commands.output import AsJson, Rows, Several, counted, show
from serving.commands.shell import console, one_line, present_of, span_of, stop, the_store

if TYPE_CHECKING:
    from collections.abc import Sequence

    from features.stores import Store
    from features.stores.protocol import LoggedDecision
    from serving.replaying import Replay

app = typer.Typer(help="Past decisions, made again.", no_args_is_help=True)


@app.callback()
def _group() -> None:
    """So that the only command keeps its name."""


@app.command("replay", epilog="nextbest decisions replay --since 7d --limit 1000")
def replay(
    decision: Annotated[str | None, typer.Argument(help="The id of one decision.")] = None,
    since: Annotated[str | None, typer.Option(help="All of the last hours or days instead: 12h, 7d.")] = None,
    limit: Annotated[int, typer.Option(min=1, max=1_000_000, help="With --since: at most, the newest first.")] = 1000,
    as_json: AsJson = False,
) -> None:
    """Make decisions again and compare; exit code 1 when one differs though the code that made it is this code."""
    from serving.replaying import Replayer
    from serving.runtime import code_revision

    with one_line(), the_store() as store:
        chosen = _chosen(store, decision, since, limit)
        replayer = Replayer(store, code_revision())
        made: list[tuple[str, Replay]] = []
        with Terminal(console).step("Replay decisions", total=len(chosen)) as advance:
            for one in chosen:
                logged = store.decision(one)
                if logged is not None:  # else its person was erased meanwhile
                    made.append((one, replayer.replay(logged)))
                advance(1)
    _tell(made, as_json)
    if any(one.is_fault for _, one in made):
        raise typer.Exit(1)


def _chosen(store: Store, decision: str | None, since: str | None, limit: int) -> Sequence[str]:
    if (decision is None) == (since is None):
        stop("decision is missing or doubled; name one by its id, or give --since; see `--help`")
    if since is not None:
        return store.newest_decisions(present_of(store) - span_of(since), limit)
    return [_there(store, str(decision)).decision_id]


def _there(store: Store, decision_id: str) -> LoggedDecision:
    logged = store.decision(decision_id)
    if logged is None:
        why = "its person was erased" if store.erased(decision_id) else "no decision has it"
        stop(f"decision is {decision_id}; {why}; look at the answer of /recommend")
    return logged


def _tell(made: Sequence[tuple[str, Replay]], as_json: bool) -> None:
    """The counts, and every decision that is not the same again."""
    count = {
        name: sum(one.result == name for _, one in made) for name in ("identical", "different", "fault", "missing")
    }
    console.print(
        f"{counted(len(made), 'decision')}: {count['identical']} identical, {count['fault']} different on the same"
        f" revision, {count['different']} different on another, {count['missing']} of which something is not kept"
    )
    rows = [
        (name, one.result, Several([difference.path for difference in one.differences]), Several(one.missing))
        for name, one in made
        if not one.identical
    ]
    if rows or as_json:
        show(Rows(("decision", "result", "differences", "missing"), rows, ""), as_json)
