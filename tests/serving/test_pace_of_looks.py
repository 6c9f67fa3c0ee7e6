"""A swap is noticed within two seconds: no worker may be told to look more rarely, and it looks as it was told."""

from __future__ import annotations

import asyncio
import contextvars
import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from features.stores import open_store
from serving.runtime import Runtime
from serving.settings import Settings
from tests.flow.test_operators import nextbest, one_line
from tests.serving.synthetic import make_shop, noise_bundle, put_model, store_url
from tests.serving.test_model import OTHER, promote, registry

NOTICED_WITHIN = 2.0
PACE = 1.75


class Hurried(asyncio.SelectorEventLoop):
    """An event loop that keeps how long it was told to wait, in seconds, and waits a hundredth of that."""

    def __init__(self) -> None:
        super().__init__()
        self.waits: list[float] = []

    def call_later(
        self, delay: float, callback: Callable[..., Any], *args: Any, context: contextvars.Context | None = None
    ) -> asyncio.TimerHandle:
        self.waits.append(delay)
        return super().call_later(delay / 100, callback, *args, context=context)


@pytest.fixture(autouse=True)
def handlers() -> Iterator[None]:
    """A runtime that watches listens for signals."""
    numbers = (signal.SIGTERM, signal.SIGINT)
    before = [signal.getsignal(number) for number in numbers]
    yield
    for number, handler in zip(numbers, before, strict=True):
        signal.signal(number, handler)


def test_a_look_every_two_seconds_is_the_rarest_that_may_be_asked_for(tmp_path: Path) -> None:
    assert Settings().poll_seconds <= NOTICED_WITHIN
    assert Settings(poll_seconds=NOTICED_WITHIN).poll_seconds == NOTICED_WITHIN
    with pytest.raises(ValidationError):
        Settings(poll_seconds=NOTICED_WITHIN + 0.01)
    told = one_line(nextbest(tmp_path, "check", NEXTBEST_POLL_SECONDS="5"))
    assert told == "poll_seconds is '5'; at most 2; correct NEXTBEST_POLL_SECONDS"


def test_a_worker_looks_as_often_as_it_was_told_and_so_takes_up_another_champion(tmp_path: Path) -> None:
    registry(tmp_path / "mlflow.db")
    make_shop(tmp_path)
    store = open_store(store_url(tmp_path))
    store.put_bundle(OTHER, noise_bundle(2))
    put_model(store, "7", noise_bundle())
    store.close()

    async def swapped() -> str:
        runtime = Runtime(Settings(home=tmp_path, poll_seconds=PACE))
        try:
            assert runtime.in_force.model.version == "7"
            runtime.start_watching()
            promote(tmp_path / "mlflow.db", 12, OTHER)
            while runtime.in_force.model.version == "7":
                await asyncio.sleep(0)
            return runtime.in_force.model.version
        finally:
            await runtime.close()

    loop = Hurried()
    try:
        assert loop.run_until_complete(asyncio.wait_for(swapped(), timeout=6_000)) == "12"
    finally:
        loop.close()
    looks = [wait for wait in loop.waits if wait < 1_000]
    assert looks.count(PACE) >= 3, "of catalogue, model and what is counted"
    assert max(looks) == PACE
