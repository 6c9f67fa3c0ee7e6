"""What conditions said of the same values before: they are pure, and many people have the same few values in what
conditions read of them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Generic, TypeVar

import msgspec
from google.protobuf.timestamp_pb2 import Timestamp

from models.conditions.names import Name

T = TypeVar("T")

MOST = 4096
"""Answers kept, of one catalogue version. One more, and all are forgotten: it is a memory of the common."""
_LONGEST = 1024
"""Bytes of values under which answers are kept: what a request brings along may be long."""


def _plain(value: object) -> object:
    if isinstance(value, Timestamp):
        return "timestamp", value.seconds, value.nanos
    raise TypeError(f"value is a {type(value).__name__}; no condition reads one; it has no key")


_encode = msgspec.msgpack.Encoder(enc_hook=_plain).encode


class Memory(Generic[T]):
    """Of one worker and one catalogue version: what is kept under a key stays true. Threads may share it."""

    def __init__(self) -> None:
        self._kept: dict[bytes, T] = {}

    def __len__(self) -> int:
        return len(self._kept)

    def get(self, key: bytes | None) -> T | None:
        return None if key is None else self._kept.get(key)

    def keep(self, key: bytes | None, answers: T) -> None:
        if key is not None:
            if len(self._kept) >= MOST:
                self._kept.clear()
            self._kept[key] = answers


def key_of(
    asked: Sequence[int], read: Iterable[Name], held: Mapping[str, Mapping[str, object]], history: bytes
) -> bytes | None:
    """The values that conditions read, bit by bit: 1, 1.0 and true are three. asked: the conditions. read: their names
    outside the history. held: what is known, by root and field. history: the features that they read. None: there is no
    saying, or it is too long to be kept."""
    try:
        values = _encode([asked, [_value(name, held) for name in read], history])
    except (TypeError, ValueError, OverflowError):
        return None
    return values if len(values) <= _LONGEST else None


def _value(name: Name, held: Mapping[str, Mapping[str, object]]) -> tuple[object, ...]:
    """Nothing for what is unknown."""
    of_root = held[name.root]
    if name.field is None:
        return (of_root,)
    return (of_root[name.field],) if name.field in of_root else ()
