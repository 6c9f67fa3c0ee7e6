"""Whether a bundle that was loaded scores as a model must, before it decides anything.

Its trees give the sums that were recorded in training, to the last bit (bundles of earlier versions recorded none, or
none of the effect's); and invented people, one of whom nothing is known and one with a full page, are scored over the
whole catalogue: as many scores as candidates, probabilities all, the same again; effects, where the model knows them,
all finite, whatever the catalogue of the day ranks by.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from features.event import Kind
from features.history import EVENT, CustomerRecord
from models.bundle import Bundle, BundleFailed
from models.columns import CompiledCatalogue
from models.forest import Forest
from models.policy_rules import RankBy
from models.recorded_scores import RecordedScores
from models.response import ModelScorer
from models.scoring import Scores, ScoringFailed, checked

_EVENTS = 1_024
"""Of the busy one: as many as a page holds."""
_APART = 3_600_000
"""ms between them."""
_KINDS = (Kind.VIEWED, Kind.ORDERED, Kind.SENT, Kind.DISPLAYED, Kind.CLICKED, Kind.REFUNDED, Kind.CALL_STARTED)


def check_recorded(loaded: Bundle) -> None:
    """Raises BundleFailed."""
    if loaded.self_test is None:
        return
    _check_sums("affinity", loaded.affinity, loaded.self_test.affinity)
    _check_sums("response", loaded.response, loaded.self_test.response)
    if loaded.interest is not None and loaded.self_test.interest is not None:
        _check_sums("interest", loaded.interest.forest, loaded.self_test.interest)
    forests, recorded = _forests(loaded), loaded.self_test.incremental
    if recorded and len(recorded) != len(forests):
        raise BundleFailed(f"effect has {len(forests)} forests and records of {len(recorded)}; train again")
    for number, (forest, sums) in enumerate(zip(forests, recorded, strict=False), 1):
        _check_sums(f"effect's forest {number}", forest, sums)


def check(loaded: Bundle, compiled: CompiledCatalogue, moment: int) -> None:
    """moment: ms UTC, of the invented decisions. Raises BundleFailed."""
    check_recorded(loaded)
    scorer = ModelScorer(loaded, "self-test")
    asked = replace(compiled, catalogue=replace(compiled.catalogue, rank_by=RankBy.INCREMENTAL))
    for customer in _people(asked, moment):
        first, again = (_scored(scorer, customer, asked, moment) for _ in range(2))
        if _bytes(first) != _bytes(again):
            raise BundleFailed(f"scores of {customer.customer_id} are others the second time; train again")


def _forests(loaded: Bundle) -> tuple[Forest, ...]:
    return () if loaded.incremental is None else loaded.incremental.forests


def _bytes(scores: Scores) -> list[bytes]:
    every = (scores.response, scores.affinity, scores.effect)
    return [one.tobytes() for one in every if one is not None]


def _check_sums(name: str, forest: Forest, recorded: RecordedScores) -> None:
    try:
        found = forest.raw(recorded.rows)
    except ValueError as error:
        raise BundleFailed(f"{name} cannot sum up its recorded rows ({error}); train again") from error
    differing = np.flatnonzero(found != recorded.raw)
    if len(differing):
        row = int(differing[0])
        raise BundleFailed(
            f"{name} gives {found[row]!r} for recorded row {row}; training had {recorded.raw[row]!r}; "
            "they are equal to the last bit; train again, or look for another LightGBM format"
        )


def _scored(scorer: ModelScorer, customer: CustomerRecord, compiled: CompiledCatalogue, moment: int) -> Scores:
    try:
        scores = checked(scorer.score(customer, moment, 0, compiled.all, compiled), len(compiled.action))
    except ScoringFailed as error:
        raise BundleFailed(f"scores of {customer.customer_id}: {error}") from error
    if scores.effect_fault is not None:
        raise BundleFailed(f"scores of {customer.customer_id}: {scores.effect_fault}")
    known = scores.affinity[~np.isnan(scores.affinity)]
    if not ((known >= 0.0) & (known <= 1.0)).all():
        who = customer.customer_id
        raise BundleFailed(f"affinity of {who} is outside 0 to 1; it must be a probability; train again")
    return scores


def _people(compiled: CompiledCatalogue, moment: int) -> Iterator[CustomerRecord]:
    """SYNTHETIC."""
    yield CustomerRecord(-1, "nobody known", known=False)
    number = np.arange(_EVENTS)
    page = np.zeros(_EVENTS, EVENT)
    page["kind"] = np.array(_KINDS, np.uint8)[number % len(_KINDS)]
    page["occurred_at"] = page["recorded_at"] = moment - _APART * number[::-1]
    page["sequence"], page["order"], page["quantity"] = number + 1, number // 2 + 1, 1.0
    page["amount"] = np.where(number % 5 == 0, np.nan, 1.0 + number % 97)
    page["item"] = number % max(1, len(compiled.facts.category))
    page["action"], page["channel"] = -1, 255
    offered = np.isin(page["kind"], [Kind.SENT, Kind.DISPLAYED, Kind.CLICKED])
    if len(compiled.all):
        rows = number[offered] % len(compiled.all)
        page["action"][offered], page["channel"][offered] = compiled.all.action[rows], compiled.all.channel[rows]
    yield CustomerRecord(-1, "a full page", known=True, page=np.frombuffer(page.tobytes(), EVENT))
