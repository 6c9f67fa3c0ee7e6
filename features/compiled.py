"""numba's njit with its types kept: no fastmath (isnan would become false), cached beside the source."""

from __future__ import annotations

import hashlib
import inspect
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import ParamSpec, Protocol, TypeVar, cast

import numba

P = ParamSpec("P")
R = TypeVar("R")
R_co = TypeVar("R_co", covariant=True)


class Compiled(Protocol[P, R_co]):
    """A compiled function: numba's dispatcher, as far as we use it."""

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> R_co: ...

    def compile(self, signature: tuple[object, ...]) -> object: ...

    def disable_compile(self) -> None: ...


def compiled(function: Callable[P, R]) -> Compiled[P, R]:
    """An entry: called by what is not compiled, and warmed before anybody waits for it (serving.warming)."""
    return cast("Compiled[P, R]", numba.njit(cache=True, nogil=True)(function))


def part(function: Callable[P, R]) -> Callable[P, R]:
    """For what only compiled functions call. Not cached by itself: numba's cache watches one file, so what a function
    calls in another module would go stale unseen. The entry is cached with all its parts, under `revision`. It may not
    allocate: counting references to the arrays that it is handed would cost more than its work."""
    return cast("Callable[P, R]", numba.njit(nogil=True, forceinline=True, _nrt=False)(function))


def allocating(function: Callable[P, R]) -> Callable[P, R]:
    """A part that makes arrays."""
    return cast("Callable[P, R]", numba.njit(nogil=True)(function))


def revision(*modules: ModuleType) -> int:
    """A digest of the modules' sources. An entry that closes over it is compiled anew when any of them changes."""
    digest = hashlib.blake2b(Path(__file__).read_bytes(), digest_size=7)
    for module in modules:
        digest.update(inspect.getsource(module).encode())
    return int.from_bytes(digest.digest(), "little")
