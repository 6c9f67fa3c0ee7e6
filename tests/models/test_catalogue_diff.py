"""What a diff owes: it is empty exactly when nothing differs, and following it leads from the one to the other."""

from __future__ import annotations

import json
from collections.abc import Mapping

import pyarrow as pa
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import JsonValue

from features.stores.protocol import StoredCatalogue
from models import catalogue_file
from models.catalogue_diff import NAMED, Change, difference, since
from models.catalogue_items import ITEM_SCHEMA
from tests.models.test_catalogue import EXAMPLE

Row = tuple[str, str | None, str | None, float | None, list[str] | None]
Flat = dict[tuple[str, ...], str]

NAMES = st.sampled_from(["a", "b", "c", "id"])
LEAVES = st.none() | st.booleans() | st.integers(-1, 2) | st.sampled_from([0.0, 1.0, 1.5]) | st.sampled_from(["", "a"])


def _entries(values: st.SearchStrategy[JsonValue]) -> st.SearchStrategy[JsonValue]:
    entry = st.fixed_dictionaries({"id": st.sampled_from("pqrs")}, optional={"value": values, "treatments": values})
    return st.lists(entry, max_size=4)


VALUES: st.SearchStrategy[JsonValue] = st.recursive(
    LEAVES,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=3) | _entries(inner),
    max_leaves=12,
)
DOCUMENTS = st.dictionaries(NAMES, VALUES, max_size=4)
ROWS = st.lists(
    st.tuples(
        st.sampled_from("uvwxyz"),
        st.none() | st.just("c"),
        st.sampled_from(["n", "m", None]),
        st.none() | st.just(1.0),
        st.none() | st.just(["u"]),
    ),
    max_size=8,
    unique_by=lambda row: row[0],
)
NO_ITEMS = ITEM_SCHEMA.empty_table()


def canonical(value: object) -> str:
    return json.dumps(value, sort_keys=True)


def flat(value: JsonValue, path: tuple[str, ...] = ()) -> Flat:
    """Every place with what is there; entries of a list go by their ids, and the list has their order."""
    if isinstance(value, list) and all(isinstance(one, dict) and isinstance(one.get("id"), str) for one in value):
        entries = {str(one["id"]): one for one in value if isinstance(one, dict)}
        if len(entries) == len(value):
            found = {path: "[]"}
            for name, entry in entries.items():
                found |= flat(entry, (*path, name))
            return found
    if isinstance(value, dict):
        found = {path: "{}"}
        for name, part in value.items():
            found |= flat(part, (*path, name))
        return found
    return {path: canonical(value)}


def followed(places: Flat, changes: tuple[Change, ...]) -> Flat:
    for change in changes:
        if change.what == "reordered":
            continue
        length = len(change.path)
        places = {path: value for path, value in places.items() if path[:length] != change.path}
        if change.what != "removed":
            places |= flat(change.after, change.path)
    return places


FIELDS = ("id", "category", "name", "price", "contains")


def table(rows: list[Row]) -> pa.Table:
    return pa.Table.from_pylist([dict(zip(FIELDS, row, strict=True)) for row in rows], schema=ITEM_SCHEMA)


@settings(deadline=None)
@given(DOCUMENTS, DOCUMENTS)
def test_following_it_leads_from_one_document_to_the_other(
    before: Mapping[str, JsonValue], after: Mapping[str, JsonValue]
) -> None:
    found = difference(before, NO_ITEMS, after, NO_ITEMS)
    assert followed(flat(dict(before)), found.changes) == flat(dict(after))
    assert bool(found) == (canonical(before) != canonical(after))


@settings(deadline=None)
@given(DOCUMENTS, ROWS)
def test_nothing_differs_from_itself(document: Mapping[str, JsonValue], rows: list[Row]) -> None:
    assert not difference(document, table(rows), json.loads(json.dumps(document)), table(rows))


@settings(deadline=None)
@given(DOCUMENTS, DOCUMENTS)
def test_every_place_that_it_names_differs(before: Mapping[str, JsonValue], after: Mapping[str, JsonValue]) -> None:
    were, are = flat(dict(before)), flat(dict(after))
    for change in difference(before, NO_ITEMS, after, NO_ITEMS).changes:
        if change.what == "changed":
            assert canonical(change.before) != canonical(change.after)
        if change.what in {"added", "removed"}:
            assert (change.path in were, change.path in are) == (change.what == "removed", change.what == "added")


@settings(deadline=None)
@given(ROWS, ROWS)
def test_items_are_counted_as_by_hand(
    before: list[Row],
    after: list[Row],
) -> None:
    found = difference({}, table(before), {}, table(after))
    were, are = {row[0]: row for row in before}, {row[0]: row for row in after}
    added = [name for name in are if name not in were]
    removed = [name for name in were if name not in are]
    changed = [name for name in are if name in were and are[name] != were[name]]
    for apart, names in ((found.items_added, added), (found.items_removed, removed), (found.items_changed, changed)):
        assert (apart.count, list(apart.first)) == (len(names), names[:NAMED])
    order = [name for name in were if name in are] != [name for name in are if name in were]
    assert found.items_reordered == order
    assert bool(found) == (before != after)


def test_an_edited_catalogue_is_told_field_by_field() -> None:
    source = catalogue_file.read_text(EXAMPLE)
    stored = StoredCatalogue(1, "0", source.document, source.items_ipc(), 0, "ann", "")
    edited = EXAMPLE.replace("value: 60.0", "value: 61").replace("Running low?", "Low?").replace("429.00", "430")
    edited = edited.replace(
        '  - {id: "9100", name: Gift card}\n', '  - {id: "9100", name: Gift card}\n  - {id: "9101"}\n'
    )
    found = since(stored, catalogue_file.read_text(edited))
    assert [(change.what, change.path, change.before, change.after) for change in found.changes] == [
        ("changed", ("actions", "laundry-pair", "value"), 60.0, 61.0),
        (
            "changed",
            ("actions", "care-refill", "treatments", "care-mail", "content", "subject"),
            "Running low?",
            "Low?",
        ),
    ]
    assert (found.items_added.first, found.items_changed.first) == (("9101",), ("0042",))
    assert not since(stored, source)
    first = since(None, source)
    assert {("actions", "gift-card"), ("currency",), ("channels", "web")} <= {change.path for change in first.changes}
    assert {change.what for change in first.changes} <= {"added", "changed"}


def test_a_document_stored_before_a_field_was_there_has_it_by_default() -> None:
    source = catalogue_file.read_text(EXAMPLE)
    document = json.loads(source.document)
    for action in document["actions"]:
        action.pop("lever")
    older = StoredCatalogue(1, "0", json.dumps(document), source.items_ipc(), 0, "ann", "")
    assert {change.path for change in since(older, source).changes} == {("actions", "laundry-pair", "lever")}
