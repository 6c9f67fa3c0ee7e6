"""Dead letters: read, dropped, and found by whom they are about."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any

from features.stores.mentions import named
from features.stores.protocol import BuriedLetter, DeadLetter
from features.stores.sql.session import Session, columns
from features.vault import Vault

_DIGEST = columns(digest="bytes")
_HIGHEST = 2**63 - 1
_AT_A_TIME = 500


def buried(session: Session, vault: Vault, limit: int, before: int | None = None) -> tuple[BuriedLetter, ...]:
    """Newest first."""
    query = """SELECT number, received_at, reason, payload FROM dead_letter
               WHERE number < ? ORDER BY number DESC LIMIT ?"""
    rows = session.rows(query, (_HIGHEST if before is None else before, limit))
    return tuple(BuriedLetter(number, _letter(vault, letter)) for number, *letter in rows)


def _letter(vault: Vault, row: Sequence[Any]) -> DeadLetter:
    received_at, reason, payload = row
    return DeadLetter(received_at, vault.open(reason), vault.open(payload))


def select_letters(session: Session, vault: Vault, numbers: Collection[int]) -> tuple[DeadLetter, ...]:
    """In the order of the numbers."""
    query = "SELECT received_at, reason, payload FROM dead_letter WHERE number = ?"
    return tuple(_letter(vault, row) for number in numbers for row in session.rows(query, (number,)))


def unbury(session: Session, numbers: Collection[int]) -> int:
    for number in numbers:
        session.execute("DELETE FROM dead_letter_about WHERE number = ?", (number,))
    return sum(session.execute("DELETE FROM dead_letter WHERE number = ?", (number,)) for number in numbers)


def naming(session: Session, vault: Vault, types: Mapping[bytes, str], above: int = 0) -> Iterator[int]:
    """Numbers, above one, of the letters that name one of the identifiers: by what their reader found, or by their
    text. types: of the identifiers, by their digests."""
    query = "SELECT a.number FROM wanted w CROSS JOIN dead_letter_about a WHERE a.digest = w.digest"
    told = {int(number) for (number,) in session.wanted(_DIGEST, query, [(one,) for one in types])}
    yield from (number for number in sorted(told) if number > above)
    kinds = frozenset(types.values())
    before: int | None = None
    while letters := buried(session, vault, _AT_A_TIME, before):
        for one in letters:
            if one.number <= above:
                return
            if one.number not in told and _names(vault, one.letter, types, kinds):
                yield one.number
        before = letters[-1].number


def _names(vault: Vault, letter: DeadLetter, digests: Collection[bytes], types: Collection[str]) -> bool:
    return any(vault.digest(one) in digests for one in named(letter.payload, types))
