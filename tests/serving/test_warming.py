"""What is compiled is compiled before a worker is ready, by a worker without a model and without an offer too."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context

import numpy as np
import pytest
from numba.core.caching import NullCache
from numba.core.dispatcher import Dispatcher

import serving.endpoints  # noqa: F401 - everything that a worker answers with
from features.event import Event, Kind
from features.identity import customer_identifier
from features.published import NOTHING
from features.stores import Store, open_store
from features.stores.protocol import Append
from models.catalogue_file import read_text
from models.columns import CompiledCatalogue, compile_catalogue
from models.confirm import Queued, confirm
from models.contact_evidence import EVIDENCE_KINDS
from models.contact_moment import question
from models.contact_ranking import contact_reasons
from models.decide import decide
from models.learned_windows import with_learned_windows
from models.repurchase import BINS, Pace, RepurchaseModel
from serving.model_loader import NoModel
from serving.warming import warm
from tests.models.shop import request
from tests.serving.synthetic import CATALOGUE, PUBLISHED_AT

NO_OFFER = CATALOGUE.split("actions:")[0] + "actions: []"
LEARNED = CATALOGUE.replace(
    "suppression: {rule: never}", "suppression: {rule: learned, chance: 0.5, fallback_days: 30}"
)
HOUR = 3_600_000
NOW = PUBLISHED_AT + 100 * HOUR
CHANNELS = ("email", "sms", "web")

Compilations = Mapping[str, int]


def compilations() -> Compilations:
    """By entry, for how many kinds of arguments it is compiled."""
    ours = [
        module for name, module in [*sys.modules.items()] if name.split(".")[0] in {"features", "models", "serving"}
    ]
    found = (one for module in ours for one in vars(module).values() if isinstance(one, Dispatcher))
    entries = (one for one in found if not isinstance(one._cache, NullCache))
    return {f"{one.py_func.__module__}.{one.py_func.__qualname__}": len(one.signatures) for one in entries}


def shop(store: Store, text: str, version: int) -> CompiledCatalogue:
    source = read_text(text)
    store.publish_catalogue(source.document, source.items_ipc(), version - 1 or None, PUBLISHED_AT, "test", "synthetic")
    stored = store.catalogue()
    assert stored is not None
    return compile_catalogue(stored, store.vocabulary)


def warmed(url: str) -> tuple[Compilations, Compilations, Compilations]:
    """In a process of its own: before, once warm without model and offer, and once asked everything."""
    store = open_store(url)
    before = compilations()
    warm(shop(store, NO_OFFER, 1), NoModel(), NOW)
    warm_ = dict(compilations())
    compiled = with_learned_windows(shop(store, LEARNED, 2), learned(), store.vocabulary)
    for name, events in (("buyer", bought()), ("nobody", ())):
        if events:
            store.append([Append(customer_identifier(name), events)]).result()
        ask(store, compiled, name)
    store.close()
    return before, warm_, compilations()


@dataclass(frozen=True)
class Learning:
    repurchase: RepurchaseModel
    cool_off: None = None


def learned() -> Learning:
    """SYNTHETIC: everything is bought again at one rate."""
    rate = np.full((2, BINS), 0.01)
    pace = Pace(1.0, 0.5)
    home, factor = np.zeros(1, np.int32), np.ones(1)
    return Learning(RepurchaseModel(NOW, pace, pace, ("laundry",), rate[:1], rate, rate, ("washer-1",), home, factor))


def bought() -> Sequence[Event]:
    kinds = (Kind.ORDERED, Kind.ORDERED, Kind.REFUNDED, Kind.BASKET_ADDED, Kind.ORDER_DELIVERED, Kind.CALL_STARTED)
    told = [
        Event(str(place), kind, kind.name, NOW - at * HOUR, NOW - at * HOUR, item="washer-1", order=f"o{place % 2}")
        for place, (kind, at) in enumerate(zip(kinds, (90, 50, 40, 30, 20, 1), strict=True))
    ]
    refused = [
        Event(f"r{at}", Kind.REJECTED, "Action Rejected", NOW - at * HOUR, NOW - at * HOUR, action="offer-washer")
        for at in (200, -2)
    ]
    return (*told, *refused)


def ask(store: Store, compiled: CompiledCatalogue, name: str) -> None:
    """For a decision with and without explanation, whether it may be sent, and why they call."""
    identifier = customer_identifier(name)
    for record in (store.read(identifier), store.read_as_of(identifier, NOW)):
        for explain in (False, True):
            asked = request(*CHANNELS, limit=2, deliver_at=NOW, explain=explain)
            decide(asked, record, compiled, NoModel(), NOW, np.random.default_rng(0), NOTHING)
        codes = store.vocabulary.code("channel", "email"), store.vocabulary.code("action", "offer-washer")
        confirm(asked, [Queued("email", "offer-washer", 0, *codes)], "d", record, compiled, NOW, NOTHING)
        told = store.timeline(identifier, None, 100, EVIDENCE_KINDS)
        events = tuple(one.event for one in reversed(told))
        contact_reasons(record, events, question(record.page, NOW), compiled, None, str, 3, objects=False)


def test_nothing_is_compiled_once_a_worker_is_ready(tmp_path_factory: pytest.TempPathFactory) -> None:
    url = f"sqlite:///{tmp_path_factory.mktemp('warm') / 'store.db'}"
    with ProcessPoolExecutor(1, get_context("spawn")) as process:
        before, warm_, asked = process.submit(warmed, url).result()
    assert set(before.values()) == {0}
    assert [name for name, count in warm_.items() if count == 0] == []
    assert asked == warm_
    assert len(warm_) > 5
