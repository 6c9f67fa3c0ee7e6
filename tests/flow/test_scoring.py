"""An audience is decided as one by one; a run that is stopped or killed loses nobody and decides about nobody twice.
SYNTHETIC people."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import msgspec
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from features.event import Identifier
from features.progress import Silent
from features.stores import Store, open_store
from features.stores.protocol import Append
from models.catalogue_file import read_text
from serving.audience import listing
from serving.audience.rows import SCHEMA
from serving.audience.run import AudienceError, Folder, Question, Run, Versions
from serving.audience.scoring import Wanted, score
from serving.deciding import look
from serving.runtime import Runtime
from serving.schemas import RecommendRequest
from serving.settings import Settings
from tests.checks.postgres import Server
from tests.checks.store_examples import SECRET, event
from tests.flow.served import Place
from tests.flow.test_operators import nextbest, one_line
from tests.serving.running import replica_path
from tests.serving.synthetic import CATALOGUE, PUBLISHED_AT, make_shop, store_url

ROOT = Path(__file__).resolve().parents[2]
EXPLORING = CATALOGUE.replace("placements: [hero]", "placements: [hero], exploration: {share: 0.9, gamma: 1}").replace(
    "channels:\n", "traits: {city: text}\nchannels:\n", 1
)
PART = 20


def people(store: Store, count: int) -> None:
    """Every third has bought the vacuum cleaner, and every tenth objects to e-mail."""
    writes = [
        Append(
            Identifier("user_id", f"p-{number}"),
            (event(f"seen-{number}", item="washer-1" if number % 3 else "vacuum-1"),),
            {"city": "York" if number % 2 else "Leeds"},
        )
        for number in range(count)
    ]
    store.append(writes).result(60)


def publish(store: Store, text: str) -> None:
    source = read_text(text)
    store.publish_catalogue(source.document, source.items_ipc(), None, PUBLISHED_AT, "test", "synthetic")


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A driven clock, so that a question asked twice is asked at one moment."""
    home = tmp_path_factory.mktemp("scored")
    make_shop(home, driven=True)
    with closing(open_store(store_url(home))) as store:
        publish(store, EXPLORING)
        people(store, 50)
    return home


def wanted(out: Path, audience: str = "all", dry_run: bool = True, **asked: object) -> Wanted:
    fields = {"channels": ["web"], "limit": 2, **asked}
    return Wanted(Question(msgspec.json.encode(fields).decode(), dry_run, False), audience, out, 1, PART)


def test_what_a_look_at_everybody_says_is_what_each_is_told(home: Path, tmp_path: Path) -> None:
    scored = score(Settings(home=home), wanted(tmp_path / "all.parquet"), Silent())
    rows = pq.read_table(scored.out).to_pylist()
    assert (scored.customers, scored.failed, len({row["customer_id"] for row in rows})) == (50, 0, 50)
    assert not (tmp_path / "all.parquet.parts").exists()

    async def each() -> list[dict[str, object]]:
        runtime = Runtime(Settings(home=home))
        try:
            asked = [
                RecommendRequest(customer_id=f"p-{number}", channels=["web"], limit=2, dry_run=True)
                for number in range(50)
            ]
            return [json.loads(await look(runtime, one)) for one in asked]
        finally:
            await runtime.close()

    told = [
        (
            answer["customer_id"],
            action["rank"],
            action["action_id"],
            action["selection_probability"],
            action["response_probability"],
            action["content"],
            answer["decided_at"],
        )
        for answer in asyncio.run(each())
        for action in answer["channels"][0]["actions"]
    ]
    found = [
        (
            row["customer_id"],
            row["rank"],
            row["action_id"],
            row["selection_probability"],
            row["response_probability"],
            json.loads(row["content"]),
            row["decided_at"].isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        )
        for row in rows
        if row["rank"] is not None
    ]
    assert sorted(found, key=str) == sorted(told, key=str)
    assert len({row["action_id"] for row in rows if row["rank"] == 1}) > 1, "it explores"
    assert all(row["decision_id"] is None and row["token"] is None for row in rows)
    with closing(open_store(store_url(home))) as store:
        assert store.newest_decisions(0, 10) == (), "who looks leaves nothing behind"


def test_who_is_in_a_file_has_a_row_each_or_the_reason_why_not(home: Path, tmp_path: Path) -> None:
    named = tmp_path / "ids.txt"
    named.write_text("p-1\nnobody\np-3\n\np-1\nphone:12\n", encoding="utf-8")
    asked = wanted(tmp_path / "file.parquet", str(named), exclude=["offer-washer", "offer-plan", "offer-vacuum"])
    scored = score(Settings(home=home), asked, Silent())
    rows = {row["customer_id"]: row for row in pq.read_table(scored.out).to_pylist()}
    assert list(rows) == ["p-1", "nobody", "p-3", "phone:12"]
    assert (scored.rows, scored.customers, scored.chosen, scored.failed) == (4, 4, 0, 2)
    assert "--strangers" in rows["nobody"]["error"]
    assert "phone" in rows["phone:12"]["error"]
    assert rows["p-1"]["action_id"] is rows["p-1"]["error"] is None
    funnel = json.loads(rows["p-1"]["funnel"])
    assert funnel["candidates"] == sum(count for gate, count in funnel.items() if gate != "candidates") == 3
    assert rows["p-1"]["end_probability"] == 1.0


def test_a_condition_says_who(home: Path, tmp_path: Path) -> None:
    asked = wanted(tmp_path / "york.parquet", 'customer.city == "York" && history.orders_28d >= 0.0')
    scored = score(Settings(home=home), asked, Silent())
    named = set(pq.read_table(scored.out)["customer_id"].to_pylist())
    assert named == {f"p-{number}" for number in range(50) if number % 2}
    long = " || ".join([f'customer.city == "{place}"' for place in ("York", *(f"nowhere {n}" for n in range(20)))])
    whole = f'has(context.season) && context.season == "spring" && ({long})'
    asked = wanted(tmp_path / "spring.parquet", whole, context={"season": "spring"})
    assert score(Settings(home=home), asked, Silent()).customers == len(named)


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        (("--channel", "fax"), "channels[0] is fax"),
        (("--channel", "web", "--placement", "cellar"), "placement is cellar"),
        (("--channel", "web", "--exclude", "offer-wahser"), "exclude[0] is offer-wahser"),
        (("--channel", "web", "--context", "[1]"), "context is [1]; it must be a JSON object"),
        (("--channel", "web", "--deliver-at", "tomorrow"), "deliver_at is tomorrow"),
        (("--channel", "web", "--deliver-at", "2001-01-01T00:00:00Z"), "deliver_at is 2001"),
        (("--channel", "web", "--audience", "custmer.city == 'York'"), "write customer"),
        (("--channel", "web", "--audience", "customer.town == 'York'"), "customer.town"),
        (("--channel", "web", "--audience", "customer.city == 'Rome'"), "nobody is in it"),
    ],
)
def test_what_cannot_be_asked_is_one_line_and_leaves_nothing(
    home: Path, tmp_path: Path, arguments: tuple[str, ...], why: str
) -> None:
    done = nextbest(home, "score", "--out", str(tmp_path / "x.parquet"), *arguments)
    assert done.returncode == 2
    assert why in done.stderr.splitlines()[-1]
    assert list(tmp_path.iterdir()) == []


def test_what_cannot_be_written_or_read_is_one_line(home: Path, tmp_path: Path) -> None:
    out = tmp_path / "there.parquet"
    out.write_bytes(b"mine")
    assert "there is a file already" in one_line(nextbest(home, "score", "--channel", "web", "--out", str(out)))
    assert out.read_bytes() == b"mine"
    left = out.with_name("there.parquet.parts")  # of a list that was finished, and its folder half removed
    left.mkdir()
    assert "there is a file already" in one_line(nextbest(home, "score", "--channel", "web", "--out", str(out)))
    assert (out.read_bytes(), left.exists()) == (b"mine", False)
    nowhere = str(tmp_path / "no" / "x.parquet")
    assert "no such folder" in one_line(nextbest(home, "score", "--channel", "web", "--out", nowhere))
    for name, content in (("a.csv", b"name\np-1\n"), ("a.parquet", b"no parquet"), ("a.txt", b"\xff\xfe\n")):
        (tmp_path / name).write_bytes(content)
        told = ("--channel", "web", "--out", str(tmp_path / "x.parquet"), "--audience", str(tmp_path / name))
        done = nextbest(home, "score", *told)
        assert done.returncode == 2
        assert "column customer_id" in done.stderr.splitlines()[-1]
    assert not (tmp_path / "x.parquet.parts").exists()


def test_names_come_from_every_kind_of_file_once(home: Path, tmp_path: Path) -> None:
    pq.write_table(pa.table({"customer_id": ["p-1", "p-2", "p-1"]}), tmp_path / "a.parquet")
    (tmp_path / "a.csv").write_text("x,customer_id\n1,p-1\n2,p-2\n3,p-2\n")
    (tmp_path / "a").write_text("p-1\n p-2 \nnobody\nnobody\n")
    (tmp_path / "B.CSV").write_text("x,customer_id\n1,p-1\n2,p-2\n")
    (tmp_path / "marked.txt").write_bytes(b"\xef\xbb\xbfp-1\r\np-2\r\n")
    with closing(open_store(store_url(home))) as store:
        for name, expected in (("a.parquet", 2), ("a.csv", 2), ("a", 3), ("B.CSV", 2), ("marked.txt", 2)):
            assert list(listing.of_file(tmp_path / name, store)) == ["p-1", "p-2", "nobody"][:expected]
        assert list(listing.everybody(store)) == [f"p-{number}" for number in range(50)]


@pytest.fixture(params=["sqlite", "postgresql"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Place]:
    home = tmp_path / "home"
    home.mkdir()
    if request.param == "sqlite":
        yield Place.of(store_url(home), home)
        return
    server: Server = request.getfixturevalue("postgres")
    with server.store() as url:
        yield Place.of(url, home)


def begin(place: Place, out: Path, *arguments: str) -> subprocess.Popen[bytes]:
    key = {} if place.vault is None else {"NEXTBEST_IDENTITY_KEY": SECRET.hex()}
    told = {key: value for key, value in os.environ.items() if not key.startswith(("NEXTBEST_", "MLFLOW_"))}
    variables = {
        **told,
        "PYTHONPATH": replica_path(),
        "NEXTBEST_HOME": str(place.home),
        "NEXTBEST_STORE_URL": place.url,
        **key,
    }
    command = [sys.executable, "-m", "nextbest", "score", "--channel", "email", "--out", str(out)]
    return subprocess.Popen(
        [*command, "--part", str(PART), "--processes", "2", *arguments],
        cwd=ROOT,
        env=variables,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,
    )


def ended(running: subprocess.Popen[bytes]) -> tuple[int, str]:
    _, told = running.communicate(timeout=200)
    return running.returncode, told.decode().strip().splitlines()[-1]


def await_parts(running: subprocess.Popen[bytes], folder: Folder, count: int) -> None:
    deadline = time.monotonic() + 200
    while len(list(folder.path.glob("decisions-*"))) < count:
        assert running.poll() is None, running.communicate()[1].decode()
        assert time.monotonic() < deadline
        time.sleep(0.002)


def kill_all(running: subprocess.Popen[bytes]) -> None:
    os.killpg(running.pid, signal.SIGKILL)


def kill_the_first(running: subprocess.Popen[bytes]) -> None:
    """Those at work must notice by themselves."""
    running.kill()


@pytest.mark.long
@pytest.mark.timeout(900)
@pytest.mark.parametrize("kill", [kill_all, kill_the_first])
def test_a_killed_run_goes_on_and_nobody_is_lost_or_doubled(
    place: Place, tmp_path: Path, kill: Callable[[subprocess.Popen[bytes]], None]
) -> None:
    count = 40 * PART
    place.make_shop()
    with closing(open_store(place.url, vault=place.vault)) as store:
        people(store, count)
    out = tmp_path / "list.parquet"
    folder = Folder(out)
    first = begin(place, out)
    await_parts(first, folder, 1)
    kill(first)
    first.communicate(timeout=60)
    second = begin(place, out)
    await_parts(second, folder, 1 + len(list(folder.path.glob("decisions-*"))))
    os.killpg(second.pid, signal.SIGINT)
    assert ended(second)[0] in {130, 0}, "stopped, or as good as done"
    if not out.exists():
        assert ended(begin(place, out, "--limit", "2"))[1].startswith("question is "), "another question is another run"
        assert ended(begin(place, out))[0] == 0
    rows = pq.read_table(out).to_pylist()
    assert Counter(row["customer_id"] for row in rows) == {f"p-{number}": 1 for number in range(count)}
    with closing(open_store(place.url, vault=place.vault)) as store:
        logged = store.newest_decisions(0, 10 * count)
        assert sorted(logged) == sorted(row["decision_id"] for row in rows)
        by_customer = Counter(one.customer_id for name in logged[:50] if (one := store.decision(name)) is not None)
        assert set(by_customer.values()) == {1}
        assert store.check().faults == ()
    assert not folder.path.exists()
    assert "there is a file already" in ended(begin(place, out))[1]


def test_every_column_is_explained() -> None:
    told = (ROOT / "docs" / "scoring.md").read_text()
    for field in SCHEMA:
        assert f"`{field.name}`" in told, field.name


def test_a_run_is_of_one_catalogue_model_and_audience(tmp_path: Path) -> None:
    before = Versions(1, "7", "aa", "p1")
    folder = Folder(tmp_path / "x.parquet")
    question = Question('{"channels":["web"]}', False, False)
    kept = Run.new(5, question, "all", "s", before, PART)
    with folder.held():
        folder.save(kept)
        with pytest.raises(AudienceError, match="another process"), folder.held():
            pass
    assert folder.load() == kept
    assert kept.decisions(3) == f"{kept.run}-3"
    for now, why in (
        (Versions(2, "7", "aa", "p1"), "catalogue is 2, and was 1"),
        (Versions(1, "8", "bb", "p1"), "model is 8, and was 7"),
        (Versions(1, "7", "bb", "p1"), "bundle is bb"),
        (Versions(1, "7", "aa", "p2"), "policy is p2"),
    ):
        asked = Run.new(9, question, "all", "s", now, PART)
        with pytest.raises(AudienceError, match=why):
            folder.require_same(kept, asked, accept_changes=False)
        taken = folder.require_same(kept, asked, accept_changes=True)
        assert (taken.run, taken.begun_at, taken.versions) == (kept.run, 5, now)
    for other, why in (
        (Run.new(9, question, "ids.txt (12)", "s", before, PART), "audience is ids.txt"),
        (Run.new(9, question, "all", "t", before, PART), "store is another"),
        (Run.new(9, Question('{"channels":["sms"]}', False, False), "all", "s", before, PART), "question is"),
        (Run.new(9, Question('{"channels":["web"]}', True, False), "all", "s", before, PART), "dry run"),
    ):
        with pytest.raises(AudienceError, match=why):
            folder.require_same(kept, other, accept_changes=True)


@pytest.mark.long
@pytest.mark.timeout(900)
def test_memory_does_not_grow_with_the_audience(tmp_path: Path) -> None:
    """From a fifth of the parts on, when all has been asked once."""
    make_shop(tmp_path)
    with closing(open_store(store_url(tmp_path))) as store:
        people(store, 5_000)
    asked = Wanted(Question('{"channels":["web"]}', False, False), "all", tmp_path / "out.parquet", 1, 100)
    (parts,) = score(Settings(home=tmp_path), asked, Silent()).spent
    held = [part.resident for part in parts]
    assert len(held) == 50
    settled = held[10:]
    assert max(settled) - settled[0] < 16_000, held
