"""Reading a request's body: bounded, unpacked, parsed."""

from __future__ import annotations

import asyncio
import zlib
from collections.abc import Mapping
from typing import TypeVar

from pydantic import JsonValue, TypeAdapter, ValidationError
from pydantic_core import from_json
from starlette.types import Receive

from serving.errors import from_validation, malformed, too_large

T = TypeVar("T")


class ClientGone(Exception):
    """The caller hung up before the body was complete; nobody reads an answer."""


async def read(receive: Receive, headers: Mapping[str, str], limit: int, patience: float) -> bytes:
    """The body, unpacked; at most `limit` bytes, packed or not. patience: seconds. Raises Refusal, ClientGone."""
    announced = headers.get("content-length", "0")
    if announced.isdigit() and int(announced) > limit:
        raise _beyond(limit, f"{announced} bytes")
    try:
        async with asyncio.timeout(patience):
            packed = await _collect(receive, limit)
    except TimeoutError as error:
        raise malformed("", "incomplete", f"the body must arrive within {patience:g} s", "send it again") from error
    encoding = headers.get("content-encoding", "identity").strip().lower()
    if encoding in {"identity", ""}:
        return packed
    if encoding != "gzip":
        raise malformed("content-encoding", encoding, "gzip or identity", "pack the body otherwise, or not at all")
    return unpacked(packed, limit)


async def _collect(receive: Receive, limit: int) -> bytes:
    message = await receive()
    if message["type"] == "http.disconnect":
        raise ClientGone
    first: bytes = message.get("body", b"")
    if not message.get("more_body", False) and len(first) <= limit:
        return first
    parts, size = [first], len(first)
    while message.get("more_body", False) and size <= limit:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise ClientGone
        parts.append(message.get("body", b""))
        size += len(parts[-1])
    if size > limit:
        raise _beyond(limit, f"more than {limit} bytes")
    return b"".join(parts)


def unpacked(packed: bytes, limit: int) -> bytes:
    """One gzip member, never inflated beyond `limit` bytes. Raises Refusal."""
    inflater = zlib.decompressobj(wbits=31)
    try:
        plain = inflater.decompress(packed, limit + 1)
    except zlib.error as error:
        raise malformed(
            "body", "not gzip", "Content-Encoding says gzip", "send gzip, or leave the header out"
        ) from error
    if len(plain) > limit:
        raise _beyond(limit, f"more than {limit} bytes unpacked")
    if not inflater.eof or inflater.unused_data:
        raise malformed("body", "not one whole gzip member", "one complete gzip member", "send it again, whole")
    return plain


def _beyond(limit: int, size: str) -> Exception:
    return too_large("body", size, f"at most {limit} bytes", "send less at a time")


def parsed(body: bytes) -> JsonValue:
    """JSON as the RFC has it: UTF-8, no NaN, no trailing text, at most 200 levels. Raises Refusal."""
    try:
        value: JsonValue = from_json(body, allow_inf_nan=False)
    except ValueError as error:
        raise malformed("body", body[:60].decode("utf-8", "replace"), f"must be JSON ({error})", "mend it") from error
    return value


def checked(adapter: TypeAdapter[T], value: JsonValue, at: tuple[int | str, ...] = ()) -> T:
    """`value`, standing `at` that place of the body, as `adapter` declares it. Raises Refusal with the first fault."""
    try:
        return adapter.validate_python(value)
    except ValidationError as error:
        raise from_validation(error, at) from error
    except RecursionError as error:
        raise malformed("body", "nested too deeply", "at most 200 levels", "flatten it") from error
