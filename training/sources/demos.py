"""The histories that `nextbest demo` can show; each is imported when it is asked for."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from features.progress import Progress
    from features.stores.protocol import Store


class Demo(StrEnum):
    """real: The Complete Journey. simulated: SYNTHETIC people on every channel."""

    REAL = "real"
    SIMULATED = "simulated"


class History(Protocol):
    """HOUSEHOLD: the id of the customer that the demo shows. at_the_desk: whom the agent desktop can be tried with, in
    lines to print."""

    @property
    def HOUSEHOLD(self) -> str: ...  # noqa: N802 a module's constant

    def import_once(self, store: Store, progress: Progress) -> None: ...

    def an_item_of(self, store: Store, decision: Mapping[str, object]) -> str: ...

    def at_the_desk(self, store: Store, url: str) -> str: ...


def history_of(demo: Demo) -> History:
    from training.sources import complete_journey, simulated  # noqa: PLC0415 neither is needed to start another command

    return simulated if demo is Demo.SIMULATED else complete_journey
