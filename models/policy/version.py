"""The policy in force, and the digest that a decision records for it."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, field

from models.policy import arms, slates
from models.policy.arbitration import FORMULA
from models.policy.basket import BASKET_DAYS
from models.policy.exploration import UNIFORM, Explorer, InverseGap
from models.policy.gate import Gate
from models.policy.gates import GATES


@dataclass(frozen=True, slots=True)
class Policy:
    """version: 16 hexadecimal digits; it changes with the gates, their order or revisions, the explorers, the arms,
    the arbitration and the rule of slates."""

    gates: tuple[Gate, ...]
    explorer: Explorer
    version: str = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "version", policy_version(self.gates, self.explorer))


def policy_version(gates: tuple[Gate, ...], explorer: Explorer) -> str:
    contents = {
        "gates": [[gate.name, gate.revision] for gate in gates],
        "explorer": [explorer.name, explorer.revision],
        "random_arm": [UNIFORM.name, UNIFORM.revision],
        "arms": arms.REVISION,
        "arbitration": FORMULA,
        "slates": slates.RULE,
        "basket_days": BASKET_DAYS,
    }
    return hashlib.sha256(json.dumps(contents, sort_keys=True).encode()).hexdigest()[:16]


POLICY = Policy(GATES, InverseGap())
"""What decides unless a caller brings another."""
