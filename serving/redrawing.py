"""The chances of logged draws, and of another policy in their place: what training.offpolicy.redrawn asks for."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from features.stores.protocol import LoggedDecision
from models.catalogue import CatalogueError
from models.first_draws import Choice, FirstDraw
from models.policy.exploration import UNIFORM
from models.policy.gates import GATES
from models.policy.version import Policy
from models.policy_rules import Arm
from serving.replaying import Replayer, Then

Redraw = Callable[[LoggedDecision, Sequence[Sequence[Choice]]], Sequence[FirstDraw | None] | None]


def as_logged(replayer: Replayer) -> Redraw:
    """As it was drawn, in the customer's own arm."""
    return _by(replayer, lambda then, taken: then.first_draws(then.compiled, taken))


def at_random(replayer: Replayer) -> Redraw:
    """As the random arm draws."""
    policy = Policy(GATES, UNIFORM)
    return _by(replayer, lambda then, taken: then.first_draws(then.compiled, taken, policy, Arm.FULL))


def by_catalogue(replayer: Replayer, version: int) -> Redraw:
    """By a version of the catalogue that the store has, in the full arm, with the model of then."""
    return _by(
        replayer,
        lambda then, taken: then.first_draws(replayer.seen(version, then.logged), taken, arm=Arm.FULL),
    )


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
