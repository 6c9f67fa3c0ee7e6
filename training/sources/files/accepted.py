"""What a store would refuse, told of the files before anything is written: an import has several transactions, and the
last must not be the one that finds a fault."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Collection, Hashable, Sequence
from typing import TYPE_CHECKING, Final

import polars as pl
import pyarrow as pa

from features.event import Identifier
from features.history import NO_CHANNEL
from features.identity import IdentityError, customer_identifier, outside_name
from features.stores.acceptance import json_text
from features.stores.import_columns import checked_customers
from features.stores.protocol import AmbiguousIdentifier, InvalidEvent, InvalidImport
from training.sources.errors import InvalidRows
from training.sources.files.columns import Faults, texts

if TYPE_CHECKING:
    from features.stores.protocol import Store

_ROW: Final = re.compile(r"\brow (\d+)\b")

Link = tuple[Identifier, Identifier]
"""A customer's own identifier and another of theirs."""


def customer_ids(column: pl.Series, faults: Faults) -> pl.Series:
    """Texts that name a customer."""
    before = faults.total
    written = texts(column, faults, required=True)
    if faults.total == before:
        wrong = [name for name in written.unique().to_list() if not _names_somebody(name)]
        rule = "this names a customer, anon:<id> one not yet known"
        faults.add(column.name, written, written.is_in(wrong), rule, "write the id")
    return written


def called(name: str) -> str:
    """The one form of a customer_id: equal for names of one customer."""
    return outside_name(customer_identifier(name))


def _names_somebody(name: str) -> bool:
    try:
        customer_identifier(name)
    except IdentityError:
        return False
    return True


def customers_acceptable(table: pa.Table) -> None:
    """Raises InvalidImport, InvalidEvent: what a store checks of a table of CUSTOMER_SCHEMA and of its traits."""
    for row in checked_customers(table):
        json_text(row.traits)


def check_acceptable(faults: Faults, accept: Callable[[pa.Table], object], table: pa.Table) -> None:
    """Hand `table` to the store's own rules, which count rows from 0. Raises InvalidRows naming the file."""
    try:
        accept(table)
    except (InvalidImport, InvalidEvent) as error:
        sentence = _ROW.sub(lambda found: f"row {faults.number(int(found[1]))}", str(error), count=1)
        raise InvalidRows((f"{faults.file}: {sentence}",), 1) from error


def links(customers: pa.Table) -> list[Link]:
    """Every further identifier that a table of CUSTOMER_SCHEMA gives."""
    told = zip(customers["customer_id"].to_pylist(), customers["identifiers"].to_pylist(), strict=True)
    return [
        (customer_identifier(name), Identifier(type_, value))
        for name, pairs in told
        if pairs is not None
        for type_, value in json.loads(pairs)
    ]


def shared_identifiers(customers: pa.Table) -> int:
    """How many different identifiers several customers of a table of CUSTOMER_SCHEMA have."""
    having: dict[Identifier, set[Identifier]] = {}
    for customer, other in links(customers):
        having.setdefault(other, set()).add(customer)
    return sum(len(several) > 1 for several in having.values())


def check_people(
    store: Store, events: pa.Table | None, customers: pa.Table | None, event_faults: Faults, customer_faults: Faults
) -> None:
    """Adds the rows whose customer_id would, with the identifiers that the customers file brings, be several people's
    name."""
    names = customers["customer_id"].to_pylist() if customers is not None else []
    rows = {customer_identifier(name) for name in names}
    owners: dict[Identifier, set[Hashable]] = {}
    for customer, other in links(customers) if customers is not None else []:
        owners.setdefault(other, set()).update(_people(store, customer) or {customer})
    for table, faults in ((customers, customer_faults), (events, event_faults)):
        if table is None:
            continue
        named = pl.Series("customer_id", table["customer_id"])
        several = [
            name for name in named.unique().to_list() if _is_several(store, customer_identifier(name), rows, owners)
        ]
        rule = "a customer_id is one person's, and is no other's identifier"
        advice = "correct the identifier, or use another id"
        faults.add("customer_id", named, named.is_in(several), rule, advice)


def _is_several(
    store: Store, identifier: Identifier, rows: Collection[Identifier], owners: dict[Identifier, set[Hashable]]
) -> bool:
    known = _people(store, identifier)
    own: set[Hashable] = {identifier} if identifier in rows and not known else set()
    return len(known | own | owners.get(identifier, set())) > 1


def _people(store: Store, identifier: Identifier) -> set[Hashable]:
    try:
        person = store.resolve(identifier)
    except AmbiguousIdentifier as error:
        return set(error.customer_ids)
    return set() if person is None else {person}


def check_channels(
    store: Store, catalogue: Collection[str] | None, told: Sequence[tuple[str, pa.Table | None, Faults]]
) -> None:
    """Adds the rows whose channel is one more than a store can know, and raises InvalidRows when the catalogue's are
    too many. told: the file's column and the table of IMPORT_SCHEMA made of it."""
    taken = set(store.vocabulary.codes["channel"]) | set(catalogue or ())
    if len(taken) > NO_CHANNEL:
        count = f"channels are {len(taken)} with those that the store has"
        raise InvalidRows((f"catalogue: {count}; a store knows at most {NO_CHANNEL}; use known ones",), 1)
    for column, table, faults in told:
        if table is None or "channel" not in table.column_names:
            continue
        channel = pl.Series("channel", table["channel"])
        new = [one for one in channel.unique(maintain_order=True).drop_nulls().to_list() if one not in taken]
        room = NO_CHANNEL - len(taken)
        rule = f"a store knows at most {NO_CHANNEL} channels"
        faults.add(column, channel, channel.is_in(new[room:]), rule, "use one of them")
        taken |= set(new[:room])
