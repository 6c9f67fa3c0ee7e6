"""A simulation from beginning to end: SYNTHETIC people, the real service and the real commands, in simulated time."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Final

import msgspec

from features.progress import Progress
from features.stores import open_store
from training.simulation import goods
from training.simulation.client import Client
from training.simulation.events import Happening
from training.simulation.history import import_into, lived
from training.simulation.judged import POLICIES, Figures
from training.simulation.loop import ByService, Loop
from training.simulation.retraining import retrained_by
from training.simulation.running import Home
from training.simulation.truth import truth
from training.simulation.world import World

WARM_UP: Final = 90
"""Days that people have bought and looked, and were never contacted, before the first decision."""
ROUND: Final = 14
"""Days of a round."""
RANDOM_SHARE: Final = 0.02
"""Of the people, once a model serves; before, everybody is decided for at random."""


class Simulation(msgspec.Struct, frozen=True):
    """What a report holds. rewards: currency per decision. rounds: the last is all of them together. promoted: whether
    the model made before the first round was, then that after each."""

    synthetic: str
    people: int
    seed: int
    decisions_per_round: int
    days_per_round: int
    rounds: tuple[Figures, ...]
    promoted: tuple[bool, ...]


@dataclass(frozen=True, slots=True)
class Plan:
    """decisions: of each round. every: days from one retrain to the next, of which a round is a multiple."""

    people: int
    rounds: int
    decisions: int
    seed: int
    every: int = ROUND

    @property
    def stretches(self) -> int:
        """Of a round, each with a retrain behind it."""
        return ROUND // self.every


def opened(home: Home, plan: Plan, progress: Progress) -> tuple[World, list[Happening]]:
    """A world that has lived through its warm-up, the home's store that knows what was recorded of it, and just that.
    Raises StoreError."""
    actions = goods.actions(WARM_UP, ROUND)
    world = World(truth(plan.people, actions, plan.seed), plan.seed, 0)
    past = lived(world, WARM_UP, 0, progress)
    store = open_store(home.store_url)
    try:
        import_into(store, world, past, goods.catalogue(actions, 1.0), progress)
    finally:
        store.close()
    return world, past


@contextmanager
def served(home: Home, progress: Progress) -> Iterator[Client]:
    """A client of the home's service, which is ended in the end."""
    with ExitStack() as stack:
        with progress.step("Start the service"):
            client = Client(stack.enter_context(home.served()))
        stack.callback(client.close)
        yield client


def run(
    home: Home, plan: Plan, loop: Loop, progress: Progress, told: Callable[[str], None], *, retrained: bool
) -> tuple[bool, ...]:
    """All rounds; whether each model, made before the first decision and after each stretch but the last, was promoted.
    told: a line after each round. retrained: else none is made."""
    promoted: list[bool] = []
    last = plan.rounds * plan.stretches - 1
    if retrained:
        with progress.step("Train and promote before the first decision"):
            promoted.append(_taken_up(home, plan, loop, promoted))
    for number in range(last + 1):
        rounds, part = divmod(number, plan.stretches)
        wanted = plan.decisions * (part + 1) // plan.stretches - plan.decisions * part // plan.stretches
        with progress.step(f"Round {rounds + 1}: {wanted:,} decisions", wanted) as advance:
            loop.round(rounds + 1, plan.every, wanted, advance)
        if part == plan.stretches - 1:
            told(row(loop.log.figures(plan.seed)[-2]))
        if number < last and retrained:
            with progress.step(f"Train and promote after day {(number + 1) * plan.every}"):
                promoted.append(_taken_up(home, plan, loop, promoted))
    return tuple(promoted)


def _taken_up(home: Home, plan: Plan, loop: Loop, before: Sequence[bool]) -> bool:
    """Whether a new model serves now; with the first that does, only some people stay in the random arm."""
    took_up = retrained_by(home, plan.seed, loop.client)
    if took_up and not any(before):
        loop.client.publish(goods.catalogue(loop.world.truth.actions, RANDOM_SHARE).document)
    return took_up


def simulated(home: Home, plan: Plan, progress: Progress, told: Callable[[str], None]) -> Simulation:
    """told: as run has it. Raises ServiceRefused, StoreError."""
    world, _ = opened(home, plan, progress)
    with served(home, progress) as client:
        loop = Loop(world, client, ByService(client))
        promoted = run(home, plan, loop, progress, told, retrained=True)
    return Simulation(
        "SYNTHETIC: no person, shop or sale in it is real", plan.people, plan.seed, plan.decisions, ROUND,
        tuple(loop.log.figures(plan.seed)), promoted,
    )  # fmt: skip


def table(rounds: tuple[Figures, ...]) -> str:
    """Markdown. Expected: the true expected net value of what was chosen, per decision."""
    head = ("round", "decisions", "realised", *(f"{one} (expected)" for one in POLICIES), "share of the oracle's gain")
    lines = ["| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
    return "\n".join([*lines, *(row(one) for one in rounds)])


def row(one: Figures) -> str:
    share = one.share
    told = "-" if share.share is None else f"{share.share:.1%} ({share.low:.1%} to {share.high:.1%})"
    rewards = [f"{one.reward[policy]:.3f}" for policy in POLICIES]
    return "| " + " | ".join([one.round, f"{one.decisions:,}", f"{one.realised:.3f}", *rewards, told]) + " |"
