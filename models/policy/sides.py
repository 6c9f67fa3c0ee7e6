"""Which side of a trial somebody is on: a function of their name and the trial's, so that they stay there, on any
worker and in a replay, and so that another trial draws them anew, whatever their arm is."""

from __future__ import annotations

import hashlib

_KEY = b"nextbest sides"
_BITS = 53


def takes(trial: str, subject: str, share: float) -> bool:
    """Whether `subject` is among the share that the challenger has; who is in a share is in every larger one."""
    text = f"{trial}\0{subject}".encode()
    drawn = int.from_bytes(hashlib.blake2b(text, digest_size=8, key=_KEY).digest(), "little")
    return float(drawn >> (64 - _BITS)) / (1 << _BITS) < share
