"""The other demo's history: SYNTHETIC people of a made-up retailer, on every channel that public data lack. Nothing is
downloaded. What is modelled: docs/simulation.md."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, cast
from urllib.parse import quote

from features.event import Kind
from features.identity import customer_identifier
from features.progress import Progress
from features.stores.protocol import Store
from training.simulation import goods, people
from training.simulation.events import customer_id
from training.simulation.history import import_into, lived
from training.simulation.truth import truth
from training.simulation.world import World
from training.sources.errors import SourceError

HOUSEHOLD: Final = customer_id(1)
"""Whom the demo shows."""

_PEOPLE: Final = 1_500
_DAYS: Final = 120
_CONTACTS: Final = 250
_SEED: Final = 1
_IMPORTED: Final = "simulated"
_BEGAN: Final = "simulated_began"
_NAMED: Final = "simulated_named"
_CALLER: Final = 1
_RULES_VERSION: Final = "1"
"""Raise it when the same seed makes another history."""


def import_once(store: Store, progress: Progress) -> None:
    """Four months, and the catalogue, unless this store has them whole already; what was stopped on the way is
    finished. Raises SourceError when it has other data, StoreError."""
    if store.setting(_IMPORTED) == _RULES_VERSION:
        _name(store)
        return
    if store.people() and store.setting(_BEGAN) != _RULES_VERSION:
        raise SourceError(
            "store has other data already; simulated people would mix with them; name another NEXTBEST_HOME"
        )
    actions = goods.actions(_DAYS, 14)
    world = World(truth(_PEOPLE, actions, _SEED), _SEED, 0)
    past = lived(world, _DAYS, _CONTACTS, progress)
    store.put_setting(_BEGAN, _RULES_VERSION)
    import_into(store, world, past, goods.catalogue(actions, 0.02), progress)
    store.put_setting(_IMPORTED, _RULES_VERSION)
    _name(store)


def _name(store: Store) -> None:
    """Also in a store that was made before anybody had a name."""
    if store.setting(_NAMED) is None:
        store.import_customers(people.named(), _NAMED)
        store.put_setting(_NAMED, "1")


def at_the_desk(store: Store, url: str) -> str:
    """Whom the agent desktop at `url` can be tried with."""
    one, family = people.somebody(_CALLER), people.somebody(people.SHARING[0])
    told = store.timeline(customer_identifier(one.customer_id), None, 1, frozenset({Kind.ORDERED}))
    orders = "".join(f", or the order {found.event.order}" for found in told if found.event.order)
    return (
        f"  there they call  {url}/console?phone={quote(one.phone)} ({one.first} {one.last}, SYNTHETIC)\n"
        f"                   {url}/console?phone={quote(family.phone)} (two who share it)\n"
        f"  or look for      {one.email}, {one.last} in {one.postcode}{orders}\n"
    )


def an_item_of(store: Store, decision: Mapping[str, object]) -> str:
    """The id of an item that the first offer of `decision` (the service's answer) promotes. Raises SourceError when it
    holds no offer."""
    del store
    slates = cast("list[dict[str, list[dict[str, str]]]]", decision["channels"])
    chosen = [action["action_id"] for slate in slates for action in slate["actions"]]
    category = {one.id: one.category for one in goods.actions(_DAYS, 14)}
    for action in chosen:
        if category[action] != goods.SERVICE:
            return goods.item_id(category[action], 1)
    raise SourceError(f"offers for {HOUSEHOLD} are none; the demo shows one; delete the demo's home")
