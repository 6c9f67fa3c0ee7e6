"""The first model, for whoever has contacted nobody yet, or too few to learn how they respond: people are offered what
they turn to.

Nothing in it was measured on contacts. That somebody responds to what they are interested in is taken for granted; how
much, and how often anybody does, is declared here, and put right by live response until `nextbest train` finds enough
successes to learn from.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import numpy as np
from numpy.typing import NDArray

from features.live_response import PACES
from features.progress import Progress
from models.bundle import Bundle, Provenance
from models.calibration import Calibration
from models.document_fields import text_of
from models.forest import Forest
from models.inputs import AFFINITY_INPUT, INTEREST_INPUT, response_inputs
from models.response_delay import ResponseDelay
from training import affinity
from training.backbone import INTERESTED, WORN, WORN_INPUT, staircase
from training.growing import matrix
from training.settings import TrainingSettings
from training.table import Dataset, Exposures, Pairs
from training.track_records import track_records
from training.train import response_rows

STRENGTH: Final[Mapping[str, float]] = {INTEREST_INPUT: INTERESTED, AFFINITY_INPUT: 0.4}
"""Log odds of a response for one of the column, the first that is known: less than 1, for among many actions the best
looking is the one that is overrated most. Affinity is of a month, in which many buy who do not want it now."""

RATE: Final = 0.02
HELD: Final = 2.0
"""How often anybody responds, as long as contacts do not say: held towards by so many successes."""

LADDER: Final = np.concatenate([np.arange(0.0, 3.0, 0.1), np.arange(3.0, 12.5, 0.5)])
"""Of WORN_INPUT."""

PEOPLE: Final = 500
"""Drawn, to see how the column lies."""

_DAY_OR_SO: Final = 8
"""Of PACES: successes come after a day on average."""


def first_model(dataset: Dataset, settings: TrainingSettings, progress: Progress) -> Bundle:
    """Raises NothingToLearn without enough purchases."""
    fits, records = affinity.fit_all(dataset, settings, progress), track_records(dataset)
    latest, exposures = fits[-1], dataset.exposures
    name = AFFINITY_INPUT if latest.interest is None else INTEREST_INPUT
    with progress.step("Respond as people turn to things", total=None):
        columns = response_rows(dataset, _asked(dataset, settings.seed), [latest], records[-1:])
        place = response_inputs().index(name)
        told = np.append(columns[:, place], np.nan)
        # How often is the calibration's, which holds where nothing is known, too.
        even = line(told, STRENGTH[name], 0.5)
        response, often = _forest(told, even, place, settings.seed), rate(exposures)
    successes = int(exposures.success.sum())
    provenance = Provenance(
        dataset.known_at, dataset.digest, dataset.compiled.version, settings.seed, len(exposures), successes
    )
    return Bundle(
        provenance=provenance,
        affinity=latest.forest,
        response=response,
        calibration=Calibration(1.0, float(np.log(often / (1.0 - often)))),
        population=latest.population,
        track_record=records[-1],
        interest=latest.interest,
        response_delay=ResponseDelay(dataset.known_at, {}, tuple(float(n == _DAY_OR_SO) for n in range(len(PACES)))),
    )


def rate(exposures: Exposures) -> float:
    return (float(exposures.success.sum()) + HELD) / (len(exposures) + HELD / RATE)


def line(told: NDArray[np.float64], strength: float, rate: float) -> NDArray[np.float64]:
    """float64[n], log odds, so that `rate` of all that is known is expected to succeed; of what is unknown, too."""
    known = ~np.isnan(told)
    risen = strength * np.where(known, told, 0.0)
    mean = float(np.log(np.exp(risen[known]).mean())) if known.any() else 0.0
    return np.asarray(np.where(known, risen - mean, 0.0) + np.log(rate / (1.0 - rate)), np.float64)


def _forest(told: NDArray[np.float64], wanted: NDArray[np.float64], place: int, seed: int) -> Forest:
    """Nobody may have been offered anything yet, so that how often they were goes up a ladder that nobody stands on."""
    columns, lately = np.full((len(told), len(response_inputs())), np.nan), response_inputs().index(WORN_INPUT)
    columns[:, place], columns[:, lately] = told, np.resize(LADDER, len(told))
    grown = matrix(columns, wanted, response_inputs())
    begun = staircase(grown, place, wanted, seed, None)
    tired = staircase(grown, lately, -WORN * np.log1p(columns[:, lately]), seed, begun)
    return Forest(tired.model_to_string())


def _asked(dataset: Dataset, seed: int) -> Exposures:
    """Some people, now, each about one action of each category, and about one of none."""
    rng, offers = np.random.default_rng([seed, 2]), dataset.compiled.all
    people = np.sort(rng.permutation(len(dataset.histories))[:PEOPLE]).astype(np.int32)
    _, candidate = np.unique(offers.category, return_index=True)
    person, row = np.repeat(people, len(candidate)), np.tile(candidate.astype(np.int32), len(people))
    moment = np.full(len(person), dataset.known_at, np.int64)
    newest = np.full(len(person), dataset.compiled.version, np.int64)
    pairs = Pairs(person, moment, row, offers.category[row])
    return Exposures(pairs, moment, np.zeros(len(person), np.bool_), newest)


def card(dataset: Dataset, model: Bundle, why: str) -> str:
    """What a person should know before trusting it. why: it is not learned from contacts."""
    column = "what they look at and buy" if model.interest is not None else "what they buy within a month"
    origin = model.provenance
    return f"""# Model card

A first model: nothing in it was measured on contacts ({why}).

- it ranks what is offered by {column}, learned from {dataset.people:,} people; everything else is equally likely
- how strongly people respond to what interests them is declared, and so are how much less to what they were just
  offered, and how often they do ({rate(dataset.exposures):.1%});
  probabilities are no more than an order until live response and the next training put them right
- sees nothing recorded after {text_of(origin.trained_until)}
- {origin.exposures:,} contacts had matured by then, {origin.positives:,} of them successes
- dataset {origin.dataset_digest}
- catalogue version {origin.catalogue_version}; seed {origin.seed}
"""
