"""Measures models.population.Population: what everybody does with a category, from data known at one moment."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from models.affinity import HORIZON
from models.population import COLUMNS, Population
from training.purchases import Purchases
from training.table import Dataset, Exposures


def reach(bought: Purchases, moment: int) -> NDArray[np.float64]:
    """float64[categories, 2]: the share of the people with any purchase by `moment` (ms UTC) who bought in the category
    in the last 28 days, and ever; NaN when nobody bought anything."""
    person, count = bought.person(), len(bought.leaf)
    before = bought.recorded_at <= moment
    people = len(np.unique(person[before]))
    shares = np.full((count, 2), np.nan)
    if people == 0:
        return shares
    for column, chosen in enumerate((before & (bought.at > moment - HORIZON), before)):
        buyers = np.unique(person[chosen].astype(np.int64) * count + bought.category[chosen]) % count
        shares[:, column] = np.bincount(buyers, minlength=count) / people
    return shares


def response_lift(exposures: Exposures, count: int, moment: int) -> NDArray[np.float64]:
    """float64[count]: ln of each category's share of successful contacts over everybody's, from contacts matured by
    `moment`, shrunk by as many contacts as bring one success on average; NaN when there was no success at all."""
    known = exposures.take((exposures.matured_at <= moment) & (exposures.pairs.category >= 0))
    successes = int(known.success.sum())
    if successes == 0:
        return np.full(count, np.nan)
    base = successes / len(known)
    tried = np.bincount(known.pairs.category, minlength=count)
    worked = np.bincount(known.pairs.category[known.success], minlength=count)
    return np.asarray(np.log((worked + 1.0) / (tried + 1.0 / base) / base), np.float64)


def population(dataset: Dataset, moment: int) -> Population:
    """Categories in the order of their ids. Sees nothing after `moment`."""
    names = list(dataset.compiled.catalogue.categories)
    lift = response_lift(dataset.exposures, len(names), moment)
    figures = np.column_stack([reach(dataset.purchases, moment), lift])
    order = sorted(range(len(names)), key=names.__getitem__)
    return Population(moment, tuple(names[place] for place in order), figures[order].reshape(len(names), len(COLUMNS)))
