"""What a slate would have begun with, had an action been drawn: of draws that took no action, and of the holdout."""

from __future__ import annotations

from dataclasses import dataclass

from models.first_draws import Choice, FirstDraw
from models.policy.exploration import place_of


@dataclass(frozen=True, slots=True)
class Withheld:
    """choice: channel and action id that were withheld. chance: with which the policy draws it first. no_action: with
    which it draws no action."""

    choice: Choice
    chance: float
    no_action: float


def withheld_first(drawn: FirstDraw | None, lot: float) -> Withheld | None:
    """An action of `drawn`, each by its own chance given that one is drawn, so that those to whom something was
    withheld are as those whom it reached. Where no action is certain: what ranks first, though it pays less than
    nothing. lot: in [0, 1). None where nothing could be taken, or nothing is known of the draw."""
    if drawn is None or not drawn.choices:
        return None
    chances = drawn.chances[:-1]
    place = place_of(chances, lot) if chances.sum() > 0.0 else drawn.foremost
    return Withheld(drawn.choices[place], float(drawn.chances[place]), float(drawn.chances[-1]))
