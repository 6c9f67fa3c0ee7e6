"""Which arm of the standing experiment a person is in: a function of their name, the period and the catalogue's shares.

Nothing is kept: any worker, today or in a replay, works out the same arm, and so can anybody who knows the names. For
each period a person's point is drawn anew, and independently of the period before.
"""

from __future__ import annotations

import hashlib

from models.policy_rules import Arm, Arms

REVISION = 1
"""Raised whenever somebody's arm may change under the same shares."""

_KEY = b"nextbest arms"
_BITS = 53
_OWN = 1 / 4
"""Of all points, what each of the four arms beside the full one has to itself."""


def arm_of(arms: Arms | None, subject: str, moment: int) -> Arm:
    """The arm of the person called `subject` at `moment` (ms UTC); the full one where the catalogue has none."""
    return Arm.FULL if arms is None else at_point(arms, point(subject, period_of(arms, moment)))


def period_of(arms: Arms, moment: int) -> int:
    """The number of the period that holds `moment` (ms UTC). Periods begin for everybody at once, counted from 1970."""
    return moment // arms.period


def point(subject: str, period: int) -> float:
    """Where the person stands in [0, 1) during the period."""
    text = f"{period}\0{subject}".encode()
    drawn = int.from_bytes(hashlib.blake2b(text, digest_size=8, key=_KEY).digest(), "little")
    return float(drawn >> (64 - _BITS)) / (1 << _BITS)


def at_point(arms: Arms, where: float) -> Arm:
    """The arm at a point in [0, 1).

    Each arm fills a quarter of its own from its beginning; what an arm has beyond a quarter lies on what the others
    left free, in their order. So while no arm has more than a quarter, a changed share moves people between that arm
    and the full one only.
    """
    own = int(where / _OWN)
    filled = [min(share, _OWN) for _, share in arms.shares]
    if where - own * _OWN < filled[own]:
        return arms.shares[own][0]
    free = where - sum(filled[: own + 1])
    for (arm, share), taken in zip(arms.shares, filled, strict=True):
        free -= share - taken
        if free < 0.0:
            return arm
    return Arm.FULL
