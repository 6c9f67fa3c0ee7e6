"""What is done once in a process, whichever threads ask for it first."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from threading import Lock


def once(function: Callable[[], None]) -> Callable[[], None]:
    """Threads that come while it is being done wait for it; what raised is done again by the next. (functools.cache
    would let each of them begin.)"""
    doing, done = Lock(), False

    @wraps(function)
    def asked() -> None:
        nonlocal done
        if done:
            return
        with doing:
            if not done:
                function()
                done = True

    return asked
