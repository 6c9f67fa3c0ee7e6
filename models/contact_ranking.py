"""Why this person is probably contacting us: reasons with their probabilities, and the facts that speak for each.

Learned from past contacts that carry a reason, once there are enough of them; before that by the rules of
models.contact_rules, and the answer says which. Somebody of whom nothing is known, or who objects to profiling, gets
what everybody calls about.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import cache

import numpy as np
from numpy.typing import NDArray

from features import build
from features.candidates import no_offer
from features.event import Event
from features.history import CustomerRecord, as_of
from models.columns import CompiledCatalogue
from models.contact_evidence import ItemNames, Topic, facts, topic_of_feature
from models.contact_reason import ContactReasonModel, contact_reason_index, contact_reason_inputs
from models.contact_rules import OTHER, REASONS, SAY, UNLISTED, UNTHOUGHT_OF, applying, weights
from models.local_time import utc_offset

_SUPPORT = 0.05
"""Log odds that a topic must add to a reason for its facts to be shown."""
_SHOWN = 3
"""Facts for one reason, at most."""


class Origin(StrEnum):
    MODEL = "model"
    RULES = "rules"


@dataclass(frozen=True, slots=True)
class LikelyReason:
    """say: one sentence without anything personal, for a machine to read out. evidence: facts of the log."""

    reason: str
    probability: float
    evidence: tuple[str, ...]
    say: str


@dataclass(frozen=True, slots=True)
class ContactReasons:
    """reasons: the likeliest first, what is no reason of its own last; none when nothing can be told. personal: whether
    anything about this person went into it."""

    origin: Origin
    personal: bool
    reasons: tuple[LikelyReason, ...]


def contact_reasons(
    record: CustomerRecord,
    events: Sequence[Event],
    moment: int,
    compiled: CompiledCatalogue,
    model: ContactReasonModel | None,
    item_names: ItemNames,
    limit: int,
    objects: bool,
) -> ContactReasons:
    """Why the person contacts us at `moment` (ms UTC; see models.contact_moment), at most `limit` reasons. record: as
    of the moment or later. events: those of EVIDENCE_KINDS, oldest first. model: None while there is none. objects: to
    profiling, so that nothing personal is read."""
    origin = Origin.RULES if model is None else Origin.MODEL
    say = compiled.catalogue.contact_reasons
    if objects or len(as_of(record.page, moment)) == 0:
        chances = {} if model is None else dict(zip(model.reasons, model.base_rates, strict=True))
        return ContactReasons(origin, False, _ranked(chances, {}, say, limit))
    row = _row(record, moment, compiled)
    found = facts(events, moment, item_names)
    if model is None:
        chances, topics = _by_rules(row)
    else:
        chances, topics = _by_model(row, model)
    evidence = {reason: tuple(fact for topic in about for fact in found[topic]) for reason, about in topics.items()}
    return ContactReasons(origin, True, _ranked(chances, evidence, say, limit))


def sentence(reason: str, say: Mapping[str, str]) -> str:
    """The catalogue's for this reason, else ours; never the words of a reason that somebody once typed."""
    return say.get(reason) or SAY.get(reason) or UNLISTED


def _row(record: CustomerRecord, moment: int, compiled: CompiledCatalogue) -> NDArray[np.float64]:
    """float64[1, contact_reason_inputs]."""
    offset = utc_offset(record.time_zone, compiled.catalogue.time_zone, moment)
    return build.rows(record.page, moment, offset, no_offer(), compiled.facts, contact_reason_index())


def _by_rules(row: NDArray[np.float64]) -> tuple[dict[str, float], dict[str, list[Topic]]]:
    columns = contact_reason_inputs()
    summed = weights(row, columns)[0]
    whole = float(summed.sum()) + UNTHOUGHT_OF
    chances = {reason: float(weight) / whole for reason, weight in zip(REASONS, summed, strict=True) if weight > 0.0}
    about: dict[str, list[Topic]] = {}
    for rule in applying(row[0], columns):
        topics = about.setdefault(rule.reason, [])
        if rule.about not in topics:
            topics.append(rule.about)
    return ({**chances, OTHER: UNTHOUGHT_OF / whole} if chances else {}), about


def _by_model(row: NDArray[np.float64], model: ContactReasonModel) -> tuple[dict[str, float], dict[str, list[Topic]]]:
    chances = dict(zip(model.reasons, model.probabilities(row)[0].tolist(), strict=True))
    added = model.forest.contributions(row)[0]
    present = np.isfinite(row[0]) & (row[0] != 0.0)  # what did not happen may raise a chance, but shows no fact
    return chances, {reason: _supporting(added[k] * present) for k, reason in enumerate(model.reasons)}


def _supporting(added: NDArray[np.float64]) -> list[Topic]:
    """The topics whose columns together raise a reason, most first. added: float64[inputs], log odds."""
    summed = {topic: float(added[columns].sum()) for topic, columns in _columns_by_topic().items()}
    return sorted((topic for topic, sum_ in summed.items() if sum_ > _SUPPORT), key=lambda topic: -summed[topic])


@cache
def _columns_by_topic() -> Mapping[Topic, NDArray[np.intp]]:
    topics = [topic_of_feature(name) for name in contact_reason_inputs()]
    return {topic: np.array([i for i, one in enumerate(topics) if one is topic], np.intp) for topic in Topic}


def _ranked(
    chances: Mapping[str, float], evidence: Mapping[str, tuple[str, ...]], say: Mapping[str, str], limit: int
) -> tuple[LikelyReason, ...]:
    order = sorted(chances, key=lambda reason: (reason == OTHER, -chances[reason], reason))
    return tuple(
        LikelyReason(
            reason=reason,
            probability=chances[reason],
            evidence=() if reason == OTHER else evidence.get(reason, ())[:_SHOWN],
            say=sentence(reason, say),
        )
        for reason in order[:limit]
    )
