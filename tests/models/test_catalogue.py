"""Reading, refusing and compiling a catalogue."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import get_args

import pyarrow as pa
import pyarrow.parquet
import pytest

from models import catalogue_document, catalogue_file
from models.catalogue import (
    ActionKind,
    CatalogueInvalid,
    Direction,
    Regime,
    Repurchase,
    RepurchaseRule,
    Topic,
    parse,
)
from models.catalogue_document import CatalogueFile
from models.document_fields import moment_of, text_of
from models.journey_rules import HOUR, MINUTE, Escalation, JourneyRules, Trigger
from models.policy_rules import Basket, CoolOff, Purpose
from tests.models.shop import DAY, NOW

DOCS = Path(__file__).parents[2] / "docs"
GUIDE = (DOCS / "catalogue.md").read_text(encoding="utf-8")
EXAMPLE = GUIDE.split("```yaml\n")[1].split("```")[0]


def faults_of(text: str, folder: Path | None = None) -> list[str]:
    with pytest.raises(CatalogueInvalid) as caught:
        catalogue_file.read_text(text, folder)
    return [str(fault) for fault in caught.value.faults]


def test_the_documented_example_is_read_as_it_is_meant() -> None:
    source = catalogue_file.read_text(EXAMPLE)
    catalogue = parse(source.document, 3)
    assert (catalogue.version, catalogue.currency, catalogue.time_zone) == (3, "GBP", "Europe/London")
    actions = ["laundry-pair", "care-refill", "gift-card", "delivery-news", "take-over", "call-back"]
    assert [action.id for action in catalogue.actions] == actions
    assert [action.topic for action in catalogue.actions] == ["offers", "reminders", None, "service", None, None]
    assert [action.trigger for action in catalogue.actions] == [None] * 4 + [Trigger.ESCALATION, Trigger.HANDOFF_LOST]
    asked = "May we remind you of what you buy regularly?"
    assert catalogue.topics["reminders"] == Topic("reminders", "reminders", asked, Regime.OPT_IN)
    assert catalogue.topics["service"] == Topic("service", "Your orders", None, None)
    regimes = [catalogue.regime("web", topic) for topic in (None, "service", "reminders")]
    assert regimes == [Regime.NOT_NEEDED, Regime.NOT_NEEDED, Regime.OPT_IN]
    assert catalogue.journey == JourneyRules(30 * MINUTE, 10 * MINUTE, 24 * HOUR, Escalation(45 * MINUTE, 3))
    assert catalogue.contact_reasons == {"late_delivery": "I see that your delivery is late. Is it about that?"}
    pair = catalogue.actions[0]
    assert pair.items == ("0042", "0043")
    assert (pair.kind, pair.lever, pair.success) == (ActionKind.OFFER, 1.2, "converted")
    assert text_of(pair.ends_at or 0) == "2026-03-31T23:00:00Z"
    assert (pair.suppression.rule.repurchase, pair.suppression.match) == (Repurchase.BY_CATEGORY, "all")
    assert pair.treatments[1].placement == "homepage_hero"
    assert pair.treatments[1].content == {"image": "pair-wide.jpg", "link": "/laundry"}
    assert catalogue.channels["web"].placements == ("homepage_hero", "basket")
    ruled = [catalogue.repurchase_of(name) for name in ("laundry", "home")]
    assert [rule and (rule.repurchase, rule.days) for rule in ruled] == [
        (Repurchase.NEVER, 0.0),
        (Repurchase.AFTER, 30.0),
    ]
    assert source.items["id"].to_pylist() == ["0042", "0043", "7001", "9100"]
    assert source.items["category"].to_pylist() == ["laundry", "laundry", "care", None]


@pytest.mark.parametrize(
    ("rule", "named"),
    [
        ("{rule: learned}", "`learned` must have fallback_days"),
        ("{rule: learned, fallback_days: 5, days: 5}", "`after` must have days"),
        ("{rule: never, fallback_days: 5}", "`learned` must have fallback_days"),
        ("{rule: never, chance: 0.2}", "a chance is for `learned` only"),
        ("{rule: learned, fallback_days: 5, chance: 0}", "chance is 0; above 0"),
    ],
)
def test_a_rule_has_its_own_fields_only(rule: str, named: str) -> None:
    assert named in faults_of(EXAMPLE.replace("repurchase: {rule: after, days: 30}", f"repurchase: {rule}"))[0]


def test_learned_asks_for_a_chance_by_default() -> None:
    told = EXAMPLE.replace("{rule: after, days: 30}", "{rule: learned, fallback_days: 12}", 1)
    assert parse(catalogue_file.read_text(told).document, 1).repurchase == RepurchaseRule(Repurchase.LEARNED, 12.0, 0.1)


def rests_of(cool_off: str, own: str = "60", group: str = "14") -> list[CoolOff | None]:
    """Of the catalogue's actions and groups, of the pair, and of the appliances."""
    told = EXAMPLE.replace("cool_off: {action_days: learned, action_fallback_days: 30}", cool_off)
    told = told.replace("cool_off_days: 60", f"cool_off_days: {own}").replace(
        "cool_off_days: 14", f"cool_off_days: {group}"
    )
    catalogue = parse(catalogue_file.read_text(told).document, 1)
    above = [catalogue.action_cool_off, catalogue.group_cool_off]
    return [*above, catalogue.actions[0].cool_off, catalogue.groups["appliances"].cool_off]


def days(count: float, *, learned: bool = False) -> CoolOff:
    return CoolOff(round(count * DAY), learned)


def test_what_is_learned_falls_back_to_the_days_above_it() -> None:
    both = "{action_days: learned, action_fallback_days: 30, group_days: learned, group_fallback_days: 7}"
    learned = [days(count, learned=True) for count in (30, 7, 30, 7)]
    assert rests_of(f"cool_off: {both}", "learned", "learned") == learned
    assert rests_of(f"cool_off: {both}") == [*learned[:2], days(60), days(14)]
    told = rests_of("cool_off: {action_days: 21}", "learned", "learned")
    assert told == [days(21), days(0), days(21, learned=True), days(0, learned=True)]
    assert rests_of("cool_off: {action_days: 21.5, group_days: 0}", "null") == [days(21.5), days(0), None, days(14)]


@pytest.mark.parametrize(
    ("cool_off", "own", "named"),
    [
        ("{action_days: learned}", "60", "action_days that are `learned` must have action_fallback_days"),
        ("{action_days: 5, action_fallback_days: 5}", "60", "action_days that are `learned` must have"),
        ("{action_days: 5, group_days: learned}", "60", "group_days that are `learned` must have group_fallback_days"),
        ("{action_days: 5, group_fallback_days: 5}", "60", "group_days that are `learned` must have"),
        (
            "{action_days: learnt}",
            "60",
            "cool_off.action_days is 'learnt'; a rest must be a number of days, 0 to 36500",
        ),
        ("{action_days: learned, action_fallback_days: learned}", "60", "cool_off.action_fallback_days is 'learned'"),
        ("null", "learned", "actions[0].cool_off_days is 'learned'; no cool_off says how long actions rest"),
        *(
            ("{action_days: 5}", own, f"actions[0].cool_off_days is {told}; a rest must be a number of days")
            for own, told in (("-1", "-1"), ("36501", "36501"), ("true", "True"), ('"5"', "'5'"), ("[5]", "[5]"))
        ),
    ],
)
def test_a_rest_that_cannot_be_is_told_of(cool_off: str, own: str, named: str) -> None:
    told = EXAMPLE.replace("{action_days: learned, action_fallback_days: 30}", cool_off)
    faults = faults_of(told.replace("cool_off_days: 60", f"cool_off_days: {own}"))
    assert len(faults) == 1
    assert named in faults[0]


def test_the_published_schema_is_current() -> None:
    assert (DOCS / "catalogue.schema.json").read_text(encoding="utf-8") == catalogue_file.schema()


def test_every_field_is_documented() -> None:
    definitions = CatalogueFile.model_json_schema()["$defs"].values()
    fields = set(CatalogueFile.model_fields)
    for definition in definitions:
        fields |= set(definition.get("properties", {}))
    assert {field for field in fields if f"`{field}`" not in GUIDE} == set()


@pytest.mark.parametrize(
    ("entry", "field", "meaning"),
    [
        ("ActionEntry", "trigger", Trigger),
        ("ActionEntry", "kind", ActionKind),
        ("ChannelEntry", "direction", Direction),
        ("ChannelEntry", "consent", Regime),
        ("SuppressionEntry", "rule", Repurchase),
        ("ActionEntry", "purpose", Purpose),
        ("ActionEntry", "basket", Basket),
    ],
)
def test_the_documents_words_are_the_types_words(entry: str, field: str, meaning: type[StrEnum]) -> None:
    annotation = getattr(catalogue_document, entry).model_fields[field].annotation
    parts = get_args(annotation) if type(None) in get_args(annotation) else (annotation,)
    assert {word for part in parts for word in get_args(part)} == {str(word) for word in meaning}


BROKEN = """\
currency: gbp
time_zone: Europe/Londn
channels:
  email: {direction: outbound, consent: opt_in, reward_window_days: 14}
  web:
    direction: inbound
    consent: not_neded
    reward_window_days: 0
    placements: [hero, hero]
categories:
  - {id: a, parent: b}
  - {id: b, parent: a}
  - {id: c, parent: zz}
items:
  - {id: 0123, category: a, price: 1e400}
  - {id: no, categry: a}
  - {id: no, category: q}
actions:
  - id: x
    kind: offer
    group: g
    items: ["0123", 77]
    categories: [c]
    value: -3
    success: converted
    starts_at: 2026-01-01
    suppression: {rule: after}
    treatments:
      - {id: t, channel: emial}
  - {id: x, kind: offre, grup: g}
"""

EXPECTED = [
    (1, "currency is 'gbp'"),
    (2, "time_zone is 'Europe/Londn'"),
    (7, "channels.web.consent is 'not_neded'"),
    (8, "channels.web.reward_window_days is 0"),
    (9, "channels.web.placements[1] is 'hero'"),
    (11, "categories[0].parent is 'b'"),
    (12, "categories[1].parent is 'a'"),
    (13, "categories[2].parent is 'zz'"),
    (15, "items[0].price is inf"),
    (16, "items[1].categry is an unknown field"),
    (17, "item row 3: id is 'no'"),
    (17, "item row 3: category is 'q'"),
    (22, "actions[0].items[1] is '77'"),
    (24, "actions[0].value is -3"),
    (26, "actions[0].starts_at is '2026-01-01'"),
    (27, "actions[0].suppression is {'rule': 'after'}"),
    (29, "actions[0].treatments[0].channel is 'emial'"),
    (30, "actions[1].kind is 'offre'"),
    (30, "actions[1].group is missing"),
    (30, "actions[1].value is missing"),
    (30, "actions[1].success is missing"),
    (30, "actions[1].treatments is missing"),
    (30, "actions[1].grup is an unknown field"),
    (30, "actions[1].id is 'x'"),
]


def test_every_fault_is_told_at_once_with_its_line() -> None:
    faults = faults_of(BROKEN)
    assert len(faults) == len(EXPECTED)
    for (line, start), fault in zip(EXPECTED, faults, strict=True):
        assert fault.startswith(f"line {line}: {start}")
        assert fault.count(";") >= 2


def test_a_group_that_could_not_be_read_may_be_any() -> None:
    (fault,) = faults_of(EXAMPLE.replace("    group: appliances\n", "", 1))
    assert "actions[0].group is missing" in fault


@pytest.mark.parametrize(
    ("old", "new", "fault"),
    [
        (
            "topic: service",
            "topic: servce",
            "actions[3].topic is 'servce'; topics are ['offers', 'reminders', 'service']; ",
        ),
        (
            "  - id: service\n",
            "  - {id: offers}\n  - id: service\n",
            "topics[2].id is 'offers'; a topic id must be unique",
        ),
        ("consent: opt_in}\n", "consent: opt_out}\n", "topics[1].consent is 'opt_out'"),
        ("idle_minutes: 30", "idle_minutes: 0", "journey.idle_minutes is 0"),
        ("  escalation: {after_minutes: 45, after_transfers: 3}\n", "", "no journey.escalation says when that is"),
        ("{after_minutes: 45, after_transfers: 3}", "{}", "an escalation must have after_minutes or after_transfers"),
        ("after_transfers: 3", "after_transfers: 2.5", "journey.escalation.after_transfers is 2.5"),
        ("trigger: escalation", "trigger: escalate", "actions[4].trigger is 'escalate'"),
        (
            "kind: service\n    group: apology",
            "kind: offer\n    group: apology",
            "actions[4].trigger is 'escalation'; it is for",
        ),
        (
            "{id: late_delivery,",
            "{id: late_delivery, say: x}\n  - {id: late_delivery,",
            "contact_reasons[1].id is 'late_d",
        ),
        (
            "{id: appliances, limits",
            "{id: aplliances, limits",
            "groups[0].id is 'aplliances'; no action is of that group, so that its rules bind nothing; correct it "
            "(groups of actions are, e.g., ['appliances']), or remove the entry",
        ),
        ("hours: 72}]", "hours: 72, direction: outwards}]", "actions[0].limits[0].direction is 'outwards'"),
        ("limits: [{contacts: 2, days: 7}]", "limits: [{contacts: 2, days: 7, direction: outbound}]", "unknown field"),
        ("repurchase: {rule: after, days: 30}", "", "actions[2].items[0] is '9100'; no repurchase rule covers it"),
        ("placement: basket", "placement: roof", "actions[2].treatments[0].placement is 'roof'; placements of web are"),
        ("id: care-anywhere", "id: care-mail", "actions[1].treatments[1].id is 'care-mail'; it must be unique"),
        ("ends_at: 2026-04-01T00:00:00+01:00", "ends_at: 2026-01-01T00:00:00Z", "it must be after starts_at"),
        (
            'items: ["9100"]',
            'items: ["9100", "9100"]',
            "actions[2].items[1] is '9100'; an action promotes an item once",
        ),
        ("categories: [care]", "categories: [shoes]", "actions[1].categories[0] is 'shoes'; a promoted category must"),
        ("price: 8.50", "price: .nan", "items[2].price is '.nan'"),
        ("price: 8.50", "price: -1", "items[2].price is -1"),
        ('{id: "7001",', "{id: 91.5,", "items[2].id is 91.5; an id must be a text; put it in quotes"),
        ('{id: "7001",', '{id: "91\\a00",', "an id must have 1 to 200 characters"),
        ("lever: 1.2", "lever: yes", "actions[0].lever is 'yes'"),
        ("value: 2.5", "value: 2.5\n    value: 3", "actions[1].value is given twice"),
        ("currency: GBP", "currency: !!python/none GBP", "tags have no meaning here"),
        ("days: 21", "days: 1e9", "actions[1].suppression.days is 1000000000.0"),
        ("items:\n", "items_file: x.csv\nitems:\n", "items are written here or named as a file, not both"),
    ],
)
def test_one_fault_is_one_sentence(old: str, new: str, fault: str) -> None:
    assert EXAMPLE.count(old) >= 1
    faults = faults_of(EXAMPLE.replace(old, new, 1))
    assert len(faults) == 1
    assert fault in faults[0]
    assert faults[0].startswith("line ")


@pytest.mark.parametrize(
    "text",
    [
        "",
        "- 1",
        "a: [",
        "\x00",
        "[" * 100_000,
        "{a: " * 200 + "}" * 200,
        "&x [*x]",
        "? [a]\n: 1",
        "actions: 7",
        "channels: {web: 1}",
    ],
)
def test_what_is_no_catalogue_is_refused_in_one_piece(text: str) -> None:
    assert all(len(fault) < 400 for fault in faults_of(text))


def test_an_expanding_alias_bomb_is_cut(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("models.yaml_lines.NODE_LIMIT", 10_000)
    bomb = "a0: &a0 [1, 1, 1, 1, 1, 1, 1, 1, 1]\n"
    bomb += "".join(f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]\n" for n in range(1, 9))
    assert "exceeds 10000 values" in faults_of(bomb)[0]


@pytest.mark.parametrize("name", ["items.csv", "items.parquet"])
def test_items_may_lie_beside_it_and_keep_their_zeros(tmp_path: Path, name: str) -> None:
    table = pa.table({"id": ["0042", "0043", "7001", "9100"], "category": ["laundry", "laundry", "care", None]})
    if name.endswith("csv"):
        (tmp_path / name).write_text("id,category,price\n0042,laundry,9.5\n0043,laundry,\n7001,care,1\n9100,,\n")
    else:
        pyarrow.parquet.write_table(table, tmp_path / name)
    before, after = EXAMPLE.split("items:\n", 1)
    text = before + f"items_file: {name}\n\nactions:" + after.split("actions:", 1)[1]
    (tmp_path / "catalogue.yaml").write_text(text, encoding="utf-8")
    items = catalogue_file.read(tmp_path / "catalogue.yaml").items
    assert items["id"].to_pylist() == ["0042", "0043", "7001", "9100"]
    assert items["category"].to_pylist() == ["laundry", "laundry", "care", None]
    assert "items_file is" in faults_of(text)[0]
    assert "items_file is" in faults_of(text, tmp_path / "elsewhere")[0]


def test_faulty_rows_of_a_file_are_told_by_row(tmp_path: Path) -> None:
    rows = "".join(f"x{number},nowhere,1\n" for number in range(30))
    (tmp_path / "items.csv").write_text(f"id,category,price\n0042,laundry,-2\n0042,laundry,1\n,care,1\n{rows}")
    before, after = EXAMPLE.split("items:\n", 1)
    faults = faults_of(before + "items_file: items.csv\n\nactions:" + after.split("actions:", 1)[1], tmp_path)
    assert any("item row 1: price is -2.0" in fault for fault in faults)
    assert any("item row 2: id is '0042'; an item may be listed once" in fault for fault in faults)
    assert any("item row 3: id is None" in fault for fault in faults)
    assert any("10 more rows like that" in fault for fault in faults)


def test_faults_of_a_file_carry_its_name(tmp_path: Path) -> None:
    before, after = EXAMPLE.split("items:\n", 1)
    text = before + "items_file: things.csv\n\nactions:" + after.split("actions:", 1)[1]
    (tmp_path / "shop.yaml").write_text(text.replace("value: 60.0", "value: -3"), encoding="utf-8")
    (tmp_path / "things.csv").write_text("id,category,price\n0042,laundry,-2\n0043,,1\n7001,care,1\n9100,,\n")
    line = text[: text.index("value: 60.0")].count("\n") + 1

    def told() -> list[str]:
        with pytest.raises(CatalogueInvalid) as caught:
            catalogue_file.read(tmp_path / "shop.yaml")
        return sorted(str(fault) for fault in caught.value.faults)

    first, second = told()
    assert first.startswith(f"shop.yaml line {line}: actions[0].value is -3; ")
    assert second.startswith("things.csv: item row 1: price is -2.0; ")
    (tmp_path / "things.csv").write_text("id,colour\n0042,red\n")
    assert any(fault.startswith("things.csv: items column is 'colour'; ") for fault in told())
    (tmp_path / "shop.yaml").write_text("currency: [", encoding="utf-8")
    assert told()[0].startswith("shop.yaml line 2: catalogue is not YAML; ")


def test_times_keep_their_moment() -> None:
    assert moment_of("2026-01-01T01:00:00+01:00") == NOW
    assert text_of(NOW) == "2026-01-01T00:00:00Z"
    assert text_of(NOW + 5) == "2026-01-01T00:00:00.005Z"
    assert moment_of(text_of(-1)) == -1
