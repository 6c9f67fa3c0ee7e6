"""The catalogue as the model in service sees it: the rates of each thing that its actions promote, and how long what
was rejected rests."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from features.vocabulary import Vocabulary
from models.columns import CompiledCatalogue
from models.cool_off import CoolOffModel
from models.policy_columns import rests
from models.repurchase import Curves, RepurchaseModel, expected_before


class Learned(Protocol):
    """What a model knows of that which the catalogue leaves to learning; None: nothing, the catalogue's days hold."""

    @property
    def repurchase(self) -> RepurchaseModel | None: ...

    @property
    def cool_off(self) -> CoolOffModel | None: ...


def with_learned_windows(compiled: CompiledCatalogue, model: Learned, vocabulary: Vocabulary) -> CompiledCatalogue:
    """The same version, in which `learned` means what the model knows."""
    again = model.repurchase
    return replace(
        compiled,
        curves=None if again is None else curves_of(compiled, compiled.promotions.heads, again, vocabulary),
        policy=replace(compiled.policy, rests=rests(compiled.catalogue, model.cool_off)),
    )


def curves_of(
    compiled: CompiledCatalogue, heads: NDArray[np.int32], model: RepurchaseModel, vocabulary: Vocabulary
) -> Curves:
    """Things as in Promotions: items, whose codes are `heads`, then every category."""
    number = {name: place for place, name in enumerate(model.categories)}
    known = {name: place for place, name in enumerate(model.items)}
    names, count = list(compiled.catalogue.categories), len(model.categories)
    rows, factors = list[int](), list[float]()
    for code in heads.tolist():
        place, category = known.get(vocabulary.text("item", code) or ""), int(compiled.facts.category[code])
        home = _nearest(_lineage(compiled, names[category] if category >= 0 else None), number)
        row = _within(home, count) if home >= 0 else -1
        rows.append(row if place is None else _within(int(model.home[place]), count))
        factors.append(1.0 if place is None else float(model.factor[place]))
    for name in names:
        here = _nearest(_lineage(compiled, name), number)
        rows.append(here if name in number or here < 0 else count + here)
        factors.append(1.0)
    rate = np.concatenate([model.own, model.below, model.within])
    paces = [model.item_pace] * len(heads) + [model.category_pace] * len(names)
    return Curves(
        rate=rate,
        before=expected_before(rate),
        row=np.array(rows, np.int32),
        factor=np.array(factors, np.float64),
        shape=np.array([pace.shape for pace in paces], np.float64),
        wear=np.array([pace.wear for pace in paces], np.float64),
    )


def _within(home: int, count: int) -> int:
    """The row of a typical item in that category; -1: in any."""
    return 2 * count + 1 + (home if home >= 0 else count)


def _lineage(compiled: CompiledCatalogue, category: str | None) -> list[str]:
    return [above.id for above in compiled.catalogue.lineage(category)]


def _nearest(lineage: Sequence[str], number: dict[str, int]) -> int:
    return next((number[name] for name in lineage if name in number), -1)
