"""Nobody is written to who must not be, or whom it would not reach: for whatever purpose.

Must not: the trait `do_not_contact`, unless it plainly says no; it closes every outbound channel. Would not: the
channel needs a kind of address that the person has not, or the last message there failed for good (a hard bounce) and
nothing since shows that one arrives: a message opened or clicked there, or consent given to the channel.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from features.declared_traits import DO_NOT_CONTACT
from features.event import Kind
from models.document_fields import text_of
from models.policy.gate import Account
from models.policy.situation import Situation
from models.policy_rules import Direction

_NO = frozenset({"", "0", "false", "f", "no", "n", "off", "none", "null"})

_ARRIVES = (Kind.MESSAGE_OPENED, Kind.CLICKED, Kind.CONSENT_GRANTED)


@dataclass(frozen=True, slots=True)
class Reachable:
    name: str = "reachable"
    revision: int = 2

    def refuses(self, situation: Situation) -> NDArray[np.bool_]:
        closed = [_obstacle(situation, channel) is not None for channel in situation.candidates.channels]
        if not any(closed):
            return situation.nobody
        return np.array(closed, np.bool_)[situation.candidates.channel]

    def account(self, situation: Situation, place: int) -> Account:
        found = _obstacle(situation, situation.channel(place))
        if found is None:
            raise LookupError("the channel is open; reachable refuses nothing there; ask for what it refuses")
        return found


def _obstacle(situation: Situation, channel: str) -> Account | None:
    rules = situation.compiled.catalogue.channels[channel]
    if rules.direction is Direction.OUTBOUND and forbids(situation.customer.traits.get(DO_NOT_CONTACT)):
        return Account(DO_NOT_CONTACT, "said so", "not said", "they must not be contacted, for whatever purpose")
    if rules.needs is not None and rules.needs not in (situation.customer.addresses or ()):
        reason = f"{channel} needs {_named(rules.needs)} and none of theirs is known"
        return Account("no_address", "none known", rules.needs, reason)
    failed = _failed_at(situation, situation.compiled.channel_codes[channel])
    if failed is None:
        return None
    reason = f"the message of {text_of(failed)} on {channel} failed for good, and nothing since shows that one arrives"
    return Account("bounced", f"failed {text_of(failed)}", "a sign that messages arrive", reason)


def forbids(told: object) -> bool:
    """told: the trait DO_NOT_CONTACT, None where it is missing."""
    if told is None or isinstance(told, int | float):
        return bool(told)
    return str(told).strip().lower() not in _NO


def _named(address: str) -> str:
    return {"email": "an e-mail address", "phone": "a telephone number"}.get(address, "a device that takes messages")


def _failed_at(situation: Situation, channel: int) -> int | None:
    """When a message on the channel last failed for good (ms UTC), if nothing has arrived since."""
    if Kind.ADDRESS_FAILED not in situation.kinds:
        return None
    known = situation.known[situation.known["channel"] == channel]
    failed = known["occurred_at"][known["kind"] == Kind.ADDRESS_FAILED]
    arrived = known["occurred_at"][np.isin(known["kind"], _ARRIVES)]
    if len(failed) == 0 or (len(arrived) and int(arrived.max()) > int(failed.max())):
        return None
    return int(failed.max())
