"""Who asks, as both lanes know it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from serving.clock import NOW_HEADER
from serving.security import presented_key


@dataclass(frozen=True, slots=True)
class SignedIn:
    """Somebody at the console. account: their name. rights: those of their roles, as keys carry them."""

    account: str
    rights: frozenset[str]


@dataclass(frozen=True, slots=True)
class Call:
    """key: as presented, None for none. peer: the caller's address, None when unknown. now: the header Nextbest-Now
    as sent. origin: the web page that asks, None when it is no page that does. signed_in: who asks at the console,
    whose rights stand in the place of a key's; None of everybody who asks over the interface."""

    key: str | None
    peer: str | None
    now: str | None
    origin: str | None
    signed_in: SignedIn | None = None

    @classmethod
    def of(cls, headers: Mapping[str, str], peer: str | None) -> Call:
        return cls(presented_key(headers.get("authorization")), peer, headers.get(NOW_HEADER), headers.get("origin"))
