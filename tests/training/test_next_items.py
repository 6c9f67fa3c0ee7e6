"""Lists of next items by the real command over a SYNTHETIC shop: nobody is listed what the gate calls bought."""

from __future__ import annotations

import hashlib
import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
from mlflow.tracking import MlflowClient

from features.identity import customer_identifier
from features.published import NOTHING
from features.stores import open_store
from features.stores.protocol import Store
from models.columns import compile_catalogue
from models.policy.gates.already_purchased import AlreadyPurchased
from models.policy.situation import Situation
from models.policy_rules import Arm
from tests.flow.test_operators import Done, nextbest, one_line
from tests.models.shop import request
from tests.serving.synthetic import store_url
from tests.training.corner_shop import (
    ERASED,
    GOODS,
    NOT_SOLD,
    OBJECTING,
    OUT_OF_STOCK,
    PEOPLE,
    catalogue,
    lines,
    open_corner_shop,
)
from tests.training.small_shop import BEGIN, DAY, as_table, open_shop
from training.errors import InvalidList
from training.next_purchase.lists import Lists, require_writable, write
from training.next_purchase.report import EXPERIMENT, Judged, Windows
from training.tables import Figure, Table

pytestmark = [  # what MLflow says of its own libraries is not ours to mend
    pytest.mark.filterwarnings("ignore::sqlalchemy.exc.SADeprecationWarning"),
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
    pytest.mark.filterwarnings("ignore::UserWarning:mlflow.*"),
    pytest.mark.filterwarnings("ignore::FutureWarning:mlflow.*"),
]

GOLDEN = Path(__file__).parents[1] / "golden" / "next_items_schema.json"
Row = dict[str, object]


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("next-items")
    open_corner_shop(path).close()
    return path


@pytest.fixture(scope="module")
def listed(home: Path) -> Done:
    done = nextbest(home, "next-items", "--out", str(home / "all.jsonl"), "--limit", "20")
    assert done.returncode == 0, done.stderr
    return done


@pytest.fixture
def store(home: Path) -> Iterator[Store]:
    opened = open_store(store_url(home))
    yield opened
    opened.close()


def rows(path: Path) -> list[Row]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def of_each(path: Path) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for row in rows(path):
        found.setdefault(str(row["customer_id"]), []).append(str(row["item_id"]))
        assert row["rank"] == len(found[str(row["customer_id"])])
    return found


def refused(store: Store, customer_id: str, moment: int) -> set[str]:
    """Items whose action the service's gate refuses as bought."""
    stored = store.catalogue()
    assert stored is not None
    compiled = compile_catalogue(stored, store.vocabulary)
    record, candidates = store.read(customer_identifier(customer_id)), compiled.channels(("web",))
    situation = Situation(request("web"), record, compiled, candidates, moment, NOTHING, Arm.FULL)
    places = np.flatnonzero(AlreadyPurchased().refuses(situation)).tolist()
    return {situation.action_id(place) for place in places}


@pytest.mark.usefixtures("listed")
def test_nobody_is_listed_what_the_gate_calls_bought_or_what_is_not_to_be_had(home: Path, store: Store) -> None:
    found, held = of_each(home / "all.jsonl"), 0
    end = BEGIN + 21 * DAY
    for customer_id, items in found.items():
        bought = refused(store, customer_id, end)
        assert bought.isdisjoint(items), customer_id
        assert {OUT_OF_STOCK, NOT_SOLD}.isdisjoint(items)
        assert set(items) == set(GOODS) - bought - {OUT_OF_STOCK}
        held += any(item.startswith("washer") for item in bought)
    assert held > 20
    assert {row["as_of"] for row in rows(home / "all.jsonl")} == {"2023-12-05T22:13:20.000Z"}


def test_what_is_kept_back_is_told(listed: Done) -> None:
    (told,) = (line for line in listed.stderr.splitlines() if line.startswith("kept back"))
    words = (" bought and not to be bought again yet", " out of stock", " not in the catalogue")
    counts = [re.search(rf"([0-9,]+){one}", told) for one in words]
    assert all(found is not None and int(found[1].replace(",", "")) > 0 for found in counts)


@pytest.mark.usefixtures("listed")
def test_who_objects_or_was_erased_is_in_no_list(home: Path) -> None:
    assert sorted(of_each(home / "all.jsonl")) == sorted(
        {f"p-{number}" for number in range(PEOPLE)} - {OBJECTING, ERASED}
    )
    named = home / "named.txt"
    named.write_text(f"{ERASED}\np-9\n{OBJECTING}\n\nnobody\np-7\np-9\n")
    some = nextbest(home, "next-items", "--out", str(home / "some.jsonl"), "--customers", str(named), "--limit", "3")
    assert some.returncode == 0, some.stderr
    assert of_each(home / "some.jsonl") == {
        name: items[:3] for name, items in of_each(home / "all.jsonl").items() if name in {"p-7", "p-9"}
    }
    assert "Z: 2; without: 1 (" in some.stderr
    assert "; ids of the file that name nobody: 2" in some.stderr


@pytest.mark.usefixtures("listed")
def test_habits_and_turns_come_first(home: Path) -> None:
    """Everybody's own food, and the turn that follows their last one."""
    found = of_each(home / "all.jsonl")
    right = [
        {f"food-{number % 5}", f"turn-{(number + 7) % 4}"} <= set(found[f"p-{number}"][:3]) for number in (7, 8, 90)
    ]
    assert all(right)
    before = {(row["customer_id"], row["item_id"]): row["bought_before"] for row in rows(home / "all.jsonl")}
    assert before["p-7", "food-2"] is True
    assert before["p-7", "food-3"] is False


def test_it_is_judged_beside_counting_and_kept_in_mlflow(home: Path, listed: Done) -> None:
    head, _, *lines = listed.stdout.splitlines()
    assert head == "| next basket | recall@10 | NDCG@10 |"
    names = ["nextbest", "global frequency", "personal frequency", "combined frequency", "*lead over the best other*"]
    assert [line.split(" | ")[0].removeprefix("| ") for line in lines] == names
    client = MlflowClient(f"sqlite:///{home / 'mlflow.db'}")
    experiment = client.get_experiment_by_name(EXPERIMENT)
    assert experiment is not None
    run = client.search_runs([experiment.experiment_id], order_by=["attributes.start_time"])[0]
    assert f"kept as run {run.info.run_id}" in listed.stderr
    assert run.data.tags["file_digest"] == hashlib.sha256((home / "all.jsonl").read_bytes()).hexdigest()
    assert run.data.metrics["customers"] == PEOPLE - 2
    assert run.data.params["limit"] == "20"
    kept = {one.path for one in client.list_artifacts(run.info.run_id)}
    assert kept == {"next_items.md", "next_items.png", "ranker_1.txt"}
    texts = [path.read_bytes() for path in (home / "artifacts").rglob("*.*") if path.suffix in {".md", ".txt"}]
    assert texts
    assert not any(re.search(rb"\bp-[0-9]", text) for text in texts)  # nobody is named


@pytest.mark.usefixtures("listed")
def test_the_same_history_and_seed_give_the_same_bytes_and_the_format_is_the_golden_one(home: Path) -> None:
    golden = json.loads(GOLDEN.read_text())
    first, again, other = (home / name for name in ("first.parquet", "again.parquet", "other.parquet"))
    for out, seed in ((first, ()), (again, ()), (other, ("--seed", "3"))):
        assert nextbest(home, "next-items", "--out", str(out), "--limit", "20", *seed).returncode == 0
    assert first.read_bytes() == again.read_bytes()
    assert first.read_bytes() != other.read_bytes()
    schema = pq.read_schema(first)
    assert {one.name: f"{one.type}{'' if one.nullable else ' not null'}" for one in schema} == golden["parquet"]
    told_lines = rows(home / "all.jsonl")
    assert {name: type(value).__name__ for name, value in told_lines[0].items()} == golden["jsonl"]
    told = pq.read_table(first).to_pylist()
    assert [(row["customer_id"], row["rank"], row["item_id"], row["score"]) for row in told] == [
        (row["customer_id"], row["rank"], row["item_id"], row["score"]) for row in told_lines
    ]


def test_nothing_is_written_where_counting_foretells_clearly_better(tmp_path: Path) -> None:
    """So few rows grow no tree, and what is no order is worse than everybody's habits."""
    store = open_store(store_url(tmp_path))
    store.publish_catalogue(*catalogue(), None, BEGIN, "test", "synthetic")
    store.import_events(as_table(lines([[{item}] * 4 for item in list(GOODS)[:8]])), "synthetic-habits")
    store.close()
    out = tmp_path / "next.parquet"
    done = nextbest(tmp_path, "next-items", "--out", str(out))
    assert (done.returncode, out.exists()) == (1, False), done.stderr
    assert "no list is written: clearly better on these data is personal frequency; " in done.stderr
    assert "| personal frequency |" in done.stdout


@pytest.mark.parametrize(
    ("recall", "ndcg", "named"),
    [
        ((0.01, 0.03), (-0.02, 0.02), ()),
        ((-0.03, 0.0), (-0.02, 0.02), ()),
        ((-0.03, -0.01), (-0.02, 0.02), ("often",)),
        ((-0.03, -0.01), (-0.02, -0.01), ("lately", "often")),
    ],
)
def test_only_what_is_better_beyond_chance_keeps_lists_from_being_written(
    recall: tuple[float, float], ndcg: tuple[float, float], named: tuple[str, ...]
) -> None:
    lead = {"recall": Figure(sum(recall) / 2, *recall), "ndcg": Figure(sum(ndcg) / 2, *ndcg)}
    found = Table("t", ("recall", "ndcg"), {}, lead, {"recall": "often", "ndcg": "lately"}, 1, 1, 1)
    assert Judged(found, {}, Windows(0, 0)).beaten_by == named


def test_what_cannot_be_done_is_one_line(tmp_path: Path) -> None:
    out = str(tmp_path / "next.parquet")
    assert "nothing is there yet" in one_line(nextbest(tmp_path, "next-items", "--out", out))
    store = open_store(store_url(tmp_path))
    store.publish_catalogue(*catalogue(), None, BEGIN, "test", "synthetic")
    store.close()
    done = nextbest(tmp_path, "next-items", "--out", out)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.splitlines()[-1].startswith("baskets are none; next items are learned from orders with items; ")
    named = tmp_path / "nobody.txt"
    named.write_text("nobody\n")
    told = one_line(nextbest(tmp_path, "next-items", "--out", out, "--customers", str(named)))
    assert told == f"customers is {named}; it names nobody whom the store knows; name others"
    named.with_suffix(".csv").write_text("id\n1\n")
    told = one_line(nextbest(tmp_path, "next-items", "--out", out, "--customers", str(named.with_suffix(".csv"))))
    assert f"customers is {named.with_suffix('.csv')}; it must be a text of one id a line, or a .parquet" in told


def test_a_catalogue_that_does_not_say_when_things_are_bought_again_makes_no_list(tmp_path: Path) -> None:
    open_shop(tmp_path / "store.db").close()
    done = nextbest(tmp_path, "next-items", "--out", str(tmp_path / "next.jsonl"))
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.splitlines()[-1].startswith("repurchase of item 'i")
    assert not (tmp_path / "next.jsonl").exists()


def test_one_basket_more_is_needed_to_learn_from_than_to_foretell(tmp_path: Path) -> None:
    open_corner_shop(tmp_path, baskets=2).close()
    done = nextbest(tmp_path, "next-items", "--out", str(tmp_path / "next.jsonl"))
    assert done.returncode == 2
    assert done.stderr.splitlines()[-1].startswith("customers with three baskets are none; ")


def test_ctrl_c_leaves_no_file(home: Path) -> None:
    out = home / "stopped.parquet"
    run = subprocess.Popen(
        [sys.executable, "-m", "nextbest", "next-items", "--out", str(out)],
        env={**os.environ, "NEXTBEST_HOME": str(home), "NO_COLOR": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        assert run.stderr is not None
        assert any(line.startswith("Read histories") for line in run.stderr)
        run.send_signal(signal.SIGINT)
        said, errors = run.communicate(timeout=120)
    finally:
        run.kill()
        run.wait()
    assert (run.returncode, said) == (130, ""), errors
    assert not list(home.glob("*stopped*"))


def test_a_file_is_whole_or_as_it_was(tmp_path: Path) -> None:
    out = tmp_path / "next.parquet"
    with pytest.raises(InvalidList, match=r"out is .*next\.csv; its name ends in \.parquet or \.jsonl"):
        require_writable(tmp_path / "next.csv", None, overwrite=False)
    with pytest.raises(InvalidList, match="there is no such folder"):
        require_writable(tmp_path / "absent" / "next.parquet", None, overwrite=False)
    (tmp_path / "folder.jsonl").mkdir()
    with pytest.raises(InvalidList, match="that is a folder"):
        require_writable(tmp_path / "folder.jsonl", None, overwrite=True)
    out.write_text("as it was")
    with pytest.raises(InvalidList, match="there is a file already; name another, or add --overwrite"):
        require_writable(out, None, overwrite=False)
    require_writable(out, tmp_path / "customers.parquet", overwrite=True)
    (tmp_path / "customers.parquet").symlink_to(out)
    with pytest.raises(InvalidList, match=r"out is .*; the customers are read from there; name another file"):
        require_writable(out, tmp_path / "customers.parquet", overwrite=True)
    (tmp_path / "customers.parquet").unlink()
    broken = Lists(("a",), ("\ud800",), np.ones(1, np.int32), np.zeros(1), np.zeros(1, np.bool_), BEGIN)
    for place in (out, tmp_path / "lines.jsonl"):
        place.write_text("as it was")
        with pytest.raises(UnicodeEncodeError):
            write(broken, place)
        assert place.read_text() == "as it was"
    assert sorted(one.name for one in tmp_path.iterdir()) == ["folder.jsonl", "lines.jsonl", "next.parquet"]
