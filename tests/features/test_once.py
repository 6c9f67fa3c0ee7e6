"""Done once, by whichever thread comes first; the others wait."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest

from features.once import once


def test_of_many_threads_one_does_it_and_all_find_it_done() -> None:
    begun, ended, together = [], [], Barrier(8)

    @once
    def done() -> None:
        begun.append(1)
        ended.append(1)

    def ask() -> int:
        together.wait()
        done()
        return len(ended)

    with ThreadPoolExecutor(8) as pool:
        assert [one.result() for one in [pool.submit(ask) for _ in range(8)]] == [1] * 8
    assert begun == [1]


def test_what_failed_is_done_again() -> None:
    tries: list[int] = []

    @once
    def done() -> None:
        tries.append(1)
        if len(tries) == 1:
            raise OSError("the first time")

    with pytest.raises(OSError, match="first"):
        done()
    done()
    done()
    assert len(tries) == 2
