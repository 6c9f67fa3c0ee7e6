"""POST /items/feed: which items can be had, told outside the versions of the catalogue."""

from __future__ import annotations

import asyncio

import msgspec

from features.stores.shared import ItemState
from serving.call import Call
from serving.runtime import Runtime
from serving.schemas import ItemFeedRequest


async def feed(runtime: Runtime, request: ItemFeedRequest, call: Call) -> bytes:
    """Durable, and in force on this worker, when it is answered."""
    in_force = runtime.in_force
    in_force.keyring.require("write", call.key, call.peer)
    states = [ItemState(one.id, one.stock) for one in request.items]
    changed = await asyncio.to_thread(runtime.store.feed_items, states, in_force.clock.present(call.now))
    if changed:
        await runtime.look()
    return msgspec.json.encode({"items": len(states), "changed": changed})
