"""A worker ends when whoever began it is gone, so that the port becomes free and no old code goes on answering."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import threading
from collections.abc import Callable
from contextlib import suppress
from types import FrameType
from typing import Final

LAUNCHER: Final = "NEXTBEST_LAUNCHER"
"""The variable with the process number of `nextbest serve`; missing where something else began the service."""

_Handler = Callable[[int, FrameType | None], object] | int | None

logger = logging.getLogger("nextbest.service")


async def end_with_the_arbiter(poll_seconds: float) -> None:
    """Looked at with each poll. A launcher that was killed could not end the arbiter; each worker then does."""
    parent, launcher = os.getppid(), int(os.environ.get(LAUNCHER, "0"))
    while os.getppid() == parent:
        if launcher and not _is_there(launcher):
            logger.error("nextbest serve is gone; the service ends, so that the port becomes free")
            with suppress(ProcessLookupError):
                os.kill(parent, signal.SIGTERM)
            launcher = 0
        await asyncio.sleep(poll_seconds)
    logger.error("the arbiter is gone; this worker ends, so that the port becomes free")
    os.kill(os.getpid(), signal.SIGTERM)


def end_streams_when_asked_to(told: Callable[[], None]) -> None:
    """A server that is asked to end waits for its answers, and those that last as long as somebody listens would keep
    it for ever. told: may be called more than once, and from a signal's handler."""
    if threading.current_thread() is not threading.main_thread():
        return
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, _first_telling(told, signal.getsignal(number)))


def _first_telling(told: Callable[[], None], before: _Handler) -> Callable[[int, FrameType | None], None]:
    def handler(number: int, frame: FrameType | None) -> None:
        told()
        if callable(before):
            before(number, frame)
        elif before == signal.SIG_DFL:
            signal.signal(number, signal.SIG_DFL)
            signal.raise_signal(number)

    return handler


def _is_there(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:  # somebody else's, who has its number now
        return False
    return True
