"""The registry's versions, and who was champion when, as rows for people and machines."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from models.document_fields import text_of
from training.registry import Registry

FIGURES = {"auc": "test.auc", "log_loss": "test.log_loss", "calibration_error": "test.calibration_error"}
"""Columns and the metrics of a run, on the latest contacts of its own data."""
NONE = "no version is registered yet; train one with `nextbest train`"


@dataclass(frozen=True, slots=True)
class Listing:
    """columns: their names. rows: one cell each, None for none. empty: what to say when there are none. real, own:
    which columns are moments by the real clock, and by the store's."""

    columns: tuple[str, ...]
    rows: Sequence[Sequence[str | float | tuple[str, ...] | None]]
    empty: str
    real: tuple[str, ...]
    own: tuple[str, ...]


def versions(registry: Registry) -> Listing:
    """Raises RegistryAway."""
    rows = [
        (
            *(one.registered.version, one.aliases, text_of(one.created)),
            *(one.metrics.get(name) for name in FIGURES.values()),
            None if one.champion_since is None else text_of(one.champion_since),
            *(one.registered.digest[:12], one.registered.run_id),
        )
        for one in registry.listed()
    ]
    return Listing(
        ("version", "aliases", "created", *FIGURES, "champion_since", "bundle", "run"),
        rows,
        NONE,
        ("created",),
        ("champion_since",),
    )


def champions(registry: Registry) -> Listing:
    """Raises RegistryAway."""
    rows = [
        (one.version, text_of(one.since), one.grounds.how.value, one.grounds.reason, one.grounds.by, one.digest[:12])
        for one in reversed(registry.champions())
    ]
    empty = "nobody was champion yet; promote a version with `nextbest promote`"
    return Listing(("version", "since", "how", "reason", "by", "bundle"), rows, empty, (), ("since",))
