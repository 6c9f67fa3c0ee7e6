"""The training table as files: SYNTHETIC decisions in a real store, written by the real command and read back."""

from __future__ import annotations

import json
import re
import shutil
from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pyarrow.parquet as pq
import pytest
from click.testing import Result
from typer.testing import CliRunner

from features.definitions import names
from features.instants import render_instant
from features.progress import Silent
from features.stores import open_store
from nextbest import app
from serving.model_loader import NoModel
from serving.redrawing import withheld
from serving.replaying import Replayer
from tests.models.shop import DAY, NOW
from tests.training.draw_world import decide_for, open_shop
from tests.training.test_decision_rows import AT, PEOPLE, SHARES, some_lines, tell
from training.decision_rows import DecisionRows, read_decision_rows
from training.errors import InvalidTable
from training.parquet_table import MANIFEST, open_table
from training.table import Exposures, Pairs, every_offer, feature_rows, read
from training.table_parts import made

GOLDEN = Path(__file__).parents[1] / "golden" / "training_table_manifest.json"
UNTIL = render_instant(NOW)


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("table")
    shop = open_shop(path, SHARES, scorer=NoModel())
    decide_for(shop, PEOPLE, 1, seed=1, at=AT)
    decide_for(shop, 5, 1, seed=2, at=NOW - DAY)
    tell(shop, some_lines(np.random.default_rng(7)))
    shop.store.close()
    return path


def nextbest(home: Path, *arguments: str) -> Result:
    """In this process, which knows all the parts already."""
    told = {"NEXTBEST_HOME": str(home), "NO_COLOR": "1", "COLUMNS": "200"}
    return CliRunner().invoke(app, arguments, env=told)


def written(home: Path, name: str, *more: str) -> Path:
    out = home / name
    done = nextbest(home, "table", "--out", str(out), "--buckets", "3", "--known-at", UNTIL, *more)
    assert done.exit_code == 0, done.stderr
    assert done.stdout.encode() == (out / MANIFEST).read_bytes()
    return out


@pytest.fixture(scope="module")
def table(home: Path) -> Path:
    return written(home, "table")


def refused(done: Result) -> str:
    assert (done.exit_code, done.stdout) == (2, "")
    lines = [line for line in done.stderr.splitlines() if not line.endswith(" ...")]
    assert len(lines) == 1, done.stderr
    return lines[0]


def bits(value: Any) -> list[tuple[Any, ...]]:
    if is_dataclass(value) and not isinstance(value, type):
        return [one for each in fields(value) for one in bits(getattr(value, each.name))]
    return [(value.dtype, value.shape, value.tobytes())]


def test_what_is_read_is_what_was_written_to_the_last_bit(home: Path, table: Path) -> None:
    store = open_store(f"sqlite:///{home / 'store.db'}")
    again = withheld(Replayer(store, "r"))
    parts = [made(store, again, NOW, bucket, 3).part for bucket in range(3)]
    store.close()
    found = list(open_table(table).parts())
    assert [bits(one) for one in found] == [bits(one) for one in parts]
    assert sum(len(one.decisions) for one in found) == 2 * PEOPLE
    assert sum(len(one.exposures) for one in found) > 0


def test_it_holds_what_one_reading_of_everything_gives(home: Path, table: Path) -> None:
    """Bucketed or not: the same labels, and the same features as the kernel makes of whole histories."""
    store = open_store(f"sqlite:///{home / 'store.db'}")
    dataset = read(store, NOW, Silent())
    rows = read_decision_rows(store, dataset, withheld(Replayer(store, "r")), Silent()).rows
    store.close()
    parts = list(open_table(table).parts())
    person = np.concatenate([one.people[one.exposures.pairs.person] for one in parts])
    order = np.argsort(person, kind="stable")
    features = np.concatenate([one.exposure_features for one in parts])[order]
    expected = feature_rows(dataset, dataset.exposures.pairs, every_offer)
    assert features.tobytes() == expected.tobytes()
    assert person[order].tolist() == dataset.numbers[dataset.exposures.pairs.person].tolist()
    success = np.concatenate([one.exposures.success for one in parts])[order]
    assert success.tolist() == dataset.exposures.success.tolist()
    person = np.concatenate([one.people[one.decisions.pairs.person] for one in parts])
    sales = np.concatenate([one.decisions.net_sales for one in parts])[np.argsort(person, kind="stable")]
    assert sales.tolist() == rows.net_sales.tolist()


def test_the_same_store_and_moment_give_the_same_bytes_by_however_many_processes(home: Path, table: Path) -> None:
    other = written(home, "by-two", "--processes", "2")
    files = sorted(one.relative_to(table) for one in table.rglob("*") if one.is_file())
    assert len(files) == 7
    assert files == sorted(one.relative_to(other) for one in other.rglob("*") if one.is_file())
    assert all((table / one).read_bytes() == (other / one).read_bytes() for one in files)


def test_the_manifest_counts_what_is_there_and_what_was_left_out(table: Path) -> None:
    manifest = open_table(table).manifest
    counts, left = manifest.counts, manifest.left_out
    assert (counts.people, counts.decisions) == (PEOPLE, 2 * PEOPLE)
    assert 0 < counts.treated < counts.decisions
    assert 0 < counts.successes < counts.exposures
    assert left.draws.unmatured == 10
    assert 0 < left.contacts_unmatured <= 10
    assert sum(file.rows for file in manifest.files) == counts.exposures + counts.decisions


def test_the_manifests_format_is_kept(table: Path) -> None:
    """A stored format: names and types. Whoever changes it raises FORMAT."""

    def shape(value: object) -> object:
        if isinstance(value, dict):
            return {name: shape(one) for name, one in value.items()}
        if isinstance(value, list):
            return [shape(value[0])]
        return type(value).__name__

    told = json.loads((table / MANIFEST).read_bytes())
    assert {**shape(told), "format": told["format"], "arms": told["arms"]} == json.loads(GOLDEN.read_text())


def test_the_columns_have_names_and_nobody_is_named(table: Path) -> None:
    for name, rows in (("exposures", Exposures), ("decisions", DecisionRows)):
        columns = pq.read_schema(table / name / "bucket=0" / "part.parquet").names
        own = {one.name for kind in (Pairs, rows) for one in fields(kind)} - {"pairs"}
        assert set(columns) == own | {"action", "channel", "weight"} | set(names())
    whole = b"".join(one.read_bytes() for one in table.rglob("*") if one.is_file())
    assert not re.search(rb"c-\d", whole)


@pytest.mark.parametrize("what", ["byte", "gone", "manifest", "features"])
def test_what_was_altered_is_refused(table: Path, tmp_path: Path, what: str) -> None:
    copy = tmp_path / "copy"
    shutil.copytree(table, copy)
    part = copy / "decisions" / "bucket=1" / "part.parquet"
    manifest = copy / MANIFEST
    if what == "byte":
        part.write_bytes(part.read_bytes()[:-9] + b"x" + part.read_bytes()[-8:])
    elif what == "gone":
        part.unlink()
    else:
        told = json.loads(manifest.read_bytes())
        told |= {"digest": "0" * 64} if what == "manifest" else {"feature_schema": "0" * 64}
        manifest.write_bytes(msgspec.json.encode(told))
    with pytest.raises(InvalidTable, match=r"; write (the table|it) again$"):
        list(open_table(copy).parts())


def test_bad_input_is_one_line_and_nothing_is_touched(home: Path, table: Path, tmp_path: Path) -> None:
    before = (table / MANIFEST).read_bytes()
    assert refused(nextbest(home, "table", "--out", str(table))).startswith(
        f"out is {table}; a training table is there"
    )
    (tmp_path / "mine.txt").write_text("mine")
    told = refused(nextbest(home, "table", "--out", str(tmp_path), "--overwrite"))
    assert told == f"out is {tmp_path}; something else than a training table is there; name another folder"
    assert refused(nextbest(home, "table", "--out", "x", "--known-at", "soon")).startswith("known-at is soon; ")
    nowhere = refused(nextbest(tmp_path / "nowhere", "table", "--out", str(tmp_path / "t")))
    assert "nothing is there yet" in nowhere
    assert (table / MANIFEST).read_bytes() == before
    with pytest.raises(InvalidTable, match=r"has no manifest.json; write it with `nextbest table`"):
        open_table(tmp_path)


def test_what_a_killed_run_left_is_replaced_and_overwriting_is_asked_for(home: Path, table: Path) -> None:
    left = home / ".again.partial"
    (left / "decisions").mkdir(parents=True)
    (left / "decisions" / "half").write_bytes(b"half")
    again = written(home, "again")
    assert not left.exists()
    assert sorted(one.name for one in again.iterdir()) == ["decisions", "exposures", MANIFEST]
    (again / MANIFEST).write_bytes(b"{}")
    assert (written(home, "again", "--overwrite") / MANIFEST).read_bytes() == (table / MANIFEST).read_bytes()
    assert {one.name for one in home.iterdir() if one.name.startswith(".")} == set()
