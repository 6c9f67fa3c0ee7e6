"""What keeps identifiers unreadable at rest: one secret, from it a keyed digest and an authenticated cipher.

Stored formats (tests/golden/vault.json): a digest is 16 bytes of BLAKE2b, keyed, of "<type>\\0<value>" in UTF-8; a
sealed text is 0x01, a nonce of 12 random bytes, and AES-256-GCM's ciphertext with its tag; a keyed code is the first 8
bytes of AES-256 of the code and 8 zero bytes, little-endian. The keys are derived from the secret by HKDF-SHA-256, each
under a purpose of its own, so that none tells anything of another.

VaultError   the key is not one, or does not open what is sealed
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import os
import secrets
from contextlib import suppress
from pathlib import Path
from typing import Final

import numpy as np
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.ciphers.algorithms import AES256
from cryptography.hazmat.primitives.ciphers.modes import ECB
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from numpy.typing import NDArray

from features.event import Identifier
from features.identity import DIGEST, USER_ID

KEY_BYTES: Final = 32
KEY_FILE: Final = "identity.key"

_DIGEST_BYTES = 16
_NONCE_BYTES = 12
_FORMAT = b"\x01"


class VaultError(ValueError):
    """The key is not one, or does not open what is sealed."""


class Vault:
    """Digests and seals under one secret. omitted: identifiers other than user ids are kept as digests alone."""

    def __init__(self, secret: bytes, omitted: bool = False) -> None:
        """secret: KEY_BYTES random bytes. Raises VaultError."""
        if len(secret) != KEY_BYTES:
            raise VaultError(f"identity key is {len(secret)} bytes; it is {KEY_BYTES}; make one with key_file")
        self.omitted = omitted
        self._digesting = _derived(secret, "digest")
        self._cipher = AESGCM(_derived(secret, "seal"))
        # Each block is a code by itself, and equal codes have to stay equal: a function, not a message.
        self._coding = Cipher(AES256(_derived(secret, "code")), ECB())  # noqa: S305
        self.check_value: Final = _derived(secret, "check").hex()
        """Tells whether a store was written under the same secret; tells nothing else of it."""

    def digest(self, identifier: Identifier) -> bytes:
        """Equal identifiers have equal digests, and nobody without the secret can make or test one."""
        if identifier.type == DIGEST:
            return bytes.fromhex(identifier.value)
        text = f"{identifier.type}\0{identifier.value}".encode()
        return hashlib.blake2b(text, digest_size=_DIGEST_BYTES, key=self._digesting).digest()

    def codes(self, plain: NDArray[np.int64]) -> NDArray[np.int64]:
        """int64[n] for int64[n] (features.history.text_code): equal ones stay equal, and nobody without the secret can
        make or test one."""
        blocks = np.zeros((len(plain), 2), dtype="<i8")
        blocks[:, 0] = plain
        keyed = self._coding.encryptor().update(blocks.tobytes())
        return np.frombuffer(keyed, dtype="<i8").reshape(-1, 2)[:, 0].astype(np.int64)

    def seal(self, text: str) -> bytes:
        """The text encrypted, another way each time."""
        nonce = os.urandom(_NONCE_BYTES)
        return _FORMAT + nonce + self._cipher.encrypt(nonce, text.encode(), _FORMAT)

    def open(self, sealed: bytes) -> str:
        """Raises VaultError for what was not sealed under this secret, or was altered."""
        nonce, ciphertext = sealed[1 : 1 + _NONCE_BYTES], sealed[1 + _NONCE_BYTES :]
        # A nonce too short raises ValueError: something was cut.
        try:
            return self._cipher.decrypt(nonce, ciphertext, sealed[:1]).decode()
        except (InvalidTag, ValueError) as error:
            message = "sealed text is not of this identity key, or was altered; use the key it was written with"
            raise VaultError(message) from error

    def keep(self, identifier: Identifier) -> bytes | None:
        """What is stored of the value beside its digest: sealed, or None where clear values are omitted. A user id is
        kept in any case: it is the name by which the company's other systems know the person."""
        return self.seal(identifier.value) if self.keeps(identifier) else None

    def keeps(self, identifier: Identifier) -> bool:
        """Whether keep gives anything to store."""
        return identifier.type != DIGEST and (not self.omitted or identifier.type == USER_ID)


def _derived(secret: bytes, purpose: str) -> bytes:
    return HKDF(SHA256(), KEY_BYTES, salt=None, info=f"nextbest identity {purpose} 1".encode()).derive(secret)


def key_from_text(text: str) -> bytes:
    """The secret written as 64 hexadecimal digits, or in base64. Raises VaultError, which does not repeat the text."""
    stripped = text.strip()
    with suppress(ValueError):
        if len(secret := bytes.fromhex(stripped)) == KEY_BYTES:
            return secret
    with suppress(binascii.Error, ValueError):
        padded = stripped.replace("-", "+").replace("_", "/") + "=" * (-len(stripped) % 4)
        if len(secret := base64.b64decode(padded, validate=True)) == KEY_BYTES:
            return secret
    message = f"identity key is {len(stripped)} characters; it is {KEY_BYTES} bytes in hex or base64"
    raise VaultError(f"{message}; make one with `openssl rand -hex {KEY_BYTES}`")


def key_file(path: Path) -> bytes:
    """The secret in the file, which is made on first use, for its owner alone; of several processes that make it at
    once one wins and all read the winner's. Raises VaultError, OSError."""
    if not path.exists():
        _make(path)
    mode = path.stat().st_mode & 0o777
    if mode & 0o077:
        raise VaultError(f"{path.name} has mode {mode:o}; others may read it; chmod 600 and think who has read it")
    return key_from_text(path.read_text(encoding="ascii", errors="replace"))


def _make(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    try:
        with os.fdopen(descriptor, "w", encoding="ascii") as file:
            file.write(secrets.token_hex(KEY_BYTES) + "\n")
            file.flush()
            os.fsync(file.fileno())
        # A link appears whole or not at all, and never over one that is there.
        with suppress(FileExistsError):
            path.hardlink_to(draft)
    finally:
        draft.unlink()
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
