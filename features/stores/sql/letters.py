"""Dead letters: read, dropped, and found by whom they are about."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import takewhile
from typing import Any

from features.stores.mentions import named
from features.stores.protocol import BuriedLetter, DeadLetter, LetterLimits
from features.stores.sieve import Sieve
from features.stores.sql.session import Session, columns
from features.vault import Vault

_DIGEST = columns(digest="bytes")
_HIGHEST = 2**63 - 1
_DAY = 86_400_000
_MORE = 1000
"""Letters that leave with one group at most, beside as many as came."""
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


@dataclass(frozen=True, slots=True)
class Buried:
    """The letters of one group. newest: the highest number. at: ms UTC, when the last was received."""

    newest: int
    count: int
    at: int


def make_room(session: Session, limits: LetterLimits, buried: Buried) -> int:
    """Drop the oldest letters where there are too many or they are too old, and how many that were. A hundredth of what
    may stay goes at a time, so that most groups only look at the oldest."""
    last, horizon = buried.newest - limits.letters, buried.at - limits.days * _DAY
    query = "SELECT number, received_at FROM dead_letter WHERE number > 0 ORDER BY number LIMIT ?"
    ((oldest, received_at),) = session.rows(query, (1,))
    if oldest > last and received_at >= horizon:
        return 0
    last += limits.letters // 100 if oldest <= last else 0
    rows = session.rows(query, (buried.count + _MORE,))
    leaving = [number for number, _ in takewhile(lambda row: row[0] <= last or row[1] < horizon, rows)]
    if not leaving:  # another group was first
        return 0
    session.execute("DELETE FROM dead_letter_about WHERE number <= ?", (leaving[-1],))
    return session.execute("DELETE FROM dead_letter WHERE number <= ?", (leaving[-1],))


def naming(session: Session, vault: Vault, types: Mapping[bytes, str], above: int = 0) -> Iterator[int]:
    """Numbers, above one, of the letters that name one of the identifiers: by what their reader found, or by their
    text. types: of the identifiers, by their digests."""
    query = "SELECT a.number FROM wanted w CROSS JOIN dead_letter_about a WHERE a.digest = w.digest"
    told = {int(number) for (number,) in session.wanted(_DIGEST, query, [(one,) for one in types])}
    yield from (number for number in sorted(told) if number > above)
    kinds, sieve = frozenset(types.values()), _sieve(session, vault, types)
    before: int | None = None
    while letters := buried(session, vault, _AT_A_TIME, before):
        for one in letters:
            if one.number <= above:
                return
            payload = one.letter.payload
            if one.number not in told and sieve.lets_through(payload) and _names(vault, payload, types, kinds):
                yield one.number
        before = letters[-1].number


def _sieve(session: Session, vault: Vault, types: Mapping[bytes, str]) -> Sieve:
    query = "SELECT i.digest, i.clear FROM wanted w CROSS JOIN identifier i WHERE i.digest = w.digest"
    kept = {bytes(digest): clear for digest, clear in session.wanted(_DIGEST, query, [(one,) for one in types])}
    sealed = [(type_, kept.get(digest)) for digest, type_ in types.items()]
    return Sieve((type_, None if clear is None else vault.open(clear)) for type_, clear in sealed)


def _names(vault: Vault, payload: str, digests: Collection[bytes], types: Collection[str]) -> bool:
    return any(vault.digest(one) in digests for one in named(payload, types))
