"""How actions do by now against what the model expected of them: what is counted of each contact, for those who decide
by it and for the store, which counts.

A contact weighs half as much after HALF_LIFE, and so does its success. What the model expected of it counts by and by,
as successes come in, so that a young contact does not look like a failure. How late they come is a mixture of Erlang
distributions of two stages, one for each of PACES (models.response_delay), so what is still to come of all contacts
together is a mixture of sums that shrink exponentially: one row for an action on a channel is enough for ever, may be
brought to any moment, and needs no bins of age (forward decay: Cormode et al. 2009).
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from dataclasses import field as dataclass_field
from typing import Final, NamedTuple

import msgspec
import numpy as np
from numpy.typing import NDArray

HOUR: Final = 3_600_000
DAY: Final = 24 * HOUR

HALF_LIFE: Final = 3 * DAY
"""ms, after which a contact weighs half: an offer's weekend still counts on Monday, last month's does not."""

PACES: Final = tuple(30_000 * 2.5**step for step in range(13))
"""ms, of one stage: half the mean delay, from a minute to forty days. Stored sums follow them: never change one without
a revision of the store."""

SUMS: Final = 3 + 2 * len(PACES)
"""Contacts, expected and successes; then, for each pace, what is expected of contacts in the first stage, and likewise
in the second."""

_PACES: Final = np.array(PACES)


class Expectation(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """What a chosen action's contact is measured by. probability: the model's own. success: the kind of event that is
    one (features.event.Kind). window: ms after the contact in which it counts."""

    action: str
    channel: str
    probability: float
    success: int
    window: int


_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(list[Expectation]).decode


def expected_text(expectations: Iterable[Expectation]) -> str | None:
    """As it is logged; None of nothing."""
    every = list(expectations)
    return _encode(every).decode() if every else None


def expectations_of(text: str | None) -> list[Expectation]:
    return [] if text is None else _decode(text)


class Contact(NamedTuple):
    """at: ms UTC. probability: the model's own. times: 1, or -1 for one that is taken back."""

    at: int
    probability: float
    succeeded: bool
    times: int = 1


@dataclass(frozen=True, slots=True, eq=False)
class Tally:
    """Of an action on a channel, as of `at` (ms UTC). sums: float64[SUMS]."""

    at: int
    sums: NDArray[np.float64]

    def aged(self, moment: int) -> NDArray[np.float64]:
        """The sums at `moment`, ms UTC; as they are at one that is past."""
        age = max(0, moment - self.at)
        steps = age / _PACES
        first, second = np.split(self.sums[3:], 2)
        passed = np.exp(-steps)
        staged = (self.sums[:3], first * passed, (second + first * steps) * passed)
        whole: NDArray[np.float64] = np.concatenate(staged) * 0.5 ** (age / HALF_LIFE)
        return whole

    def beside(self, other: Tally) -> Tally:
        """Both together; in whichever order, the same but for rounding."""
        at = max(self.at, other.at)
        return Tally(at, self.aged(at) + other.aged(at))


def tally_of(contacts: Sequence[Contact]) -> Tally:
    """Of at least one, as of the latest."""
    moments, probability, succeeded, times = (np.array(column, np.float64) for column in zip(*contacts, strict=True))
    at = max(one.at for one in contacts)
    age = at - moments
    weight = times * 0.5 ** (age / HALF_LIFE)
    steps = age / _PACES[:, None]
    first = np.exp(-steps) @ (weight * probability)
    second = (steps * np.exp(-steps)) @ (weight * probability)
    return Tally(at, np.concatenate([[weight.sum(), weight @ probability, weight @ succeeded], first, second]))


Tallies = Mapping[tuple[str, str], Tally]
"""By action id and channel."""


class Lift(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """hundredths: of log odds, to be added to the model's. contacts: that it was seen on, in two digits. of: whose they
    are, "action", or where it has none of its own "group" or "channel"."""

    hundredths: int
    contacts: int
    of: str


@dataclass(frozen=True, slots=True)
class Lifts:
    """model: the version whose expectations were exceeded or missed; no other is corrected by them. by: action id and
    channel; what is not in it is as expected."""

    model: str = ""
    by: Mapping[tuple[str, str], Lift] = dataclass_field(default_factory=dict)
    _columns: dict[str, tuple[Collection[str], NDArray[np.float64]]] = dataclass_field(
        default_factory=dict, init=False, compare=False, repr=False
    )

    def __bool__(self) -> bool:
        return bool(self.by)

    def log_odds(self, actions: Collection[str], channel: str) -> NDArray[np.float64]:
        """float64[actions], 0 for what is as expected; kept for the same collection, for decisions ask again."""
        known = self._columns.get(channel)
        if known is None or known[0] is not actions:
            by = (self.by.get((action, channel)) for action in actions)
            column = np.array([0.0 if one is None else one.hundredths / 100 for one in by])
            known = self._columns[channel] = (actions, column)
        return known[1]


NO_LIFTS: Final = Lifts()
