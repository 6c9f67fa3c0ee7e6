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
from features.history import CustomerRecord, Records
from models.columns import CompiledCatalogue
from models.contact_evidence import ItemNames, Topic, facts, telling, topic_of_feature
from models.contact_moment import Question, known_events, known_records
from models.contact_reason import ContactReasonModel, contact_reason_index, contact_reason_inputs
from models.contact_rules import (
    OTHER,
    REASONS,
    SAY,
    TOLD_WEIGHT,
    TOLD_WITHIN,
    UNLISTED,
    UNTHOUGHT_OF,
    applying,
    weights,
)
from models.contact_told import age_in_days, places, tellings, told_columns
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
    asked: Question,
    compiled: CompiledCatalogue,
    model: ContactReasonModel | None,
    item_names: ItemNames,
    limit: int,
    objects: bool,
) -> ContactReasons:
    """Why the person contacts us, at most `limit` reasons. record: as of when it is asked. events: those of
    EVIDENCE_KINDS, oldest first; of both only what may be known is read. model: None while there is none. objects: to
    profiling, so that nothing personal is read."""
    origin = Origin.RULES if model is None else Origin.MODEL
    say = compiled.catalogue.contact_reasons
    known = known_records(record.page, asked)
    if objects or len(known) == 0:
        chances = {} if model is None else dict(zip(model.reasons, model.base_rates, strict=True))
        return ContactReasons(origin, False, _ranked(chances, {}, say, limit))
    row = contact_row(known, asked.moment, record.time_zone, compiled)
    heard = known_events(events, asked)
    told = tellings(heard)
    ages = {reason: age_in_days(one.occurred_at, asked.moment) for reason, one in told.items()}
    weighed = _by_rules(row, ages) if model is None else _by_model(row, model, ages)
    found = facts(heard, asked.moment, item_names, _SHOWN)
    evidence = {
        reason: tuple(fact for topic in about for fact in found[topic]) for reason, about in weighed.about.items()
    }
    evidence |= {reason: (telling(told[reason], asked.moment), *evidence.get(reason, ())) for reason in weighed.told}
    return ContactReasons(origin, True, _ranked(weighed.chances, evidence, say, limit))


def sentence(reason: str, say: Mapping[str, str]) -> str:
    """The catalogue's for this reason, else ours; never the words of a reason that somebody once typed."""
    return say.get(reason) or SAY.get(reason) or UNLISTED


def contact_row(known: Records, moment: int, zone: str | None, compiled: CompiledCatalogue) -> NDArray[np.float64]:
    """float64[1, contact_reason_inputs]."""
    offset = utc_offset(zone, compiled.catalogue.time_zone, moment)
    return build.rows(known, moment, offset, no_offer(), compiled.facts, contact_reason_index())


@dataclass(frozen=True, slots=True)
class _Weighed:
    """chances: by reason. about: the topics that speak for each. told: those for which it speaks that the person told
    them of an earlier contact."""

    chances: Mapping[str, float]
    about: Mapping[str, Sequence[Topic]]
    told: Sequence[str]


def _by_rules(row: NDArray[np.float64], ages: Mapping[str, float]) -> _Weighed:
    """ages: days since each reason was told."""
    columns = contact_reason_inputs()
    summed = dict(zip(REASONS, weights(row, columns)[0].tolist(), strict=True))
    told = [reason for reason, age in ages.items() if age < TOLD_WITHIN and reason != OTHER]
    for reason in told:
        summed[reason] = summed.get(reason, 0.0) + TOLD_WEIGHT
    whole = sum(summed.values()) + UNTHOUGHT_OF
    chances = {reason: weight / whole for reason, weight in summed.items() if weight > 0.0}
    about: dict[str, list[Topic]] = {}
    for rule in applying(row[0], columns):
        topics = about.setdefault(rule.reason, [])
        if rule.about not in topics:
            topics.append(rule.about)
    return _Weighed({**chances, OTHER: UNTHOUGHT_OF / whole} if chances else {}, about, told)


def _by_model(row: NDArray[np.float64], model: ContactReasonModel, ages: Mapping[str, float]) -> _Weighed:
    """ages: as for _by_rules."""
    own = zip(places(ages, model.reasons, OTHER), ages.values(), strict=True)
    told = told_columns(1, len(model.reasons), [(0, place, age) for place, age in own])
    whole = np.hstack([row, told])
    chances = dict(zip(model.reasons, model.probabilities(whole)[0].tolist(), strict=True))
    added = model.contributions(whole)[0]
    read = whole[0, : added.shape[1]]
    added = added * (np.isfinite(read) & (read != 0.0))  # what did not happen may raise a chance, but shows no fact
    about = {reason: _supporting(added[k]) for k, reason in enumerate(model.reasons)}
    raised = dict(zip(model.reasons, added[:, row.shape[1] :].sum(axis=1) > _SUPPORT, strict=True))
    return _Weighed(chances, about, [reason for reason in ages if raised.get(reason, False)])


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
