"""What a category and an action cost, from the prices of the items in them."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def category_prices(
    home: NDArray[np.int32], parent: NDArray[np.int32], item_price: NDArray[np.float64]
) -> NDArray[np.float64]:
    """The median price of the items in each category and below it; NaN where none is known."""
    priced = np.flatnonzero(~np.isnan(item_price) & (home >= 0))
    category, price = home[priced], item_price[priced]
    above, prices = [], []
    while len(category):
        above.append(category)
        prices.append(price)
        upwards = parent[category]
        category, price = upwards[upwards >= 0], price[upwards >= 0]
    medians = np.full(len(parent), np.nan)
    if above:
        places, values = np.concatenate(above), np.concatenate(prices)
        order = np.lexsort((values, places))
        found, first, count = np.unique(places[order], return_index=True, return_counts=True)
        sorted_values = values[order]
        medians[found] = (sorted_values[first + (count - 1) // 2] + sorted_values[first + count // 2]) / 2
    return medians


def price_of(named: NDArray[np.float64], category_price: NDArray[np.float64], category: int) -> float:
    """The mean of the known prices of the items promoted by name, else the median of the category."""
    known = named[~np.isnan(named)]
    if len(known):
        return float(known.mean())
    return float(category_price[category]) if category >= 0 else float("nan")
