"""The BentoML service: `bentoml serve serving.service:NextBest`, or the bento that `bentoml build` makes.

Declared endpoints give BentoML its schema, its clients and its builds; the same addresses are answered in front of
BentoML's stack by the fast lane (serving.lane), by the same handlers. What answers is imported by the workers alone
(serving.worker): their parent imports this module too, to read what is declared, and they begin once it has.
"""

from __future__ import annotations

import os
from typing import Any

# Read by BentoML when it is imported. Nothing calls home.
os.environ.setdefault("BENTOML_DO_NOT_TRACK", "True")
os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")

import serving.collecting  # noqa: F401 - for what it does when it is imported

# isort: split
import bentoml
from pydantic import JsonValue
from starlette.types import ASGIApp

from serving.leaving import LAUNCHER
from serving.schemas import (
    BatchAnswer,
    BatchTrackAnswer,
    DecisionAnswer,
    FeedbackAnswer,
    RecommendBatchRequest,
    RecommendRequest,
    TrackAnswer,
)
from serving.settings import Settings

SETTINGS = Settings()
Reported = dict[str, JsonValue] | list[JsonValue]
"""Not the declared report: BentoML 1.4 cannot describe a union that has a model in it."""


class LanedService(bentoml.Service[Any]):  # type: ignore[misc]  # lazily loaded, so untyped
    """A BentoML service with our lane in front of its middleware stack."""

    def to_asgi(self, is_main: bool = True) -> ASGIApp:
        from serving.worker import laned  # noqa: PLC0415

        return laned(super().to_asgi(is_main), SETTINGS)


@bentoml.service(
    name="nextbest",
    service_class=LanedService,
    workers=SETTINGS.workers,
    http={"host": SETTINGS.host, "port": SETTINGS.port},
    # One for all endpoints; ours are kept within their own times. Its timers outlive their requests, so no longer than
    # needed.
    traffic={"timeout": SETTINGS.timeout if SETTINGS.fast_lane else SETTINGS.batch_timeout},
    metrics={"enabled": False},
    logging={"access": {"enabled": False}},
    tracing={"excluded_urls": ".*"},
)
class NextBest:
    """The next best action for each customer, on every channel."""

    def __init__(self) -> None:
        from serving.worker import Worker  # noqa: PLC0415

        self.worker = Worker(SETTINGS)

    @bentoml.on_deployment  # type: ignore[untyped-decorator]
    @staticmethod
    def prepare() -> None:
        if LAUNCHER in os.environ:  # which did it before it began this process
            return
        from serving.deployment import prepare_from_command_line  # noqa: PLC0415

        prepare_from_command_line(SETTINGS)

    @bentoml.on_startup  # type: ignore[untyped-decorator]
    async def watch(self) -> None:
        self.worker.watch()

    @bentoml.on_shutdown  # type: ignore[untyped-decorator]
    async def close(self) -> None:
        await self.worker.runtime.close()

    @bentoml.api(route="/recommend")  # type: ignore[untyped-decorator]
    async def recommend(self, request: RecommendRequest, /, ctx: bentoml.Context) -> DecisionAnswer:
        """The best actions for one customer, on each channel asked for."""
        return await self.worker.recommend(request, ctx)

    @bentoml.api(route="/recommend_batch")  # type: ignore[untyped-decorator]
    async def recommend_batch(self, request: RecommendBatchRequest, /, ctx: bentoml.Context) -> BatchAnswer:
        """The same question about up to 1,000 customers."""
        return await self.worker.recommend_batch(request, ctx)

    @bentoml.api(route="/feedback")  # type: ignore[untyped-decorator]
    async def feedback(self, body: Reported, /, ctx: bentoml.Context) -> FeedbackAnswer:
        """What became of a recommended action: one report, or a list of them."""
        return await self.worker.feedback(body, ctx)

    @bentoml.api(route="/v1/track")  # type: ignore[untyped-decorator]
    async def track(self, call: dict[str, JsonValue], /, ctx: bentoml.Context) -> TrackAnswer:
        """One track call in Segment's shape."""
        return await self.worker.track(call, ctx)

    @bentoml.api(route="/v1/batch")  # type: ignore[untyped-decorator]
    async def batch(self, calls: dict[str, JsonValue], /, ctx: bentoml.Context) -> BatchTrackAnswer:
        """Many calls in Segment's shape; a refused one loses no other."""
        return await self.worker.batch(calls, ctx)
