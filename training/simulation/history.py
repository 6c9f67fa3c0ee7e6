"""A SYNTHETIC past on every channel, imported as one's own history is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from features.progress import Progress
from features.stores.keeping import CLOCK_SETTING, DATA_SETTING, DRIVEN
from features.stores.protocol import Store
from models.catalogue_file import CatalogueSource
from training.simulation import events
from training.simulation.events import Happening
from training.simulation.goods import BEGIN, CATEGORIES, CHANNELS, DAY, item_id, price_of
from training.simulation.truth import NEVER
from training.simulation.world import DECIDED_AT, MINUTE, Answer, Success, World


def lived(world: World, days: int, contacts: int, progress: Progress) -> list[Happening]:
    """What happens in so many days. contacts: a day, chosen without looking at anybody by whoever did the marketing
    before; 0 for none."""
    happened = [*_owned(world), *events.consents(world.state.consent.tolist(), BEGIN + world.day * DAY)]
    with progress.step("Live through the SYNTHETIC past", total=days) as advance:
        for _ in range(days):
            day = world.step()
            happened += day.happenings
            if contacts:
                happened += _marketing(world, day.visits, contacts)
            advance()
    return happened


def import_into(
    store: Store, world: World, happened: Sequence[Happening], catalogue: CatalogueSource, progress: Progress
) -> None:
    """Marks the store as a simulation whose clock is driven, and stands it at the end of the world's day."""
    source = f"simulated-{world.seed}-{world.truth.people}-{world.day}"
    present = BEGIN + world.day * DAY + DECIDED_AT + 120 * MINUTE
    with progress.step(f"Import {len(happened):,} SYNTHETIC events") as advance:
        note = "SYNTHETIC: a retailer that nobody has"
        stored = catalogue.document, catalogue.items_ipc()
        store.publish_catalogue(*stored, expected_version=None, published_at=present, author="simulation", note=note)
        store.import_customers(events.customers(world.truth), source)
        store.import_events(events.table(happened), source)
        advance()
    store.put_setting(CLOCK_SETTING, DRIVEN)
    store.put_setting(DATA_SETTING, "SYNTHETIC people of a made-up retailer")
    store.advance_present(present)


def _owned(world: World) -> list[Happening]:
    """The durables that people bought before."""
    durable = np.array([one.interval is None for one in CATEGORIES])
    owned = np.argwhere((world.state.last_bought > NEVER) & durable)
    found = []
    for number, (person, thing) in enumerate(owned.tolist()):
        at = BEGIN + int(world.state.last_bought[person, thing] * DAY)
        told = {"item": item_id(thing, 1), "order": f"sim-past-{number}", "amount": price_of(thing, 1)}
        found.append(Happening(person, at, "Order Completed", "store", **told))  # type: ignore[arg-type]
    return found


def _marketing(world: World, visits: NDArray[np.bool_], contacts: int) -> list[Happening]:
    """Any action that the channel has, to whoever may be written to or has come by."""
    rng, truth, state = world.dice(9), world.truth, world.state
    outbound = np.array([one.outbound for one in CHANNELS])
    reached = (np.where(outbound, state.consent, visits)) & (state.trouble == 0)[:, None]
    places = rng.permutation(np.argwhere(reached))
    _, first = np.unique(places[:, 0], return_index=True)
    places = places[np.sort(first)][:contacts]
    may = truth.allowed & truth.begun(world.day)
    action = [int(rng.choice(np.flatnonzero(may[channel]))) for channel in places[:, 1]]
    answers = world.answers(places[:, 0].tolist(), places[:, 1].tolist(), action)
    told = [one for answer in answers for one in _told(world, answer)]
    for success, order in world.successes():
        told += _succeeded(world, success)
        told += [] if order is None else [order]
    return told


def _told(world: World, answer: Answer) -> list[Happening]:
    at, channel = BEGIN + world.day * DAY + DECIDED_AT, CHANNELS[answer.channel]
    decision = f"sim-{world.seed}-{world.day}-{answer.person}"
    action = world.truth.actions[answer.action].id
    contact = "Action Sent" if channel.outbound else "Action Displayed"
    first = Happening(answer.person, at, contact, channel.id, action=action, decision=decision)
    found = [first]
    if answer.opened and channel.id == "email":
        found.append(replace(first, at=at + MINUTE, name="Email Opened"))
    if answer.rejected:
        found.append(replace(first, at=at + MINUTE, name="Action Rejected"))
    if answer.left:
        world.leave(answer.person, answer.channel)
        found.append(Happening(answer.person, at + MINUTE, events.WITHDRAWN, channel.id))
    world.promise(answer, decision)
    return found


def _succeeded(world: World, success: Success) -> list[Happening]:
    action, channel = world.truth.actions[success.action], CHANNELS[success.channel].id
    at = BEGIN + world.day * DAY + DECIDED_AT + 30 * MINUTE
    name = f"Action {action.success.capitalize()}"
    told = {"action": action.id, "decision": success.told_as}
    return [Happening(success.person, at, name, channel, **told)]  # type: ignore[arg-type]
