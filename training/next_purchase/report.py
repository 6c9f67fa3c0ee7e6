"""What is told and kept of a making of next-item lists."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

from features.instants import render_instant
from training import plots
from training.next_purchase.ranker import Why
from training.registry import RunRecord
from training.tables import Figure, Table

if TYPE_CHECKING:
    from training.next_purchase.ranker import Ranker
    from training.table import Dataset

EXPERIMENT = "nextbest-next-items"
TEXT, PLOT = "next_items.md", "next_items.png"

WHYS: Mapping[Why, str] = {
    Why.HAD: "bought and not to be bought again yet",
    Why.GONE: "out of stock",
    Why.UNSOLD: "not in the catalogue",
}


@dataclass(frozen=True, slots=True)
class Windows:
    """items: in the judged baskets. within: those that the catalogue's repurchase rules said would not be."""

    items: int
    within: int


@dataclass(frozen=True, slots=True)
class Judged:
    """table: the order beside counting. as_listed: by metric, of the lists that leave out what was not to be bought
    again."""

    table: Table
    as_listed: Mapping[str, Figure]
    windows: Windows

    @property
    def beaten_by(self) -> tuple[str, ...]:
        """The best of counting by each metric, where the whole interval of our lead over it is below 0."""
        found = self.table
        return tuple(sorted({found.rivals[name] for name, lead in found.lead.items() if lead.high < 0.0}))


@dataclass(frozen=True, slots=True)
class Counts:
    """customers: with a list. without: known, asked for, and without one. unknown: named, and nobody. rows: of the
    file. withheld: what would have stood in the lists. digest: SHA-256 of the file, hex."""

    customers: int
    without: int
    unknown: int
    rows: int
    withheld: Mapping[Why, int]
    digest: str


def remarks(judged: Judged, counts: Counts | None, as_of: int) -> tuple[str, ...]:
    """Lines for people."""
    figures = ", ".join(
        f"{name} {one.value:.4f} ({one.low:.4f} to {one.high:.4f})" for name, one in judged.as_listed.items()
    )
    windows = judged.windows
    told = (
        f"with what was not to be bought again left out, as in the lists: {figures}; of the {windows.items:,} items in "
        f"the judged baskets the catalogue's repurchase rules ruled out {windows.within:,}",
    )
    if counts is None:
        rivals = " and ".join(judged.beaten_by)
        return (*told, f"no list is written: clearly better on these data is {rivals}; import more orders first")
    withheld = ", ".join(f"{counts.withheld[why]:,} {words}" for why, words in WHYS.items())
    unknown = f"; ids of the file that name nobody: {counts.unknown:,}" if counts.unknown else ""
    return (
        *told,
        f"customers with a list, as of {render_instant(as_of)}: {counts.customers:,}; without: {counts.without:,} (no "
        f"basket, an objection to profiling, or nothing that may be listed){unknown}",
        f"kept back from their places in the lists: {withheld}",
    )


def record(
    judged: Judged, counts: Counts | None, ranker: Ranker, dataset: Dataset, limit: int, told: tuple[str, ...]
) -> RunRecord:
    """A run of the registry; without the lists, which name people."""
    shaping = {name: str(value) for name, value in asdict(ranker.settings).items() if name != "threads"}
    as_of = {"as_of": render_instant(dataset.known_at), "dataset_digest": dataset.digest}
    metrics = judged.table.flat() | {f"as listed/{name}": one.value for name, one in _plain(judged.as_listed).items()}
    metrics |= {"judged": float(judged.table.people), "ruled_out": float(judged.windows.within)}
    tags = {**as_of, "catalogue_version": str(dataset.compiled.version)}
    if counts is not None:
        metrics |= {"customers": float(counts.customers), "rows": float(counts.rows)}
        metrics |= {f"withheld.{why.name.lower()}": float(count) for why, count in counts.withheld.items()}
        tags["file_digest"] = counts.digest
    lines = "\n".join(f"- {line}" for line in told)
    return RunRecord(
        params={**shaping, "limit": str(limit)},
        metrics=metrics,
        tags=tags,
        figures={PLOT: plots.foretold(judged.table)},
        texts={
            TEXT: f"{judged.table.markdown()}\n\n{lines}\n",
            **{f"ranker_{number + 1}.txt": forest.text for number, forest in enumerate(ranker.forests)},
        },
    )


def _plain(figures: Mapping[str, Figure]) -> Mapping[str, Figure]:
    """By names that tracking accepts."""
    return {name.replace("@", "_"): one for name, one in figures.items()}
