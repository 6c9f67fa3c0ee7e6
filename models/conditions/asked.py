"""A condition that stands in no catalogue, asked about one customer: who belongs to an audience."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from features.definitions import columns_of_customer
from features.history import CustomerRecord
from models.columns import CompiledCatalogue
from models.conditions.answers import Answers
from models.conditions.compiled import compiled
from models.conditions.names import CUSTOMER, HISTORY, Name
from models.conditions.truth import Truth


@dataclass(frozen=True, slots=True)
class AskedCondition:
    """catalogue: the one that it is read by, with this condition as its only one."""

    catalogue: CompiledCatalogue

    @classmethod
    def of(cls, text: str, catalogue: CompiledCatalogue) -> AskedCondition:
        """Raises CatalogueInvalid when it is no CEL; models.conditions.check says more."""
        condition = compiled(text)
        known = columns_of_customer()
        features = tuple(name for name in known if Name(HISTORY, name) in condition.names)
        traits = catalogue.catalogue.traits.items()
        alone = replace(
            catalogue.conditions,
            all=(condition,),
            names={str(name): name for name in condition.names},
            batches=(),
            weights=(),
            traits={name: kind for name, kind in traits if Name(CUSTOMER, name) in condition.names},
            features=features,
            columns=np.array([known[name] for name in features], np.intp),
        )
        return cls(replace(catalogue, conditions=alone))

    def met(self, customer: CustomerRecord, context: Mapping[str, object], moment: int, deliver_at: int) -> bool:
        """Whether the customer meets it, judged as a decision at `moment` (ms UTC) for `deliver_at` judges. What is
        unknown is not met. Raises ValueError where it cannot be evaluated."""
        answer = Answers(self.catalogue, customer, context, moment, deliver_at).of(0)
        if answer.truth is Truth.BROKEN:
            text = self.catalogue.conditions.all[0].text
            raise ValueError(f"condition is {text}; it cannot be evaluated ({answer.words}); correct it")
        return answer.truth is Truth.MET
