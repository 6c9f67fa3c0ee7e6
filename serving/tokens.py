"""Signed tokens: proof that we chose this action for this decision on this channel at this rank.

A token is base64url(JSON array) "." base64url(HMAC-SHA-256 of what stands before the dot, first 18 bytes).
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import secrets
from typing import Protocol

import msgspec

SECRET_SETTING = "signing_secret"  # noqa: S105 - the name of the setting, not the secret
_SIGNATURE_BYTES = 18


class TokenClaims(msgspec.Struct, frozen=True, array_like=True):
    decision_id: str
    action_id: str
    channel: str
    rank: int


class InvalidToken(ValueError):
    """Not a token, or one signed with another secret."""


class SecretStore(Protocol):
    def setting(self, name: str) -> str | None: ...

    def put_setting_once(self, name: str, value: str) -> str: ...


def signing_secret(store: SecretStore) -> bytes:
    """The store's secret (32 bytes), made when there is none yet; one for all processes, however many ask at once."""
    stored = store.setting(SECRET_SETTING)
    return bytes.fromhex(stored or store.put_setting_once(SECRET_SETTING, secrets.token_hex(32)))


class Signer:
    """Signs and reads tokens with one secret."""

    def __init__(self, secret: bytes) -> None:
        self._keyed = hmac.new(secret, digestmod=hashlib.sha256)
        self._encoder = msgspec.json.Encoder()
        self._decoder = msgspec.json.Decoder(TokenClaims)

    def sign(self, claims: TokenClaims) -> str:
        head = _text(self._encoder.encode(claims))
        return f"{head}.{self._signature(head)}"

    def read(self, token: str) -> TokenClaims:
        """Raises InvalidToken. What is compared are the texts as sent, so that a token has one spelling."""
        head, _, signature = token.partition(".")
        if not hmac.compare_digest(signature.encode(), self._signature(head).encode()):
            raise InvalidToken("token is not one of ours; its signature does not match; send it as it was answered")
        try:
            return self._decoder.decode(_bytes(head))
        except (binascii.Error, UnicodeError, msgspec.DecodeError) as error:
            raise InvalidToken("token is not one of ours; it cannot be read; send it as it was answered") from error

    def number(self, contents: bytes) -> int:
        """64 bits that nobody without the secret can tell. What a token signs holds no zero byte, so that no token
        gives one away."""
        mac = self._keyed.copy()
        mac.update(b"number\0" + contents)
        return int.from_bytes(mac.digest()[:8], "big")

    def _signature(self, head: str) -> str:
        mac = self._keyed.copy()
        mac.update(head.encode("utf-8", "surrogatepass"))
        return _text(mac.digest()[:_SIGNATURE_BYTES])


def _text(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode("ascii")


def _bytes(text: str) -> bytes:
    return base64.b64decode(text.encode("ascii") + b"=" * (-len(text) % 4), altchars=b"-_", validate=True)
