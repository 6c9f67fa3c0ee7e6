"""P(positive outcome | customer, action, channel, moment), calibrated: what the decision ranks by."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from features import build
from features.candidates import Candidates
from features.history import CustomerRecord
from models.affinity import Needs
from models.bundle import Bundle
from models.calibration import IDENTITY
from models.columns import CompiledCatalogue
from models.drift import Reference
from models.inputs import NEED_INPUTS, beside_features, response_columns, response_shared
from models.interest import interest_log_odds
from models.policy_rules import RankBy
from models.reasons import Additions
from models.scoring import Scores


class ModelScorer:
    """Scores with a bundle; implements models.scoring.Scorer and models.drift.Referenced. version: the registry's."""

    def __init__(self, bundle: Bundle, version: str) -> None:
        self.version = version
        self._bundle = bundle
        self._known: _Known | None = None

    @property
    def reference(self) -> Reference | None:
        return self._bundle.reference

    def score(
        self,
        record: CustomerRecord,
        moment: int,
        utc_offset: int,
        candidates: Candidates,
        compiled: CompiledCatalogue,
    ) -> Scores:
        """One customer, one moment; see the protocol."""
        rows = build.rows(record.page, moment, utc_offset, candidates, compiled.facts)
        known = self._about(rows, candidates, compiled)
        log_odds, beside, shared = known[0][:, 0], beside_features(*known), response_shared()
        raw = self._bundle.response.raw(rows, beside, shared)
        scores = Scores(self._bundle.calibration.apply(raw), IDENTITY.apply(log_odds), rows)
        incremental = self._bundle.incremental if compiled.catalogue.rank_by is RankBy.INCREMENTAL else None
        if incremental is None:
            return scores
        try:
            return replace(scores, effect=incremental.effect(rows, beside, shared))
        except Exception as error:  # noqa: BLE001 however the effect fails, the response stands
            return replace(scores, effect_fault=f"effect: {type(error).__name__}: {error}")

    def additions(self, rows: NDArray[np.float64], candidates: Candidates, compiled: CompiledCatalogue) -> Additions:
        """What each column adds to the calibrated log odds; implements models.reasons.Explains."""
        columns = response_columns(rows, *self._about(rows, candidates, compiled))
        added = self._bundle.response.contributions(columns)[:, 0, :]
        return Additions(columns, added * self._bundle.calibration.slope)

    def _about(
        self, rows: NDArray[np.float64], candidates: Candidates, compiled: CompiledCatalogue
    ) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
        """What each row of one customer tells of need, the population's figures of its category, its track record."""
        known = self._of(compiled)
        row = compiled.candidate_indices(candidates.action, candidates.channel)
        category, figures, model = candidates.category, known.figures, self._bundle
        of_need = Needs.of(rows, category, figures)
        needs = np.empty((len(rows), len(NEED_INPUTS)))
        needs[:, 0] = of_need.affinity(model.affinity)
        needs[:, 1] = interest_log_odds(model.interest, of_need, category, known.levels)
        return needs, figures[category], known.track[row]

    def _of(self, compiled: CompiledCatalogue) -> _Known:
        """Kept for as long as the catalogue stays the same."""
        known = self._known
        if known is None or known.compiled is not compiled:
            model, categories = self._bundle, compiled.catalogue.categories
            levels = np.zeros(len(categories) + 1) if model.interest is None else model.interest.by_number(categories)
            figures, track = model.population.by_number(categories), model.track_record.by_row(compiled)
            known = self._known = _Known(compiled, figures, levels, track)
        return known


@dataclass(frozen=True, slots=True, eq=False)
class _Known:
    """What the bundle knows of a catalogue's categories (Population.by_number, InterestModel.by_number) and actions
    (TrackRecord.by_row)."""

    compiled: CompiledCatalogue
    figures: NDArray[np.float64]
    levels: NDArray[np.float64]
    track: NDArray[np.float64]
