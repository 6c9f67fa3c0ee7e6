"""Our own Prometheus series. With several workers the files in PROMETHEUS_MULTIPROC_DIR are summed at scraping."""

from __future__ import annotations

import os

from prometheus_client import (
    CONTENT_TYPE_LATEST,
    REGISTRY,
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    generate_latest,
)
from prometheus_client.multiprocess import MultiProcessCollector

CONTENT_TYPE = CONTENT_TYPE_LATEST

REQUESTS = Counter("nextbest_requests", "Requests answered, by route and status.", ["route", "status"])
DURATION = Histogram(
    "nextbest_request_seconds",
    "Time from the request's arrival to its answer.",
    ["route"],
    buckets=(0.0005, 0.001, 0.002, 0.004, 0.008, 0.016, 0.032, 0.064, 0.125, 0.25, 0.5, 1.0, 2.0),
)
DECISIONS = Counter(
    "nextbest_decisions",
    "Decisions made, by whether the fallback ranking answered and by the customer's arm.",
    ["degraded", "arm"],
)
DECIDED_AGAIN = Counter(
    "nextbest_decided_again", "Reservations decided afresh because their person's history had moved meanwhile."
)
REPLAYS = Counter(
    "nextbest_replays",
    "Decisions made again: identical, different (on another revision), fault (different on the same one), missing.",
    ["result"],
)
EVENTS = Counter("nextbest_events", "Events told to us: stored, duplicate or refused (dead letter).", ["fate"])
LETTERS_LEFT = Counter(
    "nextbest_dead_letters_left", "Dead letters that left the store for newer ones, too many or too old."
)
UNUSABLE = Counter(
    "nextbest_unusable_identifiers",
    "Values in events told to us that could not be the identifier that their place says; the event was taken.",
    ["place"],
)
IN_FLIGHT = Gauge("nextbest_in_flight", "Requests being answered now.", multiprocess_mode="livesum")
REGISTRY_REACHABLE = Gauge(
    "nextbest_registry_reachable",
    "1 when the model registry answered the last look, else 0.",
    multiprocess_mode="livemin",
)
MODEL_LOADED = Gauge(
    "nextbest_model_loaded", "1 when a model serves, 0 when only the fallback.", multiprocess_mode="livemin"
)
CATALOGUE_VERSION = Gauge("nextbest_catalogue_version", "The catalogue version served.", multiprocess_mode="livemin")


def exposition() -> bytes:
    """All series in Prometheus' text format, summed over the workers of this service."""
    if "PROMETHEUS_MULTIPROC_DIR" not in os.environ:
        return generate_latest(REGISTRY)
    registry = CollectorRegistry()
    MultiProcessCollector(registry)  # type: ignore[no-untyped-call]
    return generate_latest(registry)
