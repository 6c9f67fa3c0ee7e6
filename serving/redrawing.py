"""The chances of logged draws, and of another policy in their place: what training.offpolicy.redrawn asks for."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import lru_cache

import numpy as np

from features.history import text_code
from features.live_response import NO_LIFTS
from features.stores.protocol import LoggedDecision
from models.bundle import Bundle
from models.catalogue import CatalogueError
from models.columns import CompiledCatalogue
from models.first_draws import Choice, FirstDraw
from models.policy.bought import not_to_be_offered
from models.policy.exploration import UNIFORM
from models.policy.gates import GATES
from models.policy.version import POLICY, Policy
from models.policy_rules import Arm
from models.response import ModelScorer
from models.rows_of_then import RowsOfThen
from models.withheld_first import Withheld, withheld_first
from serving.replaying import Replayer, Then

Redraw = Callable[[LoggedDecision, Sequence[Sequence[Choice]]], Sequence[FirstDraw | None] | None]


def as_logged(replayer: Replayer) -> Redraw:
    """As it was drawn, in the customer's own arm."""
    return _by(replayer, lambda then, taken: then.first_draws(then.compiled, taken))


def at_random(replayer: Replayer) -> Redraw:
    """As the random arm draws: on a channel that forbids exploring, the best."""
    policy = Policy(GATES, UNIFORM)
    return _by(replayer, lambda then, taken: then.first_draws(then.compiled, taken, policy, Arm.FULL))


def by_catalogue(replayer: Replayer, version: int) -> Redraw:
    """By a version of the catalogue that the store has, in the full arm, with the model of then."""
    return _by(
        replayer,
        lambda then, taken: then.first_draws(replayer.seen(version, then.logged), taken, arm=Arm.FULL),
    )


def withheld(
    replayer: Replayer,
) -> Callable[[LoggedDecision, Sequence[Sequence[Choice]]], Sequence[Withheld | None] | None]:
    """What each slate would have begun with, had it drawn an action: by the chances of the person's own arm, of the
    holdout by those of the full one. The dice are the decision's own, so that it is the same whenever it is asked.
    None: it cannot be made again."""

    def found(logged: LoggedDecision, taken: Sequence[Sequence[Choice]]) -> Sequence[Withheld | None] | None:
        then = replayer.then(logged)
        if not isinstance(then, Then):
            return None
        try:
            draws = then.first_draws(then.compiled, taken, arm=Arm.FULL if logged.arm == Arm.HOLDOUT else None)
        except CatalogueError:
            return None
        lots = np.random.default_rng(text_code(logged.decision_id)).random(len(draws))
        return tuple(withheld_first(*one) for one in zip(draws, lots.tolist(), strict=True))

    return found


def rows_again(replayer: Replayer) -> Callable[[LoggedDecision], RowsOfThen | None]:
    """The feature rows of a logged decision, made again. None: something of it is not kept."""

    def rows(logged: LoggedDecision) -> RowsOfThen | None:
        then = replayer.then(logged)
        if not isinstance(then, Then):
            return None
        try:
            weighed = then.weighed(then.compiled)
        except CatalogueError:
            return None
        situation, ranking = weighed.situation, weighed.ranking
        choices = tuple((situation.channel(one), situation.action_id(one)) for one in ranking.place.tolist())
        read = (then.published.prices, then.record.time_zone)
        return RowsOfThen(ranking.rows, choices, weighed.personalised, *read)

    return rows


class ByModel:
    """As another model draws by itself, in the full arm, by the catalogue of then; it notes whether a law is broken.
    What live response had counted for the model that decided lifts neither it nor whom it is compared with.

    decisions: ids of those that it decided anew. broken: in words, what it would have offered within the window of a
    purchase. took: CPU nanoseconds of the last time that it decided each, without reading what it decided from."""

    def __init__(self, replayer: Replayer, model: Bundle, version: str, policy: Policy = POLICY) -> None:
        scorer = ModelScorer(model, version)
        # One value for as long as possible: a scorer keeps what it knows of a catalogue.
        seen = lru_cache(4)(lambda catalogue: replayer.seen_with(catalogue, model))
        self.decisions: set[str] = set()
        self.broken: list[str] = []
        self.took: dict[str, int] = {}

        def draws(then: Then, taken: Sequence[Sequence[Choice]]) -> Sequence[FirstDraw | None]:
            compiled = seen(then.logged.catalogue_version)
            bare = replace(then, published=replace(then.published, lifts=NO_LIFTS))
            began = time.thread_time_ns()
            found = bare.first_draws(compiled, taken, policy, Arm.FULL, scorer)
            self.took[then.logged.decision_id] = time.thread_time_ns() - began
            self._note(then, compiled, found)
            return found

        self._redraw = _by(replayer, draws)

    def __call__(self, logged: LoggedDecision, taken: Sequence[Sequence[Choice]]) -> Sequence[FirstDraw | None] | None:
        return self._redraw(logged, taken)

    def _note(self, then: Then, compiled: CompiledCatalogue, found: Sequence[FirstDraw | None]) -> None:
        decision = then.logged.decision_id
        if decision in self.decisions:
            return
        self.decisions.add(decision)
        withheld = not_to_be_offered(then.record, compiled, then.logged.decided_at)
        offered = {action for draw in found if draw is not None for _, action in draw.choices}
        self.broken += [f"decision {decision} would offer {one}" for one in sorted(offered & withheld)]


def _by(replayer: Replayer, draws: Callable[[Then, Sequence[Sequence[Choice]]], Sequence[FirstDraw | None]]) -> Redraw:
    def redraw(logged: LoggedDecision, taken: Sequence[Sequence[Choice]]) -> Sequence[FirstDraw | None] | None:
        then = replayer.then(logged)
        if not isinstance(then, Then):
            return None
        try:
            return draws(then, taken)
        except CatalogueError:  # it has no such channel or placement, or cannot be read by this code
            return None

    return redraw
