"""The gates, one file each, and the order in which a refusal is counted."""

from __future__ import annotations

from models.policy.gate import Gate
from models.policy.gates.already_purchased import AlreadyPurchased
from models.policy.gates.channel import ChannelPlacement
from models.policy.gates.consent import ConsentGiven
from models.policy.gates.eligibility import Eligibility
from models.policy.gates.excluded import Excluded
from models.policy.gates.schedule import Schedule
from models.policy.gates.trigger import TriggerHolds

GATES: tuple[Gate, ...] = (
    Schedule(),
    ChannelPlacement(),
    TriggerHolds(),
    ConsentGiven(),
    Eligibility(),
    AlreadyPurchased(),
    Excluded(),
)
"""Cheap first; the funnel counts the first that refuses."""
