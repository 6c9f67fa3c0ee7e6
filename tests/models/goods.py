"""What the synthetic worlds sell, and when that might be bought again: rates that nobody learned."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from models.cool_off import CoolOffModel, Rest
from models.repurchase import BINS, Pace, RepurchaseModel
from tests.models.shop import DAY, NOW

CATEGORIES = {"home": None, "laundry": "home", "washers": "laundry", "food": None}
ITEMS = {
    "w1": "washers",
    "w2": "washers",
    "d1": "laundry",
    "h1": "home",
    "f1": "food",
    "f2": "food",
    "f3": "food",
    "set": "laundry",
    "loose": None,
}
VARIANTS = {"w2": "w1", "f3": "f1"}
BUNDLES = {"set": ["w1", "d1", "f3"]}


@dataclass(frozen=True, slots=True)
class Learned:
    """What a model has learned beside scoring."""

    repurchase: RepurchaseModel | None = None
    cool_off: CoolOffModel | None = None


def repurchase_model(seed: int) -> RepurchaseModel:
    """Invented rates of most of the things: nobody learned them."""
    rng = np.random.default_rng(seed)
    categories = tuple(name for name in CATEGORIES if rng.random() < 0.7)
    items = tuple(name for name in ITEMS if name not in VARIANTS and rng.random() < 0.6)
    own, below, within = (
        10.0 ** rng.uniform(-4.0, 0.0, (len(categories) + more, 1)) * rng.uniform(0.2, 1.0, (1, BINS))
        for more in (0, 1, 1)
    )
    return RepurchaseModel(
        as_of=NOW - 40 * DAY,
        category_pace=Pace(float(rng.uniform(0.3, 3.0)), float(rng.uniform(0.0, 1.0))),
        item_pace=Pace(float(rng.uniform(0.3, 3.0)), 0.0),
        categories=categories,
        own=own,
        below=below,
        within=within,
        items=items,
        home=rng.integers(-1, len(categories), len(items)).astype(np.int32),
        factor=rng.uniform(0.2, 5.0, len(items)),
    )


def cool_off_model(seed: int) -> CoolOffModel:
    """Invented rests of some of the actions and groups of the worlds: nobody learned them."""
    rng = np.random.default_rng(seed)

    def rest() -> Rest | None:
        days = float(rng.choice([0.0, 1.0, 3.0, 28.0, 365.0]))
        return Rest(days, at_least=bool(rng.random() < 0.3), people=20) if rng.random() < 0.6 else None

    actions, in_group, groups = (
        {name: found for name in names if (found := rest()) is not None}
        for names in (("a0", "a1", "a2", "a3"), ("g", "h"), ("g", "h"))
    )
    return CoolOffModel(NOW - 40 * DAY, 1.5, actions, in_group, groups, rest(), rest())
