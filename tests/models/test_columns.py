"""A catalogue as columns: candidates, facts and windows, compiled once per version."""

from __future__ import annotations

import math
import re

import numpy as np
import pyarrow as pa
import pyarrow.parquet
import pytest

from features.candidates import CHANNELS, take
from features.vocabulary import Vocabulary
from models import catalogue_file
from models.catalogue import (
    CatalogueUncompiled,
)
from models.columns import CompiledCatalogue, compile_catalogue
from models.promotions import DAY, FOREVER, NO_WINDOW
from tests.models.shop import NOW, compiled, stored
from tests.models.test_catalogue import EXAMPLE


@pytest.fixture(scope="module")
def shop() -> tuple[CompiledCatalogue, Vocabulary]:
    return compiled(catalogue_file.read_text(EXAMPLE))


def test_the_columns_say_what_the_catalogue_says(shop: tuple[CompiledCatalogue, Vocabulary]) -> None:
    made, vocabulary = shop
    names = [
        (vocabulary.text("action", action), vocabulary.text("channel", channel))
        for action, channel in zip(made.all.action, made.all.channel, strict=True)
    ]
    assert names == [
        ("take-over", "agent"),
        ("call-back", "agent"),
        ("laundry-pair", "email"),
        ("care-refill", "email"),
        ("delivery-news", "email"),
        ("laundry-pair", "web"),
        ("care-refill", "web"),
        ("gift-card", "web"),
    ]
    for row, (action, channel) in enumerate(names):
        assert made.candidate_index(str(action), str(channel)) == row
    assert made.candidate_index("gift-card", "email") is None
    categories = list(made.catalogue.categories)
    assert [categories[one] if one >= 0 else None for one in made.all.category] == [
        None, None, "laundry", "care", None, "laundry", "care", None,
    ]  # fmt: skip
    np.testing.assert_array_equal(made.all.price, [math.nan, math.nan, 409.0, 8.5, math.nan, 409.0, 8.5, math.nan])
    assert made.all.value.tolist() == [10.0, 10.0, 60.0, 2.5, 0.0, 60.0, 2.5, 4.0]
    assert made.all.kind.tolist() == [2, 2, 0, 0, 2, 0, 0, 0]
    assert [made.topics[one] for one in made.topic] == ["offers", "reminders", None, "service", None, None]
    assert made.trigger.tolist() == [0, 0, 0, 0, 1, 2]
    assert [made.groups[group] for group in made.all.group[2:5]] == ["appliances", "consumables", "service"]
    assert made.all.starts_at.tolist()[2:4] == [NOW, 0]
    assert made.all.ends_at.tolist()[3] == 2**62
    promoted = made.all.item[made.all.item_start[2] : made.all.item_start[3]]
    assert [vocabulary.text("item", code) for code in promoted] == ["0042", "0043"]


def test_the_facts_are_by_code(shop: tuple[CompiledCatalogue, Vocabulary]) -> None:
    made, vocabulary = shop
    facts, categories = made.facts, list(made.catalogue.categories)
    dryer = vocabulary.code("item", "0043")
    assert categories[facts.category[dryer]] == "laundry"
    assert facts.price[dryer] == 389.0
    assert facts.category[vocabulary.code("item", "unlisted")] == -1
    assert facts.category[vocabulary.code("item", "9100")] == -1
    assert facts.parent.tolist() == [-1, 0, 0]
    refill = vocabulary.code("action", "care-refill")
    assert made.groups[facts.action_group[refill]] == "consumables"
    assert categories[facts.action_category[refill]] == "care"
    assert facts.action_group[vocabulary.code("action", "retired")] == -1
    assert [facts.channel[CHANNELS.index(name)] for name in ("agent", "email", "web", "sms")] == [1, 2, 3, 255]
    bare = made.categories
    assert bare.category.tolist() == [0, 1, 2]
    assert set(bare.action.tolist()) == {-1}
    assert set(bare.channel.tolist()) == {255}
    np.testing.assert_array_equal(bare.price, [389.0, 409.0, 8.5])


def test_windows_follow_the_nearest_rule(shop: tuple[CompiledCatalogue, Vocabulary]) -> None:
    promoted = shop[0].promotions
    assert promoted.start.tolist() == [0, 2, 3, 4, 4, 4, 4]
    assert promoted.window.tolist() == [FOREVER, FOREVER, 21 * DAY, 30 * DAY]
    assert promoted.needs_all.tolist() == [True, *[False] * 5]
    always = EXAMPLE.replace("suppression: {rule: after, days: 21}", "suppression: {}")
    assert compiled(catalogue_file.read_text(always))[0].promotions.window.tolist()[2] == NO_WINDOW


@pytest.mark.parametrize(
    ("channel", "placement", "treatments"),
    [
        ("email", None, ["laundry-pair-mail", "care-mail", "delivery-mail"]),
        ("email", "basket", ["laundry-pair-mail", "care-mail", "delivery-mail"]),
        ("web", None, ["laundry-pair-hero", "care-anywhere", "gift-basket"]),
        ("web", "basket", [None, "care-anywhere", "gift-basket"]),
        ("web", "homepage_hero", ["laundry-pair-hero", "care-anywhere", None]),
    ],
)
def test_a_placement_chooses_the_treatment(
    shop: tuple[CompiledCatalogue, Vocabulary], channel: str, placement: str | None, treatments: list[str | None]
) -> None:
    found = shop[0].channel(channel, placement)
    assert [None if one is None else one.id for one in found.treatments] == treatments
    assert found.fits.tolist() == [one is not None for one in treatments]


def test_several_channels_are_their_candidates_one_after_the_other(shop: tuple[CompiledCatalogue, Vocabulary]) -> None:
    made, _ = shop
    both, web, email = made.channels(("web", "email")), made.channel("web"), made.channel("email")
    assert both.channels == ("web", "email")
    assert both.channel.tolist() == [0] * len(web) + [1] * len(email)
    assert both.row.tolist() == [*web.row.tolist(), *email.row.tolist()]
    assert both.treatments == web.treatments + email.treatments
    assert both.candidates.item.tolist() == [*web.candidates.item.tolist(), *email.candidates.item.tolist()]


def test_taking_keeps_each_candidates_items(shop: tuple[CompiledCatalogue, Vocabulary]) -> None:
    everything = shop[0].all
    for places in ([], [0], [5, 0, 3, 3], list(range(8))[::-1]):
        taken = take(everything, np.array(places, np.intp))
        assert taken.value.tolist() == [everything.value[place] for place in places]
        for number, place in enumerate(places):
            here = taken.item[taken.item_start[number] : taken.item_start[number + 1]]
            there = everything.item[everything.item_start[place] : everything.item_start[place + 1]]
            assert here.tolist() == there.tolist()


def test_rows_are_found_by_codes(shop: tuple[CompiledCatalogue, Vocabulary]) -> None:
    made, vocabulary = shop
    action = np.array([*made.all.action, vocabulary.code("action", "retired"), -1, 10_000], np.int32)
    channel = np.array([*made.all.channel, 1, 1, 1], np.uint8)
    assert made.candidate_indices(action, channel).tolist() == [0, 1, 2, 3, 4, 5, 6, 7, -1, -1, -1]
    assert made.candidate_indices(action[:1], np.array([255], np.uint8)).tolist() == [-1]


@pytest.mark.parametrize("domain", ["channel", "item", "action"])
def test_a_vocabulary_that_lags_is_refused(domain: str) -> None:
    source = catalogue_file.read_text(EXAMPLE)
    _, vocabulary = compiled(source)
    lagging = Vocabulary()
    for name in ("channel", "item", "action"):
        texts = vocabulary.texts[name][: -1 if name == domain else None]
        lagging.learn(name, list(enumerate(texts)))
    with pytest.raises(CatalogueUncompiled, match=f"{domain} is '.*'.*; it has no code in the vocabulary"):
        compile_catalogue(stored(source), lagging)


def test_a_catalogue_without_items_or_actions_compiles() -> None:
    bare = re.sub(r"weights:\n.*\n", "", EXAMPLE.split("categories:", 1)[0])
    made, _ = compiled(catalogue_file.read_text(bare))
    assert len(made.all) == len(made.categories) == len(made.channel("web")) == 0
    assert made.candidate_indices(np.array([0], np.int32), np.array([1], np.uint8)).tolist() == [-1]


def test_a_large_catalogue_compiles_whole() -> None:
    """Synthetic: as many items, categories and actions as a supermarket has; every price and category arrives."""
    count, homes = 92_000, 300
    items = pa.table(
        {
            "id": [f"{number:07d}" for number in range(count)],
            "category": [f"c{number % homes}" for number in range(count)],
            "price": np.arange(count, dtype=np.float64),
        }
    )
    document = {
        "currency": "USD",
        "time_zone": "America/New_York",
        "repurchase": {"rule": "always"},
        "channels": {"mail": {"direction": "outbound", "consent": "opt_out", "reward_window_days": 14}},
        "categories": [{"id": f"c{n}", "parent": f"c{n // 10}" if n >= 10 else None} for n in range(homes)],
        "actions": [
            {
                "id": f"a{number}",
                "kind": "offer",
                "group": "g",
                "categories": [f"c{number % homes}"],
                "value": 1,
                "success": "converted",
                "treatments": [{"id": "t", "channel": "mail"}],
            }
            for number in range(400)
        ],
    }
    made, vocabulary = compiled(catalogue_file.checked(document, items))
    codes = np.array([vocabulary.code("item", text) for text in items["id"].to_pylist()])
    np.testing.assert_array_equal(made.facts.price[codes], np.arange(count))
    np.testing.assert_array_equal(made.facts.category[codes], np.arange(count) % homes)
    inside = np.arange(count) % homes == 299
    assert made.categories.price[299] == np.median(np.arange(count)[inside])
    below = np.isin(np.arange(count) % homes, [29, *range(290, 300)])
    assert made.categories.price[29] == np.median(np.arange(count)[below])
