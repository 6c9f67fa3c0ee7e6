"""Learns how late successes come after their contacts, by channel (see models.response_delay for what that means)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import nnls

from features.progress import Progress
from features.vocabulary import Vocabulary
from models.response_delay import ResponseDelay, later
from training.contacts import contacts, reward_rules
from training.table import Dataset

FEWEST = 50
"""Successes, without which nothing is learned of a channel, nor of all together."""

ENOUGH = 20_000
"""Successes of everybody together: more tell nothing new, and a store may hold millions."""

_SEED = 7
_POINTS = 400
_SECOND = 1_000.0
_LONGEST = 60 * 86_400_000.0


@dataclass(frozen=True, slots=True)
class Learned:
    """remark: one line for people. delay: None when too little succeeded to learn from."""

    remark: str
    delay: ResponseDelay | None = None


def learn(dataset: Dataset, vocabulary: Vocabulary, progress: Progress) -> Learned:
    """Deterministic for the dataset. vocabulary: of the store that it was read from."""
    with progress.step("Learn how late successes come", total=None):
        channel, delays = _delays(dataset, vocabulary)
        if len(delays) < FEWEST:
            return Learned(
                f"delays of successes are not learned, nothing is lifted by live response: {len(delays)} successes; "
                f"{FEWEST} are needed; import more outcomes"
            )
        names = {dataset.compiled.channel_codes[name]: name for name in dataset.compiled.catalogue.channels}
        by_channel = {names[code]: delays[channel == code] for code in np.unique(channel).tolist()}
        found = {name: fit(one) for name, one in by_channel.items() if len(one) >= FEWEST}
        delay = ResponseDelay(dataset.known_at, dict(sorted(found.items())), fit(delays))
    half = np.median(delays) / 3_600_000
    return Learned(
        f"delays of successes: of {len(found)} channels, from {len(delays):,}; half within {half:,.1f} h", delay
    )


def fit(delays: NDArray[np.float64]) -> tuple[float, ...]:
    """Weights of the mixture whose chances of longer delays are nearest to those observed (least squares). delays:
    float64[n], ms, at least one."""
    ages = np.unique(
        np.concatenate([[0.0], np.geomspace(_SECOND, _LONGEST, _POINTS), np.linspace(0, _LONGEST, _POINTS)])
    )
    observed = 1.0 - np.searchsorted(np.sort(delays), ages, side="right") / len(delays)
    weights, _ = nnls(later(ages), observed)
    weights /= max(1.0, float(weights.sum()))
    return tuple((np.floor(weights * 1e6) / 1e6).tolist())  # never up: more than 1 in all is no mixture


def _delays(dataset: Dataset, vocabulary: Vocabulary) -> tuple[NDArray[np.uint8], NDArray[np.float64]]:
    """Of successes, by people in an order drawn, until there are enough: channel codes, and ms from the contact until
    the success was told."""
    rules = reward_rules(dataset.compiled, vocabulary)
    channels, delays, count = list[NDArray[np.uint8]](), list[NDArray[np.float64]](), 0
    for person in np.random.default_rng(_SEED).permutation(len(dataset.histories)).tolist():
        found = contacts(dataset.histories[person], rules, dataset.known_at)
        found = found[found["success"]]
        channels.append(found["channel"])
        delays.append((found["told_at"] - found["at"]).astype(np.float64))
        count += len(found)
        if count >= ENOUGH:
            break
    return np.concatenate([np.zeros(0, np.uint8), *channels]), np.concatenate([np.zeros(0), *delays])
