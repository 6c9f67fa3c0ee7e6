"""Calling everything once before it is taken into service: compiled code is loaded then, not in somebody's request."""

from __future__ import annotations

from contextlib import suppress

import numpy as np

from features.event import Kind
from features.history import EVENT, LEDGER_ENTRY, CustomerRecord
from models.columns import CompiledCatalogue
from models.decide import decide
from models.decision import DecisionRequest
from models.scoring import Scorer


def warm(compiled: CompiledCatalogue, scorer: Scorer, moment: int) -> None:
    """Decide at `moment` (ms UTC) for somebody invented who bought one thing, and score every treatment, in season or
    not. Leaves nothing behind."""
    page, ledger = np.zeros(1, EVENT), np.zeros(1, LEDGER_ENTRY)
    for records in (page, ledger):
        records["kind"], records["item"], records["order"] = Kind.ORDERED, 0, 1
        records["occurred_at"] = records["recorded_at"] = moment
        records["quantity"] = 1.0
    page["action"], page["amount"] = -1, 1.0
    customer = CustomerRecord(-1, "warm-up", known=False, page=page, ledger=ledger)
    channels = tuple(compiled.catalogue.channels)
    request = DecisionRequest(channels, 1, "each", False, moment, None, frozenset(), True, 0)
    with suppress(Exception):  # a decision would degrade, and say so, which is not for here
        scorer.score(customer, moment, 0, compiled.all, compiled)
    decide(request, customer, compiled, scorer, moment, np.random.default_rng(0))
