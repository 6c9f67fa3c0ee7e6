"""POST /items/feed: which items can be had and what they cost, told outside the versions of the catalogue."""

from __future__ import annotations

import asyncio
from collections.abc import Collection

import msgspec

from features.stores.shared import UNTOLD, ItemState
from serving.call import Call
from serving.errors import invalid
from serving.runtime import Runtime
from serving.schemas import ItemFeedRequest, ItemStateEntry


async def feed(runtime: Runtime, request: ItemFeedRequest, call: Call) -> bytes:
    """Durable, and in force on this worker, when it is answered."""
    in_force = runtime.in_force
    in_force.keyring.admit("write", call)
    await _require_sold(runtime, request)
    states = [_state(one) for one in request.items]
    changed = await asyncio.to_thread(runtime.store.feed_items, states, in_force.clock.present(call.now))
    if changed:
        await runtime.look()
    return msgspec.json.encode({"items": len(states), "changed": changed})


def _state(entry: ItemStateEntry) -> ItemState:
    told = entry.model_fields_set
    return ItemState(entry.id, entry.stock if "stock" in told else UNTOLD, entry.price if "price" in told else UNTOLD)


async def _require_sold(runtime: Runtime, request: ItemFeedRequest) -> None:
    """A price is in the currency of a catalogue, and of what it sells. Raises Refusal."""
    priced = {one.id for one in request.items if one.price is not None}
    if not priced:
        return
    unknown = _not_sold(runtime, priced)
    if unknown:  # another worker may have published them just now
        await runtime.look()
        unknown = _not_sold(runtime, priced)
    for place, one in enumerate(request.items):
        if one.id in unknown:
            rule, remedy = "a price is told of an item of the catalogue", "publish the item first, or leave it out"
            raise invalid(f"items[{place}].id", one.id, rule, remedy)


def _not_sold(runtime: Runtime, items: Collection[str]) -> frozenset[str]:
    compiled, vocabulary = runtime.catalogue(), runtime.store.vocabulary
    return frozenset(one for one in items if not compiled.sells(vocabulary.code("item", one)))
