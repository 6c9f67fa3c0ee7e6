"""Open cases of everybody, as the gates see them: which stop selling, and which nobody has touched for too long.

One person's words on cases are in memory at a time, whatever the store holds.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from operator import itemgetter

import numpy as np

from features.cases import KINDS, OpenCase, open_cases
from features.event import Event
from features.history import EVENT, Records, text_code
from features.identity import USER_ID, customer_identifier
from features.stores.people import LoggedEvent
from features.stores.protocol import AmbiguousIdentifier, Store
from models.policy.trouble import stale_since
from models.policy_rules import ServiceFirst

_COLUMNS = ("occurred_at", "recorded_at", "kind", "severity")


@dataclass(frozen=True, slots=True)
class CaseOfSomebody:
    """customer: the company's own id, None of somebody whom it has none for. case_id: None of cases told without one.
    stale_since: ms UTC, None of a case that is not stale."""

    customer: str | None
    case_id: str | None
    case: OpenCase
    stale_since: int | None


def cases_of_everybody(
    store: Store, rule: ServiceFirst | None, only_stale: bool, moment: int, walked: Callable[[], None]
) -> Iterator[CaseOfSomebody]:
    """By person. rule: of the catalogue in force, None: no case is stale. moment: ms UTC. walked: is called for each
    person of whom a case was ever told. Raises StoreError."""
    for _, told in groupby(store.logged(KINDS), itemgetter(0)):
        words = [one for _, one in told]
        found = [(case, stale_since(rule, case.touched_at, moment)) for case in open_cases(_records(words), moment)]
        shown = [(case, since) for case, since in found if since is not None or not only_stale]
        if shown:
            customer, names = _customer(store, words[-1]), _names(words)
            for case, since in shown:
                yield CaseOfSomebody(customer, names[case.code], case, since)
        walked()


def _records(words: Sequence[LoggedEvent]) -> Records:
    """EVENT records with what features.cases reads."""
    made = np.zeros(len(words), EVENT)
    for name in _COLUMNS:
        made[name] = [getattr(one.event, name) for one in words]
    made["order"] = [text_code(one.event.topic) for one in words]
    made["decision"] = [_code(one.event) for one in words]
    return made


def _code(event: Event) -> int:
    """As in the page: cases are told apart by what the log holds as the decision."""
    return text_code(event.decision)


def _names(words: Sequence[LoggedEvent]) -> dict[int, str | None]:
    return {_code(one.event): one.event.decision for one in words}


def _customer(store: Store, word: LoggedEvent) -> str | None:
    """Of the person to whom the event belongs. Another identifier than the company's own is not given out."""
    try:
        name = store.read(customer_identifier(word.profile)).customer_id
    except AmbiguousIdentifier:
        return None
    return name if customer_identifier(name).type == USER_ID else None
