"""Which contacts there were, and which of them succeeded: the labels of the response model.

- A contact is one per (decision, action, channel), at the first of sent and displayed; without a decision every event
  is one.
- Its features are as of the decision; where that is unknown, of the last millisecond before the contact, which
  therefore does not see itself nor what went out with it.
- It succeeded when the action's declared outcome occurred in [contact, contact + the channel's reward window].
- An outcome is credited once: to the contact of its own decision, action and channel; else, as a purchase in a shop
  after a message, to the latest of its decision and action; else to the latest of its action.
- A conversion is about the newest purchase of what the action promotes, from the contact on and until an hour after the
  conversion was told of (shops tell of both in either order). When all of that has come back by `known_at` it is no
  success, and was settled when that was recorded. One that is about no purchase that we know of stands.
- It is matured when its window has passed and it and its success, if any, were recorded; before that there is no label.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from features.event import CONTACTS, Kind
from features.history import Records, as_of
from features.vocabulary import Vocabulary
from models.columns import CompiledCatalogue
from models.live_response import SUCCESS
from models.policy.promoted import promotes, things_of
from models.sales import RETURNS, SALE, sales

DAY = 86_400_000
HOUR = DAY // 24

CONTACT = np.dtype(
    [
        ("moment", "<i8"),  # ms UTC, the features are as of this
        ("at", "<i8"),  # ms UTC, first sent or displayed
        ("matured_at", "<i8"),  # ms UTC, from when on the label is known
        ("decision", "<i8"),  # text_code; 0 none
        ("action", "<i4"),  # vocabulary code
        ("channel", "u1"),  # vocabulary code
        ("success", "?"),
        ("told_at", "<i8"),  # ms UTC, when its first success was recorded; 0 none
    ]
)

_CONTACT_KINDS = [int(kind) for kind in CONTACTS]


@dataclass(frozen=True, slots=True)
class RewardRules:
    """window: int64[256] ms by channel code, -1 where the catalogue has no such channel. success: int16[actions] the
    kind of event that is each action's success, by action code, -1 where the catalogue has no such action. compiled:
    says what actions promote; None: nothing, and no conversion is ever taken back."""

    window: NDArray[np.int64]
    success: NDArray[np.int16]
    compiled: CompiledCatalogue | None


def reward_rules(compiled: CompiledCatalogue, vocabulary: Vocabulary) -> RewardRules:
    catalogue = compiled.catalogue
    window = np.full(256, -1, np.int64)
    for name, channel in catalogue.channels.items():
        window[vocabulary.code("channel", name)] = int(channel.reward_window_days * DAY)
    success = np.full(vocabulary.size("action"), -1, np.int16)
    for action in catalogue.actions:
        success[vocabulary.code("action", action.id)] = int(SUCCESS[action.success])
    return RewardRules(window, success, compiled)


def contacts(records: Records, rules: RewardRules, known_at: int) -> Records:
    """One person's matured contacts, CONTACT records sorted by (moment, action, channel).

    records: EVENT records in any order. known_at: ms UTC; nothing recorded later exists.
    """
    every = every_contact(records, rules, known_at)
    return every[every["matured_at"] <= known_at]


def every_contact(records: Records, rules: RewardRules, known_at: int) -> Records:
    """The same with those that have not matured yet, and so have no label."""
    known = as_of(records, known_at)
    seen = known[(known["action"] >= 0) & (known["action"] < len(rules.success))]
    seen = seen[rules.success[seen["action"]] >= 0]
    seen = seen[np.lexsort((seen["sequence"], seen["occurred_at"]))]
    found = _contacts(seen, rules)
    outcomes = seen[seen["kind"] == rules.success[seen["action"]]]
    _credit(found, rules, outcomes, _returned_to(known, known_at) if len(outcomes) else None)
    return found[np.lexsort((found["channel"], found["action"], found["moment"]))]


def _contacts(seen: Records, rules: RewardRules) -> Records:
    events = seen[np.isin(seen["kind"], _CONTACT_KINDS) & (rules.window[seen["channel"]] >= 0)]
    decided = np.flatnonzero(events["decision"] != 0)
    _, first = np.unique(events[decided][["decision", "action", "channel"]], return_index=True)
    events = events[np.sort(np.concatenate([decided[first], np.flatnonzero(events["decision"] == 0)]))]
    found = np.zeros(len(events), CONTACT)
    found["at"] = events["occurred_at"]
    found["matured_at"] = np.maximum(events["occurred_at"] + rules.window[events["channel"]], events["recorded_at"])
    for name in ("decision", "action", "channel"):
        found[name] = events[name]
    found["moment"] = found["at"] - 1
    decisions = {(row["decision"], row["action"]): row["occurred_at"] for row in seen[seen["kind"] == Kind.DECIDED]}
    for row in found if decisions else ():
        row["moment"] = min(decisions.get((row["decision"], row["action"]), row["moment"]), row["moment"])
    return found


def _returned_to(known: Records, known_at: int) -> Records | None:
    """SALE records of somebody who gave something back, None of anybody else."""
    return sales(known, known_at) if np.isin(known["kind"], RETURNS).any() else None


def _came_back(about: Records) -> bool:
    """about: SALE records, those of the newest moment count."""
    return len(about) > 0 and not (about["kept"][about["at"] == about["at"].max()] > 0.0).any()


def _credit(found: Records, rules: RewardRules, outcomes: Records, sold: Records | None) -> None:
    """Mark the contact that each outcome belongs to; `found` is sorted by `at`. sold: SALE records, None where nothing
    came back."""
    ends = found["at"] + rules.window[found["channel"]]
    for outcome in outcomes:
        at = outcome["occurred_at"]
        fits = (found["action"] == outcome["action"]) & (found["at"] <= at) & (at <= ends)
        own = fits & (found["decision"] == outcome["decision"]) & (outcome["decision"] != 0)
        there = own & (found["channel"] == outcome["channel"])
        places = np.flatnonzero(there if there.any() else own if own.any() else fits)
        if len(places):
            last = places[-1]
            about = _about(outcome, int(found["at"][last]), rules, sold)
            if not len(about):
                before = found["told_at"][last] if found["success"][last] else outcome["recorded_at"]
                found["told_at"][last] = min(before, outcome["recorded_at"])
                found["success"][last] = True
            settled = [found["matured_at"][last], outcome["recorded_at"], *about["settled_at"].tolist()]
            found["matured_at"][last] = max(settled)


def _about(outcome: np.void, since: int, rules: RewardRules, sold: Records | None) -> Records:
    """The SALE records that a conversion is about, when they have come back; none else."""
    none = np.zeros(0, SALE)
    if sold is None or rules.compiled is None or outcome["kind"] != Kind.CONVERTED:
        return none
    rows = np.flatnonzero(rules.compiled.all.action == outcome["action"])
    near = sold[(sold["at"] >= since) & (sold["at"] <= outcome["occurred_at"] + HOUR)]
    if not len(rows):
        return none
    number = int(rules.compiled.action[rows[0]])
    fits = [promotes(rules.compiled, number, things_of(rules.compiled, [one])) for one in near["item"].tolist()]
    about = near[np.array(fits, np.bool_)]
    return about if _came_back(about) else none
