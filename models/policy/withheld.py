"""Why an eligible action had no chance at the end: what the decision had chosen before, or what goes before it.

Told of everything that every gate lets through, that was not chosen, and that did not compete in the last draw of its
slate. So each eligible action was chosen, lost that draw, or is told of here.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from features.spending import Most
from models.decision import Refusal
from models.policy.allowance import Allowance, allowance, per_slate, standing
from models.policy.arbitration import Ranking
from models.policy.exploration import Drawn
from models.policy.gate import Account
from models.policy.gates import budget, contact_limits
from models.policy.situation import Situation
from models.policy.spending import Rules, day_of, funds


def withheld(situation: Situation, ranking: Ranking, slates: Sequence[Drawn]) -> tuple[tuple[Refusal, ...], ...]:
    """For each channel of the request, in the order of candidates. slates: as drawn, one for each channel."""
    channel = situation.candidates.channel[ranking.place]
    earlier: list[int] = []
    found = []
    for number, drawn in enumerate(slates):
        own = [one.candidate for one in drawn.draws]
        before = [*earlier, *(one for one in own if one not in drawn.last)]
        out = np.setdiff1d(np.flatnonzero(channel == number), [*drawn.last, *own])
        found.append(_told(_Left(situation, ranking, before), out.tolist()) if len(out) else ())
        if situation.request.across == "each":
            earlier += own
    return tuple(found)


@dataclass(frozen=True, slots=True)
class _Left:
    """A slate before its last draw. before: what the decision had chosen by then (places in the ranking)."""

    situation: Situation
    ranking: Ranking
    before: Sequence[int]

    def action(self, candidate: int) -> int:
        return int(self.situation.candidates.action[self.ranking.place[candidate]])

    def names(self, chosen: Sequence[int]) -> str:
        """ "a on email, b on web"."""
        places = [int(self.ranking.place[one]) for one in chosen]
        return ", ".join(f"{self.situation.action_id(one)} on {self.situation.channel(one)}" for one in places)

    def exhausted(self, left: Allowance, candidate: int) -> tuple[int, tuple[int, ...]] | None:
        """The row of the first limit that what was chosen leaves too little of for it, and by which choices."""
        remaining = left.left - left.cost[:, self.before].sum(axis=1)
        rows = np.flatnonzero(left.binds[:, candidate] & (left.cost[:, candidate] > remaining))
        if not len(rows):
            return None
        return int(rows[0]), tuple(one for one in self.before if left.cost[rows[0], one])


def _told(left: _Left, out: Sequence[int]) -> tuple[Refusal, ...]:
    situation, place = left.situation, left.ranking.place
    rules = situation.compiled.spending
    limits, groups = allowance(situation, place), per_slate(situation, place)
    money = [(name, one, funds(situation, place, one)) for name, one in _spending(rules.budgets, rules.ceilings)]
    found = []
    for candidate in out:
        gate, told = _why(left, limits, money, groups, candidate)
        id_ = situation.action_id(int(place[candidate]))
        found.append(Refusal(id_, gate, told.rule, told.observed, told.required, told.reason))
    return tuple(found)


def _spending(budgets: Rules, ceilings: Rules) -> tuple[tuple[str, Rules], ...]:
    return ("budget", budgets), ("ceiling", ceilings)


def _why(
    left: _Left, limits: Allowance, money: Sequence[tuple[str, Rules, Allowance]], groups: Allowance, candidate: int
) -> tuple[str, Account]:
    """Under the name of the gate whose rule it is, as far as there is one."""
    same = [one for one in left.before if left.action(one) == left.action(candidate)]
    if same and left.situation.request.distinct:
        where = left.names(same)
        reason = f"this decision has chosen {where}, and no action was wanted twice"
        return "distinct", Account("chosen", where, "no action twice", reason)
    by_limit = left.exhausted(limits, candidate)
    if by_limit is not None:
        return "contact_limits", _limit(left, *by_limit)
    for name, rules, fund in money:
        spent = left.exhausted(fund, candidate)
        if spent is not None:
            return name, _fund(left, rules, fund, candidate, *spent)
    crowd = left.exhausted(groups, candidate)
    if crowd is not None:
        return "group", _crowd(left, candidate, crowd[1])
    if left.ranking.fallback[candidate]:
        reason = "it is a fallback, and there was something else to be drawn"
        return "fallback", Account("others", "other actions to draw", "none", reason)
    reason = "what is urgent or was triggered goes first, and filled the slate"
    return "urgent", Account("first", "something that goes first", "a place after it", reason)


def _crowd(left: _Left, candidate: int, chosen: Sequence[int]) -> Account:
    number, names = left.action(candidate), left.names(chosen)
    compiled = left.situation.compiled
    group, most = compiled.catalogue.actions[number].group, int(compiled.policy.per_slate[number])
    allowed = f"at most {most} of group {group} in a slate"
    return Account("chosen", names, allowed, f"{allowed}, and this one has {names}")


def _limit(left: _Left, row: int, chosen: Sequence[int]) -> Account:
    situation = left.situation
    rule, whom = situation.compiled.limits.limits[row], situation.compiled.limits.of[row]
    used, names = int(standing(situation).used[row]), left.names(chosen)
    allowed = contact_limits.allowed(rule)
    observed = f"{names}, beside {contact_limits.contacts(used)} made or reserved" if used else names
    return Account("chosen", observed, allowed, f"{whom}: {allowed}, and this decision has chosen {observed}")


def _fund(left: _Left, rules: Rules, fund: Allowance, candidate: int, row: int, chosen: Sequence[int]) -> Account:
    situation, number = left.situation, left.action(candidate)
    catalogue = situation.compiled.catalogue
    id_, names = catalogue.actions[number].id, left.names(chosen)
    spent = situation.published.spent_by(id_, day_of(catalogue.time_zone, situation.moment))
    binding: list[Most] = [one for one in rules[number] if one.left(spent) is not None]
    mine: NDArray[np.intp] = np.flatnonzero(fund.binds[:, candidate])
    rule = binding[mine.tolist().index(row)]
    allowed = budget.allowed(rule, catalogue.currency)
    observed = f"{names}, beside {budget.amount(rule, rule.used(spent), catalogue.currency)} spent"
    reason = f"{id_} may have {allowed} for everybody together, and this decision has chosen {observed}"
    return Account("chosen", observed, allowed, reason)
