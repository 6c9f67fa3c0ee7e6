"""Past contacts that carry a reason: the labels of the contact reason model.

- A contact is what models.contact_moment says; its features are as of just before it began.
- Its reason is the last that was told in it: what somebody wrote down at the end knows more than the menu at the start.
- A reason is `properties.reason` of an event of LABELLED, as text: blanks and capitals do not count. What is longer
  than LONGEST is a story, not a reason, and is no label.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from features.history import Records, as_of
from features.stores.people import LoggedEvent
from models.contact_moment import beginnings, talk

LONGEST = 64


@dataclass(frozen=True, slots=True)
class LabelledContacts:
    """n contacts sorted by (person, moment). person: int32[n], place in Dataset.histories. moment: int64[n] ms UTC, as
    of which its features are. told_at: int64[n] ms UTC, when the reason was recorded. reason: int32[n], place in
    `reasons`, which are in alphabetical order."""

    person: NDArray[np.int32]
    moment: NDArray[np.int64]
    told_at: NDArray[np.int64]
    reason: NDArray[np.int32]
    reasons: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.person)


def told_reasons(logged: Iterable[tuple[int, LoggedEvent]]) -> dict[int, str]:
    """The reasons by their event's sequence in the log."""
    found = ((one.sequence, reason_in(one.event.properties)) for _, one in logged)
    return {sequence: reason for sequence, reason in found if reason is not None}


def reason_in(properties: str) -> str | None:
    """What an event's properties (JSON text) give as the reason; None for none."""
    content = json.loads(properties)
    told = content.get("reason") if isinstance(content, dict) else None
    reason = " ".join(told.split()).casefold() if isinstance(told, str) else ""
    return reason if 0 < len(reason) <= LONGEST else None


def labelled_contacts(histories: Sequence[Records], told: Mapping[int, str], known_at: int) -> LabelledContacts:
    """Those whose reason was recorded by `known_at` (ms UTC). histories: EVENT records by person, each sorted by
    (occurred_at, sequence). told: see told_reasons."""
    reasons = tuple(sorted(set(told.values())))
    code = {reason: number for number, reason in enumerate(reasons)}
    rows: list[tuple[int, int, int, int]] = []
    for person, records in enumerate(histories if told else ()):
        spoken = talk(as_of(records, known_at))
        latest: dict[int, tuple[int, int]] = {}
        for event, began in zip(spoken, beginnings(spoken["occurred_at"]).tolist(), strict=True):
            reason = told.get(int(event["sequence"]))
            if reason is not None:
                latest[began - 1] = int(event["recorded_at"]), code[reason]
        rows += [(person, moment, *label) for moment, label in latest.items()]
    columns = np.array(rows, np.int64).reshape(-1, 4).T
    return LabelledContacts(columns[0].astype(np.int32), columns[1], columns[2], columns[3].astype(np.int32), reasons)
