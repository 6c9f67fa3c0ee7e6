"""How long an answer of the server is waited for."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TypeVar

import psycopg
from psycopg import errors
from psycopg.abc import PQGen

from features.stores.sql.session import Row

RV = TypeVar("RV")

_LOOK = 0.1
"""Seconds after which a wait looks whether somebody wants to end the program."""

MARGIN = 1.0
"""Seconds that the server has to say itself that a statement took too long, before it counts as silent."""


class Connection(psycopg.Connection[Row]):
    """endurance: seconds to wait for the server's next word, None for ever. Who has waited in vain has no connection
    any more, for the answer may still come; silent says that this was why."""

    endurance: float | None = None
    silent = False

    def wait(self, gen: PQGen[RV], interval: float = _LOOK, timeout: float | None = None) -> RV:
        """Raises OperationalError."""
        try:
            return super().wait(gen, interval, self.endurance if timeout is None else timeout)
        except errors._WaitTimeout:  # noqa: SLF001
            self.silent = True
            self.pgconn.finish()
            raise psycopg.OperationalError("the server does not answer") from None

    @contextmanager
    def however_long(self) -> Iterator[None]:
        """Inside, the server may take its time."""
        endurance, self.endurance = self.endurance, None
        try:
            yield
        finally:
            self.endurance = endurance
