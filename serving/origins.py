"""Which web pages may talk to the service, and what their browsers are told of it.

A browser sends along the Origin of the page that asks, which a page cannot forge. Two kinds of pages matter: those of
a shop, which tell events with a key made for them (AccessKey.origins), and any other page that is open on the machine
of somebody who runs the service without keys, and must not reach it through that browser.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from functools import lru_cache
from typing import Final
from urllib.parse import urlsplit

from starlette.types import Message, Scope, Send

from serving.errors import forbidden
from serving.loopback import is_loopback

WIRE: Final = ("/v1/", "/beacon/v1/")
"""Where the addresses begin under which events are told."""

ALIASES: Final = {
    **{f"/v1/{name[0]}": f"/v1/{name}" for name in ("track", "identify", "page", "screen", "group", "alias", "batch")},
    "/beacon/v1/batch": "/v1/batch",
}
"""Addresses by which the SDKs of web pages call others."""

_ASKED = b"access-control-request-method"
_PREFLIGHT: Final = (
    (b"access-control-allow-methods", b"POST"),
    (b"access-control-allow-headers", b"authorization, content-type, content-encoding, x-retry-count, anonymousid"),
    (b"access-control-max-age", b"7200"),
    (b"content-length", b"0"),
)
_VARY: Final = (b"vary", b"Origin")


def checked_origin(text: str) -> str:
    """The origin as browsers write it. Raises ValueError with a sentence when it is none."""
    found = text.strip().lower()
    try:
        parts = urlsplit(found)
        port = "" if parts.port in {None, {"http": 80, "https": 443}.get(parts.scheme)} else f":{parts.port}"
        host = f"[{parts.hostname}]" if ":" in (parts.hostname or "") else parts.hostname
        plain = f"{parts.scheme}://{host}"
        if parts.scheme in {"http", "https"} and found.rstrip("/") in {plain + port, f"{plain}:{parts.port}"}:
            return plain + port
    except ValueError:
        pass
    raise ValueError(
        f"origin is {text[:80]!r}; scheme, host and port of a web page; write it like https://shop.example"
    )


@dataclass(frozen=True, slots=True)
class Visit:
    """What a request's headers say of where it comes from and whom it means; None where they say nothing. preflight:
    it is a browser's question whether a page may ask."""

    origin: str | None
    host: str | None
    preflight: bool

    @classmethod
    def of(cls, scope: Scope) -> Visit:
        origin, host, asked = None, None, False
        for name, value in scope["headers"]:
            if name == b"origin":
                origin = value.decode("latin-1")
            elif name == b"host":
                host = value.decode("latin-1")
            elif name == _ASKED:
                asked = True
        return cls(origin, host, asked and origin is not None and scope["method"] == "OPTIONS")


def require_this_machine(visit: Visit) -> None:
    """For a service without keys: a name that points here may have been chosen by somebody else (DNS rebinding), and
    a page of another site may make a browser of this machine ask. Raises Refusal."""
    if not _names_this_machine(f"//{visit.host}"):
        raise forbidden(
            "host",
            visit.host or "absent",
            "without keys the service is called by a loopback name",
            "call it as 127.0.0.1 or localhost, or configure a key",
        )
    if visit.origin is not None and not _names_this_machine(visit.origin):
        raise forbidden(
            "origin",
            visit.origin,
            "without keys no page of another site is answered",
            "make a key for its origin with `nextbest keys add --right write --origin`",
        )


@lru_cache(maxsize=256)
def _names_this_machine(address: str) -> bool:
    try:
        return is_loopback(urlsplit(address).hostname or "")
    except ValueError:
        return False


def answering(send: Send, origin: str | None, pages: Collection[str]) -> Send:
    """`send`, telling the browser that the page may read the answer when it is one of `pages`."""
    headers = [_VARY]
    if origin is not None and origin in pages:
        headers.append((b"access-control-allow-origin", origin.encode("latin-1")))

    async def told(message: Message) -> None:
        if message["type"] == "http.response.start":
            message["headers"] = [*message["headers"], *headers]
        await send(message)

    return told


async def answer_preflight(send: Send, visit: Visit, pages: Collection[str]) -> None:
    """`send`: as `answering` made it. Raises Refusal for a page that no key names."""
    if visit.origin not in pages:
        raise forbidden("origin", visit.origin or "absent", "no key is made for this page", "make one with its origin")
    await send({"type": "http.response.start", "status": 204, "headers": list(_PREFLIGHT)})
    await send({"type": "http.response.body", "body": b""})
