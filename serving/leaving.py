"""A worker ends when whoever began it is gone, so that the port becomes free and no old code goes on answering."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
from contextlib import suppress
from typing import Final

LAUNCHER: Final = "NEXTBEST_LAUNCHER"
"""The variable with the process number of `nextbest serve`; missing where something else began the service."""

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


def _is_there(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:  # somebody else's, who has its number now
        return False
    return True
