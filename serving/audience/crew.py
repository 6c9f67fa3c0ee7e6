"""Processes at work on the parts of a run, one part at a time each."""

from __future__ import annotations

import multiprocessing
import signal
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from multiprocessing.connection import Connection, wait
from multiprocessing.context import SpawnProcess

import msgspec

from serving.audience.run import AudienceError, Folder, Run
from serving.audience.worker import Advanced, PartMade, Said, Spent, work
from serving.settings import Settings

_PATIENCE = 30.0
"""Seconds that a process may take to finish what it has begun when it is to end."""
_read = msgspec.json.Decoder(Said).decode


@contextmanager
def _deaf() -> Iterator[None]:
    """What is started meanwhile does not hear Ctrl-C, from its first instant on: it is this process's to hear."""
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


@dataclass(slots=True)
class _Worker:
    connection: Connection
    process: SpawnProcess
    busy: bool = False


@dataclass(slots=True)
class Crew:
    """`with Crew(...) as crew: crew.make(parts, advanced)`. spent: by process number, of each of its parts."""

    settings: Settings
    run: Run
    folder: Folder
    processes: int
    spent: dict[int, list[Spent]] = field(default_factory=dict)
    _workers: list[_Worker] = field(default_factory=list)

    def __enter__(self) -> Crew:
        spawning = multiprocessing.get_context("spawn")
        for _ in range(self.processes):
            ours, theirs = spawning.Pipe()
            told = (theirs, self.settings, self.run, str(self.folder.out))
            process = spawning.Process(target=work, args=told, daemon=True)
            with _deaf():
                process.start()
            theirs.close()  # else nobody would hear when the process ends
            self._workers.append(_Worker(ours, process))
        return self

    def __exit__(self, *_: object) -> None:
        """They finish the customers that they are at, and write no part that is not whole."""
        for worker in self._workers:
            worker.connection.close()
        for worker in self._workers:
            worker.process.join(_PATIENCE)
            if worker.process.is_alive():
                worker.process.terminate()
                worker.process.join()

    def make(self, parts: Iterable[int], advanced: Callable[[int], None]) -> None:
        """All of them. advanced: told how many more customers are decided. Raises AudienceError."""
        waiting = iter(parts)
        for worker in self._workers:
            self._give(worker, waiting)
        while busy := [worker for worker in self._workers if worker.busy]:
            ready = wait([worker.connection for worker in busy])
            for worker in (one for one in busy if one.connection in ready):
                said = self._said(worker)
                if isinstance(said, Advanced):
                    advanced(said.customers)
                elif isinstance(said, PartMade):
                    self.spent.setdefault(worker.process.pid or 0, []).append(said.spent)
                    self._give(worker, waiting)
                else:
                    raise AudienceError(said.line)

    def _give(self, worker: _Worker, waiting: Iterable[int]) -> None:
        part = next(iter(waiting), None)
        worker.busy = part is not None
        if part is not None:
            with suppress(BrokenPipeError):  # why it has ended is read next
                worker.connection.send_bytes(str(part).encode())

    def _said(self, worker: _Worker) -> Said:
        try:
            said: Said = _read(worker.connection.recv_bytes())
        except (EOFError, ConnectionResetError):
            worker.process.join(_PATIENCE)
            raise AudienceError(
                f"process is {worker.process.pid}; it ended by itself (exit code {worker.process.exitcode}); what was "
                "decided is kept, and the same command goes on with the rest"
            ) from None
        return said
