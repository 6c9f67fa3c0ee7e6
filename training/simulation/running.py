"""The very commands that people run, for the service and the models of a simulation: started, watched, ended."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path
from typing import Final

from training.errors import ServiceRefused

_PATIENCE: Final = 600.0
_ENDING: Final = 30.0
_UNHURRIED: Final = 110.0
"""Seconds for a request: nobody waits on a simulated day, and a busy machine is no reason to end one."""


@dataclass(frozen=True, slots=True)
class Ended:
    """A command that has. said: on its standard output; fault: the last line of the other, empty without one."""

    code: int
    said: str
    fault: str


@dataclass(frozen=True, slots=True)
class Home:
    """A folder with a store and models of its own, whatever the environment says."""

    path: Path

    @property
    def store_url(self) -> str:
        return f"sqlite:///{self.path / 'store.db'}"

    def environment(self) -> Mapping[str, str]:
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("NEXTBEST_", "MLFLOW_"))}
        return {
            **kept,
            "NEXTBEST_HOME": str(self.path),
            "MLFLOW_DISABLE_TELEMETRY": "true",
            "NEXTBEST_TIMEOUT": str(_UNHURRIED),
            "NEXTBEST_BATCH_TIMEOUT": str(_UNHURRIED),
        }

    def run(self, arguments: Sequence[str], *fine: int) -> Ended:
        """The command's end, with a code of `fine`; what it said is added to commands.log. Raises ServiceRefused."""
        done = subprocess.run(  # noqa: S603 our own command
            [sys.executable, "-m", "nextbest", *arguments],
            env={**self.environment(), "TMPDIR": str(self.path)},  # killed, it leaves what it has there
            capture_output=True,
            text=True,
            check=False,
        )
        with (self.path / "commands.log").open("a") as log:
            log.write(f"{' '.join(arguments)}: {done.returncode}\n{done.stdout}{done.stderr}\n")
        ended = Ended(done.returncode, done.stdout, (done.stderr.strip().splitlines() or [""])[-1])
        if ended.code not in fine:
            raise unexpected(arguments, ended, fine)
        return ended

    @contextmanager
    def served(self) -> Iterator[str]:
        """Its address, once it answers; ended in the end. Raises ServiceRefused."""
        port = free_port()
        log = self.path / "service.log"
        with log.open("wb") as output:
            server = subprocess.Popen(  # noqa: S603 our own command
                [sys.executable, "-m", "nextbest", "serve", "--port", str(port)],
                env=self.environment(), stdout=output, stderr=subprocess.STDOUT, start_new_session=True,
            )  # fmt: skip
        try:
            url = f"http://127.0.0.1:{port}"
            _wait(server, url, log)
            yield url
        finally:
            _end(server)


def unexpected(arguments: Sequence[str], ended: Ended, fine: Sequence[int]) -> ServiceRefused:
    codes = " or ".join(str(one) for one in fine)
    return ServiceRefused(f"nextbest {arguments[0]} ended with {ended.code}; it is {codes}; it said: {ended.fault}")


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _wait(server: subprocess.Popen[bytes], url: str, log: Path) -> None:
    deadline = time.monotonic() + _PATIENCE
    while time.monotonic() < deadline and server.poll() is None:
        try:
            with urllib.request.urlopen(f"{url}/readyz", timeout=2) as answer:  # noqa: S310 on this machine
                if answer.status == HTTPStatus.OK:
                    return
        except OSError:
            time.sleep(0.1)
    said = (log.read_text(errors="replace").strip().splitlines() or ["nothing"])[-1]
    raise ServiceRefused(f"service is not ready; a simulation drives one; its log says: {said}")


def _end(server: subprocess.Popen[bytes]) -> None:
    """Asked first; its workers end with it either way."""
    if server.poll() is None:
        server.send_signal(signal.SIGTERM)
        try:
            server.wait(_ENDING)
        except subprocess.TimeoutExpired:
            os.killpg(server.pid, signal.SIGKILL)
            server.wait()
