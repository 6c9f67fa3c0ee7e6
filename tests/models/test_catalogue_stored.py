"""The stored forms of a catalogue: what they are now, and what was stored before is read as it was meant."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet
import pytest
import yaml

from models import catalogue_file
from models.catalogue import (
    ActionKind,
    CatalogueInvalid,
    Regime,
    parse,
)
from models.catalogue_items import from_ipc, to_ipc
from models.journey_rules import HOUR, MINUTE, JourneyRules
from models.policy_rules import CoolOff, Direction, Purpose, RankBy
from tests.models.test_catalogue import EXAMPLE, faults_of


def test_the_stored_document_is_canonical() -> None:
    source = catalogue_file.read_text(EXAMPLE)
    as_json = json.dumps(
        yaml.safe_load(EXAMPLE.replace("2026-01-01T00:00:00Z", '"2026-01-01T01:00:00+01:00"')), default=str
    )
    again = catalogue_file.read_text(as_json.replace("2026-03-31 23:00:00+00:00", "2026-03-31T23:00:00Z"))
    assert again.document == source.document
    assert again.items.equals(source.items)
    assert json.dumps(json.loads(source.document), sort_keys=True, separators=(",", ":")) == source.document
    assert catalogue_file.checked(json.loads(source.document), source.items).document == source.document


def test_the_stored_form_has_not_changed() -> None:
    golden = Path(__file__).parents[1] / "golden" / "catalogue_document.json"
    assert catalogue_file.read_text(EXAMPLE).document + "\n" == golden.read_text(encoding="utf-8")


def test_a_document_stored_before_topics_and_journeys_is_read_as_it_was_meant() -> None:
    older = Path(__file__).parents[1] / "golden" / "catalogue_document_0_1.json"
    catalogue = parse(older.read_text(encoding="utf-8"), 3)
    assert (catalogue.topics, catalogue.contact_reasons) == ({}, {})
    assert {(action.topic, action.trigger) for action in catalogue.actions} == {(None, None)}
    assert catalogue.journey == JourneyRules(30 * MINUTE, 15 * MINUTE, 48 * HOUR, escalation=None)
    assert catalogue.regime("email", None) is Regime.OPT_IN


def test_a_document_stored_before_the_policy_holds_nothing_back_by_it() -> None:
    older = Path(__file__).parents[1] / "golden" / "catalogue_document_0_2.json"
    catalogue = parse(older.read_text(encoding="utf-8"), 3)
    assert (catalogue.limits, catalogue.groups, catalogue.weights, catalogue.traits) == ((), {}, (), {})
    assert (catalogue.service_first, catalogue.arms, catalogue.action_cool_off) == (None, None, CoolOff(0))
    assert (catalogue.rank_by, catalogue.margin) == (RankBy.RESPONSE, None)
    assert {channel.quiet_hours for channel in catalogue.channels.values()} == {None}
    assert {(action.eligibility, action.ceiling, action.budgets) for action in catalogue.actions} == {(None, None, ())}
    kinds = {(action.kind, action.purpose) for action in catalogue.actions}
    assert kinds == {(ActionKind.OFFER, Purpose.MARKETING), (ActionKind.SERVICE, Purpose.SERVICE)}


def test_limits_stored_before_they_had_directions_see_both() -> None:
    document = json.loads(catalogue_file.read_text(EXAMPLE).document)
    for entry in (*document["actions"], *document["groups"]):
        for limit in entry["limits"]:
            del limit["direction"]
    catalogue = parse(json.dumps(document), 3)
    found = [*catalogue.actions[0].limits, *catalogue.groups["appliances"].limits]
    assert [limit.direction for limit in found] == [None, None]
    assert [limit.direction for limit in catalogue.limits] == [Direction.OUTBOUND] * 2


def test_items_survive_their_stored_form() -> None:
    items = catalogue_file.read_text(EXAMPLE).items
    assert from_ipc(to_ipc(items)).equals(items)
    with pytest.raises(CatalogueInvalid, match="items is unreadable"):
        from_ipc(b"no arrow")


def test_items_stored_before_variants_and_bundles_are_read_as_they_were_meant() -> None:
    items = catalogue_file.read_text(EXAMPLE).items.select(["id", "category", "name", "price"])
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, items.schema) as writer:
        writer.write_table(items)
    older = from_ipc(bytes(sink.getvalue().to_pybytes()))
    assert older.select(items.column_names).equals(items)
    assert older["variant_of"].null_count == older["contains"].null_count == older.num_rows


BARE = re.sub(r"weights:\n.*\n", "", EXAMPLE.split("\nitems:")[0]) + "\n"
"""The example without items and actions, and so without weights of their groups."""

RELATED = """
items:
  - {id: a}
  - {id: b, variant_of: a}
  - {id: c, variant_of: b}
  - {id: d, variant_of: gone}
  - {id: e, contains: [a, b]}
  - {id: f, contains: [a, e]}
  - {id: g, contains: [gone]}
"""


def test_variants_and_bundles_are_one_step_deep() -> None:
    faults = faults_of(BARE + RELATED.strip() + "\nactions: []\n")
    assert [fault.split(";")[0].split(": ", 1)[1] for fault in faults] == [
        "item row 3: variant_of is 'b'",
        "item row 4: variant_of is 'gone'",
        "item row 6: contains is ['a', 'e']",
        "item row 7: contains is ['gone']",
    ]


def test_a_csv_names_what_a_bundle_contains(tmp_path: Path) -> None:
    (tmp_path / "items.csv").write_text("id,variant_of,contains\n1,,\n2,1,\n3,,1;2\n")
    text = BARE + "items_file: items.csv\nactions: []\n"
    items = catalogue_file.read_text(text, tmp_path).items
    assert items["variant_of"].to_pylist() == [None, "1", None]
    assert items["contains"].to_pylist() == [None, None, ["1", "2"]]
