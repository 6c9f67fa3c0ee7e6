"""The parts of a run as one file, in the order of the audience."""

from __future__ import annotations

import os
from pathlib import Path

import msgspec
import pyarrow.compute as pc
import pyarrow.parquet as pq

from serving.audience.rows import SCHEMA
from serving.audience.run import AudienceError, Folder, Run
from serving.audience.worker import Spent


class Scored(msgspec.Struct, frozen=True):
    """What came of a run. rows: of the file. customers: of the audience; chosen: of them, those for whom something was
    chosen on a channel at least; failed: those of whom no decision could be made. spent: by process, of
    each of its parts."""

    out: Path
    rows: int
    customers: int
    chosen: int
    failed: int
    spent: tuple[tuple[Spent, ...], ...]

    def __str__(self) -> str:
        nothing = self.customers - self.chosen - self.failed
        return (
            f"{self.out}: {self.customers:,} customers, {self.chosen:,} with an action, {nothing:,} with none, "
            f"{self.failed:,} without a decision (column error); {self.rows:,} rows"
        )


def put_together(run: Run, folder: Folder, spent: tuple[tuple[Spent, ...], ...]) -> Scored:
    """One part in memory at a time; the file is there whole or not at all, and then the folder goes. Raises
    AudienceError where a customer was lost or doubled between the parts, which must not be."""
    draft = folder.path / "whole.parquet"
    rows = customers = chosen = failed = 0
    told = {**(SCHEMA.metadata or {}), b"nextbest.run": _told(run)}
    with pq.ParquetWriter(draft, SCHEMA.with_metadata(told), compression="zstd") as writer:
        for part in range(run.parts):
            table = pq.read_table(folder.made(part))
            writer.write_table(table.replace_schema_metadata(told))
            rows += len(table)
            customers += pc.count_distinct(table["customer_id"]).as_py()
            acted = table.filter(pc.is_valid(table["action_id"]))
            chosen += pc.count_distinct(acted["customer_id"]).as_py()
            failed += pc.sum(pc.is_valid(table["error"])).as_py() or 0
    if customers != run.customers:
        raise AudienceError(f"customers is {customers}; the audience has {run.customers}; {folder.anew()}")
    with draft.open("rb") as file:
        os.fsync(file.fileno())
    draft.replace(folder.out)
    folder.remove()
    return Scored(folder.out, rows, customers, chosen, failed, spent)


def _told(run: Run) -> bytes:
    """In the file's own metadata: what it was made from."""
    return msgspec.json.encode(
        {
            "begun_at": run.begun_at,
            "asked": msgspec.Raw(run.question.asked.encode()),
            "dry_run": run.question.dry_run,
            "audience": run.audience,
            "versions": run.versions,
        }
    )
