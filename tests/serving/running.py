"""Real server processes for tests: `bentoml serve` on a free port of this machine."""

from __future__ import annotations

import os
import random
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import httpx
import psutil

ROOT = Path(__file__).resolve().parents[2]
REPLICA = ROOT / "tests" / "checks" / "replica"
_PATIENCE = 240.0
_PORTS = range(20_000, 32_000)
"""Below those that the kernel gives to clients: until the server has taken it, one of them may have it again."""
_dice = random.SystemRandom()


def free_port() -> int:
    """One of many, because others look for one at the same time."""
    while True:
        port = _dice.choice(_PORTS)
        with socket.socket() as probe, suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port


def replica_path() -> str:
    """PYTHONPATH of a process that is to have what a replica has."""
    return os.pathsep.join(filter(None, (str(REPLICA), os.environ.get("PYTHONPATH"))))


@dataclass(frozen=True, slots=True)
class Running:
    """A server that answers. home: its NEXTBEST_HOME. log: what it wrote."""

    url: str
    home: Path
    process: subprocess.Popen[bytes]
    log: Path

    def client(self, **headers: str) -> httpx.Client:
        return httpx.Client(base_url=self.url, headers=headers, timeout=20.0)

    @property
    def port(self) -> int:
        return int(self.url.rsplit(":", 1)[1])

    def worked(self) -> float:
        """Seconds of CPU that the workers have used."""
        return float(sum(times.user + times.system for times in (one.cpu_times() for one in self.workers())))

    def kill(self) -> None:
        """kill -9 of the arbiter and every worker at once; of what has ended already, nothing."""
        with suppress(psutil.NoSuchProcess):
            arbiter = psutil.Process(self.process.pid)
            for process in (arbiter, *arbiter.children(recursive=True)):
                with suppress(psutil.NoSuchProcess):
                    process.kill()
        self.process.wait()

    def workers(self) -> list[psutil.Process]:
        return [
            one for one in psutil.Process(self.process.pid).children() if "worker.service" in " ".join(one.cmdline())
        ]


def environment(home: Path, port: int, extra: Mapping[str, str]) -> dict[str, str]:
    return {
        **os.environ,
        "NEXTBEST_HOME": str(home),
        "NEXTBEST_PORT": str(port),
        "NEXTBEST_POLL_SECONDS": "0.2",
        # A machine that runs tests may be as slow as it likes: none is refused for the time that others take.
        "NEXTBEST_MAX_WAIT": "100",
        "NEXTBEST_MAX_BACKGROUND_WAIT": "100",
        "MLFLOW_TRACKING_URI": f"sqlite:///{home / 'mlflow.db'}",
        "BENTOML_HOME": str(home / "bentoml"),
        "BENTOML_DO_NOT_TRACK": "True",
        "OMP_NUM_THREADS": "1",
        "PYTHONPATH": replica_path(),
        **extra,
    }


def started(
    home: Path,
    workers: int = 1,
    target: str = "serving.service:NextBest",
    cwd: Path = ROOT,
    port: int | None = None,
    **extra: str,
) -> Running:
    """Begun, and perhaps not ready yet. port: None for a free one."""
    port = free_port() if port is None else port
    log = home / f"server-{port}.log"
    variables = environment(home, port, {"NEXTBEST_WORKERS": str(workers), **extra})
    command = [sys.executable, "-m", "bentoml", "serve", target]
    with log.open("ab") as output:
        process = subprocess.Popen(
            command, cwd=cwd, env=variables, stdout=output, stderr=subprocess.STDOUT, start_new_session=True
        )
    return Running(f"http://127.0.0.1:{port}", home, process, log)


@contextmanager
def server(
    home: Path, workers: int = 1, target: str = "serving.service:NextBest", cwd: Path = ROOT, **extra: str
) -> Iterator[Running]:
    """Served from the source until the block ends; extra: further variables of its environment."""
    running = started(home, workers, target, cwd, **extra)
    process = running.process
    try:
        wait_until_ready(running)
        yield running
    finally:
        if process.poll() is None:
            process.terminate()
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                running.kill()


def wait_until_ready(running: Running, pace: float = 0.1) -> None:
    """pace: seconds between two questions."""
    deadline = time.monotonic() + _PATIENCE
    while time.monotonic() < deadline:
        if running.process.poll() is not None:
            raise RuntimeError(f"the server ended with {running.process.returncode}: {running.log.read_text()}")
        try:
            if httpx.get(f"{running.url}/readyz", timeout=2.0).status_code == httpx.codes.OK:
                return
        except httpx.TransportError:
            pass
        time.sleep(pace)
    running.kill()
    raise RuntimeError(f"the server did not become ready: {running.log.read_text()}")


def until(condition: Callable[[], bool], patience: float = 15.0) -> bool:
    """Whether `condition` comes to hold."""
    deadline = time.monotonic() + patience
    while time.monotonic() < deadline:
        if condition():
            return True
        time.sleep(0.05)
    return False
