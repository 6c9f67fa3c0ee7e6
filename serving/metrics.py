"""Our own Prometheus series. With several workers the files in PROMETHEUS_MULTIPROC_DIR are summed at scraping."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator

from prometheus_client import (
    CONTENT_TYPE_LATEST,
    REGISTRY,
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    Metric,
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
    "Decisions made to be logged, by whether the fallback ranking answered and by the customer's arm.",
    ["degraded", "arm"],
)
EFFECT_FAILED = Counter(
    "nextbest_effect_failed",
    "Decisions of a catalogue that ranks by incremental value that went by response, for the effect was unusable.",
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
QUEUE_LENGTH = Gauge(
    "nextbest_queue_length", "Requests that wait for their turn, by line.", ["line"], multiprocess_mode="livesum"
)
QUEUE_SECONDS = Histogram(
    "nextbest_queue_seconds",
    "Time that requests waited for their turn, by line.",
    ["line"],
    buckets=(0.0005, 0.001, 0.002, 0.004, 0.008, 0.016, 0.032, 0.064, 0.125, 0.25, 0.5, 1.0, 2.0),
)
TURNED_AWAY = Counter(
    "nextbest_turned_away",
    "Requests answered 429, by line and reason: places (too many in flight), wait (too long a line), deadline (their "
    "time was over before their turn).",
    ["line", "reason"],
)
REGISTRY_REACHABLE = Gauge(
    "nextbest_registry_reachable",
    "1 when the model registry answered the last look, else 0.",
    multiprocess_mode="livemin",
)
MODEL_LOADED = Gauge(
    "nextbest_model_loaded", "1 when a model serves, 0 when only the fallback.", multiprocess_mode="livemin"
)
MODEL_REFUSED = Counter(
    "nextbest_model_refused", "Models that a worker did not take up, by why; the one before serves on.", ["reason"]
)
SHADOWED = Counter(
    "nextbest_shadow_decisions",
    "Decisions for a challenger in the shadow: scored, fault (its own), left_out (too many), lost (not written).",
    ["result"],
)
SHADOW_SECONDS = Histogram(
    "nextbest_shadow_seconds",
    "Time that a challenger in the shadow took for one decision.",
    buckets=(0.0001, 0.0002, 0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1),
)
CATALOGUE_VERSION = Gauge("nextbest_catalogue_version", "The catalogue version served.", multiprocess_mode="livemin")


SLATES = Counter("nextbest_slates", "Channels of logged decisions.", ["channel"])
WITHOUT_ACTION = Counter("nextbest_slates_without_action", "Of those, on which nothing was chosen.", ["channel"])
REFUSALS = Counter(
    "nextbest_refusals", "Candidates of logged decisions, by the gate that refused first.", ["channel", "gate"]
)
CHOSEN = Counter("nextbest_chosen", "Actions chosen by logged decisions.", ["channel", "action"])
EXPECTED = Counter("nextbest_expected_responses", "The sum of their response probabilities.", ["channel", "action"])
CONTACTS = Counter(
    "nextbest_contacts",
    "Contacts told to us of decided actions: sent, or on inbound channels displayed.",
    ["channel", "action"],
)
SUCCESSES = Counter("nextbest_successes", "Successes told to us of decided actions.", ["channel", "action"])
SCORES = Histogram(
    "nextbest_response_probability",
    "Response probabilities of chosen actions.",
    ["channel"],
    buckets=(0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0),
)
WINDOW_SCORES_NAME, WINDOW_NAME = "nextbest_window_scores", "nextbest_window_responses"
WINDOW_SCORES = Gauge(
    WINDOW_SCORES_NAME,
    "Scores of the last day, by bin of what the model learned from.",
    ["channel", "bin"],
    multiprocess_mode="livesum",
)
WINDOW_RESPONSES = Gauge(
    WINDOW_NAME,
    "The last day: actions chosen, responses expected, contacts and successes told.",
    ["channel", "what"],
    multiprocess_mode="livesum",
)
WINDOW_FEATURES_NAME = "nextbest_window_features"
WINDOW_FEATURES = Gauge(
    WINDOW_FEATURES_NAME,
    "Sampled decisions of the last day, by bin of what the model learned from; added up, and not told.",
    ["channel", "feature", "bin"],
    multiprocess_mode="livesum",
)


class _Collected:
    """As generate_latest wants it."""

    def __init__(self, told: Iterable[Metric]) -> None:
        self._told = tuple(told)

    def collect(self) -> Iterator[Metric]:
        yield from self._told


def collected() -> list[Metric]:
    """All series, summed over the workers of this service. It reads files."""
    registry = REGISTRY
    if "PROMETHEUS_MULTIPROC_DIR" in os.environ:
        registry = CollectorRegistry()
        MultiProcessCollector(registry)  # type: ignore[no-untyped-call]
    return list(registry.collect())


def exposition(compared: Callable[[Iterable[Metric]], Iterable[Metric]]) -> bytes:
    """The same in Prometheus' text format, with what `compared` makes of them; features' bins are for that alone."""
    told = collected()
    shown = [one for one in told if one.name != WINDOW_FEATURES_NAME]
    together = CollectorRegistry()
    together.register(_Collected([*shown, *compared(told)]))
    return generate_latest(together)
