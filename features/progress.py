"""How a long step tells where it is, without knowing who watches."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.progress import Progress as Bars


class Advance(Protocol):
    """said: a few words to show beside the title from now on; "" leaves them."""

    def __call__(self, steps: float = 1.0, /, said: str = "") -> None: ...


class Progress(Protocol):
    """`with progress.step("Import events", total=1_469_307) as advance: ... advance(50_000)`. total None: not known."""

    @contextmanager
    def step(self, title: str, total: float | None = None) -> Iterator[Advance]: ...


class Silent:
    """Nobody watches."""

    @contextmanager
    def step(self, title: str, total: float | None = None) -> Iterator[Advance]:  # noqa: ARG002
        yield lambda steps=1.0, /, said="": None  # noqa: ARG005


class Terminal:
    """A bar for each step; where there is no terminal, a line when it begins."""

    def __init__(self, console: Console) -> None:
        self._console = console

    @contextmanager
    def step(self, title: str, total: float | None = None) -> Iterator[Advance]:
        if not self._console.is_terminal:
            self._console.print(f"{title} ...", markup=False, highlight=False, soft_wrap=True)
            yield lambda steps=1.0, /, said="": None  # noqa: ARG005
            return
        shown = (
            SpinnerColumn(),
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
        )
        with Bars(*shown, console=self._console) as bars:
            task = bars.add_task(title, total=total)

            def advance(steps: float = 1.0, /, said: str = "") -> None:
                bars.update(task, advance=steps, description=f"{title}; {said}" if said else None)

            yield advance
            bars.update(task, total=total or 1, completed=total or 1)
