"""Every benchmark that has a goal, as one table: `make bench`, or `make bench QUICK=1` to see that they run.

Each is a process of its own, one after the other, so that none measures another. What it prints goes to a log beside
the JSON; one that fails, or lacks data or a package, is a line of the table and the rest goes on. Exit code 1 when one
failed; a goal that was missed is told and is no failure.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import msgspec

sys.path.insert(0, str(Path(__file__).parents[1]))

from benchmarks.parts.machine import Machine, this_machine
from benchmarks.parts.rows import Row, load, missing

ROOT = Path(__file__).resolve().parents[1]
PATIENCE = 7_200
FAILED = "failed; "


@dataclass(frozen=True, slots=True)
class Bench:
    """full, quick: its further arguments."""

    script: str
    full: tuple[str, ...] = ()
    quick: tuple[str, ...] = ("--quick",)


BENCHES = (
    Bench("recommend"),
    Bench("forest"),
    Bench("policy"),
    Bench("duckdb_features"),
    Bench("score"),
    Bench("peers"),
    Bench("growth"),
    Bench("ingest"),
    Bench("swap"),
    Bench("start"),
    Bench("console"),
    Bench("retrain", (), ("--small",)),
)


class Told(msgspec.Struct, frozen=True):
    """What is written: rows by benchmark. quick: they measure nothing."""

    machine: Machine
    quick: bool
    rows: dict[str, list[Row]]


def measured(bench: Bench, quick: bool, log: Path) -> list[Row]:
    with tempfile.TemporaryDirectory() as folder:
        rows = Path(folder) / "rows.json"
        command = [sys.executable, f"benchmarks/{bench.script}.py", "--json", str(rows)]
        command += bench.quick if quick else bench.full
        began = time.monotonic()
        with log.open("ab") as out:
            try:
                ended = subprocess.run(command, cwd=ROOT, stdout=out, stderr=out, check=False, timeout=PATIENCE)
            except subprocess.TimeoutExpired:
                return [missing(bench.script, f"{FAILED}not done after {PATIENCE} s; look at {log}")]
        print(f"{bench.script}: {time.monotonic() - began:.0f} s", file=sys.stderr, flush=True)
        made = load(rows) if rows.exists() else []
        if ended.returncode or not made:
            made.append(missing(bench.script, f"{FAILED}exit code {ended.returncode}; look at {log}"))
        return made


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--quick", action="store_true", help="tiny sizes: do they run at all?")
    parser.add_argument("--only", nargs="+", choices=[bench.script for bench in BENCHES], help="these alone")
    parser.add_argument("--json", type=Path, default=Path("bench.json"), help="where the rows go")
    chosen = parser.parse_args(arguments)
    machine, log = this_machine(), chosen.json.with_suffix(".log").resolve()
    log.unlink(missing_ok=True)
    wanted = [bench for bench in BENCHES if chosen.only is None or bench.script in chosen.only]
    rows = {bench.script: measured(bench, chosen.quick, log) for bench in wanted}
    chosen.json.write_bytes(msgspec.json.format(msgspec.json.encode(Told(machine, chosen.quick, rows))))
    every = [one for several in rows.values() for one in several]
    print(f"SYNTHETIC data; {machine}" + ("; tiny sizes, which measure nothing" if chosen.quick else ""))
    for one in every:
        print(one.line(judged=not chosen.quick))
    goals = [one for one in every if one.met is not None]
    reached = "" if chosen.quick else f"{sum(bool(one.met) for one in goals)} of {len(goals)} goals met, "
    print(f"{reached}{sum(bool(one.missing) for one in every)} rows not measured")
    return int(any(one.missing.startswith(FAILED) for one in every))


if __name__ == "__main__":
    sys.exit(main())
