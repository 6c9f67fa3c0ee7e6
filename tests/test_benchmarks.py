"""The benchmarks run, on sizes that measure nothing, so that they cannot rot."""

from __future__ import annotations

import csv
import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from benchmarks.closed_loop import FULL, SMALL, asked
from benchmarks.parts.rows import Row, finish, load, missing, row
from benchmarks.table import BENCHES
from models.policy.gates import GATES
from tests.checks.postgres import binaries

ROOT = Path(__file__).resolve().parents[1]
HEAD = (
    "recency",
    "history",
    "mens",
    "womens",
    "newbie",
    "zip_code",
    "channel",
    "segment",
    "visit",
    "conversion",
    "spend",
)


def ran(script: str, *arguments: str, seconds: int, code: int = 0) -> subprocess.CompletedProcess[str]:
    """A benchmark that ended as it must within so many seconds."""
    command = [sys.executable, f"benchmarks/{script}", *arguments]
    ended = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=seconds, check=False)
    assert ended.returncode == code, ended.stderr
    return ended


@pytest.mark.long
def test_ingest_is_measured_on_every_store_against_its_goals() -> None:
    ended = ran("ingest.py", "--quick", seconds=200)
    rows = [line.split() for line in ended.stdout.splitlines()]
    for name in ("sqlite",) if binaries() is None else ("sqlite", "postgresql"):
        mine = [row for row in rows if row[0] == name]
        assert len(mine) == 4
        assert any("10,000" in row for row in mine)
        assert any("100,000" in row for row in mine)


@pytest.mark.long
def test_the_console_is_measured_beside_a_decision() -> None:
    ended = ran("console.py", "--quick", seconds=280)
    rows = {line.split("  ")[0].strip(): line for line in ended.stdout.splitlines()}
    assert "goal 5" in rows["view / decision"]
    assert int(rows["weight"].split()[1].replace(",", "")) <= 150_000


@pytest.mark.long
def test_the_stages_of_a_decision_are_told_one_by_one() -> None:
    ended = ran("stages.py", "--quick", seconds=200)
    told = {line[:34].strip(): float(line.split()[-2]) for line in ended.stdout.splitlines()[1:]}
    gates = {f"gate {gate.name}" for gate in GATES}
    assert gates | {"whole, but HTTP and the writer", "decision", "scores", "draws", "log entry"} <= told.keys()
    assert all(spent > 0.0 for stage, spent in told.items() if stage != "candidates taken")


@pytest.mark.long
def test_the_policy_is_measured_beside_a_prediction() -> None:
    ended = ran("policy.py", "--quick", seconds=200)
    rows = {line.split("  ")[0].strip(): line for line in ended.stdout.splitlines()}
    assert "x Booster.predict, goal 0.33" in rows["policy of a decision"]
    assert "5 trees" in rows["Booster.predict"]


@pytest.mark.long
def test_off_policy_estimates_are_measured_on_synthetic_truth() -> None:
    ended = ran("offpolicy.py", "--quick", seconds=200)
    assert ended.stdout.count("SYNTHETIC") == 4
    for name in ("DM", "IPS", "SNIPS", "DR", "Switch-DR"):
        assert ended.stdout.count(f"| {name} |") == 4
    assert "The Open Bandit data were not given" in ended.stdout


@pytest.mark.long
def test_scoring_is_measured_beside_lightgbm() -> None:
    ended = ran("forest.py", "--quick", seconds=200)
    lines = ended.stdout.splitlines()
    assert lines[0].startswith("SYNTHETIC; 5 trees")
    for name in ("31 leaves ", "7 leaves ", "31 leaves, hard "):
        mine = [line for line in lines if line.startswith(name)]
        assert len(mine) == 6
        assert all(" x" in line for line in mine)


@pytest.mark.long
def test_a_change_of_the_model_is_measured_beside_quiet() -> None:
    ended = ran("swap.py", "--quick", seconds=200)
    lines = ended.stdout.splitlines()
    assert lines[0].startswith("SYNTHETIC; models of 150 trees, 2 changes")
    assert [line.split("  ")[0].strip() for line in lines[1:3]] == ["quiet", "models change"]


@pytest.mark.long
def test_a_start_is_measured() -> None:
    ended = ran("start.py", "--quick", seconds=400)
    assert ended.stdout.startswith("SYNTHETIC; one worker")
    assert "since its process began" in ended.stdout


@pytest.mark.long
def test_a_retrain_is_measured_beside_bare_lightgbm() -> None:
    ended = ran("retrain.py", "--small", seconds=280)
    assert ended.stdout.startswith("SYNTHETIC: ")
    assert ended.stdout.count(" x clock") == 2
    assert "| channel email |" in ended.stdout


@pytest.mark.long
def test_whom_to_mail_is_judged_beside_other_ways(tmp_path: Path) -> None:
    """On SYNTHETIC customers in the shape of the Hillstrom file."""
    rng, path = np.random.default_rng(1), tmp_path / "mailed.csv"
    with path.open("w", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(HEAD)
        for _ in range(2_000):
            mail = rng.choice(["Mens E-Mail", "Womens E-Mail", "No E-Mail"])
            womens = int(rng.random() < 0.5)
            visit = int(rng.random() < 0.1 + 0.3 * (womens and mail == "Womens E-Mail"))
            asked = [
                int(rng.integers(1, 13)),
                float(rng.gamma(2.0, 100.0)),
                1 - womens,
                womens,
                int(rng.random() < 0.5),
            ]
            where = [rng.choice(["Urban", "Rural", "Surburban"]), rng.choice(["Web", "Phone", "Multichannel"])]
            rows.writerow(
                [*asked, *where, mail, visit, visit * int(rng.random() < 0.1), visit * float(rng.gamma(2.0, 9.0))]
            )
    ended = ran("hillstrom.py", "--quick", "--data", str(path), "--only", "Womens E-Mail, visit", seconds=280)
    names = [line.split("|")[1].strip() for line in ended.stdout.splitlines() if line.startswith("| ")]
    assert {"ours", "our T", "our X", "our DR", "response", "random"} <= set(names)
    assert "placebo of Womens E-Mail, visit" in ended.stdout


@pytest.mark.long
def test_without_the_mailed_customers_a_line_says_so(tmp_path: Path) -> None:
    for arguments, code in (([], 0), (["--data", str(tmp_path / "nothing.csv")], 2)):
        ended = ran("hillstrom.py", *arguments, seconds=200, code=code)
        assert "--data" in ended.stdout + ended.stderr


def test_the_closed_loop_is_asked_for_the_seed_that_no_options_were_chosen_on() -> None:
    assert asked([]) == (FULL, None)
    assert asked(["--small"])[0] == SMALL
    assert asked(["--seed", "0", "--people", "300", "--only", "vw"]) == (replace(FULL, seed=0, people=300), "vw")


@pytest.mark.long
@pytest.mark.timeout(1800)
def test_the_closed_loop_runs() -> None:
    """Beside Vowpal Wabbit where that is installed."""
    ended = ran("closed_loop.py", "--small", seconds=1700)
    assert ended.stdout.startswith("SYNTHETIC: ")
    totals = [line for line in ended.stdout.splitlines() if line.startswith("| all | 800 |")]
    assert len(totals) == (1 if "vowpalwabbit is missing" in ended.stdout else 2)


@pytest.mark.long
def test_next_purchase_is_judged_beside_its_peers() -> None:
    ended = ran("quality.py", "--small", seconds=200)
    assert ended.stdout.startswith("| SYNTHETIC baskets | recall@10 | NDCG@10 |")
    for name in ("nextbest", "global frequency", "TIFUKNN", "UP-CF@r", "ALS (implicit)", "item-item (implicit)"):
        assert ended.stdout.count(f"| {name} |") == 1
    assert "60 customers judged of 60" in ended.stdout


@pytest.mark.long
def test_offers_are_judged_beside_the_best_single_one_and_chance() -> None:
    """Beside Vowpal Wabbit where that is installed."""
    ended = ran("offers.py", "--small", seconds=280)
    assert "SYNTHETIC rewards offers; judged on 600 offers of 300 customers" in ended.stdout
    names = [line.split("|")[1].strip() for line in ended.stdout.splitlines() if line.startswith("| ")][1:]
    assert {"nextbest", "best single offer", "random"} <= set(names)
    assert ("Vowpal Wabbit is not installed" in ended.stdout) == (len(names) == 3)


def test_without_the_offers_a_line_says_so(tmp_path: Path) -> None:
    assert "nothing was measured" in ran("offers.py", seconds=200).stdout
    told = ran("offers.py", str(tmp_path), seconds=200, code=2).stderr
    assert "offers_received.parquet is absent" in told
    assert "Traceback" not in told


@pytest.mark.long
def test_annoyance_is_judged_beside_simple_rules(tmp_path: Path) -> None:
    ended = ran("annoyance.py", "--small", "--out", str(tmp_path), seconds=280)
    assert ended.stdout.startswith("SYNTHETIC households")
    for name in ("categories", "items"):
        assert f" questions on {name} of 150 households; " in ended.stdout
        assert (tmp_path / f"annoyance_{name}.png").stat().st_size > 0
    assert ended.stdout.count("| learned, chance 0.1 |") == ended.stdout.count("| never again | 100.0% |") == 2
    told = json.loads((tmp_path / "annoyance.json").read_text())
    assert {one["rule"] for one in told["items"]["leads"]} == {"N days", "unless within N days"}


def test_next_purchase_says_what_it_cannot_read(tmp_path: Path) -> None:
    ended = ran("quality.py", "--only", "fair split", "--ta-feng", str(tmp_path), seconds=200, code=2)
    assert "fair_tafeng_history.json.gz" in ended.stderr
    assert "Traceback" not in ended.stderr


@pytest.mark.long
def test_a_decision_over_http_is_measured_beside_empty_endpoints(tmp_path: Path) -> None:
    told = tmp_path / "rows.json"
    ended = ran("recommend.py", "--quick", "--json", str(told), seconds=400)
    rows = json.loads(told.read_text())
    assert [row["goal"] for row in rows] == [4, 4, 1.2, 1.2, 2, 2, 4]
    assert [row["sense"] for row in rows] == 6 * ["at_least"] + ["at_most"]
    assert all(row["least"] <= row["ratio"] <= row["most"] for row in rows)
    assert "three times that load: " in ended.stdout


def rows_of(folder: Path, script: str, *arguments: str) -> list[Row]:
    told = folder / "rows.json"
    ended = ran(f"{script}.py", "--quick", "--json", str(told), *arguments, seconds=580)
    assert ended.stdout.startswith("SYNTHETIC; ")
    found = load(told)
    assert all(one.missing or one.least <= one.ratio <= one.most for one in found)
    return found


@pytest.mark.long
@pytest.mark.timeout(600)
def test_feature_rows_are_the_same_in_sql(tmp_path: Path) -> None:
    """That every value is equal is required by the benchmark itself."""
    first, growth, sharing = rows_of(tmp_path, "duckdb_features")
    assert "all values equal" in first.told or "pip install" in first.missing
    assert [one.goal for one in (first, growth, sharing)] == [10, 11, 1.7]


@pytest.mark.long
@pytest.mark.timeout(600)
def test_an_audience_is_measured_beside_the_full_matrix(tmp_path: Path) -> None:
    rows = rows_of(tmp_path, "score")
    assert [one.goal for one in rows] == [None, None, 10, 10, 1.1]
    assert all("customers a second" in one.told for one in rows[:4])


@pytest.mark.long
@pytest.mark.timeout(600)
def test_others_are_measured_in_the_same_run(tmp_path: Path) -> None:
    by_cpu, by_clock, ranking = rows_of(tmp_path, "peers")
    assert by_cpu.ratio > 0 < by_clock.ratio
    assert ranking.told.endswith("us") or "pip install" in ranking.missing


@pytest.mark.long
@pytest.mark.timeout(600)
def test_growth_is_measured(tmp_path: Path) -> None:
    rows = rows_of(tmp_path, "growth")
    assert [one.goal for one in rows] == [1.2, 6, 1.3, 1.05]
    assert all(one.sense == "at_most" for one in rows)


def test_a_row_says_whether_its_goal_was_met(tmp_path: Path) -> None:
    fast, slow = row("a", "b", [3.0, 5.0, 4.0], 4.0), row("a", "b", [3.0, 5.0, 4.1], 4.0, "at_most")
    absent = missing("c", "thing is missing; install it", 2.0)
    assert (fast.ratio, fast.least, fast.most, fast.repeats, fast.met) == (4.0, 3.0, 5.0, 3, True)
    assert (slow.met, absent.met, row("a", "b", [1.0]).met) == (False, None, None)
    assert ">= 4" in str(fast)
    assert "MISSED" in str(slow)
    assert "not measured: thing is missing" in str(absent)
    finish([fast, slow, absent], tmp_path / "rows.json")
    assert load(tmp_path / "rows.json") == [fast, slow, absent]


@pytest.mark.long
@pytest.mark.timeout(900)
def test_the_table_has_what_was_measured_and_what_was_not(tmp_path: Path) -> None:
    told = tmp_path / "bench.json"
    ended = ran("table.py", "--quick", "--only", "forest", "policy", "--json", str(told), seconds=880)
    written = json.loads(told.read_text())
    assert set(written["rows"]) == {"forest", "policy"}
    assert written["quick"] is True
    assert written["machine"]["cores"] >= 1
    lines = ended.stdout.splitlines()
    assert lines[0].startswith("SYNTHETIC data; ")
    assert len(lines) == 2 + sum(map(len, written["rows"].values()))
    assert lines[-1].endswith("rows not measured")


def test_the_table_knows_only_benchmarks_that_there_are() -> None:
    for bench in BENCHES:
        assert "finish(" in (ROOT / "benchmarks" / f"{bench.script}.py").read_text() or bench.script == "ingest"


@pytest.mark.long
def test_a_decision_is_profiled_by_parts() -> None:
    ended = ran("profile_decision.py", "--quick", seconds=280)
    for part in ("HTTP", "parsing", "store", "features", "gates", "forest", "exploration", "log", "serialising", "all"):
        assert f"| {part}" in ended.stdout


@pytest.mark.long
def test_a_workers_memory_is_told() -> None:
    ended = ran("memory.py", "--quick", seconds=280)
    assert "bytes a request" in ended.stdout
