"""Which contacts there were, and which of them succeeded: the labels of the response model.

- A contact is one per (decision, action, channel), at the first of sent and displayed; without a decision every event
  is one.
- Its features are as of the decision; where that is unknown, of the last millisecond before the contact, which
  therefore does not see itself nor what went out with it.
- It succeeded when the action's declared outcome occurred in [contact, contact + the channel's reward window].
- An outcome is credited once: to the latest contact of its own decision and action, else to the latest of its action.
- It is matured when its window has passed and it and its success, if any, were recorded; before that there is no label.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from features.event import CONTACTS, Kind
from features.history import Records, as_of
from features.vocabulary import Vocabulary
from models.catalogue import Catalogue

DAY = 86_400_000

CONTACT = np.dtype(
    [
        ("moment", "<i8"),  # ms UTC, the features are as of this
        ("at", "<i8"),  # ms UTC, first sent or displayed
        ("matured_at", "<i8"),  # ms UTC, from when on the label is known
        ("decision", "<i8"),  # text_code; 0 none
        ("action", "<i4"),  # vocabulary code
        ("channel", "u1"),  # vocabulary code
        ("success", "?"),
    ]
)

_SUCCESS = {"converted": Kind.CONVERTED, "accepted": Kind.ACCEPTED, "clicked": Kind.CLICKED}
_CONTACT_KINDS = [int(kind) for kind in CONTACTS]


@dataclass(frozen=True, slots=True)
class RewardRules:
    """window: int64[256] ms by channel code, -1 where the catalogue has no such channel. success: int16[actions] the
    kind of event that is each action's success, by action code, -1 where the catalogue has no such action."""

    window: NDArray[np.int64]
    success: NDArray[np.int16]


def reward_rules(catalogue: Catalogue, vocabulary: Vocabulary) -> RewardRules:
    window = np.full(256, -1, np.int64)
    for name, channel in catalogue.channels.items():
        window[vocabulary.code("channel", name)] = int(channel.reward_window_days * DAY)
    success = np.full(vocabulary.size("action"), -1, np.int16)
    for action in catalogue.actions:
        success[vocabulary.code("action", action.id)] = int(_SUCCESS[action.success])
    return RewardRules(window, success)


def contacts(records: Records, rules: RewardRules, known_at: int) -> Records:
    """One person's matured contacts, CONTACT records sorted by (moment, action, channel).

    records: EVENT records in any order. known_at: ms UTC; nothing recorded later exists.
    """
    seen = as_of(records, known_at)
    seen = seen[(seen["action"] >= 0) & (seen["action"] < len(rules.success))]
    seen = seen[rules.success[seen["action"]] >= 0]
    seen = seen[np.lexsort((seen["sequence"], seen["occurred_at"]))]
    found = _contacts(seen, rules)
    _credit(found, rules, seen[seen["kind"] == rules.success[seen["action"]]])
    matured = found[found["matured_at"] <= known_at]
    return matured[np.lexsort((matured["channel"], matured["action"], matured["moment"]))]


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


def _credit(found: Records, rules: RewardRules, outcomes: Records) -> None:
    """Mark the contact that each outcome belongs to; `found` is sorted by `at`."""
    ends = found["at"] + rules.window[found["channel"]]
    for outcome in outcomes:
        at = outcome["occurred_at"]
        fits = (found["action"] == outcome["action"]) & (found["at"] <= at) & (at <= ends)
        own = fits & (found["decision"] == outcome["decision"]) & (outcome["decision"] != 0)
        places = np.flatnonzero(own if own.any() else fits)
        if len(places):
            last = places[-1]
            found["success"][last] = True
            found["matured_at"][last] = max(found["matured_at"][last], outcome["recorded_at"])
