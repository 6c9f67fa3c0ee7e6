"""One more contact with an action must be within its budgets, which all people share. They bind whatever they are
written on, what is owed too."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from features.spending import MILLIONTHS, Most
from models.document_fields import text_of
from models.local_time import start_of_day
from models.policy.gate import Account
from models.policy.situation import Situation
from models.policy.spending import Rules, day_of, funds


@dataclass(frozen=True, slots=True)
class WithinBudget:
    name: str = "budget"
    revision: int = 1

    def refuses(self, situation: Situation) -> NDArray[np.bool_]:
        return refuses(situation, situation.compiled.spending.budgets)

    def account(self, situation: Situation, place: int) -> Account:
        return account(situation, place, situation.compiled.spending.budgets)


def refuses(situation: Situation, rules: Rules) -> NDArray[np.bool_]:
    if not rules:
        return situation.nobody
    everybody = np.arange(len(situation.candidates), dtype=np.intp)
    return ~funds(situation, everybody, rules).allowed(everybody)


def account(situation: Situation, place: int, rules: Rules) -> Account:
    """Of the rule that holds it back the longest."""
    number = int(situation.candidates.action[place])
    catalogue, id_ = situation.compiled.catalogue, situation.action_id(place)
    spent = situation.published.spent_by(id_, day_of(catalogue.time_zone, situation.moment))
    price = situation.compiled.spending.price(number, situation.channel(place))
    rule = min((one for one in rules[number] if one.exceeded(spent, price)), key=lambda one: one.daily)
    currency = catalogue.currency
    most, observed = allowed(rule, currency), f"{amount(rule, rule.used(spent), currency)} spent"
    costs = "" if rule.money is None else f", and one more is {amount(rule, price, currency)}"
    reason = f"{id_} may have {most} for everybody together; {observed}{costs}"
    # What one contact costs more than a day's budget is dearer every day.
    if not rule.daily or rule.price(price) > (rule.contacts if rule.contacts is not None else rule.money or 0):
        return Account("never", observed, most, reason)
    again = text_of(start_of_day(None, catalogue.time_zone, situation.moment, 1))
    return Account("spent", observed, f"{most}: from {again}", f"{reason}; open again from {again} on")


def allowed(rule: Most, currency: str) -> str:
    most = rule.contacts if rule.contacts is not None else rule.money or 0
    until = "" if rule.until is None else f" until it has had {rule.until}"
    return f"{amount(rule, most, currency)} {'a day' if rule.daily else 'in total'}{until}"


def amount(rule: Most, amount: int, currency: str) -> str:
    if rule.contacts is None:
        return f"{amount / MILLIONTHS:.2f} {currency}"
    return "1 contact" if amount == 1 else f"{amount} contacts"
