"""What actions may still spend, as the snapshot has it, and what a decision will spend.

Days are those of the catalogue's clock, and spending is of the day of the decision, whenever it is delivered. Within
one decision all that it chooses counts, on inbound channels too.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from features.spending import Charge, Most
from models.columns import CompiledCatalogue
from models.decision import Decision
from models.local_time import zone_of
from models.policy.allowance import Allowance, nothing
from models.policy.situation import Situation
from models.policy_rules import Direction

Rules = Mapping[int, tuple[Most, ...]]
"""By the action's place in the catalogue."""


def day_of(time_zone: str, moment: int) -> int:
    """The day of the catalogue's clock, 1 for 0001-01-01. moment: ms UTC."""
    return dt.datetime.fromtimestamp(moment // 1000, zone_of(None, time_zone)).toordinal()


def funds(situation: Situation, places: NDArray[np.intp], rules: Rules) -> Allowance:
    """What is left of each rule that binds one of the candidates at `places` of the situation, as numbers from 0."""
    actions = situation.candidates.action[places]
    bound = sorted(rules.keys() & set(actions.tolist())) if rules else []
    rows = [row for number in bound for row in _rows(situation, places, actions == number, number, rules[number])]
    cost = np.array([cost for cost, _, _ in rows], np.int64).reshape(len(rows), len(places))
    binds = np.array([binds for _, binds, _ in rows], np.bool_).reshape(len(rows), len(places))
    return Allowance(binds, cost, np.array([left for _, _, left in rows], np.int64))


def _rows(
    situation: Situation, places: NDArray[np.intp], mine: NDArray[np.bool_], number: int, rules: tuple[Most, ...]
) -> list[tuple[NDArray[np.int64], NDArray[np.bool_], int]]:
    """What a contact costs, whether the rule binds it, and what is left."""
    compiled, channels = situation.compiled, situation.candidates.channels
    day = day_of(compiled.catalogue.time_zone, situation.moment)
    spent = situation.published.spent_by(compiled.catalogue.actions[number].id, day)
    price = np.array([compiled.spending.price(number, channel) for channel in channels], np.int64)
    found = []
    for rule in rules:
        left = rule.left(spent)
        if left is not None:
            each = price if rule.contacts is None else np.ones_like(price)
            found.append((np.where(mine, each[situation.candidates.channel[places]], 0), mine, left))
    return found


def all_funds(situation: Situation, places: NDArray[np.intp]) -> Allowance:
    """Of budgets and ceilings."""
    rules = situation.compiled.spending
    if not rules.counted:
        return nothing(places)
    return funds(situation, places, rules.budgets).beside(funds(situation, places, rules.ceilings))


def charges(decision: Decision, compiled: CompiledCatalogue, moment: int) -> tuple[Charge, ...]:
    """Of all that was chosen and is counted. moment: ms UTC, of the decision."""
    rules, catalogue = compiled.spending, compiled.catalogue
    counted = rules.counted
    chosen = [
        (slate.channel, number)
        for slate in (decision.slates if counted else ())
        for number in (compiled.action_number[action.action_id] for action in slate.actions)
        if number in counted
    ]
    if not chosen:
        return ()
    day = day_of(catalogue.time_zone, moment)
    return tuple(
        Charge(
            action=catalogue.actions[number].id,
            channel=channel,
            day=day,
            money=rules.price(number, channel),
            reserves=catalogue.channels[channel].direction is Direction.OUTBOUND,
            most=rules.most(number),
        )
        for channel, number in chosen
    )
