"""How a long step tells where it is, without knowing who watches."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol


class Advance(Protocol):
    def __call__(self, steps: float = 1.0, /) -> None: ...


class Progress(Protocol):
    """`with progress.step("Import events", total=1_469_307) as advance: ... advance(50_000)`. total None: not known."""

    @contextmanager
    def step(self, title: str, total: float | None = None) -> Iterator[Advance]: ...


class Silent:
    """Nobody watches."""

    @contextmanager
    def step(self, title: str, total: float | None = None) -> Iterator[Advance]:  # noqa: ARG002
        yield lambda steps=1.0, /: None  # noqa: ARG005
