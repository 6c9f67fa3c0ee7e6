"""The customers file: one row a customer, with traits, identifiers, consents and what is held. Its columns are
documented in docs/importing.md."""

from __future__ import annotations

import hashlib
import json
import zoneinfo
from collections import Counter
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Final

import polars as pl
import pyarrow as pa

from features.columns import CUSTOMER_SCHEMA, IMPORT_SCHEMA
from features.declared_traits import SAID, TRUTHS, TraitType
from features.event import Kind
from features.identity import IdentityError, normalise
from features.instants import parse_instant
from features.stores.import_columns import checked_events
from training.sources.files.accepted import called, check_acceptable, customer_ids, customers_acceptable
from training.sources.files.columns import Faults, moments, numbers, texts
from training.sources.files.events import objects
from training.sources.files.tables import FileRows, check_columns

REQUIRED: Final = ("customer_id",)
OPTIONAL: Final = ("traits", "trait.", "identifier.", "consent.", "consent_at", "holds", "holds_since", "time_zone")

_CONSENTS: Final = {"granted": Kind.CONSENT_GRANTED, "withdrawn": Kind.CONSENT_WITHDRAWN}


@dataclass(frozen=True, slots=True)
class CustomerColumns:
    """customers: CUSTOMER_SCHEMA. events: IMPORT_SCHEMA, the consents and holdings; each with a message id of its own.
    event_rows: the place in `customers` that each of the events comes from."""

    customers: pa.Table
    events: pa.Table
    event_rows: list[int]


def checked(
    file: FileRows,
    present: int,
    channels: Collection[str] | None,
    region: str | None,
    types: Mapping[str, TraitType],
) -> CustomerColumns:
    """present: ms UTC. channels: the catalogue's; None when there is none to check against. region: of phone numbers
    written without country code (ISO 3166 alpha-2), None refuses them. types: of traits that the catalogue declares.
    Raises InvalidRows with the first faults."""
    rows = file.rows
    check_columns(file.name, rows.columns, REQUIRED, (*REQUIRED, *OPTIONAL))
    faults = file.faults()
    customer = customer_ids(rows["customer_id"], faults)
    names = customer if faults.total else customer.map_elements(called, return_dtype=pl.String)
    twice = names.is_duplicated() & names.is_not_null()
    faults.add("customer_id", customer, twice, "a customer has one row", "join the rows")
    told = {
        "customer_id": customer.to_list(),
        "traits": _traits(rows, faults, types),
        "identifiers": _identifiers(rows, faults, region),
        "time_zone": _zones(rows, faults),
    }
    events = [*_consents(rows, faults, present, channels), *_holdings(rows, faults, present)]
    faults.check()
    customers = pa.Table.from_pydict(told, schema=CUSTOMER_SCHEMA)
    said = _events(events, customer)
    places = [one.row for one in events]
    check_acceptable(faults, customers_acceptable, customers)
    check_acceptable(faults.of(places), checked_events, said)
    return CustomerColumns(customers, said, places)


@dataclass(frozen=True, slots=True)
class _Told:
    """A consent or a holding of one row."""

    row: int
    kind: Kind
    at: int
    channel: str | None = None
    item: str | None = None
    quantity: float | None = None


def _traits(rows: pl.DataFrame, faults: Faults, types: Mapping[str, TraitType]) -> list[str | None]:
    """JSON texts. A text is read as the type that the catalogue declares, for nobody knows of a .csv what is a number;
    what it does not declare stays text. A .parquet's numbers and truths keep their types."""
    columns = (column for column in rows.iter_columns() if column.name.startswith("trait."))
    own = pl.DataFrame([_typed(column, types.get(column.name.removeprefix("trait.")), faults) for column in columns])
    for column in own.iter_columns():
        if column.dtype.is_float():
            infinite = column.is_nan() | column.is_infinite()
            faults.add(column.name, column, infinite, "this is a finite number", "leave it empty when it is unknown")
        elif not (column.dtype.is_integer() or column.dtype in (pl.String, pl.Boolean, pl.Null)):
            rule = f"a trait is text, a number or true or false, not {column.dtype}"
            faults.add(column.name, column, column.is_not_null(), rule, "convert the column")
    whole = objects(rows["traits"], faults).to_list() if "traits" in rows.columns else [None] * rows.height
    if faults.total:
        return [None] * rows.height
    names = [column.removeprefix("trait.") for column in own.columns]
    told = whole
    if names:
        pairs = zip(whole, own.iter_rows(), strict=True)
        told = [_joined(text, dict(zip(names, row, strict=True))) for text, row in pairs]
    _check_zones(pl.Series("trait.time_zone", [_zone_of(text) for text in told], dtype=pl.String), faults)
    return told


def _typed(column: pl.Series, declared: TraitType | None, faults: Faults) -> pl.Series:
    if column.dtype != pl.String or declared not in ("number", "yes_no", "time"):
        return column
    said = column.str.strip_chars()
    said = said.set(said == "", None)
    if declared == "time":
        found = said.map_elements(_moment, return_dtype=pl.String)
    elif declared == "yes_no":
        found = said.str.to_lowercase().replace_strict(TRUTHS, default=None, return_dtype=pl.Boolean)
    else:
        found = said.cast(pl.Float64, strict=False)
        whole = said.cast(pl.Int64, strict=False)
        found = whole if whole.null_count() == found.null_count() else found
    wrong = said.is_not_null() & found.is_null()
    faults.add(
        column.name, column, wrong, f"the catalogue declares it as {SAID[declared]}", "correct it or the catalogue"
    )
    return found


def _moment(said: str) -> str | None:
    try:
        parse_instant(said)
    except ValueError:
        return None
    return said


def _zones(rows: pl.DataFrame, faults: Faults) -> list[str | None]:
    if "time_zone" not in rows.columns:
        return [None] * rows.height
    zones = texts(rows["time_zone"], faults)
    _check_zones(zones, faults)
    return zones.to_list()


def _zone_of(traits: str | None) -> str | None:
    """The trait time_zone is the customer's time zone however it is brought; what is no text is shown as it is."""
    zone = json.loads(traits).get("time_zone") if traits and "zone" in traits else None
    return None if zone is None else str(zone)


def _check_zones(zones: pl.Series, faults: Faults) -> None:
    unknown = zones.is_not_null() & ~zones.is_in(sorted(zoneinfo.available_timezones()))
    faults.add(zones.name, zones, unknown, "this is an IANA name", 'write it like "Europe/Paris"')


def _joined(text: str | None, own: dict[str, object]) -> str:
    """A trait with no value is not known, so it says nothing; only a null written in `traits` removes one."""
    known = {name: value for name, value in own.items() if value is not None}
    return json.dumps({**(json.loads(text) if text else {}), **known}, ensure_ascii=False)


def _identifiers(rows: pl.DataFrame, faults: Faults, region: str | None) -> list[str | None]:
    names = [column for column in rows.columns if column.startswith("identifier.")]
    found: list[list[list[str]]] = [[] for _ in range(rows.height)]
    for name in names:
        column = texts(rows[name], faults)
        wrong: list[bool] = []
        for row, value in enumerate(column):
            normal = _normal(name.removeprefix("identifier."), value, region)
            wrong.append(value is not None and normal is None)
            if normal is not None:
                found[row].append(normal)
        rule = "an identifier is what its type says: a phone with its country code, a valid e-mail address"
        faults.add(name, column, pl.Series(wrong, dtype=pl.Boolean), rule, "correct it or leave it empty")
    return [json.dumps(pairs) if pairs else None for pairs in found]


def _normal(type_: str, value: str | None, region: str | None) -> list[str] | None:
    if value is None:
        return None
    try:
        identifier = normalise(type_, value, region)
    except IdentityError:
        return None
    return [identifier.type, identifier.value]


def _consents(rows: pl.DataFrame, faults: Faults, present: int, channels: Collection[str] | None) -> Iterator[_Told]:
    names = [column for column in rows.columns if column.startswith("consent.")]
    nothing = pl.Series("consent_at", [None] * rows.height, dtype=pl.String)
    written = rows["consent_at"] if "consent_at" in rows.columns else nothing
    at = moments(written, faults, present)
    for name in names:
        channel = name.removeprefix("consent.")
        said = texts(rows[name], faults)
        if channels is not None and channel not in channels:
            rule = f"the catalogue's channels are {', '.join(sorted(channels))}"
            faults.add(name, said, said.is_not_null(), rule, "rename the column")
        wrong = said.is_not_null() & ~said.is_in(list(_CONSENTS))
        faults.add(name, said, wrong, "a consent is granted or withdrawn", "correct it, or leave it empty when unknown")
        faults.add("consent_at", written, said.is_not_null() & written.is_null(), "a consent has a time", "fill it in")
        for row, (value, moment) in enumerate(zip(said, at, strict=True)):
            if value in _CONSENTS and moment is not None:
                yield _Told(row, _CONSENTS[value], moment, channel=channel)


def _holdings(rows: pl.DataFrame, faults: Faults, present: int) -> list[_Told]:
    if "holds" not in rows.columns:
        return []
    since = rows["holds_since"] if "holds_since" in rows.columns else None
    entries: list[tuple[int, object, object, object]] = []
    wrong = []
    for row, text in enumerate(rows["holds"]):
        held = _held(text)
        wrong.append(held is None)
        default = since[row] if since is not None else None
        entries += [(row, item, quantity, default if at is None else at) for item, quantity, at in held or ()]
    rule = 'this is a JSON list of items, or of {"item", "quantity", "since"}'
    faults.add("holds", rows["holds"], pl.Series(wrong, dtype=pl.Boolean), rule, 'write it like ["0042", "77"]')
    return _checked_holdings(entries, faults, present)


def _checked_holdings(entries: list[tuple[int, object, object, object]], faults: Faults, present: int) -> list[_Told]:
    places = [row for row, *_ in entries]
    inner = faults.of(places)
    item = texts(pl.Series("holds", [_text(entry[1]) for entry in entries], dtype=pl.String), inner, required=True)
    quantity = numbers(
        pl.Series("holds.quantity", [_text(entry[2]) for entry in entries], dtype=pl.String), inner, positive=True
    )
    at = moments(
        pl.Series("holds_since", [_text(entry[3]) for entry in entries], dtype=pl.String), inner, present, required=True
    )
    faults.take(inner)
    if inner.total:
        return []
    return [
        _Told(row, Kind.ORDERED, moment, item=thing, quantity=units)
        for row, thing, units, moment in zip(places, item, quantity, at, strict=True)
    ]


def _text(value: object) -> str | None:
    return None if value is None else str(value)


def _held(text: object) -> list[tuple[object, object, object]] | None:
    """(item, quantity, since) of each entry; None when it is no such list."""
    if text is None:
        return []
    try:
        listed = json.loads(text) if isinstance(text, str) else text
        if isinstance(text, str) and "\\u" in text:
            json.dumps(listed, ensure_ascii=False).encode()
    except (ValueError, RecursionError):
        return None
    if not isinstance(listed, list | pl.Series):
        return None
    found: list[tuple[object, object, object]] = []
    for entry in listed:
        if isinstance(entry, dict) and set(entry) <= {"item", "quantity", "since"}:
            found.append((entry.get("item"), entry.get("quantity"), entry.get("since")))
        elif isinstance(entry, str) or (isinstance(entry, int) and not isinstance(entry, bool)):
            found.append((entry, None, None))
        else:
            return None
    return found


def _message_ids(told: list[_Told], customer: pl.Series) -> list[str]:
    """Made of the fact alone, without its file and row: the same fact told again is the same event. Equal ones of a
    customer are counted, for two may be held."""
    facts = [(called(customer[one.row]), one.kind.name, one.channel, one.item, one.at, one.quantity) for one in told]
    equals: Counter[tuple[object, ...]] = Counter()
    ids = []
    for fact in facts:
        text = json.dumps([*fact, equals[fact]], ensure_ascii=False)
        ids.append("customers:" + hashlib.blake2b(text.encode(), digest_size=16).hexdigest())
        equals[fact] += 1
    return ids


def _events(told: list[_Told], customer: pl.Series) -> pa.Table:
    names = ("customer_id", "kind", "name", "occurred_at", "recorded_at", "message_id", "channel", "item", "quantity")
    rows = [
        {
            "customer_id": customer[one.row],
            "kind": int(one.kind),
            "name": one.kind.name.lower(),
            "occurred_at": one.at,
            "recorded_at": one.at,
            "message_id": message_id,
            "channel": one.channel,
            "item": one.item,
            "quantity": one.quantity,
        }
        for one, message_id in zip(told, _message_ids(told, customer), strict=True)
    ]
    return pa.Table.from_pylist(rows, schema=pa.schema([IMPORT_SCHEMA.field(name) for name in names]))
