"""SYNTHETIC: an invented shop with three offers and a model of noise, for tests of the service. No figure here says
anything about the world."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from pathlib import Path

import lightgbm as lgb
import numpy as np

from features.live_response import PACES
from features.stores import Store, open_store
from features.vault import Vault
from models.bundle import Bundle, Provenance, digest, serialise
from models.calibration import Calibration
from models.catalogue_file import read_text
from models.contact_reason import ContactReasonModel, contact_reason_inputs
from models.cool_off import CoolOffModel, Rest
from models.forest import Forest
from models.inputs import affinity_inputs, response_inputs
from models.population import COLUMNS, Population
from models.response_delay import ResponseDelay
from models.track_record import TrackRecord

PUBLISHED_AT = 1_767_225_600_000
"""2026-01-01T00:00:00Z."""

CATALOGUE = """
currency: EUR
time_zone: Europe/London
channels:
  email: {direction: outbound, consent: opt_out, reward_window_days: 14}
  sms: {direction: outbound, consent: opt_in, reward_window_days: 7}
  web: {direction: inbound, consent: not_needed, reward_window_days: 7, placements: [hero]}
groups: [{id: appliances, per_slate: 20}]
categories:
  - {id: laundry}
  - {id: cleaning}
  - {id: care}
items:
  - {id: washer-1, category: laundry, price: 499}
  - {id: vacuum-1, category: cleaning, price: 199}
  - {id: plan-1, category: care, price: 49}
actions:
  - id: offer-washer
    kind: offer
    group: appliances
    items: [washer-1]
    value: 60
    success: converted
    suppression: {rule: never}
    treatments:
      - {id: washer-email, channel: email, content: {subject: A washing machine}}
      - {id: washer-web, channel: web}
      - {id: washer-sms, channel: sms}
  - id: offer-vacuum
    kind: offer
    group: appliances
    items: [vacuum-1]
    value: 20
    success: converted
    suppression: {rule: never}
    treatments:
      - {id: vacuum-email, channel: email}
      - {id: vacuum-web, channel: web}
      - {id: vacuum-sms, channel: sms}
  - id: offer-plan
    kind: offer
    group: plans
    items: [plan-1]
    value: 5
    success: converted
    suppression: {rule: never}
    treatments:
      - {id: plan-email, channel: email}
      - {id: plan-web, channel: web, placement: hero}
"""
PROMOTED_ITEM = {"offer-washer": "washer-1", "offer-vacuum": "vacuum-1", "offer-plan": "plan-1"}


def store_url(home: Path) -> str:
    return f"sqlite:///{home / 'store.db'}"


def make_shop(
    home: Path, driven: bool = False, model: bool = True, url: str | None = None, vault: Vault | None = None
) -> None:
    """A store in `home`, or at `url`, with the catalogue. driven: with a clock that requests set. model: with one of
    noise. vault: None for the key file beside an SQLite store."""
    home.mkdir(parents=True, exist_ok=True)
    source = read_text(CATALOGUE)
    store = open_store(url or store_url(home), vault=vault)
    try:
        store.publish_catalogue(source.document, source.items_ipc(), None, PUBLISHED_AT, "test", "synthetic")
        if model:
            put_model(store, "7", noise_bundle(reasons=driven))
        if driven:
            store.put_setting("clock", "driven")
            store.advance_present(PUBLISHED_AT)
    finally:
        store.close()


def put_model(store: Store, version: str, files: Mapping[str, bytes]) -> str:
    """The bundle as the store's serving model; its digest."""
    key = digest(files)
    store.put_bundle(key, files)
    store.set_serving(version, key, f"run-of-{version}", PUBLISHED_AT)
    return key


@functools.cache
def noise_bundle(
    seed: int = 1, reasons: bool = False, rest: float | None = None, lifting: bool = False
) -> Mapping[str, bytes]:
    """Two small forests, really trained, on noise; and with reasons one that has learned what deliveries lead to. rest:
    days after a rejection, invented. lifting: successes come at once, so that live response counts."""
    any_action = None if rest is None else Rest(rest, at_least=False, people=40)
    rng = np.random.default_rng(seed)
    categories = ("laundry", "cleaning", "care")
    return serialise(
        Bundle(
            provenance=Provenance(PUBLISHED_AT, "00", 1, seed, 500, 250),
            affinity=_forest(affinity_inputs(), rng, seed),
            response=_forest(response_inputs(), rng, seed),
            calibration=Calibration(1.0, -1.0),
            population=Population(PUBLISHED_AT, categories, rng.uniform(0.1, 0.5, (len(categories), len(COLUMNS)))),
            track_record=TrackRecord(PUBLISHED_AT, {}, {}, {"email": 0.2, "web": -0.1}),
            contact_reason=_reason_model(seed) if reasons else None,
            cool_off=None if rest is None else CoolOffModel(PUBLISHED_AT, 1.5, {}, {}, {}, any_action, None),
            response_delay=ResponseDelay(PUBLISHED_AT, {}, (0.0,) * len(PACES)) if lifting else None,
        )
    )


def _reason_model(seed: int) -> ContactReasonModel:
    rng, inputs = np.random.default_rng(seed), contact_reason_inputs()
    rows = np.zeros((500, len(inputs)))
    rows[:, inputs.index("customer.delivered.1d")] = rng.integers(0, 2, 500)
    labels = np.where(rng.random(500) < 0.2, rng.integers(0, 3, 500), np.where(rows.any(axis=1), 0, 1))
    parameters = {"objective": "multiclass", "num_class": 3, "num_leaves": 3, "verbosity": -1, "num_threads": 1}
    booster = lgb.train(parameters, lgb.Dataset(rows, labels, feature_name=list(inputs)), num_boost_round=20)
    forest = Forest(booster.model_to_string())
    return ContactReasonModel(forest, ("delivery", "billing", "other"), (0.4, 0.5, 0.1), 1.0, (0.0, 0.0, 0.0), 500)


def _forest(inputs: tuple[str, ...], rng: np.random.Generator, seed: int) -> Forest:
    rows = rng.normal(size=(500, len(inputs)))
    labels = (rows[:, 0] + rng.normal(size=500) > 0).astype(float)
    parameters = {"objective": "binary", "num_leaves": 7, "verbosity": -1, "seed": seed, "num_threads": 1}
    dataset = lgb.Dataset(rows, labels, feature_name=list(inputs))
    return Forest(lgb.train(parameters, dataset, num_boost_round=10).model_to_string())
