"""The store as training sees it: people's histories, their matured contacts, and feature rows at any point in time."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from features import build
from features.candidates import Candidates, ItemFacts
from features.consent import PROFILING, objects_to_profiling
from features.definitions import names
from features.history import EVENT, Records, as_of, empty, joined
from features.progress import Progress, Silent
from features.stores.people import LoggedEvent, PersonEvents, Timeline
from features.stores.protocol import HistoryStore
from features.stores.shared import PriceStore
from features.zone_history import ZoneTold, zone_at
from models.columns import CompiledCatalogue, compile_catalogue
from models.contact_moment import LABELLED
from models.local_time import utc_offset
from models.notices import rows_only_told
from models.repricing import PriceLog, repriced
from training.catalogues_then import CataloguesThen, StoreOfThen, catalogues_then
from training.contacts import CONTACT, RewardRules, every_contact, reward_rules
from training.errors import NothingToLearn
from training.labelled_contacts import LabelledContacts, labelled_contacts, told_reasons
from training.purchases import Purchases, purchases
from training.share import Share

TOGETHER = 100
"""People whose rows are worked out by one call."""
FILLED = 20_000
"""Rows by another catalogue that are beside the whole at a time."""


@dataclass(frozen=True, slots=True)
class Pairs:
    """n questions "how is it with this person, at this moment, about this?", sorted by (person, moment).

    person: int32[n] place in Dataset.histories. moment: int64[n] ms UTC. candidate: int32[n], a row of the Candidates
    asked about. category: int32[n] of that candidate, -1 none.
    """

    person: NDArray[np.int32]
    moment: NDArray[np.int64]
    candidate: NDArray[np.int32]
    category: NDArray[np.int32]

    def __len__(self) -> int:
        return len(self.person)

    def take(self, chosen: NDArray[np.intp] | NDArray[np.bool_]) -> Pairs:
        return Pairs(self.person[chosen], self.moment[chosen], self.candidate[chosen], self.category[chosen])


@dataclass(frozen=True, slots=True)
class Exposures:
    """Matured contacts as rows of CompiledCatalogue.all. matured_at: int64[n] ms UTC. success: bool[n]. version:
    int64[n], of the catalogue by which each one's features go: that of its decision, without one the newest."""

    pairs: Pairs
    matured_at: NDArray[np.int64]
    success: NDArray[np.bool_]
    version: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.pairs)

    def take(self, chosen: NDArray[np.intp] | NDArray[np.bool_]) -> Exposures:
        rest = (self.matured_at[chosen], self.success[chosen], self.version[chosen])
        return Exposures(self.pairs.take(chosen), *rest)


Zones = tuple[ZoneTold, ...]
"""By sequence."""


@dataclass(frozen=True, slots=True)
class Dataset:
    """known_at: ms UTC, the latest clock in the store unless said otherwise; nothing recorded later is seen.
    histories: EVENT records by person, sorted by (occurred_at, sequence). numbers: int64[people], the store's own
    number of each person, ascending. zones: of each, what was told of their time zone by then. prices: what the item
    feed told of them by then. withdrawn: contacts left out because the catalogue has no such action on that channel any
    more, or only tells it; unmatured: contacts left out because their reward windows have not passed. objecting: how
    many people object to profiling as of known_at; nothing is learned of them nor judged by them, their histories are
    empty. then: the catalogues that decisions were made by. digest: hex, of the catalogue, those of what was decided by
    earlier ones, everybody else's events and zone as of known_at, prices, and labels. share: see read_share."""

    known_at: int
    compiled: CompiledCatalogue
    then: CataloguesThen
    histories: tuple[Records, ...]
    numbers: NDArray[np.int64]
    zones: tuple[Zones, ...]
    exposures: Exposures
    purchases: Purchases
    contacts: LabelledContacts
    prices: PriceLog
    withdrawn: int
    unmatured: int
    objecting: int
    digest: str
    share: Share | None = None

    @property
    def people(self) -> int:
        """Without those who object."""
        return len(self.histories) - self.objecting

    @property
    def remarks(self) -> tuple[str, ...]:
        """Lines for people."""
        share = "" if self.share is None else self.share.remark(self.people)
        left = (
            share,
            f"people who object to profiling are {self.objecting:,}; nothing is learned of them nor judged by them",
            f"catalogue versions that cannot be read any more are {', '.join(map(str, self.then.unread))}; features of "
            "what was decided by them go by the newest",
        )
        return tuple(line for line, told in zip(left, (share, self.objecting, self.then.unread), strict=True) if told)


class TrainingStore(HistoryStore, Timeline, StoreOfThen, PriceStore, Protocol):
    """What reading a dataset asks of a store."""


def read(store: TrainingStore, known_at: int | None, progress: Progress, bucket: int = 0, buckets: int = 1) -> Dataset:
    """Everything recorded by `known_at` (ms UTC; None: the last recorded moment) of the people whose number modulo
    `buckets` is `bucket`. Raises NothingToLearn."""
    compiled, digest = _newest(store)
    people = _people(store.scan(bucket, buckets), store.people() / buckets, progress)
    then = catalogues_then(store, compiled, bucket, buckets)
    return _dataset(store, people, then, digest, known_at, store.logged(LABELLED))


def read_share(store: TrainingStore, known_at: int | None, progress: Progress, people: int | None) -> Dataset:
    """Of everybody; where the store has more than `people`, of every second, third and so on by their numbers, the same
    ones as long as one in as many is read, so that about so many are left at most. Raises NothingToLearn."""
    share = Share.of(store.people(), people)
    return replace(read(store, known_at, progress, 0, share.one_in), share=share)


def read_of(store: TrainingStore, known_at: int, people: Collection[int]) -> Dataset:
    """The same of these people alone, by their numbers in the store, without reasons of contacts. Raises
    NothingToLearn."""
    compiled, digest = _newest(store)
    found = _people(store.scan_of(people), len(people), Silent())
    return _dataset(store, found, catalogues_then(store, compiled, 0, 1), digest, known_at, ())


def _newest(store: StoreOfThen) -> tuple[CompiledCatalogue, str]:
    """And its digest. Raises NothingToLearn."""
    stored = store.catalogue()
    if stored is None:
        raise NothingToLearn("catalogue is absent; training needs the actions; import or publish one first")
    return compile_catalogue(stored, store.vocabulary), stored.digest


def _dataset(
    store: TrainingStore,
    people: _People,
    then: CataloguesThen,
    catalogue: str,
    known_at: int | None,
    reasons: Iterable[tuple[int, LoggedEvent]],
) -> Dataset:
    """catalogue: digest of the newest."""
    compiled, histories = then.newest, people.histories
    last = max((int(records["recorded_at"].max()) for records in histories if len(records)), default=0)
    moment = last if known_at is None else known_at
    zones = [tuple(one for one in told if one.recorded_at <= moment) for told in people.zones]
    objecting = [person for person, said in people.profiling.items() if objects_to_profiling(said, moment)]
    for person in objecting:
        histories[person] = empty()
    exposures, withdrawn, unmatured = _exposures(histories, then, reward_rules(compiled, store.vocabulary), moment)
    bought = purchases(histories, compiled.facts, moment)
    called = labelled_contacts(histories, told_reasons(reasons), moment)
    prices = PriceLog().extended(store.price_changes(0), store.vocabulary).until(moment)
    digest = _digest(catalogue, moment, histories, zones, then, exposures, bought, called, prices)
    return Dataset(
        known_at=moment,
        compiled=compiled,
        then=then,
        histories=tuple(histories),
        numbers=np.array(people.numbers, np.int64),
        zones=tuple(zones),
        exposures=exposures,
        purchases=bought,
        contacts=called,
        prices=prices,
        withdrawn=withdrawn,
        unmatured=unmatured,
        objecting=len(objecting),
        digest=digest,
    )


@dataclass(frozen=True, slots=True)
class _People:
    """histories, numbers, zones: as in Dataset. profiling: what was said about it, CONSENT_ENTRY rows by place in
    histories."""

    histories: list[Records]
    numbers: list[int]
    zones: list[Zones]
    profiling: dict[int, Records]


def _people(every: Iterator[PersonEvents], total: float, progress: Progress) -> _People:
    found = _People([], [], [], {})
    with progress.step("Read histories", total=total) as advance:
        for place, entry in enumerate(every):
            ordered = np.lexsort((entry.records["sequence"], entry.records["occurred_at"]))
            found.histories.append(entry.records[ordered])
            found.numbers.append(entry.person)
            found.zones.append(entry.zones)
            said = entry.consents[entry.consents["topic"] == PROFILING]
            if len(said):
                found.profiling[place] = said
            advance()
    return found


def every_offer(compiled: CompiledCatalogue) -> Candidates:
    """To be asked about: each action on each channel."""
    return compiled.all


def every_category(compiled: CompiledCatalogue) -> Candidates:
    """To be asked about: each category by itself."""
    return compiled.categories


def feature_rows(
    dataset: Dataset,
    pairs: Pairs,
    candidates: Callable[[CompiledCatalogue], Candidates],
    only: NDArray[np.intp] | None = None,
) -> NDArray[np.float64]:
    """float64[n, F], the rows of `pairs` over `candidates`, from the one kernel, each as of its own moment and at the
    prices of the item feed that were told by then. only: the places of the features wanted, None: all."""
    rows = np.empty((len(pairs), len(names()) if only is None else len(only)), np.float64)
    number = dataset.prices.numbers_at(pairs.moment)
    for one in np.unique(number).tolist():
        compiled = repriced(dataset.compiled, dataset.prices, one)
        asked = (candidates(compiled), compiled.facts, only)
        if (number == one).all():
            return _rows_at(dataset, pairs, *asked)
        place = np.flatnonzero(number == one)
        rows[place] = _rows_at(dataset, pairs.take(place), *asked)
    return rows


def exposure_rows(dataset: Dataset, exposures: Exposures) -> NDArray[np.float64]:
    """float64[n, F], as feature_rows, each by the catalogue version that its exposure names: what the training table
    holds, and what the response model is learned from. What an agent presented though that catalogue had it not there
    goes by the newest."""
    groups = list(dataset.then.groups(exposures.version))
    if not groups:
        return feature_rows(dataset, exposures.pairs, every_offer)
    rows = np.empty((len(exposures), len(names())), np.float64)
    newest = np.ones(len(exposures), np.bool_)
    for then, place in groups:
        pairs, every = exposures.pairs.take(place), dataset.compiled.all
        row = then.candidate_indices(every.action[pairs.candidate], every.channel[pairs.candidate])
        had, candidate = row >= 0, row[row >= 0].astype(np.int32)
        asked = replace(pairs.take(had), candidate=candidate, category=then.all.category[candidate])
        _fill(rows, place[had], replace(dataset, compiled=then), asked)
        newest[place[had]] = False
    _fill(rows, np.flatnonzero(newest), dataset, exposures.pairs.take(newest))
    return rows


def _fill(rows: NDArray[np.float64], place: NDArray[np.intp], dataset: Dataset, pairs: Pairs) -> None:
    """pairs: of those places; some at a time, for the rows of many are large."""
    for first in range(0, len(place), FILLED):
        some = np.arange(first, min(first + FILLED, len(place)))
        rows[place[some]] = feature_rows(dataset, pairs.take(some), every_offer)


def _rows_at(
    dataset: Dataset, pairs: Pairs, candidates: Candidates, facts: ItemFacts, only: NDArray[np.intp] | None
) -> NDArray[np.float64]:
    """At one state of prices."""
    rows = np.empty((len(pairs), len(names()) if only is None else len(only)), np.float64)
    another = np.diff(pairs.person, prepend=-1, append=-1) != 0
    each = np.flatnonzero(another | (np.diff(pairs.moment, prepend=-1, append=-1) != 0))
    whose = np.flatnonzero(another[each])
    for begin in range(0, len(whose) - 1, TOGETHER):
        these = whose[begin : begin + TOGETHER + 1]
        moments = each[these[0] : these[-1] + 1]
        place = slice(int(moments[0]), int(moments[-1]))
        people = pairs.person[each[these[:-1]]]
        asked = build.Asked(
            records_start=np.cumsum([0, *(len(dataset.histories[person]) for person in people.tolist())]),
            moments_start=these - these[0],
            moments=pairs.moment[moments[:-1]],
            utc_offsets=_utc_offsets(dataset, pairs.person[moments[:-1]], pairs.moment[moments[:-1]]),
            start=moments - moments[0],
            chosen=pairs.candidate[place],
        )
        records = joined([dataset.histories[person] for person in people.tolist()])
        build.people_table(records, asked, candidates, facts, only, rows[place])
    return rows


def _utc_offsets(dataset: Dataset, person: NDArray[np.int32], moment: NDArray[np.int64]) -> NDArray[np.int64]:
    """int64[n]: of these people at these moments."""
    home, zones = dataset.compiled.catalogue.time_zone, dataset.zones
    pairs = zip(person.tolist(), moment.tolist(), strict=True)
    told = [utc_offset(zone_at(zones[one], at), home, at) for one, at in pairs]
    return np.array(told, np.int64)


def _exposures(
    histories: Sequence[Records], then: CataloguesThen, rules: RewardRules, known_at: int
) -> tuple[Exposures, int, int]:
    """And how many contacts are none: the catalogue has them no more or only tells them, or they have not matured."""
    compiled = then.newest
    every_one = [every_contact(records, rules, known_at) for records in histories]
    found = [each[each["matured_at"] <= known_at] for each in every_one]
    person = np.repeat(np.arange(len(found), dtype=np.int32), [len(records) for records in found])
    every = np.concatenate(found) if found else np.zeros(0, CONTACT)
    candidate = compiled.candidate_indices(
        np.ascontiguousarray(every["action"]), np.ascontiguousarray(every["channel"])
    )
    kept = candidate >= 0
    kept[kept] = ~rows_only_told(compiled)[candidate[kept]]
    every, candidate = every[kept], candidate[kept].astype(np.int32)
    pairs = Pairs(person[kept], np.ascontiguousarray(every["moment"]), candidate, compiled.all.category[candidate])
    success = np.ascontiguousarray(every["success"])
    unmatured = sum(map(len, every_one)) - len(kept)
    version = then.versions(np.ascontiguousarray(every["decision"]))
    exposures = Exposures(pairs, np.ascontiguousarray(every["matured_at"]), success, version)
    return exposures, int((~kept).sum()), unmatured


def _decided_by(exposures: Exposures, then: CataloguesThen) -> bytes:
    """What features go by besides the newest catalogue; nothing where they do not."""
    if (exposures.version == then.newest.version).all():
        return b""
    return repr(sorted(then.digests.items())).encode() + exposures.version.tobytes()


def _zone(told: Zones) -> object:
    """The name alone of what was always known."""
    if len(told) > 1 or any(one.recorded_at > 0 for one in told):
        return [(one.recorded_at, one.zone) for one in told]
    return told[0].zone if told else None


def _digest(
    catalogue: str,
    known_at: int,
    histories: Sequence[Records],
    zones: Sequence[Zones],
    then: CataloguesThen,
    exposures: Exposures,
    bought: Purchases,
    called: LabelledContacts,
    prices: PriceLog,
) -> str:
    """Of everything that was seen and what was made of it; somebody of whom nothing was recorded yet was not seen. An
    event's number in the log counts by its order only."""
    whole = hashlib.sha256(f"{catalogue}:{known_at}".encode() + _decided_by(exposures, then))
    for records, told in zip(histories, zones, strict=True):
        seen = as_of(records, known_at)
        if len(seen) == 0:
            continue
        whole.update(repr((len(seen), _zone(told))).encode())
        for name in EVENT.names or ():
            if name != "sequence":
                whole.update(seen[name].tobytes())
    pairs = exposures.pairs
    for column in (pairs.person, pairs.moment, pairs.candidate, exposures.matured_at, exposures.success):
        whole.update(np.ascontiguousarray(column).tobytes())
    for column in (bought.person(), bought.at, bought.recorded_at, bought.order, bought.category):
        whole.update(np.ascontiguousarray(column).tobytes())
    if len(called):
        whole.update(repr(called.reasons).encode())
        earlier = called.earlier
        for column in (called.person, called.moment, called.heard_at, called.told_at, called.reason):
            whole.update(np.ascontiguousarray(column).tobytes())
        for part in (earlier.contact.tobytes(), earlier.reason.tobytes(), earlier.age.tobytes()):
            whole.update(part)
    whole.update(prices.as_bytes())
    return whole.hexdigest()
