"""Where the dice of a decision come from.

Where the customer comes to us, whoever reloads a page or asks another worker must be told the same: the seed is a keyed
hash of the person, their journey (without one, their day), the question, and of everything that the answer is made
from. It changes with the next event, catalogue or model, and nobody without the store's secret can tell it. Where we
write first, each decision is a contact of its own, and draws anew.
"""

from __future__ import annotations

import os
import secrets
from collections.abc import Mapping

from features.history import CustomerRecord
from features.journey import present
from models.catalogue import Catalogue
from models.local_time import utc_offset
from models.policy_rules import DAY, Direction
from serving.question_text import canonical
from serving.tokens import Signer

SEED_BITS = 63
_ASKED_OTHERWISE = {"decision_id", "explain", "dry_run", "at", "customer_id", "identifier", "customer_ids"}
"""What of a question changes no answer, or is in the seed by the person's name."""


def seed_of(
    signer: Signer,
    told: Mapping[str, object],
    channels: tuple[str, ...],
    record: CustomerRecord,
    catalogue: Catalogue,
    model_version: str,
    moment: int,
) -> int:
    """SEED_BITS for a decision at `moment` (ms UTC): the same as before when one of the channels is inbound and nothing
    has changed, else random. told: the fields of the question."""
    if not _stable(channels, catalogue):
        return secrets.randbits(SEED_BITS)
    asked = {name: value for name, value in told.items() if name not in _ASKED_OTHERWISE}
    state = (record.customer_id, occasion(record, catalogue, moment), record.version, catalogue.version, model_version)
    return signer.number(canonical([*state, channels, asked])) >> (64 - SEED_BITS)


def new_id(moment: int) -> str:
    """Of a decision: ascending in time, so that the log's index grows at its end; not to be guessed."""
    return f"{moment:012x}{os.urandom(10).hex()}"


def _stable(channels: tuple[str, ...], catalogue: Catalogue) -> bool:
    """Whether the draws must be the same again; where nothing is left to dice, no journey need be looked for."""
    asked = [catalogue.channels[name] for name in channels]
    dice = catalogue.arms is not None or any(channel.exploration is not None for channel in asked)
    return dice and any(channel.direction is Direction.INBOUND for channel in asked)


def occasion(record: CustomerRecord, catalogue: Catalogue, moment: int) -> tuple[str, int]:
    """The journey under way by its beginning, else the day of the person's clock. moment: ms UTC."""
    journey = present(record.page, moment, catalogue.journey.idle)
    if journey is not None:
        return "journey", journey.started_at
    return "day", (moment + utc_offset(record.time_zone, catalogue.time_zone, moment)) // DAY
