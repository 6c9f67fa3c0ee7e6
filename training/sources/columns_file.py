"""A company's own history: events, customers and a catalogue from files whose columns docs/importing.md documents.

Everything is checked before anything is written, by the store's own rules too, and the catalogue is published last:
history that it does not know yet changes no decision. Each step is one transaction, and an import that is repeated is
an import once: an event is named by its own id, or by the digest of its file and its row; what is told of a customer,
by what it says.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec
import pyarrow as pa
import pyarrow.compute as pc

from features.declared_traits import TraitType
from models import catalogue_file
from training.sources.files import customers as customer_rows
from training.sources.files import events as event_rows
from training.sources.files.accepted import check_channels, check_people, shared_identifiers
from training.sources.files.columns import Faults
from training.sources.files.tables import digest, read
from training.sources.publishing import publish

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from features.progress import Progress
    from features.stores.protocol import BulkReceipt, Store
    from models.catalogue_file import CatalogueSource


@dataclass(frozen=True, slots=True)
class FileReport:
    """events, customers: what the store took, None when there was no such file or in a dry run. consents_and_holdings:
    what the customers file said of them. catalogue_version: the one published, None without. unknown_items,
    unknown_actions: how many different ones the events name that the catalogue does not list; they count as history,
    but nothing is known of them. shared_identifiers: how many, an e-mail address perhaps, the customers file gives to
    several customers; none of them is found by it."""

    event_rows: int
    customer_rows: int
    events: BulkReceipt | None
    customers: BulkReceipt | None
    consents_and_holdings: BulkReceipt | None
    catalogue_version: int | None
    unknown_items: int
    unknown_actions: int
    shared_identifiers: int

    def remarks(self) -> tuple[str, ...]:
        """What came in and may surprise, one sentence each."""
        unknown = f"not in the catalogue: {self.unknown_items:,} items, {self.unknown_actions:,} actions"
        shared = f"identifiers of several customers, which find none of them: {self.shared_identifiers:,}"
        said = ((unknown, self.unknown_items or self.unknown_actions), (shared, self.shared_identifiers))
        return tuple(sentence for sentence, count in said if count)


class _Declared(msgspec.Struct, frozen=True):
    traits: dict[str, TraitType] = {}


@dataclass(frozen=True, slots=True)
class _Checked:
    """What passed. The sources name the rows of their files."""

    catalogue: CatalogueSource | None
    events: pa.Table | None
    events_source: str
    customers: customer_rows.CustomerColumns | None
    customers_source: str


def import_files(
    store: Store,
    progress: Progress,
    present: int,
    events: Path | None = None,
    customers: Path | None = None,
    catalogue: Path | None = None,
    *,
    region: str | None = None,
    dry_run: bool = False,
) -> FileReport:
    """Check all the files, then write them; a dry run only checks. present: ms UTC; nothing lies more than 10 minutes
    after it. region: of phone numbers written without country code (ISO 3166 alpha-2), None refuses them. Raises
    SourceError with the first faults, CatalogueInvalid with all of them; nothing is then written. Raises StoreError
    when the store is away; the same import again then completes it."""
    with progress.step("Check the files", total=4) as advance:
        source = catalogue_file.read(catalogue, _catalogue(None, store)[1]) if catalogue is not None else None
        advance()
        channels = _channels(source, store)
        told, told_source, told_faults = None, "", Faults("")
        if events is not None:
            file = read(events)
            told = event_rows.checked(file, present, channels)
            told_source, told_faults = f"events-{digest(events)}", file.faults()
        advance()
        people, people_source, people_faults = None, "", Faults("")
        if customers is not None:
            file = read(customers)
            people = customer_rows.checked(file, present, channels, region, _trait_types(source, store))
            people_source, people_faults = f"customers-{digest(customers)}", file.faults()
        advance()
        checked = _Checked(source, told, told_source, people, people_source)
        _check_against(store, checked, channels, told_faults, people_faults)
        advance()
    return _report(checked, store) if dry_run else _write(store, progress, checked, present)


def _write(store: Store, progress: Progress, checked: _Checked, present: int) -> FileReport:
    version = taken = people = said = None
    if checked.customers is not None:
        with progress.step(f"Import {checked.customers.customers.num_rows:,} customers"):
            people = store.import_customers(checked.customers.customers, checked.customers_source)
            said = store.import_events(checked.customers.events, checked.customers_source)
    if checked.events is not None:
        with progress.step(f"Import {checked.events.num_rows:,} events"):
            taken = store.import_events(checked.events, checked.events_source)
    if checked.catalogue is not None:
        with progress.step("Publish the catalogue"):
            version = publish(store, checked.catalogue, present, "import", "imported from a file")
    return _report(checked, store, taken, people, said, version)


def _check_against(
    store: Store,
    checked: _Checked,
    channels: Collection[str] | None,
    event_faults: Faults,
    customer_faults: Faults,
) -> None:
    """What only the store's contents and the other file can refuse. Raises InvalidRows."""
    people = checked.customers
    told_faults = customer_faults.of(people.event_rows if people is not None else [])
    check_people(store, checked.events, people.customers if people else None, event_faults, customer_faults)
    told = [("consent", people.events if people else None, told_faults), ("channel", checked.events, event_faults)]
    check_channels(store, channels, told)
    for faults in (customer_faults, told_faults, event_faults):
        faults.check()


def _report(
    checked: _Checked,
    store: Store,
    events: BulkReceipt | None = None,
    customers: BulkReceipt | None = None,
    said: BulkReceipt | None = None,
    version: int | None = None,
) -> FileReport:
    items, actions = _unknown(checked, store)
    return FileReport(
        event_rows=checked.events.num_rows if checked.events is not None else 0,
        customer_rows=checked.customers.customers.num_rows if checked.customers is not None else 0,
        events=events,
        customers=customers,
        consents_and_holdings=said,
        catalogue_version=version,
        unknown_items=items,
        unknown_actions=actions,
        shared_identifiers=shared_identifiers(checked.customers.customers) if checked.customers is not None else 0,
    )


def _unknown(checked: _Checked, store: Store) -> tuple[int, int]:
    """Different items and actions of the events that the catalogue does not list; (0, 0) without a catalogue."""
    document, items = _catalogue(checked.catalogue, store)
    if checked.events is None or document is None or items is None:
        return 0, 0
    actions = pa.array([action["id"] for action in json.loads(document)["actions"]], pa.string())
    return _not_in(checked.events, "item", items["id"].combine_chunks()), _not_in(checked.events, "action", actions)


def _not_in(events: pa.Table, column: str, known: pa.Array) -> int:
    if column not in events.column_names:
        return 0
    named = events[column].unique().drop_null()
    return len(named) - int(pc.sum(pc.is_in(named, value_set=known)).as_py() or 0)


def _catalogue(source: CatalogueSource | None, store: Store) -> tuple[str | None, pa.Table | None]:
    """The document and the items of the catalogue that comes with the import, or of the one that the store has."""
    if source is not None:
        return source.document, source.items
    stored = store.catalogue()
    if stored is None:
        return None, None
    with pa.ipc.open_stream(stored.items) as reader:
        return stored.document, reader.read_all()


def _trait_types(source: CatalogueSource | None, store: Store) -> Mapping[str, TraitType]:
    """What the catalogue declares of customers; nothing without one."""
    document, _ = _catalogue(source, store)
    return {} if document is None else msgspec.json.decode(document, type=_Declared).traits


def _channels(source: CatalogueSource | None, store: Store) -> Collection[str] | None:
    document, _ = _catalogue(source, store)
    return None if document is None else frozenset(json.loads(document)["channels"])
