"""The gates, one file each, and the order in which a refusal is counted."""

from __future__ import annotations

from models.policy.gate import Gate
from models.policy.gates.accepted import NotPending
from models.policy.gates.already_purchased import AlreadyPurchased
from models.policy.gates.arm import OutsideHoldout
from models.policy.gates.available import Available
from models.policy.gates.budget import WithinBudget
from models.policy.gates.ceiling import BelowCeiling
from models.policy.gates.channel import ChannelPlacement
from models.policy.gates.consent import ConsentGiven
from models.policy.gates.contact_limits import WithinContactLimits
from models.policy.gates.eligibility import Eligibility
from models.policy.gates.excluded import Excluded
from models.policy.gates.in_basket import LiesInBasket
from models.policy.gates.quiet_hours import OutsideQuietHours
from models.policy.gates.reachable import Reachable
from models.policy.gates.rejected import CooledOff
from models.policy.gates.schedule import Schedule
from models.policy.gates.service_first import ServiceBeforeSales
from models.policy.gates.survey import AfterwardsOnly
from models.policy.gates.trigger import TriggerHolds

GATES: tuple[Gate, ...] = (
    Schedule(),
    ChannelPlacement(),
    Available(),
    TriggerHolds(),
    Reachable(),
    ConsentGiven(),
    Eligibility(),
    OutsideQuietHours(),
    ServiceBeforeSales(),
    AfterwardsOnly(),
    AlreadyPurchased(),
    NotPending(),
    LiesInBasket(),
    CooledOff(),
    WithinContactLimits(),
    WithinBudget(),
    BelowCeiling(),
    Excluded(),
    OutsideHoldout(),
)
"""The funnel counts the first that refuses, so the order is for people: what is so for everybody, whom it reaches and
may reach, what befell them, what is left of the shares, and at last the request and the arm, so that what the arm
counts is what the holdout alone withheld. As every gate judges every candidate, no order saves anything."""
