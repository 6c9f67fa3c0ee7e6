"""Decisions as rows: what was drawn or withheld, by which chances, and what the person bought from then on.

- A row is the first draw of one channel of one decision; of a request for the best over all channels, its one draw.
  Features are as of `decided_at`.
- Treated is who was drawn an action, whether it was then sent or not: the chances are those of the draw. Everybody else
  is a control, with the action that was withheld: one by the chances with which the draw would have taken each, given
  that it took any, in the holdout those of the full arm; what ranks first where no action was certain. It is found by
  making the decision again; a row whose decision cannot be made again as it was, or to which nothing was withheld, is
  left out.
- The outcome is the person's own, on all channels, whoever is credited: what was bought after `decided_at` and until
  the channel's reward window after the moment of delivery is over, without what has come back by `known_at`.
- A row is matured when the longest window among the channels of its draw is over, whatever came of it.
- What an agent chose by hand is no draw of the policy: rows whose first contact (sent or displayed) was with another
  action than the one drawn first, or with any where none was drawn, are `by_hand`.
- Nobody who objects to profiling is in any row.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from features.event import CONTACTS, Kind
from features.history import Records, as_of, text_code
from features.progress import Progress
from features.stores.protocol import CatalogueStore, DecisionLog, HistoryStore, LoggedDecision
from features.vocabulary import Vocabulary
from models.catalogue import Catalogue, parse
from models.columns import CompiledCatalogue
from models.first_draws import Choice
from models.notices import only_told
from models.policy.promoted import promotes, things_of
from models.policy_rules import Arm
from models.sales import sales
from models.withheld_first import Withheld
from training.contacts import DAY
from training.decided import ARMS, Decided, DecidedSlate, Drawn, LeftOut, decided_of, drawn_of
from training.table import Dataset, Pairs

MOST = 1_000_000
"""Decisions of one person that are read, the newest."""
_CONTACT_KINDS = [int(kind) for kind in CONTACTS]
_SUBSCRIBING = [int(Kind.SUBSCRIPTION_STARTED), int(Kind.SUBSCRIPTION_CHANGED)]


@dataclass(frozen=True, slots=True, eq=False)
class DecisionRows:
    """n rows sorted by (person, moment, decision, slate).

    pairs: person in Dataset.histories, moment `decided_at` (ms UTC), candidate a row of CompiledCatalogue.all: what was
    drawn first, or of a control what was withheld. treated: bool[n]. propensity: float64[n], the chance of drawing that
    candidate first, and no_action: float64[n], of drawing none, both given the arm; a control of the holdout has those
    of the full arm, in which it would have been. arm: int8[n], place in ARMS. arm_share: float64[n], the share of
    people in that arm at the time. by_hand: bool[n]. version: int64[n], of the catalogue that was decided by.
    read_up_to: int64[n], sequence in the log of the newest event that was read. ends_at:
    int64[n] ms UTC, until when outcomes count. matured_at: int64[n] ms UTC, since when they are known as they are;
    after the windows where something was told late or came back. net_sales: float64[n], what was paid less what came
    back, in the catalogue's currency; NaN where an amount is unknown. It is no margin: what goods cost the shop is not
    known here. bought: bool[n], whether anything that the candidate promotes was bought and kept; False of one that
    promotes nothing.
    """

    pairs: Pairs
    treated: NDArray[np.bool_]
    propensity: NDArray[np.float64]
    no_action: NDArray[np.float64]
    arm: NDArray[np.int8]
    arm_share: NDArray[np.float64]
    by_hand: NDArray[np.bool_]
    version: NDArray[np.int64]
    read_up_to: NDArray[np.int64]
    ends_at: NDArray[np.int64]
    matured_at: NDArray[np.int64]
    net_sales: NDArray[np.float64]
    bought: NDArray[np.bool_]

    def __len__(self) -> int:
        return len(self.pairs)

    def take(self, chosen: NDArray[np.intp] | NDArray[np.bool_]) -> DecisionRows:
        rest = {one.name: getattr(self, one.name)[chosen] for one in fields(self) if one.name != "pairs"}
        return DecisionRows(self.pairs.take(chosen), **rest)

    @property
    def weight(self) -> NDArray[np.float64]:
        """float64[n]: one over the chance, within its arm, of what was done; a control of the holdout had no other;
        0 of what was chosen by hand, which speaks for no policy."""
        held_out = ~self.treated & (self.arm == ARMS.index(Arm.HOLDOUT))
        chance = np.where(self.treated, self.propensity, np.where(held_out, 1.0, self.no_action))
        return np.where(self.by_hand, 0.0, 1.0 / chance)


MadeAgain = Callable[[LoggedDecision, Sequence[Sequence[Choice]]], Sequence[Withheld | None] | None]
"""What each slate of a logged decision would have begun with, given what they took (serving.redrawing.withheld). None:
it cannot be made again."""


class RowStore(HistoryStore, DecisionLog, CatalogueStore, Protocol):
    """What reading decisions asks of a store."""


_ROW = np.dtype(
    [
        *(("person", "<i4"), ("moment", "<i8"), ("candidate", "<i4"), ("category", "<i4"), ("treated", "?")),
        *(("propensity", "<f8"), ("no_action", "<f8"), ("arm", "i1"), ("arm_share", "<f8"), ("by_hand", "?")),
        *(
            ("version", "<i8"),
            ("read_up_to", "<i8"),
            ("ends_at", "<i8"),
            ("matured_at", "<i8"),
            ("net_sales", "<f8"),
            ("bought", "?"),
        ),
    ]
)
"""One of DecisionRows, with the columns of its pair."""

_Row = tuple[int, int, int, int, bool, float, float, int, float, bool, int, int, int, int, float, bool]


@dataclass(frozen=True, slots=True)
class Reading:
    """rows, and how many draws are none."""

    rows: DecisionRows
    left: LeftOut


def read_decision_rows(
    store: RowStore, dataset: Dataset, made_again: MadeAgain, progress: Progress, since: int = 0
) -> Reading:
    """Of the people and as of the `known_at` of `dataset`, of decisions of `since` (ms UTC) or later. Raises
    StoreError."""
    found: list[_Row] = []
    left = LeftOut()
    shares = _Shares(store)
    with progress.step("Read decisions", total=len(dataset.numbers)) as advance:
        for place, number in enumerate(dataset.numbers.tolist()):
            advance()
            if not len(dataset.histories[place]):  # objects to profiling, or nothing is known
                continue
            every = [one for one in store.decisions_of(number, MOST) if since <= one.decided_at <= dataset.known_at]
            if every:
                person = _Person(place, dataset, store.vocabulary)
                for logged in sorted(every, key=lambda one: (one.decided_at, one.decision_id)):
                    rows, gone = _of_decision(logged, person, made_again, shares)
                    found += rows
                    left += gone
    return Reading(_columns(found), left)


class _Shares:
    """Of people in an arm, by the catalogue of then."""

    def __init__(self, store: CatalogueStore) -> None:
        self._store = store
        self._known: dict[int, Mapping[str, float]] = {}

    def of(self, logged: LoggedDecision) -> float:
        """NaN when that catalogue is not kept."""
        version = logged.catalogue_version
        if version not in self._known:
            stored = self._store.catalogue(version)
            self._known[version] = {} if stored is None else _shares(parse(stored.document, version))
        return self._known[version].get(logged.arm, np.nan)


def _shares(catalogue: Catalogue) -> Mapping[str, float]:
    told = () if catalogue.arms is None else catalogue.arms.shares
    return {**{arm.value: share for arm, share in told}, Arm.FULL.value: 1.0 - sum(share for _, share in told)}


class _Person:
    """What the rows of one person are labelled by."""

    def __init__(self, place: int, dataset: Dataset, vocabulary: Vocabulary) -> None:
        self.place = place
        self.compiled = dataset.compiled
        self.known_at = dataset.known_at
        self._vocabulary = vocabulary
        known = as_of(dataset.histories[place], dataset.known_at)
        self._contacts = known[np.isin(known["kind"], _CONTACT_KINDS) & (known["decision"] != 0)]
        self._plans = known[np.isin(known["kind"], _SUBSCRIBING)]
        self._sales = sales(known, dataset.known_at)

    def by_hand(self, decision_id: str, channels: Sequence[str], drawn: str | None) -> bool:
        codes = [self._vocabulary.code("channel", name) for name in channels]
        made = self._contacts[self._contacts["decision"] == text_code(decision_id)]
        made = made[np.isin(made["channel"], codes)]
        if not len(made):
            return False
        first = made["action"][made["occurred_at"] == made["occurred_at"].min()]
        return drawn is None or self._vocabulary.code("action", drawn) not in first.tolist()

    def bought_between(self, after: int, until: int) -> tuple[Records, Records]:
        """SALE records, and EVENT records of subscriptions, in (after, until]."""
        plans = self._plans["occurred_at"]
        lines = self._sales["at"]
        return (
            self._sales[(lines > after) & (lines <= until)],
            self._plans[(plans > after) & (plans <= until)],
        )


def _of_decision(
    logged: LoggedDecision, person: _Person, made_again: MadeAgain, shares: _Shares
) -> tuple[list[_Row], LeftOut]:
    read = decided_of(logged)
    if read is None:
        return [], LeftOut(unreadable=1)
    again: Sequence[Withheld | None] | None = None
    if any(not any(slate.actions for slate in group) for group in read.groups):
        again = made_again(logged, read.taken)
    rows, left = list[_Row](), LeftOut()
    for number, group in enumerate(read.groups):
        windows = [_window(person.compiled, slate.channel) for slate in group]
        if None in windows:
            left += LeftOut(withdrawn=1)
        elif read.begins + max(one for one in windows if one is not None) > person.known_at:
            left += LeftOut(unmatured=1)
        else:
            drawn = drawn_of(group, None if again is None else again[number], made=again is not None, arm=logged.arm)
            if isinstance(drawn, LeftOut):
                left += drawn
            elif not _offered(person.compiled, *drawn.choice):
                left += LeftOut(withdrawn=1)
            else:
                rows.append(_row(read, group, drawn, person, shares.of(logged)))
    return rows, left


def _offered(compiled: CompiledCatalogue, channel: str, action: str) -> bool:
    """False for what the catalogue does not have there any more, or only tells."""
    if compiled.candidate_index(action, channel) is None:
        return False
    return not only_told(compiled.catalogue.actions[compiled.action_number[action]])


def _window(compiled: CompiledCatalogue, channel: str) -> int | None:
    """ms; None when there is no such channel."""
    known = compiled.catalogue.channels.get(channel)
    return None if known is None else int(known.reward_window_days * DAY)


def _row(read: Decided, group: Sequence[DecidedSlate], drawn: Drawn, person: _Person, share: float) -> _Row:
    compiled, logged = person.compiled, read.logged
    channel, action = drawn.choice
    windows = {slate.channel: _window(compiled, slate.channel) or 0 for slate in group}
    candidate = compiled.candidate_index(action, channel) or 0
    ends_at = read.begins + windows[channel]
    lines, plans = person.bought_between(logged.decided_at, ends_at)
    settled = [read.begins + max(windows.values()), *lines["settled_at"].tolist(), *plans["recorded_at"].tolist()]
    kept = [*lines["item"][lines["kept"] > 0.0].tolist(), *plans["item"].tolist()]
    return (
        person.place,
        logged.decided_at,
        candidate,
        int(compiled.all.category[candidate]),
        drawn.treated,
        drawn.propensity,
        drawn.no_action,
        ARMS.index(Arm(logged.arm)),
        share,
        person.by_hand(logged.decision_id, list(windows), action if drawn.treated else None),
        logged.catalogue_version,
        logged.history_version,
        ends_at,
        max(settled),
        _net(lines),
        promotes(compiled, int(compiled.action[candidate]), things_of(compiled, kept)),
    )


def _net(lines: Records) -> float:
    """What came back whole is worth nothing, whatever it was."""
    return float(sum(lines["amount"][lines["kept"] > 0.0] * lines["kept"][lines["kept"] > 0.0]))


def _columns(found: Sequence[_Row]) -> DecisionRows:
    rows = np.array(found, _ROW)

    def column(name: str) -> NDArray[Any]:
        return np.ascontiguousarray(rows[name])

    pairs = Pairs(*(column(one.name) for one in fields(Pairs)))
    return DecisionRows(pairs, *(column(one.name) for one in fields(DecisionRows)[1:]))
