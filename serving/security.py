"""Keys and their rights; and the rule that without any key only this machine is answered."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import ipaddress
import secrets
from collections.abc import Iterable

from features.stores.protocol import AccessKey
from serving.errors import forbidden, unauthorized

RIGHTS = frozenset({"write", "decide", "read", "admin", "replay"})
"""write: events, feedback. decide: recommendations. read: customers. admin: catalogue. replay: `at`, traces."""


def digest(key: str) -> str:
    """SHA-256 hex. Keys are 256 random bits, so a slow hash would add nothing."""
    return hashlib.sha256(key.encode("utf-8", "surrogatepass")).hexdigest()


def new_key(rights: Iterable[str], created_at: int, note: str) -> tuple[str, AccessKey]:
    """A fresh key (to be shown once) and its record. Raises ValueError for a right that does not exist."""
    granted = frozenset(rights)
    if not granted or not granted <= RIGHTS:
        raise ValueError(f"rights is {sorted(granted)}; one or more of {', '.join(sorted(RIGHTS))}; name them")
    key = f"nb_{secrets.token_urlsafe(32)}"
    return key, AccessKey(secrets.token_hex(6), digest(key), granted, created_at, note)


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


def is_loopback(host: str) -> bool:
    """Whether `host` names this machine alone; a name other than localhost does not."""
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return host.lower() == "localhost"
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    return (mapped or address).is_loopback


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

    def __len__(self) -> int:
        return len(self._keys)

    def require(self, right: str, key: str | None, peer: str | None) -> None:
        """Raises Refusal unless `key` carries `right`. peer: the caller's address, decisive without keys."""
        if not self._keys:
            self._require_local(peer)
            return
        if key is None:
            raise unauthorized("absent", "a key is needed")
        rights = self._rights(digest(key))
        if rights is None:
            raise unauthorized("unknown", "the key must be one in force")
        if right not in rights:
            raise forbidden(
                "authorization", f"a key without {right}", f"needs the right {right}", "use a key that has it"
            )

    def author(self, key: str | None) -> str:
        """Who asks with `key`, for the audit: its id, or this machine while no key is configured."""
        if key is None or not self._keys:
            return "this machine"
        presented = digest(key)
        return next((f"key {one.key_id}" for one in self._keys if hmac.compare_digest(one.digest, presented)), "")

    def _rights(self, presented: str) -> frozenset[str] | None:
        """Compares with every key, so that the time taken does not tell which one came near."""
        found: frozenset[str] | None = None
        for key in self._keys:
            if hmac.compare_digest(key.digest, presented):
                found = key.rights
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
