"""Who mistypes an id of an action to be excluded hears of it; who excludes what has ended is answered."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from features.event import Kind
from features.stores import open_store
from features.stores.protocol import Store
from models.catalogue_file import read_text
from models.columns import CompiledCatalogue, compile_catalogue
from serving.errors import Refusal
from serving.question_rules import require_known_exclusions
from serving.schemas import DecisionQuestion
from tests.checks.store_examples import append, event
from tests.serving.synthetic import CATALOGUE, PUBLISHED_AT, store_url

LATER = CATALOGUE.replace("id: offer-plan", "id: offer-contract")


def publish(store: Store, text: str) -> None:
    source = read_text(text)
    store.publish_catalogue(source.document, source.items_ipc(), None, PUBLISHED_AT, "test", "synthetic")


def newest(store: Store) -> CompiledCatalogue:
    stored = store.catalogue()
    assert stored is not None
    return compile_catalogue(stored, store.vocabulary)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with closing(open_store(store_url(tmp_path))) as opened:
        yield opened


def test_what_has_ended_what_comes_and_what_only_events_name_may_be_excluded(store: Store, tmp_path: Path) -> None:
    publish(store, CATALOGUE)
    in_force = newest(store)
    with closing(open_store(store_url(tmp_path))) as another:
        publish(another, LATER)
        append(another, "c", event("m", Kind.DISPLAYED, channel="web", action="their-own"))
    known = ["offer-washer", "offer-plan", "offer-contract", "their-own"]
    for compiled in (in_force, newest(store)):
        require_known_exclusions(DecisionQuestion(exclude=known), compiled, store)


def test_what_nothing_ever_named_is_refused_with_its_place(store: Store) -> None:
    publish(store, CATALOGUE)
    with pytest.raises(Refusal) as refused:
        require_known_exclusions(DecisionQuestion(exclude=["offer-plan", "offer_plan"]), newest(store), store)
    assert str(refused.value).startswith("exclude[1] is offer_plan; an action that ")
