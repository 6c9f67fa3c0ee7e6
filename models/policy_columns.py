"""What the policy asks of each action, as columns in the order of the catalogue's actions."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from models.catalogue import Action, Catalogue, Regime
from models.cool_off import CoolOffModel, Resting
from models.policy_document import ONE_PER_SLATE
from models.policy_rules import OWED, Basket, Purpose


@dataclass(frozen=True, slots=True)
class Rests:
    """After a rejection of the action, or of any of its group. action, group: int64[actions], ms. of_action, of_group:
    where they come from."""

    action: NDArray[np.int64]
    group: NDArray[np.int64]
    of_action: tuple[Resting, ...]
    of_group: tuple[Resting, ...]


@dataclass(frozen=True, slots=True)
class PolicyColumns:
    """All [actions]. owed: no limit, holdout or consent to marketing holds it back. first: urgent or triggered, it goes
    before all that is neither. fallback: it waits until nothing else is eligible. legal, retention, survey: of that
    purpose. requires_basket. minds_basket: what lies in the basket counts as bought.
    per_slate: int64, how many of its group one slate may have. number: the place of an action by its vocabulary code.
    any_survey, any_trigger: whether there is such an action. any_grant_needed: whether silence closes any topic on any
    channel."""

    owed: NDArray[np.bool_]
    first: NDArray[np.bool_]
    fallback: NDArray[np.bool_]
    legal: NDArray[np.bool_]
    retention: NDArray[np.bool_]
    survey: NDArray[np.bool_]
    requires_basket: NDArray[np.bool_]
    minds_basket: NDArray[np.bool_]
    per_slate: NDArray[np.int64]
    rests: Rests
    number: Mapping[int, int]
    any_survey: bool
    any_trigger: bool
    any_grant_needed: bool


def policy_columns(catalogue: Catalogue, codes: NDArray[np.int32]) -> PolicyColumns:
    """codes: of the actions, in their order. What is to be learned rests as the catalogue falls back to."""
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
        minds_basket=np.array([basket not in (Basket.REQUIRE, Basket.IGNORE) for basket in baskets], np.bool_),
        per_slate=np.array([_per_slate(catalogue, action) for action in actions], np.int64),
        rests=rests(catalogue, None),
        number={int(code): place for place, code in enumerate(codes)},
        any_survey=Purpose.SURVEY in purposes,
        any_trigger=any(action.trigger is not None for action in actions),
        any_grant_needed=any(
            catalogue.regime(channel, topic) is Regime.OPT_IN
            for channel in catalogue.channels
            for topic in (None, *catalogue.topics)
        ),
    )


def _per_slate(catalogue: Catalogue, action: Action) -> int:
    rules = catalogue.groups.get(action.group)
    return ONE_PER_SLATE if rules is None else rules.per_slate


def rests(catalogue: Catalogue, model: CoolOffModel | None) -> Rests:
    """`learned` means what the model knows; None: what the catalogue falls back to."""
    resting = [_resting(catalogue, action, model) for action in catalogue.actions]
    return Rests(
        action=np.array([own.ms for own, _ in resting], np.int64),
        group=np.array([shared.ms for _, shared in resting], np.int64),
        of_action=tuple(own for own, _ in resting),
        of_group=tuple(shared for _, shared in resting),
    )


def _resting(catalogue: Catalogue, action: Action, model: CoolOffModel | None) -> tuple[Resting, Resting]:
    """The action's own, and that of its group."""
    group = catalogue.groups.get(action.group)
    own = action.cool_off or catalogue.action_cool_off
    shared = (None if group is None else group.cool_off) or catalogue.group_cool_off
    if model is None:
        return Resting(own, None), Resting(shared, None)
    return (
        Resting(own, model.of_action(action.id, action.group) if own.learned else None),
        Resting(shared, model.of_group(action.group) if shared.learned else None),
    )
