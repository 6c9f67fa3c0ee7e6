"""How new what is learned is for whom, and how much few successes may teach: the SYNTHETIC shop's exposures."""

from __future__ import annotations

import sys
from dataclasses import replace

import numpy as np
import pytest

from features.progress import Silent
from tests.training.small_shop import open_shop
from training import affinity, table
from training.table import Dataset
from training.train import FEW, PER_TREE, most_rounds


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    store = open_shop(tmp_path_factory.mktemp("shop") / "store.db")
    try:
        return table.read(store, None, Silent())
    finally:
        store.close()


def test_models_are_as_new_for_one_share_of_the_exposures_as_for_another(dataset: Dataset) -> None:
    moments = affinity.grid(dataset)
    exposed = np.sort(dataset.exposures.pairs.moment)
    for refits in (1, 3, 7):
        made = np.array(affinity.cutoffs(moments, dataset, refits))
        assert (np.diff(made) > 0).all()
        assert (
            {int(moments[-2]), int(moments[-1])} <= set(made.tolist()) <= {*moments[-2:].tolist(), moments[1], *exposed}
        )
        at = np.searchsorted(made, exposed, side="right") - 1
        together = np.unique(exposed, return_counts=True)[1].max()
        assert np.bincount(at[at >= 0]).max() <= np.ceil(len(exposed) / refits) + together
        assert (exposed[at < 0] < moments[1]).all()


def test_few_successes_have_few_trees_besides_the_backbone(dataset: Dataset) -> None:
    exposures = dataset.exposures
    for successes, most in ((0, 1), (9, 1), (150, 15), (FEW - 1, (FEW - 1) // PER_TREE), (FEW, sys.maxsize)):
        many = exposures.take(np.zeros(FEW, np.intp))
        assert most_rounds(replace(many, success=np.arange(FEW) < successes)) == most
