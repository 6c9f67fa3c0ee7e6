"""Local accounts: how passwords are kept and tried, and the one-time link that signs in without one.

Somebody who guesses is slowed down by name and by where they ask from, in the store, so that every worker knows.
"""

from __future__ import annotations

import asyncio
import re
import secrets
import time
from dataclasses import dataclass
from typing import Final

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from features.stores.desk import Account, DeskStore
from serving.errors import Refusal, invalid, too_many_attempts
from serving.security import digest

SHORTEST, LONGEST = 12, 256
"""Characters of a password."""
WINDOW: Final = 15 * 60 * 1000
"""ms in which failed sign-ins count."""
LINK_TIME: Final = 24 * 60 * 60 * 1000
"""ms in which a one-time link signs in."""

_NAME = re.compile(r"[a-z0-9][a-z0-9._@+-]{0,63}")
_OF_BOTH, _OF_NAME, _OF_PEER = 5, 30, 50
"""Failed sign-ins in WINDOW of one name from one place, of one name, and from one place."""


@dataclass(frozen=True, slots=True)
class Hashing:
    """Trying one password takes 64 MB and tens of milliseconds: two at a time, beside the requests."""

    hasher: PasswordHasher
    places: asyncio.Semaphore
    nobodys: str

    @classmethod
    def made(cls) -> Hashing:
        hasher = PasswordHasher()
        return cls(hasher, asyncio.Semaphore(2), hasher.hash(secrets.token_urlsafe(16)))

    async def fits(self, account: Account | None, password: str) -> bool:
        """Takes as long for an account that is none."""
        kept = account.password if account is not None and account.password else self.nobodys
        good = await asyncio.to_thread(self._fits, kept, password)
        return good and kept is not self.nobodys

    def _fits(self, kept: str, password: str) -> bool:
        try:
            return self.hasher.verify(kept, password)
        except (VerificationError, InvalidHashError):
            return False


def checked_name(name: str) -> str:
    """Raises ValueError with a sentence."""
    plain = name.strip().lower()
    if not _NAME.fullmatch(plain):
        raise ValueError(f"name is {name[:64]!r}; 1 to 64 letters, digits and . _ @ + -; write it like ada.smith")
    return plain


def hashed(password: str) -> str:
    """Raises ValueError with a sentence."""
    if not SHORTEST <= len(password) <= LONGEST:
        rule = f"it has {SHORTEST} to {LONGEST} characters"
        raise ValueError(f"password is {len(password)} characters; {rule}; choose another")
    return PasswordHasher().hash(password)


def new_link(store: DeskStore, account: str) -> str:
    """The token of a link that signs `account` in, once."""
    token = secrets.token_urlsafe(32)
    store.add_link(digest(token), account, now() + LINK_TIME)
    return token


def now() -> int:
    """ms UTC of the system's clock: sessions end by it, whatever present a demo's data has."""
    return time.time_ns() // 1_000_000


async def password_holder(store: DeskStore, hashing: Hashing, name: str, password: str, peer: str) -> Account:
    """The account, when the password is its. Raises Refusal, also before trying when too many have failed."""
    plain = name.strip().lower()[:64]
    tried = _Tried(plain, peer)
    moment = now()
    async with hashing.places:  # whoever tries many at once is counted before the next is tried
        await asyncio.to_thread(tried.require_patience, store, moment)
        account = store.account(plain)
        good = await hashing.fits(account, password[: LONGEST + 1])
        if account is None or not good:
            await asyncio.to_thread(store.note_failures, tried.names, moment, moment - WINDOW)
            raise wrong_sign_in()
    await asyncio.to_thread(store.forget_failures, [tried.both])
    return account


def wrong_sign_in() -> Refusal:
    """The same for a wrong name and a wrong password."""
    return invalid("name", None, "name and password do not fit together", "try again")


@dataclass(frozen=True, slots=True)
class _Tried:
    name: str
    peer: str

    @property
    def both(self) -> str:
        return f"both:{self.name}\n{self.peer}"

    @property
    def names(self) -> tuple[str, str, str]:
        return self.both, f"name:{self.name}", f"peer:{self.peer}"

    def require_patience(self, store: DeskStore, moment: int) -> None:
        """Raises Refusal."""
        for name, most in zip(self.names, (_OF_BOTH, _OF_NAME, _OF_PEER), strict=True):
            if store.failures([name], moment - WINDOW) >= most:
                raise too_many_attempts(WINDOW // 60_000)
