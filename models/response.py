"""P(positive outcome | customer, action, channel, moment), calibrated: what the decision ranks by."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from features import build
from features.candidates import Candidates
from features.history import CustomerRecord
from models.affinity import affinity_log_odds
from models.bundle import Bundle
from models.calibration import IDENTITY
from models.columns import CompiledCatalogue
from models.inputs import beside_features, response_columns, response_shared
from models.reasons import Additions
from models.scoring import Scores


class ModelScorer:
    """Scores with a bundle; implements models.scoring.Scorer. version: the registry's."""

    def __init__(self, bundle: Bundle, version: str) -> None:
        self.version = version
        self._bundle = bundle
        self._figures: tuple[CompiledCatalogue | None, NDArray[np.float64]] = (None, np.zeros((0, 0)))

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
        log_odds, figures = self._need(rows, candidates.category, compiled)
        raw = self._bundle.response.raw(rows, beside_features(log_odds, figures), response_shared())
        return Scores(
            response=self._bundle.calibration.apply(raw),
            affinity=IDENTITY.apply(log_odds),
            rows=rows,
        )

    def additions(
        self, rows: NDArray[np.float64], category: NDArray[np.int32], compiled: CompiledCatalogue
    ) -> Additions:
        """What each column adds to the calibrated log odds; implements models.reasons.Explains."""
        columns = response_columns(rows, *self._need(rows, category, compiled))
        added = self._bundle.response.contributions(columns)[:, 0, :]
        return Additions(columns, added * self._bundle.calibration.slope)

    def _need(
        self, rows: NDArray[np.float64], category: NDArray[np.int32], compiled: CompiledCatalogue
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """The affinity of each row of one customer, and the population's figures of its category."""
        figures = self._population(compiled)
        return affinity_log_odds(self._bundle.affinity, rows, category, figures), figures[category]

    def _population(self, compiled: CompiledCatalogue) -> NDArray[np.float64]:
        """The bundle's figures in the catalogue's order, kept for as long as the catalogue stays the same."""
        known, figures = self._figures
        if known is not compiled:
            figures = self._bundle.population.by_number(compiled.catalogue.categories)
            self._figures = (compiled, figures)
        return figures
