"""nextbest catalogue rehearse: what a catalogue would have changed, from the decisions that were logged."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from features.progress import Terminal
from serving.commands.output import AsJson, Rows, counted, show, show_json
from serving.commands.shell import console, one_line, present_of, span_of, stop, the_store

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from features.stores import Store
    from features.stores.protocol import StoredCatalogue
    from models.catalogue_file import CatalogueSource
    from models.rehearsal import Comparison, Stage
    from serving.commands.output import Cell
    from serving.rehearsing import Rehearsal

MOST = 1_000_000
"""Decisions of a period that a sample is drawn from: the newest."""
COLUMNS = ("what", "channel", "name", "before", "after", "change")


def rehearse(
    file: Annotated[Path, typer.Argument(help="The catalogue to try, as for `apply`.")],
    since: Annotated[str, typer.Option(help="The decisions of the last hours or days: 12h, 7d.")] = "7d",
    sample: Annotated[int, typer.Option(min=1, max=MOST, help="Of them so many at most, drawn at random.")] = 2000,
    plot: Annotated[Path | None, typer.Option(help="Draw it, too: a .svg or .png; needs matplotlib.")] = None,
    as_json: AsJson = False,
) -> None:
    """Make logged decisions again with a file and with the catalogue in force, and tell what differs.

    Nothing is published or written to the store; exit code 2 and one line for each fault when the file has any.
    """
    import msgspec

    from features.instants import render_instant
    from models.catalogue_file import read
    from serving.editing import items_of

    with one_line(), the_store() as store:
        draw = None if plot is None else _drawing(plot)
        base = store.catalogue()
        source = read(file, items_of(base))
        if base is None:
            stop("catalogue is absent; none is published yet; publish one with `nextbest catalogue apply`")
        begin = present_of(store) - span_of(since)
        listed = store.newest_decisions(begin, MOST)
        made = _made(store, base, source, listed, sample)
        if listed:
            _tell(made, file.name, render_instant(begin))
        else:
            console.print(f"no decisions since {render_instant(begin)}; nothing to rehearse")
        if as_json:
            show_json({"since": render_instant(begin), **msgspec.to_builtins(made)})
        elif listed:
            show(Rows(COLUMNS, list(rows(made)), ""), as_json=False)
        if draw is not None and listed:
            draw(made)


def _drawing(plot: Path) -> Callable[[Rehearsal], None]:
    """Refused before the work and not after it. Ends the command."""
    if plot.suffix not in {".svg", ".png"}:
        stop(f"plot is {plot}; its name must end in .svg or .png; name another")
    if not plot.parent.is_dir():
        stop(f"plot is {plot}; there is no such folder; make it or name another")
    from serving.commands.rehearsal_plot import save

    return partial(save, plot)


def _made(
    store: Store, base: StoredCatalogue, source: CatalogueSource, listed: tuple[str, ...], sample: int
) -> Rehearsal:
    from serving.rehearsing import Rehearser, draft_of, drawn
    from serving.runtime import code_revision

    rehearser, chosen = Rehearser(store, code_revision(), base, draft_of(source, base)), drawn(listed, sample)
    with Terminal(console).step("Rehearse decisions", total=len(chosen)) as advance:
        return rehearser.rehearse(chosen, len(listed), advance)


def rows(made: Rehearsal) -> Iterator[tuple[Cell, ...]]:
    """What differs, the most first; of the funnel, the people and the expectations everything."""
    changes = made.changes
    for one in sorted(changes.volumes, key=lambda one: -abs(one.after - one.before)):
        if one.before != one.after:
            yield _row("chosen", one.channel, one.action_id, one.before, one.after)
    yield from (_row(_stage(one.name), None, one.name, one.before, one.after) for one in changes.funnel if _counts(one))
    for reach in changes.reach:
        yield _row("people", reach.channel, "with an action", reach.before, reach.after)
        yield "people", reach.channel, "left with nothing", None, None, _signed(-reach.lost)
        yield "people", reach.channel, "no longer with nothing", None, None, _signed(reach.gained)
    yield from _expected(changes, made.currencies)


def _row(what: str, channel: str | None, name: str, before: int, after: int) -> tuple[Cell, ...]:
    return what, channel, name, before, after, _signed(after - before)


def _signed(change: int) -> str:
    return f"{change:+}" if change else "0"


def _stage(name: str) -> str:
    return "funnel" if name in {"candidates", "eligible"} else "refused"


def _counts(stage: Stage) -> bool:
    """Gates that refused nothing either way are left out."""
    return bool(stage.before or stage.after)


def _expected(changes: Comparison, currencies: tuple[str, str]) -> Iterator[tuple[Cell, ...]]:
    before, after = changes.worth_before, changes.worth_after
    same = currencies[0] == currencies[1]
    yield _sum("responses", before.responses, after.responses, True)
    money = " and ".join(dict.fromkeys(currencies))
    yield _sum(f"value in {money}", before.value, after.value, same)
    if before.incremental is not None or after.incremental is not None:
        yield _sum(f"incremental value in {money}", before.incremental, after.incremental, same)
    if before.unscored or after.unscored:
        yield _row("expected", None, "unknown", before.unscored, after.unscored)


def _sum(name: str, before: float | None, after: float | None, comparable: bool) -> tuple[Cell, ...]:
    """None: not known."""
    told = tuple(None if one is None else f"{one:.4f}" for one in (before, after))
    change = None
    if comparable and before is not None and after is not None:
        change = "0" if before == after else f"{after - before:+.4f}"
    return "expected", None, name, *told, change


def _tell(made: Rehearsal, name: str, begin: str) -> None:
    """What was compared with what, and what could not be."""
    changes, drawn = made.changes, ", drawn at random" if made.drawn < made.logged else ""
    newest = "the newest " if made.logged == MOST else ""
    lines = (
        f"{made.drawn:,} of {newest}{counted(made.logged, 'decision')} since {begin}{drawn}: {changes.decisions:,} made"
        f" again by version {made.against} and by {name}, of which {changes.otherwise:,} come out otherwise",
        f"as a check by their own catalogue: {made.identical:,} as logged, {made.fault:,} different on the same"
        f" revision, {made.different:,} different on another",
        *_doubts(made),
    )
    for line in lines:
        console.print(line, markup=False, highlight=False)


def _doubts(made: Rehearsal) -> Iterator[str]:
    changes = made.changes
    if made.unmade:
        why = ", ".join(f"{what} of {count:,}" for what, count in made.missing.items())
        yield f"{made.unmade:,} could not be made again, for it is not kept: {why}"
    if made.erased:
        yield f"{made.erased:,} could not be made again, for their person was erased meanwhile"
    for one in changes.refused:
        yield f"refused as a whole {one.before:,} before, {one.after:,} after: {one.why}"
    if changes.ranked_otherwise:
        yield (
            f"ranked by response on one side and by incremental value on the other {changes.ranked_otherwise:,}: their"
            " expected value is no measure of which is better, for it counts whoever buys anyway"
        )
    if changes.faults_before or changes.faults_after:
        before, after = changes.faults_before, changes.faults_after
        yield f"with a gate, weight or model that failed {before:,} before, {after:,} after"
