"""What features were like on each channel while a model was judged, beside a slow count. SYNTHETIC."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pytest

from features.definitions import names
from features.progress import Silent
from models.drift import from_object, to_object
from tests.training.small_shop import CHANNELS, open_shop
from tests.training.test_training import SETTINGS, decided
from training import table
from training.train import Trained, train
from training.watching.reference import BY_CHANNEL, reference_of


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Trained]:
    """As if decisions had chosen every contact."""
    store = open_shop(tmp_path_factory.mktemp("reference") / "store.db")
    made = train(table.read(store, None, Silent()), SETTINGS, Silent())
    yield replace(made, dataset=decided(made.dataset))
    store.close()


def test_it_is_of_all_that_a_channel_could_have_offered_in_each_of_its_contacts(trained: Trained) -> None:
    made, compiled = reference_of(trained, 1), trained.dataset.compiled
    exposures = trained.dataset.exposures
    later = exposures.take(trained.backtest.splits.masks(exposures)["test"]).pairs
    assert made.channels.keys() == set(CHANNELS)
    for channel, own in made.channels.items():
        code = compiled.channel_codes[channel]
        offers = np.flatnonzero(compiled.all.channel == code).tolist()
        asked = later.take(compiled.all.channel[later.candidate] == code)
        keys = sorted(set(zip(asked.person.tolist(), asked.moment.tolist(), strict=True)))
        questions = np.array([(*key, row) for key in keys for row in offers])
        person, candidate = (questions[:, at].astype(np.int32) for at in (0, 2))
        pairs = table.Pairs(person, questions[:, 1].copy(), candidate, compiled.all.category[candidate])
        rows = table.feature_rows(trained.dataset, pairs, table.every_offer)
        assert list(own) == list(made.features)[:BY_CHANNEL]
        for name, told in own.items():
            place = [
                len(told.edges) + 1 if np.isnan(one) else sum(one > edge for edge in told.edges)
                for one in rows[:, names().index(name)].tolist()
            ]
            share = np.bincount(place, minlength=len(told.edges) + 2) / len(place)
            np.testing.assert_allclose(told.share, share)


def test_it_is_kept_and_a_bundle_of_before_has_none(trained: Trained) -> None:
    made = reference_of(trained, 1)
    kept = to_object(made)
    assert from_object(kept) == made
    assert from_object({name: one for name, one in kept.items() if name != "channels"}) == replace(made, channels={})
