"""A contact reason model as a bundle's JSON, all but its forest."""

from __future__ import annotations

from collections.abc import Mapping
from typing import cast

from models.contact_reason import ContactReasonModel
from models.forest import Forest


def to_object(model: ContactReasonModel) -> Mapping[str, object]:
    return {
        "base_rates": model.base_rates,
        "contacts": model.contacts,
        "offsets": model.offsets,
        "reasons": model.reasons,
        "slope": model.slope,
    }


def from_object(content: Mapping[str, object], forest: Forest) -> ContactReasonModel:
    """Raises ValueError, KeyError, TypeError for what is none."""
    return ContactReasonModel(
        forest=forest,
        reasons=tuple(cast("list[str]", content["reasons"])),
        base_rates=tuple(cast("list[float]", content["base_rates"])),
        slope=float(cast("float", content["slope"])),
        offsets=tuple(cast("list[float]", content["offsets"])),
        contacts=int(cast("int", content["contacts"])),
    )
