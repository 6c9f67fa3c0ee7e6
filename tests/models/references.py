"""SYNTHETIC: what an invented model learned from."""

from __future__ import annotations

from models.drift import Histogram, Rate, Reference


def reference() -> Reference:
    return Reference(
        scores={"email": Histogram((0.125, 0.25), (0.5, 0.25, 0.25, 0.0), 320.0)},
        features={"customer.orders.28d": Histogram((0.0,), (0.75, 0.125, 0.125), 250.5)},
        rates={"email": {"a-1": Rate(900, 12), "Käse": Rate(3, 0)}},
        channels={"email": {"customer.orders.28d": Histogram((0.0,), (0.5, 0.375, 0.125), 200.0)}},
    )
