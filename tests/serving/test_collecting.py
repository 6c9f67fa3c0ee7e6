"""What a worker starts with is not looked through again; what it makes afterwards is still collected."""

from __future__ import annotations

import gc
import weakref
from collections.abc import Iterator

import pytest

from serving.collecting import settle


class Node:
    other: Node | None = None


@pytest.fixture
def thawed() -> Iterator[None]:
    before = gc.get_threshold()
    yield
    gc.unfreeze()
    gc.set_threshold(*before)


@pytest.mark.usefixtures("thawed")
def test_the_start_is_frozen_and_later_cycles_are_still_collected() -> None:
    settle()
    assert gc.get_freeze_count() > 10_000
    one, other = Node(), Node()
    one.other, other.other = other, one
    gone = weakref.ref(one)
    del one, other
    gc.collect()
    assert gone() is None
