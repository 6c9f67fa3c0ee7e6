"""A run from its question to its file."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import msgspec

from features.progress import Progress
from models.conditions.asked import AskedCondition
from serving.audience import listing
from serving.audience.crew import Crew
from serving.audience.run import AudienceError, Folder, Question, Run
from serving.audience.together import Scored, put_together
from serving.audience.worker import Spent, versions_of
from serving.deciding import batch_at_hand
from serving.runtime import Runtime
from serving.settings import Settings

PART = 1_000
"""Customers in a part: what one process makes again at most, from the log, after it was killed."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a command asks for. audience: `all`, a file, or a condition. part: customers in one. accept_changes: go on
    with another catalogue or model than the run was begun with."""

    question: Question
    audience: str
    out: Path
    processes: int
    part: int = PART
    accept_changes: bool = False


def score(settings: Settings, wanted: Wanted, progress: Progress) -> Scored:
    """Begin a run, or go on with the one that was begun for the same file. Raises AudienceError, Refusal, StoreError;
    KeyboardInterrupt says how to go on."""
    folder = Folder(wanted.out)
    if not wanted.out.parent.is_dir():
        raise AudienceError(f"out is {wanted.out}; there is no such folder; make it or name another")
    with folder.held():
        try:
            run = _listed(settings, wanted, folder, progress)
            spent = _made(settings, wanted, run, folder, progress)
        except KeyboardInterrupt:
            raise KeyboardInterrupt(_stopped(folder)) from None
        return put_together(run, folder, spent)


def _stopped(folder: Folder) -> str:
    if folder.load() is None:
        return "stopped before the audience was listed; nothing was decided, and nothing is kept"
    return f"stopped; what was decided is kept in {folder.path}; the same command goes on from there"


def _listed(settings: Settings, wanted: Wanted, folder: Folder, progress: Progress) -> Run:
    """With its audience written down. A question that nobody could be asked is refused before. Listing is no task of a
    loop, which would hear of Ctrl-C when it is over."""
    with asyncio.Runner() as runner:
        runtime = runner.run(_opened(settings))
        try:
            run = runner.run(_begun(runtime, wanted, folder))
            return _with_audience(runtime, wanted, run, folder, progress)
        finally:
            runner.run(runtime.close())


async def _opened(settings: Settings) -> Runtime:
    return Runtime(settings)


def _with_audience(runtime: Runtime, wanted: Wanted, run: Run, folder: Folder, progress: Progress) -> Run:
    if run.customers is not None:
        return run
    condition = listing.checked(wanted.audience, runtime.store, runtime.catalogue())
    named = _named(runtime, wanted, condition, run)
    expected = runtime.store.people() if wanted.audience == listing.ALL else None
    return listing.write_down(run, folder, named, progress, expected)


async def _begun(runtime: Runtime, wanted: Wanted, folder: Folder) -> Run:
    """The run in the folder, else a new one, which is kept once its audience is. Raises AudienceError and Refusal."""
    present = runtime.in_force.clock.present(None)
    kept = folder.load()
    if kept is None:  # of a run that was begun, its deliver_at may be over
        looked = msgspec.structs.replace(wanted.question, dry_run=True)
        await batch_at_hand(runtime, looked.of(["anon:nobody"], None))
    store = f"{runtime.signer.number(b'audience'):016x}"
    told = (wanted.question, listing.described(wanted.audience), store, versions_of(runtime), wanted.part)
    asked = Run.new(present, *told)
    if kept is None:
        return asked
    run = folder.require_same(kept, asked, wanted.accept_changes)
    folder.save(run)
    return run


def _named(runtime: Runtime, wanted: Wanted, condition: AskedCondition | None, run: Run) -> Iterator[str]:
    store = runtime.store
    if condition is not None:
        question = run.question.of(["anybody"], None)
        return listing.meeting(store, condition, question.context, run.begun_at, question.deliver_at or run.begun_at)
    return listing.everybody(store) if wanted.audience == listing.ALL else listing.of_file(Path(wanted.audience), store)


def _made(
    settings: Settings, wanted: Wanted, run: Run, folder: Folder, progress: Progress
) -> tuple[tuple[Spent, ...], ...]:
    """Every part that is not there yet; by process, what each of its parts took."""
    missing = [part for part in range(run.parts) if not folder.made(part).exists()]
    with progress.step("Decide", total=run.customers) as advance:
        advance(sum(_size(run, part) for part in range(run.parts)) - sum(_size(run, part) for part in missing))
        with Crew(settings, run, folder, min(wanted.processes, len(missing))) as crew:
            crew.make(missing, advance)
        return tuple(tuple(parts) for parts in crew.spent.values())


def _size(run: Run, part: int) -> int:
    return min(run.part, (run.customers or 0) - part * run.part)
