"""Keys and their rights; and the rule that without any key only this machine is answered."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import secrets
from collections.abc import Iterable
from typing import TYPE_CHECKING, Final

from features.stores.protocol import AccessKey
from serving.errors import forbidden, unauthorized
from serving.loopback import is_loopback
from serving.origins import checked_origin

if TYPE_CHECKING:
    from serving.call import Call

RIGHTS = frozenset({"write", "decide", "read", "admin", "replay"})
"""write: events, feedback. decide: recommendations. read: customers. admin: catalogue. replay: `at`, traces."""


def digest(key: str) -> str:
    """SHA-256 hex. Keys are 256 random bits, so a slow hash would add nothing."""
    return hashlib.sha256(key.encode("utf-8", "surrogatepass")).hexdigest()


def new_key(rights: Iterable[str], created_at: int, note: str, origins: Iterable[str] = ()) -> tuple[str, AccessKey]:
    """A fresh key (to be shown once) and its record. origins: of the web pages that hold it; whoever looks at such a
    page can read the key, so it may do nothing but write. Raises ValueError with a sentence."""
    granted, pages = frozenset(rights), frozenset(checked_origin(one) for one in origins)
    if not granted or not granted <= RIGHTS:
        raise ValueError(f"rights is {sorted(granted)}; one or more of {', '.join(sorted(RIGHTS))}; name them")
    if pages and granted != {"write"}:
        raise ValueError(f"rights is {sorted(granted)}; a key for web pages may only write; make another for the rest")
    key = f"nb_{secrets.token_urlsafe(32)}"
    return key, AccessKey(secrets.token_hex(6), digest(key), granted, created_at, note, pages)


def presented_key(authorization: str | None) -> str | None:
    """The key of an Authorization header: a bearer token, or the user of basic auth; None when there is none."""
    scheme, _, credentials = (authorization or "").strip().partition(" ")
    if scheme.lower() == "bearer":
        return credentials.strip() or None
    if scheme.lower() == "basic":
        try:
            user = base64.b64decode(credentials.strip(), validate=True).decode("utf-8").partition(":")[0]
        except (binascii.Error, UnicodeError):
            return None
        return user or None
    return None


class UnsafeAddress(Exception):
    """The service would be reachable from outside without asking for a key."""


def require_safe_address(host: str, keys: int) -> None:
    """Raises UnsafeAddress unless `host` is of this machine or keys are configured."""
    if not keys and not is_loopback(host):
        raise UnsafeAddress(
            f"host is {host}; without keys only a loopback address is served; "
            "make a key with `nextbest keys add`, or use NEXTBEST_HOST=127.0.0.1"
        )


class Keyring:
    """The keys in force. Immutable: a changed set of keys is a new ring."""

    def __init__(self, keys: Iterable[AccessKey]) -> None:
        self._keys = tuple(keys)
        self.pages: Final = frozenset(origin for key in self._keys for origin in key.origins)
        """Origins of the web pages that hold a key."""

    def __len__(self) -> int:
        return len(self._keys)

    def admit(self, right: str, call: Call) -> None:
        """Raises Refusal unless whoever calls may: by the roles of their account at the console, else by their key."""
        if call.signed_in is None:
            self.require(right, call.key, call.peer)
        elif right not in call.signed_in.rights:
            raise forbidden("account", call.signed_in.account, f"needs the right {right}", "ask whoever runs nextbest")

    def require(self, right: str, key: str | None, peer: str | None) -> None:
        """Raises Refusal unless `key` carries `right`. peer: the caller's address, decisive without keys. A web page's
        key opens nothing here."""
        held = self._require(right, key, peer)
        if held is not None and held.origins:
            raise forbidden(
                "authorization", "a web page's key", "it tells events at /v1/ and nothing else", "use another key"
            )

    def require_on_wire(self, key: str | None, peer: str | None, origin: str | None) -> bool:
        """Whether it is a web page that tells events. origin: the request's header. Raises Refusal unless `key` may
        write, and a page's key unless the page is one of those that it was made for."""
        held = self._require("write", key, peer)
        if held is None or not held.origins:
            return False
        if origin not in held.origins:
            raise forbidden(
                "origin", origin or "absent", "the key is for other web pages", "make one for this page's origin"
            )
        return True

    def _require(self, right: str, key: str | None, peer: str | None) -> AccessKey | None:
        if not self._keys:
            self._require_local(peer)
            return None
        if key is None:
            raise unauthorized("absent", "a key is needed")
        held = self._held(digest(key))
        if held is None:
            raise unauthorized("unknown", "the key must be one in force")
        if right not in held.rights:
            raise forbidden(
                "authorization", f"a key without {right}", f"needs the right {right}", "use a key that has it"
            )
        return held

    def author(self, call: Call) -> str:
        """Who asks, for the audit: the account at the console, the key's id, or this machine while no key is
        configured."""
        if call.signed_in is not None:
            return f"account {call.signed_in.account}"
        if call.key is None or not self._keys:
            return "this machine"
        presented = digest(call.key)
        return next((f"key {one.key_id}" for one in self._keys if hmac.compare_digest(one.digest, presented)), "")

    def _held(self, presented: str) -> AccessKey | None:
        """Compares with every key, so that the time taken does not tell which one came near."""
        found: AccessKey | None = None
        for key in self._keys:
            if hmac.compare_digest(key.digest, presented):
                found = key
        return found

    @staticmethod
    def _require_local(peer: str | None) -> None:
        if peer is not None and not is_loopback(peer):
            raise forbidden(
                "authorization",
                "absent",
                "without keys only this machine is answered",
                "configure a key on the service",
            )
