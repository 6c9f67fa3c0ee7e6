"""Writers that are killed at random moments and started again, for as long as it takes."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).parents[2]
WRITERS = ("ann", "bob")
EARLY = 0.2
"""The share of writers that are killed on the way to their first acknowledgement, or soon after."""
PATIENCE = 60.0
STEPS_BACK = 20
"""So many operations are sent again that were acknowledged already, by a client that cannot know."""


@dataclass(slots=True)
class Writer:
    """One client: where its acknowledgements are, and the process that it is at present."""

    name: str
    answers: Path
    acknowledged: set[int] = field(default_factory=set)
    torn: list[str] = field(default_factory=list)
    read: int = 0
    process: int = 0
    done_before: int = 0
    lifetime: float = 0.0
    dies_at: float | None = None

    def mark(self) -> None:
        """From here on it has to come further."""
        self.learn()
        self.done_before = len(self.acknowledged)

    def came_further(self) -> bool:
        """Whether it has acknowledged anything that was not acknowledged at the mark."""
        self.learn()
        return len(self.acknowledged) > self.done_before

    def learn(self) -> None:
        """Take up what it wrote since last time."""
        if not self.answers.exists():
            return
        with self.answers.open("rb") as answers:
            answers.seek(self.read)
            added = answers.read()
        self.read += len(added)
        for line in added.decode().splitlines():
            number, *torn = line.split()
            self.acknowledged.add(int(number))
            self.torn.extend(f"{self.name}-{number}" for _ in torn)

    def following(self, rng: random.Random) -> int:
        """Where it goes on: at the first operation without an answer, or a little before."""
        highest = max(self.acknowledged, default=-1) + 1
        first = next((one for one in range(max(0, highest - 64), highest) if one not in self.acknowledged), highest)
        return max(0, first - rng.randrange(STEPS_BACK))


class Forge:
    """The warm process that forks writers."""

    def __init__(self) -> None:
        command = [sys.executable, "-m", "tests.checks.mixed_writer"]
        variables = {**os.environ, "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
        self._process = subprocess.Popen(
            command, cwd=ROOT, env=variables, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1
        )

    def start(self, url: str, writer: Writer, first: int) -> int:
        return self._ask(f"start {url} {writer.name} {first} {writer.answers}")

    def reap(self, process: int) -> int:
        """How it ended: minus the signal's number when by one."""
        return self._ask(f"reap {process}")

    def _ask(self, order: str) -> int:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(order + "\n")
        return int(self._process.stdout.readline())

    def close(self) -> None:
        self._process.communicate()


@dataclass(slots=True)
class Killing:
    """url: of the store. alive: seconds that a writer is at work at most; the moments are drawn from rng."""

    url: str
    forge: Forge
    writers: tuple[Writer, ...]
    rng: random.Random
    alive: float
    kills: int = 0

    def start(self, writer: Writer) -> None:
        """To die within its first moments, or later: so long after it first came further than those before it, so that
        they get to the end however slow the machine is."""
        writer.process = self.forge.start(self.url, writer, writer.following(self.rng))
        writer.mark()
        writer.lifetime = self.rng.uniform(0.0, self.alive)
        early = self.rng.random() < EARLY
        writer.dies_at = time.monotonic() + writer.lifetime if early else None

    def kill_next(self) -> Writer:
        """Wait for the next one's moment, and kill it."""
        deadline = time.monotonic() + PATIENCE
        while time.monotonic() < deadline:
            for writer in self.writers:
                if not writer.process:
                    continue
                if writer.dies_at is None and writer.came_further():
                    writer.dies_at = time.monotonic() + writer.lifetime
                if writer.dies_at is not None and writer.dies_at <= time.monotonic():
                    self._kill(writer)
                    return writer
            time.sleep(0.001)
        raise AssertionError(f"no writer acknowledged anything new in {PATIENCE} s")

    def kill_all(self) -> None:
        for writer in self.writers:
            if writer.process:
                self._kill(writer)

    def _kill(self, writer: Writer) -> None:
        os.kill(writer.process, signal.SIGKILL)
        ended = self.forge.reap(writer.process)
        assert ended == -signal.SIGKILL, f"{writer.name} had ended by itself: {ended}"
        writer.process = 0
        self.kills += 1
        writer.learn()
        assert writer.torn == []

    def run(self, kills: int) -> None:
        """Until so many more have been killed; no writer lives at its end."""
        for writer in self.writers:
            self.start(writer)
        for _ in range(kills - len(self.writers)):
            self.start(self.kill_next())
        for _ in self.writers:
            self.kill_next()

    @property
    def acknowledged(self) -> dict[str, set[int]]:
        return {writer.name: writer.acknowledged for writer in self.writers}


@contextmanager
def killing(url: str, folder: Path, seed: int, alive: float, names: tuple[str, ...] = WRITERS) -> Iterator[Killing]:
    forge = Forge()
    writers = tuple(Writer(name, folder / f"{name}.acknowledged") for name in names)
    made = Killing(url, forge, writers, random.Random(seed), alive)
    try:
        yield made
    finally:
        for writer in writers:
            if writer.process:
                os.kill(writer.process, signal.SIGKILL)
        forge.close()
