"""A catalogue as columns: what the kernel, the gates and the arbitration read, made once per version.

Rows of `all` are the (action, channel) pairs that have a treatment, channel by channel in the catalogue's order and, on
a channel, in the order of the actions. Which treatment a row uses depends on the placement that was asked for.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from features.candidates import Candidates, ItemFacts, take
from features.candidates import channel_codes as codes_of_channels
from features.event import NO_CODE
from features.history import NO_CHANNEL, text_code
from features.stores.protocol import StoredCatalogue
from features.vocabulary import Vocabulary
from models.catalogue import (
    Action,
    ActionKind,
    Catalogue,
    CatalogueUncompiled,
    Treatment,
    UnknownChannel,
    UnknownPlacement,
    parse,
)
from models.catalogue_items import from_ipc
from models.conditions.compiled import Conditions, compile_conditions
from models.contact_limits import ContactLimits, contact_limits
from models.item_relations import ItemRelations, item_relations
from models.journey_rules import Trigger
from models.policy_columns import PolicyColumns, policy_columns
from models.prices import category_prices, price_of
from models.promotions import Promotions, promotions
from models.repurchase import Curves
from models.spending import SpendingRules, spending_rules

OPEN_START = 0
OPEN_END = 2**62
TRIGGER_CODES = {None: 0, Trigger.ESCALATION: 1, Trigger.HANDOFF_LOST: 2}
KIND_CODES = {ActionKind.OFFER: 0, ActionKind.MESSAGE: 1, ActionKind.SERVICE: 2}


@dataclass(frozen=True, slots=True)
class ChannelCandidates:
    """The m actions that may be weighed on one channel, or on several in the order asked for. channel: intp[m], the
    place of each one's channel in `channels`. row: intp[m] in `all`. action: intp[m] in catalogue.actions. lever:
    float64[m]. treatments: what each would show, None where nothing fits the placement. fits: bool[m], where something
    does. candidates: their columns."""

    channels: tuple[str, ...]
    placement: str | None
    channel: NDArray[np.intp]
    row: NDArray[np.intp]
    action: NDArray[np.intp]
    lever: NDArray[np.float64]
    fits: NDArray[np.bool_]
    treatments: tuple[Treatment | None, ...]
    candidates: Candidates

    def __len__(self) -> int:
        return len(self.row)

    def at(self, places: NDArray[np.intp]) -> ChannelCandidates:
        """The ones at `places`, in that order."""
        return ChannelCandidates(
            channels=self.channels,
            placement=self.placement,
            channel=self.channel[places],
            row=self.row[places],
            action=self.action[places],
            lever=self.lever[places],
            fits=self.fits[places],
            treatments=tuple(self.treatments[place] for place in places),
            candidates=take(self.candidates, places),
        )


@dataclass(frozen=True, slots=True)
class CompiledCatalogue:
    """One version, ready to decide with. facts: what it knows by code. categories: a bare candidate per category, in
    the order of catalogue.categories, as are category numbers. all: see the module. row_start: intp[channels + 1], the
    rows of `all` of each channel. action: intp[rows]. alphabetical: intp[actions], the rank of an action's id among the
    ids: the last tie-break. topics: those of actions, None first; topic_codes: their text_code, 0 for None. topic:
    intp[actions], the place of each one's in topics. trigger: int8[actions], TRIGGER_CODES. conditions: of eligibility
    and of weights. promotions: what each action promotes and until when that is refused. policy: what else holds it
    back. limits: the contact limits. spending: budgets and ceilings. relations: what buying an item is also a purchase
    of. curves: of the things in promotions, from the model in service, None while none knows when things are bought
    again. items: int64[k], codes of what is sold, ascending. list_price: float64[k], the catalogue's own, NaN unknown.
    prices: the number of the item feed's newest price in facts, categories and all (models.repricing), 0: none."""

    catalogue: Catalogue
    facts: ItemFacts = field(repr=False)
    relations: ItemRelations
    categories: Candidates = field(repr=False)
    all: Candidates = field(repr=False)
    row_start: NDArray[np.intp]
    action: NDArray[np.intp]
    alphabetical: NDArray[np.intp]
    topics: tuple[str | None, ...]
    topic_codes: Mapping[str | None, int]
    topic: NDArray[np.intp]
    trigger: NDArray[np.int8]
    conditions: Conditions = field(repr=False)
    groups: tuple[str, ...]
    channel_codes: Mapping[str, int]
    action_number: Mapping[str, int]
    promotions: Promotions = field(repr=False)
    policy: PolicyColumns = field(repr=False)
    limits: ContactLimits = field(repr=False)
    spending: SpendingRules = field(repr=False)
    curves: Curves | None = field(repr=False)
    items: NDArray[np.int64] = field(repr=False)
    list_price: NDArray[np.float64] = field(repr=False)
    prices: int
    _channel: Mapping[tuple[str, str | None], ChannelCandidates] = field(repr=False)
    _row: Mapping[tuple[str, str], int]
    _table: NDArray[np.int32] = field(repr=False)
    _owner: Mapping[str, str]

    @property
    def version(self) -> int:
        return self.catalogue.version

    def channel(self, channel_id: str, placement: str | None = None) -> ChannelCandidates:
        """One channel's candidates; a placement narrows only the channel that it belongs to.

        Raises UnknownChannel, UnknownPlacement.
        """
        if channel_id not in self.catalogue.channels:
            known = sorted(self.catalogue.channels)
            raise UnknownChannel(f"channel is {channel_id!r}; channels are {known}; ask for one of them")
        if placement is not None and placement not in self._owner:
            known = sorted(self._owner)
            raise UnknownPlacement(f"placement is {placement!r}; placements are {known}; ask for one of them")
        narrowed = placement if placement is not None and self._owner[placement] == channel_id else None
        return self._channel[channel_id, narrowed]

    def channels(self, channel_ids: Sequence[str], placement: str | None = None) -> ChannelCandidates:
        """Several channels' candidates, one after the other. Raises UnknownChannel, UnknownPlacement."""
        parts = [self.channel(channel_id, placement) for channel_id in channel_ids]
        return parts[0] if len(parts) == 1 else _joined(parts, self.all)

    def sells(self, item: int) -> bool:
        """item: a code, -1 for none."""
        return item in self.items[np.searchsorted(self.items, item) :][:1]

    def with_prices(
        self, facts: ItemFacts, categories: Candidates, everything: Candidates, prices: int
    ) -> CompiledCatalogue:
        """The same version at other prices; prices: their number."""
        shown = {key: replace(one, candidates=take(everything, one.row)) for key, one in self._channel.items()}
        return replace(self, facts=facts, categories=categories, all=everything, prices=prices, _channel=shown)

    def candidate_index(self, action_id: str, channel_id: str) -> int | None:
        """The row of `all` of that pair; None when there is none."""
        return self._row.get((action_id, channel_id))

    def candidate_indices(self, action: NDArray[np.int32], channel: NDArray[np.uint8]) -> NDArray[np.int32]:
        """int32[n]: the row of `all` for each pair of vocabulary codes; -1 when there is none."""
        known = (action >= 0) & (action < len(self._table))
        every = bool(known.all())
        return self._table[action, channel] if every else np.where(known, self._table[known * action, channel], NO_CODE)


def _joined(parts: Sequence[ChannelCandidates], everything: Candidates) -> ChannelCandidates:
    row = np.concatenate([part.row for part in parts])
    return ChannelCandidates(
        channels=tuple(channel for part in parts for channel in part.channels),
        placement=next((part.placement for part in parts if part.placement is not None), None),
        channel=np.repeat(np.arange(len(parts), dtype=np.intp), [len(part) for part in parts]),
        row=row,
        action=np.concatenate([part.action for part in parts]),
        lever=np.concatenate([part.lever for part in parts]),
        fits=np.concatenate([part.fits for part in parts]),
        treatments=tuple(treatment for part in parts for treatment in part.treatments),
        candidates=take(everything, row),
    )


def compile_catalogue(stored: StoredCatalogue, vocabulary: Vocabulary) -> CompiledCatalogue:
    """Columns for one stored version. Raises CatalogueInvalid when the document or its items cannot be read, and
    CatalogueUncompiled when the vocabulary has no code for a channel, action or item of it."""
    catalogue = parse(stored.document, stored.version)
    items = from_ipc(stored.items)
    codes = _item_codes(items, vocabulary)
    sold = np.sort(codes)
    category, parent, price = _item_columns(catalogue, items, codes, vocabulary)
    relations = item_relations(items, codes, vocabulary)
    promoted = promotions(catalogue, category, parent, relations.head, vocabulary)
    category_price = category_prices(category, parent, price)
    groups = tuple(dict.fromkeys(action.group for action in catalogue.actions))
    topics = (None, *catalogue.topics)
    channel_codes = {name: _code(vocabulary, "channel", name) for name in catalogue.channels}
    row_start, action, pairs = _pairs(catalogue)
    actions = _action_columns(catalogue, vocabulary, groups, promoted, price, category_price)
    everything = _on_channels(take(actions, action), channel_codes, row_start)
    table = np.full((vocabulary.size("action"), 256), NO_CODE, np.int32)
    table[everything.action, everything.channel] = np.arange(len(everything))
    action_group = _by_code(actions.action, actions.group, vocabulary)
    return CompiledCatalogue(
        catalogue=catalogue,
        facts=ItemFacts(
            category=category,
            parent=parent,
            price=price,
            action_group=action_group,
            action_category=_by_code(actions.action, actions.category, vocabulary),
            channel=codes_of_channels(vocabulary),
        ),
        relations=relations,
        categories=_bare_categories(catalogue, category_price),
        all=everything,
        row_start=row_start,
        action=action,
        alphabetical=np.argsort(np.argsort([entry.id for entry in catalogue.actions], kind="stable")).astype(np.intp),
        topics=topics,
        topic_codes={topic: text_code(topic) for topic in topics},
        topic=np.array([topics.index(entry.topic) for entry in catalogue.actions], np.intp),
        trigger=np.array([TRIGGER_CODES[entry.trigger] for entry in catalogue.actions], np.int8),
        conditions=compile_conditions(catalogue, row_start, action),
        groups=groups,
        channel_codes=channel_codes,
        action_number={entry.id: number for number, entry in enumerate(catalogue.actions)},
        promotions=promoted,
        policy=policy_columns(catalogue, actions.action),
        spending=spending_rules(catalogue),
        limits=contact_limits(catalogue, vocabulary, groups, action_group, channel_codes),
        curves=None,
        items=sold,
        list_price=price[sold],
        prices=0,
        _channel=_by_channel(catalogue, everything, row_start, action),
        _row=pairs,
        _table=table,
        _owner={place: channel.id for channel in catalogue.channels.values() for place in channel.placements},
    )


def _code(vocabulary: Vocabulary, domain: str, text: str) -> int:
    code = vocabulary.code(domain, text)
    if code == (NO_CHANNEL if domain == "channel" else NO_CODE):
        raise CatalogueUncompiled(f"{domain} is {text!r}; it has no code in the vocabulary; read the vocabulary again")
    return code


def _item_codes(items: pa.Table, vocabulary: Vocabulary) -> NDArray[np.int64]:
    known, ids = vocabulary.codes["item"], items["id"].to_pylist()
    codes = np.fromiter((known.get(text, NO_CODE) for text in ids), np.int64, len(ids))
    missing = np.flatnonzero(codes < 0)
    if len(missing):
        first = f"item is {ids[missing[0]]!r}, one of {len(missing)}"
        raise CatalogueUncompiled(f"{first}; it has no code in the vocabulary; read the vocabulary again")
    return codes


def _by_code(codes: NDArray[np.int32], values: NDArray[np.int32], vocabulary: Vocabulary) -> NDArray[np.int32]:
    column = np.full(vocabulary.size("action"), NO_CODE, np.int32)
    column[codes] = values
    return column


def _item_columns(
    catalogue: Catalogue, items: pa.Table, codes: NDArray[np.int64], vocabulary: Vocabulary
) -> tuple[NDArray[np.int32], NDArray[np.int32], NDArray[np.float64]]:
    """Category and price by item code, and the parent of each category."""
    number = {name: index for index, name in enumerate(catalogue.categories)}
    category = np.full(vocabulary.size("item"), NO_CODE, np.int32)
    price = np.full(vocabulary.size("item"), np.nan)
    places = pc.index_in(items["category"], value_set=pa.array(list(number), pa.string()))
    category[codes] = pc.fill_null(places, NO_CODE).to_numpy()
    price[codes] = items["price"].to_numpy()
    parents = [number[entry.parent] if entry.parent is not None else NO_CODE for entry in catalogue.categories.values()]
    return category, np.array(parents, np.int32), price


def _pairs(catalogue: Catalogue) -> tuple[NDArray[np.intp], NDArray[np.intp], dict[tuple[str, str], int]]:
    """Where each channel's rows start, the action of each row, and the row of each (action, channel)."""
    start, actions = [0], list[int]()
    rows = dict[tuple[str, str], int]()
    for channel in catalogue.channels:
        for index, action in enumerate(catalogue.actions):
            if any(treatment.channel == channel for treatment in action.treatments):
                rows[action.id, channel] = len(actions)
                actions.append(index)
        start.append(len(actions))
    return np.array(start, np.intp), np.array(actions, np.intp), rows


def _action_columns(
    catalogue: Catalogue,
    vocabulary: Vocabulary,
    groups: tuple[str, ...],
    promoted: Promotions,
    item_price: NDArray[np.float64],
    category_price: NDArray[np.float64],
) -> Candidates:
    """One row an action, channel none."""
    actions = catalogue.actions
    number = {name: index for index, name in enumerate(groups)}
    items = [[_code(vocabulary, "item", item) for item in action.items] for action in actions]
    prices = [
        price_of(item_price[codes], category_price, home) for codes, home in zip(items, promoted.category, strict=True)
    ]
    starts = [OPEN_START if action.starts_at is None else action.starts_at for action in actions]
    ends = [OPEN_END if action.ends_at is None else action.ends_at for action in actions]
    return Candidates(
        action=np.array([_code(vocabulary, "action", action.id) for action in actions], np.int32),
        group=np.array([number[action.group] for action in actions], np.int32),
        category=promoted.category,
        channel=np.full(len(actions), NO_CHANNEL, np.uint8),
        item_start=np.cumsum([0, *map(len, items)], dtype=np.int32),
        item=np.array([code for codes in items for code in codes], np.int32),
        price=np.array(prices, np.float64),
        value=np.array([action.value for action in actions], np.float64),
        kind=np.array([KIND_CODES[action.kind] for action in actions], np.int8),
        starts_at=np.array(starts, np.int64),
        ends_at=np.array(ends, np.int64),
    )


def _on_channels(candidates: Candidates, codes: Mapping[str, int], start: NDArray[np.intp]) -> Candidates:
    candidates.channel[:] = np.repeat(np.array(list(codes.values()), np.uint8), np.diff(start))
    return candidates


def _bare_categories(catalogue: Catalogue, price: NDArray[np.float64]) -> Candidates:
    count = len(catalogue.categories)
    return Candidates(
        action=np.full(count, NO_CODE, np.int32),
        group=np.full(count, NO_CODE, np.int32),
        category=np.arange(count, dtype=np.int32),
        channel=np.full(count, NO_CHANNEL, np.uint8),
        item_start=np.zeros(count + 1, np.int32),
        item=np.zeros(0, np.int32),
        price=price,
        value=np.zeros(count),
        kind=np.zeros(count, np.int8),
        starts_at=np.full(count, OPEN_START, np.int64),
        ends_at=np.full(count, OPEN_END, np.int64),
    )


def _by_channel(
    catalogue: Catalogue, everything: Candidates, start: NDArray[np.intp], action: NDArray[np.intp]
) -> dict[tuple[str, str | None], ChannelCandidates]:
    found: dict[tuple[str, str | None], ChannelCandidates] = {}
    for number, channel in enumerate(catalogue.channels.values()):
        rows = np.arange(start[number], start[number + 1], dtype=np.intp)
        actions = [catalogue.actions[index] for index in action[rows]]
        for placement in (None, *channel.placements):
            treatments = tuple(_treatment(entry, channel.id, placement) for entry in actions)
            found[channel.id, placement] = ChannelCandidates(
                channels=(channel.id,),
                placement=placement,
                channel=np.zeros(len(rows), np.intp),
                row=rows,
                action=action[rows],
                lever=np.array([entry.lever for entry in actions], np.float64),
                fits=np.array([treatment is not None for treatment in treatments], np.bool_),
                treatments=treatments,
                candidates=take(everything, rows),
            )
    return found


def _treatment(action: Action, channel: str, placement: str | None) -> Treatment | None:
    """Asked for a placement: the treatment made for it, else the one for any placement. Asked for none: the one for any
    placement, else the first of the channel."""
    here = [treatment for treatment in action.treatments if treatment.channel == channel]
    exact = [treatment for treatment in here if treatment.placement == placement]
    general = [treatment for treatment in here if placement is None or treatment.placement is None]
    return next(iter(exact + general), None)
