"""Which decisions are rehearsed, and with which codes."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from features.vocabulary import Vocabulary
from models.catalogue import CatalogueUncompiled
from models.catalogue_file import read_text
from serving.rehearsing import drawn, with_names
from tests.models.shop import stored
from tests.serving.synthetic import CATALOGUE


@given(st.integers(0, 300), st.integers(1, 300))
def test_a_sample_is_drawn_without_repetition_in_order_and_the_same_again(count: int, sample: int) -> None:
    ids = [f"d{number:03}" for number in range(count)]
    found = drawn(ids, sample)
    assert len(found) == min(count, sample)
    assert list(found) == sorted(set(found) & set(ids))
    assert drawn(ids, sample) == found


def test_a_sample_is_of_the_whole_period() -> None:
    places = [int(one) for one in drawn([str(number) for number in range(10_000)], 1000)]
    assert abs(sum(places) / 1000 - 4999.5) < 4 * 10_000 / (12 * 1000) ** 0.5


def test_a_draft_cannot_have_more_channels_than_a_store() -> None:
    draft, vocabulary = stored(read_text(CATALOGUE)), Vocabulary()
    vocabulary.learn("channel", [(code, f"told-{code}") for code in range(252)])
    assert with_names(vocabulary, draft).size("channel") == 255
    vocabulary.learn("channel", [(252, "told-252")])
    with pytest.raises(CatalogueUncompiled, match=r"channels are 256, .* a store knows at most 255"):
        with_names(vocabulary, draft)
    assert vocabulary.size("channel") == 253
