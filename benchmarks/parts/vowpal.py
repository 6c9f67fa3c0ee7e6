"""Vowpal Wabbit as the one who decides in the simulator's loop: contextual bandit, action-dependent features, SquareCB.

It is asked at the same opportunities, may choose among the same eligible actions (and none), and learns from each
choice at once, with the whole reward, where nextbest hears of a sale on the day that it happens and learns between two
rounds.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from vowpalwabbit import Workspace

from training.simulation.client import Client
from training.simulation.events import Happening, day_of
from training.simulation.goods import CATEGORIES, CATEGORY, CHANNELS, SERVICE
from training.simulation.judged import NOTHING
from training.simulation.loop import Asking, Choice, Opportunity
from training.simulation.truth import Truth
from training.simulation.world import World

SCALE = 5.0
"""EUR that are a reward of 1."""
OPTIONS = (
    "--cb_explore_adf --squarecb --cb_type mtr -q pa -q ca -q ha --cubic hca "
    "--gamma_scale 5000 --power_t 0 -l 0.1 -b 22 --quiet"
)
"""The best of six that were tried on the people of seed 1, gates simulated: with VW's own learning rate, or rewards
scaled by 20, it came to choose nothing at all; with SquareCB's own gamma it stayed at random."""


class Memory:
    """What VW's features are counted from: all that the service is told, too. Counts fade by half in their days."""

    def __init__(self, truth: Truth) -> None:
        shape = (truth.people, len(CATEGORIES))
        self.truth = truth
        self.day = 0
        self.bought_at, self.bought, self.viewed, self.viewed_at = (np.zeros(shape) for _ in range(4))
        self.bought_at -= 1e4
        self.viewed_at -= 1e4
        self.shown = np.zeros((truth.people, len(truth.actions)))
        self.won = np.zeros(shape)
        self.pressure, self.trouble = np.zeros(truth.people), np.zeros(truth.people, bool)
        self.comes = np.zeros((truth.people, len(CHANNELS)))
        self._channel = {channel.id: number for number, channel in enumerate(CHANNELS)}

    def to(self, day: int) -> None:
        passed = max(0, day - self.day)
        fading = ((self.bought, 90), (self.viewed, 7), (self.shown, 14), (self.pressure, 7), (self.comes, 28))
        for counts, days in fading if passed else ():
            np.multiply(counts, 0.5 ** (passed / days), out=counts)
        self.day = max(self.day, day)

    def see(self, one: Happening) -> None:
        day = day_of(one.at)
        self.to(day)
        category = None if one.item is None else CATEGORY[one.item[:-2]]
        if category is not None and one.name == "Order Completed":
            self.bought[one.person, category] += 1
            self.bought_at[one.person, category] = max(day, self.bought_at[one.person, category])
        elif category is not None:
            self.viewed[one.person, category] += 1
            self.viewed_at[one.person, category] = day
        elif one.name in ("Case Opened", "Case Closed"):
            self.trouble[one.person] = one.name == "Case Opened"
        elif one.channel in self._channel:
            self.comes[one.person, self._channel[one.channel]] += 1


def _log(value: float) -> str:
    return f"{np.log1p(value):.3f}"


class ByVowpal:
    """Decides with a Workspace of its own; logs nothing at the service, whose gates it obeys."""

    def __init__(self, client: Client, truth: Truth, past: Sequence[Happening], seed: int) -> None:
        self._asking = Asking(client, dry_run=True)
        self._memory = Memory(truth)
        self._vw = Workspace(f"{OPTIONS} --random_seed {seed}")
        self._rng = np.random.default_rng([seed, 77])
        self._said: dict[Opportunity, tuple[str, list[int], int, float]] = {}
        self.live(sorted(past, key=lambda one: one.at))

    def live(self, happenings: Sequence[Happening]) -> None:
        for one in sorted(happenings, key=lambda one: one.at):
            self._memory.see(one)

    def choose(self, world: World, opportunities: Sequence[Opportunity]) -> list[Choice]:
        self._memory.to(world.day)
        self._said.clear()
        return [
            Choice(self._pick(one, choice), choice.eligible, "")
            for one, choice in zip(opportunities, self._asking.asked(world, opportunities), strict=True)
        ]

    def _pick(self, one: Opportunity, choice: Choice) -> int:
        pool = [*np.flatnonzero(choice.eligible).tolist(), NOTHING]
        shared = self._shared(one)
        lines = [self._action(one, action) for action in pool]
        chances = np.array(self._vw.predict("\n".join([shared, *lines])), float)
        chances = np.maximum(chances, 0) / np.maximum(chances, 0).sum()
        place = int(self._rng.choice(len(pool), p=chances))
        self._said[one] = (shared, pool, place, float(chances[place]))
        return pool[place]

    def hear(self, opportunity: Opportunity, choice: Choice, reward: float) -> None:
        shared, pool, place, chance = self._said.pop(opportunity)
        lines = [self._action(opportunity, action) for action in pool]
        lines[place] = f"0:{-reward / SCALE:.5f}:{chance:.6f} {lines[place]}"
        self._vw.learn("\n".join([shared, *lines]))
        if choice.action == NOTHING:
            return
        self._memory.shown[opportunity.person, choice.action] += 1
        self._memory.pressure[opportunity.person] += 1
        category = self._memory.truth.category[choice.action]
        if reward > 0 and category != SERVICE:
            self._memory.won[opportunity.person, category] += 1

    def _shared(self, one: Opportunity) -> str:
        m, p = self._memory, one.person
        bought = " ".join(f"b{c}:{_log(m.bought[p, c])}" for c in np.flatnonzero(m.bought[p] > 0.05))
        viewed = " ".join(f"v{c}:{_log(m.viewed[p, c])}" for c in np.flatnonzero(m.viewed[p] > 0.05))
        comes = " ".join(f"c{c}:{_log(m.comes[p, c])}" for c in np.flatnonzero(m.comes[p] > 0.05))
        person = f"age{m.truth.age[p] // 10} size{m.truth.household[p]} trouble{int(m.trouble[p])}"
        state = f"pressure:{_log(m.pressure[p])} {comes}"
        return f"shared |p {person} |c {CHANNELS[one.channel].id} |u {bought} {viewed} |s {state}"

    def _action(self, one: Opportunity, action: int) -> str:
        """|h: this person's own history with what the action is about, binned as linear models want it."""
        if action == NOTHING:
            return "|a nothing"
        m, p, what = self._memory, one.person, self._memory.truth.actions[action]
        own = [f"shown:{_log(m.shown[p, action])}", f"trouble{int(m.trouble[p])}"]
        if what.category != SERVICE:
            c = what.category
            since, looked = m.day - m.bought_at[p, c], m.day - m.viewed_at[p, c]
            usual = CATEGORIES[c].interval
            own.append(f"since{int(min(np.log2(1 + since), 9))}")
            own.append(f"due{int(min(5 * since / usual, 10))}" if usual else f"owned{int(since < 2_000)}")
            own += [
                f"looked{int(min(looked, 30) // 5)}",
                f"bought:{_log(m.bought[p, c])}",
                f"viewed:{_log(m.viewed[p, c])}",
            ]
            own.append(f"won:{_log(m.won[p, c])}")
        facts = (
            f"{what.id} kind={what.kind} group={what.group} category={what.category} value:{np.log1p(what.value):.2f}"
        )
        return f"|a {facts} |h {' '.join(own)}"
