"""Effects as others learn them: econml's S-, T-, X- and DR-learner, on the same LightGBM trees."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping

import numpy as np
from numpy.typing import NDArray

from training.incremental.learners import LEAF_SHARE, LEAST_LEAF, ROUNDS
from training.incremental.trial import Trial

Fit = Callable[[Trial, int], Callable[[NDArray[np.float64]], NDArray[np.float64]]]
"""(trial, seed) -> effects of columns float64[n, inputs] as float64[n]."""


def of_econml() -> Mapping[str, Fit]:
    """Empty where econml is not installed."""
    try:
        from econml.dr import DRLearner  # noqa: PLC0415 optional
        from econml.metalearners import SLearner, TLearner, XLearner  # noqa: PLC0415 optional
        from lightgbm import LGBMRegressor  # noqa: PLC0415 optional
        from sklearn.dummy import DummyClassifier  # noqa: PLC0415 optional
    except ImportError:
        return {}

    def trees(trial: Trial, seed: int) -> LGBMRegressor:
        """Those of training.incremental.learners."""
        return LGBMRegressor(
            n_estimators=ROUNDS,
            num_leaves=4,
            learning_rate=0.05,
            colsample_bytree=0.5,
            subsample=0.7,
            subsample_freq=1,
            reg_lambda=5.0,
            min_child_samples=max(LEAST_LEAF, int(LEAF_SHARE * len(trial) / 2)),
            random_state=seed,
            n_jobs=1,
            verbose=-1,
        )

    def lot() -> DummyClassifier:
        """The propensity: what was drawn by lot is predicted by its share."""
        return DummyClassifier(strategy="prior")

    makes = {
        "econml S": lambda trial, seed: SLearner(overall_model=trees(trial, seed)),
        "econml T": lambda trial, seed: TLearner(models=trees(trial, seed)),
        "econml X": lambda trial, seed: XLearner(models=trees(trial, seed), propensity_model=lot()),
        "econml DR": lambda trial, seed: DRLearner(
            model_propensity=lot(),
            model_regression=trees(trial, seed),
            model_final=trees(trial, seed),
            cv=3,
            random_state=seed,
        ),
    }

    def fitting(name: str) -> Fit:
        def fit(trial: Trial, seed: int) -> Callable[[NDArray[np.float64]], NDArray[np.float64]]:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # of names of columns, and of what sklearn renames
                model = makes[name](trial, seed)
                model.fit(trial.outcome, trial.treated.astype(int), X=trial.columns)

            def effect(columns: NDArray[np.float64]) -> NDArray[np.float64]:
                with warnings.catch_warnings():
                    warnings.simplefilter("ignore")
                    return np.asarray(model.effect(columns), np.float64).ravel()

            return effect

        return fit

    return {name: fitting(name) for name in makes}
