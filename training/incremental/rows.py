"""The decision log as an experiment: an action that was drawn against none, by chances that are known.

- Treated is who was drawn an action. The contrast is with no action at all, so that a control counts against whatever
  was withheld; the action enters by its columns, one model over all actions.
- The holdout is the control of the full arm: of people in either, e = f (1 - p0) / (f + h), with the arms' shares f and
  h and p0, the full arm's chance of no action. In every other arm no action is drawn within it: e = 1 - p0.
- Rows of which nobody like them was ever treated, or hardly anybody was not, are left out: e within [EDGE, 1 - EDGE].
  So are rows that an agent chose by hand, and those whose sales are not known.
- So are rows of what is owed to people (service, legal), drawn or withheld: it reaches them in the holdout too, so that
  the holdout is no control of it, and it is not ranked by what it earns.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from models.policy_rules import Arm
from training.decided import ARMS
from training.decision_rows import DecisionRows

EDGE = 0.01


@dataclass(frozen=True, slots=True, eq=False)
class Comparable:
    """rows: that can be compared. propensity: float64[rows], e. left: how many could not."""

    rows: DecisionRows
    propensity: NDArray[np.float64]
    left: int


def comparable(rows: DecisionRows, owed: NDArray[np.bool_]) -> Comparable:
    """owed: bool[CompiledCatalogue.all], whether a candidate is of an action that reaches the holdout too."""
    chance = treated_chance(rows)
    told = ~rows.by_hand & ~owed[rows.pairs.candidate] & np.isfinite(rows.net_sales)
    kept = told & (chance >= EDGE) & (chance <= 1.0 - EDGE)
    return Comparable(rows.take(kept), chance[kept], int((~kept).sum()))


def treated_chance(rows: DecisionRows) -> NDArray[np.float64]:
    """float64[n], e; NaN where the arms' shares are not known."""
    chance = 1.0 - rows.no_action
    full, held = (rows.arm == ARMS.index(arm) for arm in (Arm.FULL, Arm.HOLDOUT))
    for version in np.unique(rows.version):
        here = rows.version == version
        shares = [rows.arm_share[here & arm].mean() if (here & arm).any() else 0.0 for arm in (full, held)]
        if sum(shares) != 0.0:  # NaN is no 0
            chance[here & (full | held)] *= shares[0] / sum(shares)
    return chance
