"""Vowpal Wabbit choosing among the rewards offers: what it learns from the log, and what it would then choose.

cb_explore_adf with SquareCB and with cover (Foster and Rakhlin 2020; Agarwal et al. 2014), learned from the logged
offers with their chances, in the order in which they went out. It sees the offers' own facts, the customer's profile
and what the customer was sent and completed before, all crossed with one another.
"""

from __future__ import annotations

from collections.abc import Iterator
from importlib import import_module
from importlib.util import find_spec
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from benchmarks.parts.rewards import WINDOW_HOURS, Log

if TYPE_CHECKING:
    from vowpalwabbit import Workspace

INSTALLED = find_spec("vowpalwabbit") is not None
CROSSED = "--quiet --random_seed 1 -q UA -q UH -q HA -q HO -q UO --ignore_linear U --ignore_linear H -b 20"
EXPLORERS = {
    "Vowpal Wabbit, SquareCB": "--cb_explore_adf --squarecb --gamma_scale 100",
    "Vowpal Wabbit, cover 5": "--cb_explore_adf --cover 5",
}
PASSES = 5


def policies(log: Log, judged: NDArray[np.intp], since: int) -> dict[str, NDArray[np.float64]]:
    """By explorer, twice: with its own exploration, and always its likeliest. float64[n x offers] chances. Empty
    where Vowpal Wabbit is not installed."""
    if not INSTALLED:
        return {}
    histories = history(log)
    known = np.flatnonzero(log.hour + WINDOW_HOURS < since)
    found = {}
    for name, options in EXPLORERS.items():
        chances = _learned(log, histories, known, judged, options)
        likeliest = np.zeros_like(chances)
        likeliest[np.arange(len(chances)), chances.argmax(axis=1)] = 1.0
        found[f"{name}, its likeliest"] = likeliest.ravel()
        found[f"{name}, exploring"] = chances.ravel()
    return found


def history(log: Log) -> NDArray[np.float64]:
    """float64[n, 2 x offers]: how often each offer was sent to the row's customer before its wave, and completed by
    then."""
    _, person = np.unique(log.customer, return_inverse=True)
    made = np.zeros((len(person), 2 * len(log.names)))
    for wave in np.unique(log.hour):
        rows = np.flatnonzero(log.hour == wave)
        sums = np.zeros((person.max() + 1, 2 * len(log.names)))
        before = log.hour < wave
        np.add.at(sums, (person[before], log.offer[before]), 1.0)
        done = before & (log.completed_hour < wave)
        np.add.at(sums, (person[done], len(log.names) + log.offer[done]), 1.0)
        made[rows] = sums[person[rows]]
    return made


def _learned(
    log: Log, histories: NDArray[np.float64], known: NDArray[np.intp], judged: NDArray[np.intp], options: str
) -> NDArray[np.float64]:
    learner: Workspace = import_module("vowpalwabbit").Workspace(f"{options} {CROSSED}")
    for _ in range(PASSES):
        for row in known[np.argsort(log.hour[known], kind="stable")].tolist():
            learner.learn(list(_example(log, histories, row, learning=True)))
    chances = np.array([_chances(learner, list(_example(log, histories, row, learning=False))) for row in judged])
    learner.finish()
    return chances


def _chances(learner: Workspace, example: list[str]) -> list[float]:
    found: list[float] = learner.predict(example)
    total = sum(found)
    return [one / total for one in found]


def _example(log: Log, histories: NDArray[np.float64], row: int, *, learning: bool) -> Iterator[str]:
    age, income, female, male, registered = log.profile[row]
    profile = {"age": age / 100, "income": income / 100_000, "f": female, "m": male, "days": registered / 1_000}
    told = " ".join(f"{name}:{value:.3f}" for name, value in profile.items() if not np.isnan(value))
    sent, done = np.split(histories[row], 2)
    past = f"sent:{sent.sum():.0f} done:{done.sum():.0f} share:{done.sum() / max(sent.sum(), 1.0):.3f} one"
    yield f"shared |U {told} one |H {past}"
    for place, facts in enumerate(log.facts):
        cost = f"0:{-float(log.success[row])}:{1.0 / len(log.names)} " if learning and place == log.offer[row] else ""
        reward, difficulty, duration, web, mobile, social, bogo, discount = facts
        described = f"reward:{reward / 10} difficulty:{difficulty / 20} duration:{duration / 240} web:{web} "
        described += f"mobile:{mobile} social:{social} bogo:{bogo} discount:{discount} o{place}"
        own = f"|O sent:{sent[place]:.0f} done:{done[place]:.0f} id=o{place}"
        yield f"{cost}|A {described} {own}"
