"""Calling everything once before it is taken into service: compiled code is loaded then, not in somebody's request.

Also what the model and the catalogue in force do not ask for: contact reasons are told without a model too, and a
replay needs what a decision was made with then.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress

import numpy as np

from features.candidates import take
from features.event import Kind
from features.history import CONSENT_ENTRY, EVENT, LEDGER_ENTRY, CustomerRecord, Records
from features.published import NOTHING
from models import forest
from models.affinity import distinct
from models.columns import CompiledCatalogue
from models.contact_moment import Question
from models.contact_ranking import contact_reasons
from models.decide import decide
from models.decision import DecisionRequest
from models.repurchase import BINS, Pace, curves, evidence
from models.rows_digest import digest_like
from models.scoring import Scorer


def warm(compiled: CompiledCatalogue, scorer: Scorer, moment: int) -> None:
    """Decide at `moment` (ms UTC) for invented people, and score every treatment, in season or not; say why they call,
    and when they buy again. Leaves no trace."""
    forest.warm()
    distinct(compiled.all.category, len(compiled.catalogue.categories))
    take(compiled.all, np.zeros(0, np.intp))
    digest_like("", np.zeros((0, 0)))
    _forecast(compiled)
    channels = tuple(compiled.catalogue.channels)
    for customer in _people(moment):
        with suppress(Exception):  # a decision would degrade, and say so, which is not for here
            scorer.score(customer, moment, 0, compiled.all, compiled)
        for across in ("each", "best"):
            request = DecisionRequest(
                channels, 2, across, False, moment, None, frozenset(), True, 0, customer.customer_id
            )
            decide(request, customer, compiled, scorer, moment, np.random.default_rng(0), NOTHING)
        contact_reasons(customer, (), Question.at(moment), compiled, None, str, 1, objects=False)


def _forecast(compiled: CompiledCatalogue) -> None:
    """Of nothing that was bought, at rates that nobody learned."""
    facts, promoted, none = compiled.facts, compiled.promotions, np.zeros(0)
    known = curves(np.zeros((1, BINS)), np.zeros(1, np.int32), np.ones(1), Pace(1.0, 0.0))
    things = (facts.category, facts.parent, promoted.thing_of_item, promoted.first_category)
    evidence(none.astype(np.int32), none.astype(np.int64), none, things, known)
    known.chance(none.astype(np.int32), none, none, none, none)


def _people(moment: int) -> Iterator[CustomerRecord]:
    """Somebody of whom nothing is known, and a buyer whose records are read-only, as those from a store are: code is
    compiled for one kind of array at a time."""
    yield CustomerRecord(-1, "warm-up", known=False)
    page, ledger = np.zeros(3, EVENT), np.zeros(2, LEDGER_ENTRY)
    for records in (page, ledger):
        kinds = (Kind.ORDERED, Kind.REFUNDED, Kind.REJECTED)
        records["kind"], records["order"], records["quantity"] = kinds[: len(records)], 1, 1.0
        records["occurred_at"] = records["recorded_at"] = moment
        records["sequence"] = np.arange(1, len(records) + 1)
    page["action"], page["amount"] = -1, 1.0
    consents = np.zeros(1, CONSENT_ENTRY)
    yield CustomerRecord(
        -1, "warm-up", known=True, page=_stored(page), ledger=_stored(ledger), consents=_stored(consents)
    )


def _stored(records: Records) -> Records:
    return np.frombuffer(records.tobytes(), records.dtype)
