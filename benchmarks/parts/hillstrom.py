"""The Hillstrom e-mail test (MineThatData, 2008): 64,000 customers, by lot a men's mail, a women's mail, or none."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from training.incremental.trial import Trial

MAILS = ("Womens E-Mail", "Mens E-Mail")
NONE = "No E-Mail"
OUTCOMES = ("visit", "conversion", "spend")
_NUMBERS = ("recency", "history", "mens", "womens", "newbie")
_WORDS = ("zip_code", "channel")


class NotThere(Exception):
    """The data are not where they were said to be."""


@dataclass(frozen=True, slots=True)
class Test:
    """inputs: names of the trial's columns. One mail against none; both are a third of the customers."""

    name: str
    inputs: tuple[str, ...]
    trial: Trial


def read(file: Path) -> tuple[Test, ...]:
    """Each mail by each outcome; visit and conversion within two weeks are 0 or 1, spend is in dollars. Raises
    NotThere."""
    if not file.is_file():
        raise NotThere(f"--data is {file}; it must be Hillstrom's CSV, gzipped or not; give its path")
    table = pd.read_csv(file)
    dummies = [(table[name] == one).rename(f"{name}_{one}") for name in _WORDS for one in sorted(set(table[name]))]
    columns = pd.concat([table[list(_NUMBERS)], *dummies], axis=1).astype(np.float64)
    inputs = tuple(str(name).replace(" ", "_") for name in columns.columns)
    found = []
    for mail in MAILS:
        here = table["segment"].isin([mail, NONE]).to_numpy()
        treated = (table["segment"] == mail).to_numpy()[here]
        for outcome in OUTCOMES:
            brought = table[outcome].to_numpy(np.float64)[here]
            half = np.full(len(treated), 0.5)
            person = np.flatnonzero(here).astype(np.int64)
            found.append(
                Test(f"{mail}, {outcome}", inputs, Trial(columns.to_numpy()[here], treated, half, brought, person))
            )
    return tuple(found)


def transformed(trial: Trial) -> NDArray[np.float64]:
    """float64[n], of mean the effect, without a model: (W - e) / (e (1 - e)) (Y - the mean of Y)."""
    scale = (trial.treated - trial.propensity) / (trial.propensity * (1.0 - trial.propensity))
    return np.asarray(scale * (trial.outcome - trial.outcome.mean()), np.float64)
