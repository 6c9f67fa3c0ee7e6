"""`nextbest serve` and `bentoml serve`: what stops them from starting is one line; Ctrl-C ends them."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import httpx
import psutil
import pytest
from pydantic import SecretStr

from features.event import Identifier
from features.stores import open_store
from serving.deployment import NotStartable, Prepared, greeting, prepare, require_free_port
from serving.security import new_key
from serving.settings import Settings
from tests.checks.store_people_examples import tell, viewed
from tests.serving.running import ROOT, environment, free_port, server, until
from tests.serving.synthetic import PUBLISHED_AT, make_shop, store_url

SERVE = (
    "import sys\nfrom serving.deployment import NotStartable\n"
    "from serving.launch import serve\nfrom serving.settings import Settings\n"
    "try:\n    sys.exit(serve(Settings(), 2))\nexcept NotStartable as error:\n    sys.exit(str(error))\n"
)


@pytest.fixture
def home(tmp_path: Path) -> Path:
    make_shop(tmp_path, model=False)
    return tmp_path


def launch(home: Path, port: int, **extra: str) -> subprocess.Popen[str]:
    variables = environment(home, port, extra)
    pipe = subprocess.PIPE
    return subprocess.Popen([sys.executable, "-c", SERVE], env=variables, cwd=ROOT, stdout=pipe, stderr=pipe, text=True)


def test_it_says_where_to_look_and_ctrl_c_ends_it_cleanly(home: Path) -> None:
    port = free_port()
    with launch(home, port) as process:
        assert process.stdout is not None
        seen = [process.stdout.readline() for _ in range(2)]
        assert f"serving at http://127.0.0.1:{port}" in "".join(seen)
        assert httpx.get(f"http://127.0.0.1:{port}/readyz").status_code == 200
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate(timeout=30)
    assert process.returncode == 0
    assert "no access key is configured; only this machine is answered" in errors
    assert "Traceback" not in errors
    require_free_port("127.0.0.1", port)


def test_killed_it_leaves_nothing_serving(home: Path) -> None:
    port = free_port()
    with launch(home, port) as process:
        assert process.stdout is not None
        assert f"serving at http://127.0.0.1:{port}" in process.stdout.readline() + process.stdout.readline()
        begun = psutil.Process(process.pid).children(recursive=True)
        process.kill()
        process.wait()
        assert until(lambda: not any(one.is_running() and one.status() != psutil.STATUS_ZOMBIE for one in begun), 30.0)
    require_free_port("127.0.0.1", port)


def test_a_busy_port_is_one_line(home: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        _, errors = launch(home, port).communicate(timeout=30)
    assert errors.count("\n") == 1
    assert errors.startswith(f"port is {port}; it is not free at 127.0.0.1")


def test_a_port_that_one_may_not_use_is_one_line() -> None:
    if os.geteuid() == 0:
        pytest.skip("root may use every port")
    with pytest.raises(NotStartable, match="port is 80; "):
        require_free_port("127.0.0.1", 80)


def test_without_keys_no_other_address_is_served(home: Path) -> None:
    settings = Settings(home=home, host="0.0.0.0")  # noqa: S104 - which is the point
    with pytest.raises(NotStartable, match="only a loopback address"):
        prepare(settings, settings.host)
    store = open_store(store_url(home))
    store.add_key(new_key({"read"}, PUBLISHED_AT, "test")[1])
    store.close()
    assert prepare(settings, settings.host) == Prepared(keys=1, kept=0)


def test_what_was_kept_before_it_was_to_be_omitted_is_said_at_the_start(tmp_path: Path) -> None:
    settings = Settings(home=tmp_path, store_url=f"sqlite:///{tmp_path}/store.db")
    store = open_store(settings.effective_store_url)
    tell(store, Identifier("anonymous_id", "x"), viewed("a"))
    store.close()
    assert greeting(prepare(settings, "127.0.0.1")).count("\n") == 1
    settings = settings.model_copy(update={"identifiers": "omitted"})
    told = greeting(prepare(settings, "127.0.0.1")).splitlines()
    assert told[1:] == [
        "nextbest: warning: the store still keeps the values of 1 identifier told before; run `nextbest identity omit`"
    ]


def test_bentoml_serve_holds_to_it_too(home: Path) -> None:
    command = [sys.executable, "-m", "bentoml", "serve", "serving.service:NextBest", "--host", "0.0.0.0"]  # noqa: S104
    done = subprocess.run(
        command,
        env=environment(home, free_port(), {}),
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 1
    assert done.stderr.count("\n") == 1
    assert "only a loopback address is served" in done.stderr


def test_a_home_that_cannot_be_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(NotStartable, match="NEXTBEST_HOME is "):
        prepare(Settings(home=tmp_path / "file" / "home"), "127.0.0.1")
    with pytest.raises(NotStartable, match="database is unavailable"):
        prepare(Settings(home=tmp_path, store_url="postgresql://127.0.0.1:1/x"), "127.0.0.1")
    with pytest.raises(NotStartable, match="identity key is "):
        prepare(Settings(home=tmp_path, identity_key=SecretStr("a word")), "127.0.0.1")


@pytest.mark.slow
def test_the_built_bento_serves(home: Path) -> None:
    variables = {**environment(home, free_port(), {}), "BENTOML_HOME": str(home / "bentoml")}
    subprocess.run([sys.executable, "-m", "bentoml", "build"], env=variables, cwd=ROOT, check=True, capture_output=True)
    with server(home, target="nextbest:latest", cwd=home) as running, running.client() as client:
        (worker,) = running.workers()
        assert str(home / "bentoml" / "bentos") in worker.cwd()
        answer = client.post("/recommend", json={"customer_id": "a", "channels": ["web"]})
        assert answer.json()["degraded"] is True


def test_metrics_are_summed_over_the_workers(home: Path) -> None:
    asked = 30
    with server(home, workers=2) as running:
        for _ in range(asked):
            assert httpx.post(f"{running.url}/recommend", json={"customer_id": "a"}).status_code == 200
        text = httpx.get(f"{running.url}/metrics").text
    assert f'nextbest_requests_total{{route="POST /recommend",status="200"}} {asked}.0' in text
    assert f'nextbest_decisions_total{{arm="full",degraded="true"}} {asked}.0' in text
