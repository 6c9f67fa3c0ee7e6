"""Past contacts that carry a reason: the labels of the contact reason model.

- A contact is what models.contact_moment says; it is asked about when it was first heard of.
- Its reason is the last that was told in it: what somebody wrote down at the end knows more than the menu at the start.
- What was told of earlier contacts, and was known when it was asked about, goes into its row.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from features.history import Records, as_of
from features.stores.people import LoggedEvent
from models.contact_moment import Question, contacts, known_records, talk
from models.contact_told import age_in_days, reason_in


@dataclass(frozen=True, slots=True)
class Told:
    """What was known at n contacts of the reasons of earlier ones, one row for each reason of each. contact: int32[m],
    place among the contacts. reason: int32[m], place in `reasons`. age: float64[m], days since it was told last."""

    contact: NDArray[np.int32]
    reason: NDArray[np.int32]
    age: NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class LabelledContacts:
    """n contacts sorted by (person, moment). person: int32[n], place in Dataset.histories. moment: int64[n] ms UTC, as
    of which its features are, just before it began. heard_at: int64[n] ms UTC, when it was first heard of: what was
    recorded by then is known. told_at: int64[n] ms UTC, when the reason was recorded. reason: int32[n], place in
    `reasons`, which are in alphabetical order. earlier: of the reasons told before."""

    person: NDArray[np.int32]
    moment: NDArray[np.int64]
    heard_at: NDArray[np.int64]
    told_at: NDArray[np.int64]
    reason: NDArray[np.int32]
    reasons: tuple[str, ...]
    earlier: Told

    def __len__(self) -> int:
        return len(self.person)

    def question(self, place: int) -> Question:
        """The one that its row answers."""
        heard_at = int(self.heard_at[place])
        return Question(int(self.moment[place]), heard_at, heard_at)


@dataclass(frozen=True, slots=True)
class _Labelled:
    """A contact with the reason told last in it, and when that was recorded (ms UTC). earlier: days since each reason
    was told before."""

    asked: Question
    told_at: int
    reason: int
    earlier: Mapping[int, float]


def told_reasons(logged: Iterable[tuple[int, LoggedEvent]]) -> dict[int, str]:
    """The reasons by their event's sequence in the log."""
    found = ((one.sequence, reason_in(one.event.properties)) for _, one in logged)
    return {sequence: reason for sequence, reason in found if reason is not None}


def labelled_contacts(histories: Sequence[Records], told: Mapping[int, str], known_at: int) -> LabelledContacts:
    """Those whose reason was recorded by `known_at` (ms UTC). histories: EVENT records by person, each sorted by
    (occurred_at, sequence). told: see told_reasons."""
    reasons = tuple(sorted(set(told.values())))
    place = {reason: number for number, reason in enumerate(reasons)}
    code = {sequence: place[reason] for sequence, reason in told.items()}
    found = [
        (person, one)
        for person, records in enumerate(histories if told else ())
        for one in _labelled(talk(as_of(records, known_at)), code)
    ]
    rows = [(person, one.asked.moment, one.asked.heard_at, one.told_at, one.reason) for person, one in found]
    columns = np.array(rows, np.int64).reshape(-1, 5).T
    return LabelledContacts(
        person=columns[0].astype(np.int32),
        moment=columns[1],
        heard_at=columns[2],
        told_at=columns[3],
        reason=columns[4].astype(np.int32),
        reasons=reasons,
        earlier=_earlier([one for _, one in found]),
    )


def _labelled(spoken: Records, code: Mapping[int, int]) -> Iterator[_Labelled]:
    """Of one person. code: of the reason, by sequence."""
    reason = np.array([code.get(sequence, -1) for sequence in spoken["sequence"].tolist()], np.int64)
    for contact in contacts(spoken):
        telling = [place for place in contact.members if reason[place] >= 0]
        if telling:
            asked = contact.asked()
            told_at = int(spoken["recorded_at"][telling[-1]])
            yield _Labelled(asked, told_at, int(reason[telling[-1]]), _told_before(spoken[reason >= 0], code, asked))


def _told_before(telling: Records, code: Mapping[int, int], asked: Question) -> Mapping[int, float]:
    known = known_records(telling, asked)
    columns = known["sequence"].tolist(), known["occurred_at"].tolist()
    ages = {code[sequence]: age_in_days(told_at, asked.moment) for sequence, told_at in zip(*columns, strict=True)}
    return {reason: age for reason, age in ages.items() if np.isfinite(age)}


def _earlier(found: Sequence[_Labelled]) -> Told:
    rows = [(number, reason, age) for number, one in enumerate(found) for reason, age in one.earlier.items()]
    columns = np.array(rows, np.float64).reshape(-1, 3).T
    return Told(columns[0].astype(np.int32), columns[1].astype(np.int32), np.ascontiguousarray(columns[2]))
