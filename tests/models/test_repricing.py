"""A catalogue at the item feed's prices is the catalogue that had these prices itself, in every column. SYNTHETIC."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import fields
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from features.candidates import Candidates
from features.stores.shared import UNTOLD, ItemState, PriceChange
from features.vocabulary import Vocabulary
from models import catalogue_file
from models.catalogue import parse
from models.catalogue_file import CatalogueSource
from models.columns import CompiledCatalogue, compile_catalogue
from models.item_feed import FeedInvalid, read
from models.repricing import PriceLog, Repriced, repriced
from tests.models.shop import stored, vocabulary_of
from tests.models.test_catalogue import EXAMPLE

SOURCE = catalogue_file.read_text(EXAMPLE)
SOLD = tuple(SOURCE.items["id"].to_pylist())
LAW = settings(max_examples=60, deadline=None)
PRICES = st.none() | st.floats(0, 1000)


def compiled(prices: Sequence[float | None]) -> tuple[CompiledCatalogue, Vocabulary]:
    """The example with these prices of its items, which know one more item than it sells."""
    place = SOURCE.items.schema.get_field_index("price")
    items = SOURCE.items.set_column(place, "price", pa.array(prices, pa.float64()))
    source = CatalogueSource(SOURCE.document, items)
    catalogue = parse(SOURCE.document, 1)
    actions = [one.id for one in catalogue.actions]
    vocabulary = vocabulary_of(source, list(catalogue.channels), actions).with_texts("item", ["not sold"])
    return compile_catalogue(stored(source, 1), vocabulary), vocabulary


def columns(of: CompiledCatalogue) -> list[bytes]:
    """All that has prices, as bytes."""
    every: list[Candidates] = [of.all, of.categories]
    for channel in of.catalogue.channels.values():
        every += [of.channel(channel.id, one).candidates for one in (None, *channel.placements)]
    cells = [getattr(one, each.name) for one in every for each in fields(one)]
    return [cell.tobytes() for cell in (*cells, of.facts.price, of.list_price, of.items)]


FEEDS = st.lists(st.dictionaries(st.sampled_from((*SOLD, "not sold")), PRICES, min_size=1), max_size=6)


def log_of(feeds: Sequence[Mapping[str, float | None]], vocabulary: Vocabulary) -> PriceLog:
    """Numbers 10, 20, ..., told at as many ms."""
    log = PriceLog()
    for place, feed in enumerate(feeds, start=1):
        changes = [PriceChange(10 * place, 10 * place, item, price) for item, price in sorted(feed.items())]
        log = log.extended(changes, vocabulary)
    return log


@LAW
@given(st.tuples(*[PRICES] * len(SOLD)), FEEDS)
def test_told_prices_are_as_if_the_catalogue_said_them(own: tuple[float | None, ...], feeds: list[dict]) -> None:
    bare, vocabulary = compiled(own)
    log = log_of(feeds, vocabulary)
    for place in range(len(feeds) + 1):
        told = {item: price for feed in feeds[:place] for item, price in feed.items()}
        wanted = [told.get(item) if told.get(item) is not None else own[at] for at, item in enumerate(SOLD)]
        made = repriced(bare, log, 10 * place)
        oracle, _ = compiled(wanted)
        assert columns(made)[:-2] == columns(oracle)[:-2]
        assert made.prices == 10 * place
        assert columns(repriced(made, log, 0)) == columns(bare)


@LAW
@given(FEEDS, st.integers(0, 70))
def test_what_is_known_at_a_moment_was_told_by_then(feeds: list[dict], moment: int) -> None:
    _, vocabulary = compiled([None] * len(SOLD))
    log = log_of(feeds, vocabulary)
    known = min(moment // 10, len(feeds)) * 10
    assert log.until(moment).newest == known
    assert log.numbers_at(np.array([moment, moment], np.int64)).tolist() == [known] * 2
    assert log.until(moment).as_bytes() == log_of(feeds[: known // 10], vocabulary).as_bytes()


def test_who_tells_late_by_his_clock_is_not_known_before() -> None:
    _, vocabulary = compiled([None] * len(SOLD))
    log = PriceLog().extended([PriceChange(1, 50, SOLD[0], 1.0), PriceChange(2, 40, SOLD[0], 2.0)], vocabulary)
    assert [log.until(moment).newest for moment in (39, 40, 49, 50)] == [0, 0, 0, 2]


def test_one_catalogue_at_one_price_is_one_object() -> None:
    bare, vocabulary = compiled([1.0] * len(SOLD))
    log, kept = log_of([{SOLD[0]: 2.0}, {SOLD[0]: None}], vocabulary), Repriced()
    assert kept.at(bare, log, 0) is bare
    assert kept.at(bare, log, 10) is kept.at(bare, log, 10)
    assert kept.at(bare, log, 20) is not kept.at(bare, log, 10)


def test_what_is_sold_is_known_by_its_code() -> None:
    bare, vocabulary = compiled([None] * len(SOLD))
    assert all(bare.sells(vocabulary.code("item", one)) for one in SOLD)
    assert not any(bare.sells(vocabulary.code("item", one)) for one in ("not sold", "never heard of"))


def test_a_file_tells_stock_or_price_or_both(tmp_path: Path) -> None:
    def told(text: str) -> list[ItemState]:
        file = tmp_path / "feed.csv"
        file.write_text(text)
        return read(file, frozenset({"0042"}))

    assert told("id,stock\n0042,\nx,3\n") == [ItemState("0042", None), ItemState("x", 3)]
    assert told("price,id\n,y\n2.5,0042\n") == [ItemState("y", UNTOLD, None), ItemState("0042", UNTOLD, 2.5)]
    assert told("id,name,stock,price\n0042,n,0,7\nx,n,,\n") == [ItemState("0042", 0, 7.0), ItemState("x", None, None)]


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("id\n0042\n", "feed is feed.csv; "),
        ("id,price\n0042,-1\n", "price is -1.0 in row 1; it is 0 to "),
        ("id,price\n0042,1\n0042,nan\n", "price is nan in row 2; it is 0 to "),
        ("id,price\n0042,inf\n", "price is inf in row 1; it is 0 to "),
        ("id,price\n0042,1\nx,1\n", "id is x in row 2; a price is told of an item of the catalogue; "),
        ("id,price\n0042,dear\n", "feed is feed.csv; "),
        ("id,stock\n,1\n", "id is None in row 1; every row names an item; "),
        ("id,stock\n0042,-1\n", "stock is -1 in row 1; it is 0 to "),
    ],
)
def test_a_file_with_a_fault_is_refused_in_one_line(tmp_path: Path, text: str, sentence: str) -> None:
    file = tmp_path / "feed.csv"
    file.write_text(text)
    with pytest.raises(FeedInvalid) as refused:
        read(file, frozenset({"0042"}))
    assert str(refused.value).startswith(sentence)
    assert "\n" not in str(refused.value)
