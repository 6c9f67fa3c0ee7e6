"""Slots: small numbers for everything that one person met."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from features.compiled import allocating, part
from features.history import Records
from features.kernel_codes import CELLS, NO_CHANNEL, POOL, RESERVED, Known, Met, Places, Plan, Store


@allocating
def meet(records: Records, plan: Plan, categories: int) -> Met:
    """Room for everything in the records, with the reserved slots taken."""
    events = len(records)
    slots = RESERVED + 8 * events + categories
    room = 1
    while room < 2 * slots:
        room *= 2
    met = Met(
        np.empty(room, np.int64), np.empty(room, np.int8), np.full(room, -1, np.int32), np.empty(slots, np.int8),
        np.empty(slots, np.int64), np.empty(slots, np.int32), np.empty(slots, np.int32), np.empty(slots, np.int64),
        np.empty(slots, np.uint8), np.empty(slots, np.int32), np.empty(slots, np.int64), np.zeros(4, np.int64),
    )  # fmt: skip
    for slot in range(RESERVED):
        store = slot if slot < POOL else Store.ITEM
        met.store[slot], met.row[slot], met.wanted[slot] = store, met.size[1], 0
        met.size[1] += max(plan.width[store], CELLS)
    met.size[0] = RESERVED
    return met


@part
def spot(met: Met, store: int, key: int) -> int:
    """Where (store, key) is in the table, or would go."""
    mask = len(met.slots) - 1
    mixed = (np.uint64(key) + np.uint64(store) * np.uint64(0xD6E8FEB86659FD93)) * np.uint64(0x9E3779B97F4A7C15)
    place = int(np.int64((mixed ^ (mixed >> np.uint64(32))) & np.uint64(mask)))
    while met.slots[place] >= 0 and not (met.keys[place] == key and met.stores[place] == store):
        place = (place + 1) & mask
    return place


@part
def claim(met: Met, width: NDArray[np.int64], store: int, key: int) -> int:
    """The slot of (store, key), new when it was never met."""
    place = spot(met, store, key)
    if met.slots[place] < 0:
        slot = met.size[0]
        met.keys[place], met.stores[place], met.slots[place] = key, store, slot
        met.store[slot], met.row[slot] = store, met.size[1]
        met.up[slot], met.group[slot], met.wanted[slot], met.stamp[slot] = -1, -1, 0, 0
        met.size[0] += 1
        met.size[1] += width[store]
    return int(met.slots[place])


@part
def looked_up(codes: NDArray[np.int32], code: int) -> int:
    return codes[code] if 0 <= code < len(codes) else -1


@part
def claim_category(met: Met, plan: Plan, parent: NDArray[np.int32], category: int) -> int:
    """The slot of a category whose ancestors have slots too; -1 for none."""
    if category < 0:
        return -1
    before = met.size[0]
    first = claim(met, plan.width, Store.CATEGORY, category)
    slot = first
    while slot >= before:
        before = met.size[0]
        category = looked_up(parent, category)
        if category < 0:
            break
        above = claim(met, plan.width, Store.CATEGORY, category)
        met.up[slot] = above
        slot = above
    return first


@part
def claim_action(met: Met, plan: Plan, known: Known, action: int) -> int:
    before = met.size[0]
    slot = claim(met, plan.width, Store.ACTION, action)
    if slot >= before:
        met.up[slot] = claim_category(met, plan, known.parent, looked_up(known.action_category, action))
        group = looked_up(known.action_group, action)
        if group >= 0:
            met.group[slot] = claim(met, plan.width, Store.GROUP, group)
    return slot


@part
def claim_item(met: Met, plan: Plan, known: Known, item: int) -> int:
    before = met.size[0]
    slot = claim(met, plan.width, Store.ITEM, item)
    if slot >= before:
        met.up[slot] = claim_category(met, plan, known.parent, looked_up(known.category, item))
    return slot


@part
def contact_key(decision: int, channel: int, occurred_at: int) -> int:
    """One number for (decision, channel, occurred_at), as unlikely to clash as the codes of decisions are."""
    mixed = (np.uint64(occurred_at) * np.uint64(256) + np.uint64(channel)) * np.uint64(0xBF58476D1CE4E5B9)
    mixed = (mixed ^ (mixed >> np.uint64(29))) + np.uint64(decision)
    mixed = (mixed ^ (mixed >> np.uint64(32))) * np.uint64(0x94D049BB133111EB)
    return int(np.int64(mixed ^ (mixed >> np.uint64(31))))


@part
def place_event(met: Met, places: Places, plan: Plan, known: Known, records: Records, i: int) -> None:
    """What no feature of the plan tells of gets no slot."""
    item, action, kind, channel = records[i].item, records[i].action, records[i].kind, records[i].channel
    at, order = records[i].occurred_at, records[i].order
    of_category = plan.width[Store.CATEGORY] > 0 or plan.bits[1, kind] != 0
    of_item = of_category or plan.width[Store.ITEM] > 0 or plan.bits[0, kind] != 0
    of_action = of_category or plan.width[Store.ACTION] > 0 or plan.width[Store.GROUP] > 0
    places.item[i] = claim_item(met, plan, known, item) if of_item and item >= 0 else -1
    places.action[i] = claim_action(met, plan, known, action) if of_action and action >= 0 else -1
    about = places.item[i] if item >= 0 else places.action[i]
    places.category[i] = met.up[about] if about >= 0 else -1
    of_channel = plan.width[Store.CHANNEL] > 0 and channel != NO_CHANNEL
    places.channel[i] = claim(met, plan.width, Store.CHANNEL, channel) if of_channel else -1
    places.order[i], places.contact[i] = -1, -1
    if plan.bits[2, kind] != 0:
        places.order[i] = claim(met, plan.width, Store.ORDER, order if order != 0 else -1 - at)
    if plan.bits[3, kind] != 0:
        places.contact[i] = claim(met, plan.width, Store.CONTACT, contact_key(records[i].decision, channel, at))


@part
def want(cells: NDArray[np.float64], met: Met, plan: Plan, slot: int) -> None:
    if met.wanted[slot] == 0:
        met.wanted[slot] = 1
        met.touched[met.size[2]] = slot
        met.size[2] += 1
        row = met.row[slot]
        cells[row : row + plan.width[met.store[slot]]] = 0.0


@part
def seek(cells: NDArray[np.float64], met: Met, plan: Plan, store: int, code: int) -> int:
    """The slot of a code, wanted from now on; the blank one of its store when the person never met it."""
    if code < 0 or plan.width[store] == 0:
        return store + 0  # the number: numba keeps an enum's member apart from it
    slot = int(met.slots[spot(met, store, code)])
    if slot < 0:
        return store + 0
    want(cells, met, plan, slot)
    return slot
