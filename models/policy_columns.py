"""What the policy asks of each action, as columns in the order of the catalogue's actions."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from models.catalogue import Action, Catalogue
from models.policy_rules import OWED, Basket, Purpose


@dataclass(frozen=True, slots=True)
class PolicyColumns:
    """All [actions]. owed: no limit, holdout or consent to marketing holds it back. first: urgent or triggered, it goes
    before all that is neither. fallback: it waits until nothing else is eligible. legal, retention, survey: of that
    purpose. requires_basket, ignores_basket. action_rest, group_rest: int64, ms of rest after a rejection of it, or of
    any of its group. number: the place of an action by its vocabulary code."""

    owed: NDArray[np.bool_]
    first: NDArray[np.bool_]
    fallback: NDArray[np.bool_]
    legal: NDArray[np.bool_]
    retention: NDArray[np.bool_]
    survey: NDArray[np.bool_]
    requires_basket: NDArray[np.bool_]
    ignores_basket: NDArray[np.bool_]
    action_rest: NDArray[np.int64]
    group_rest: NDArray[np.int64]
    number: Mapping[int, int]


def policy_columns(catalogue: Catalogue, codes: NDArray[np.int32]) -> PolicyColumns:
    """codes: of the actions, in their order."""
    actions = catalogue.actions
    purposes = [action.purpose for action in actions]
    baskets = [action.basket for action in actions]
    return PolicyColumns(
        owed=np.array([purpose in OWED for purpose in purposes], np.bool_),
        first=np.array([action.urgent or action.trigger is not None for action in actions], np.bool_),
        fallback=np.array([action.fallback for action in actions], np.bool_),
        legal=np.array([purpose is Purpose.LEGAL for purpose in purposes], np.bool_),
        retention=np.array([purpose is Purpose.RETENTION for purpose in purposes], np.bool_),
        survey=np.array([purpose is Purpose.SURVEY for purpose in purposes], np.bool_),
        requires_basket=np.array([basket is Basket.REQUIRE for basket in baskets], np.bool_),
        ignores_basket=np.array([basket is Basket.IGNORE for basket in baskets], np.bool_),
        action_rest=np.array([_action_rest(catalogue, action) for action in actions], np.int64),
        group_rest=np.array([_group_rest(catalogue, action) for action in actions], np.int64),
        number={int(code): place for place, code in enumerate(codes)},
    )


def _action_rest(catalogue: Catalogue, action: Action) -> int:
    return catalogue.action_cool_off if action.cool_off is None else action.cool_off


def _group_rest(catalogue: Catalogue, action: Action) -> int:
    group = catalogue.groups.get(action.group)
    return catalogue.group_cool_off if group is None or group.cool_off is None else group.cool_off
