"""The BentoML service: `bentoml serve serving.service:NextBest`, or the bento that `bentoml build` makes.

Declared endpoints give BentoML its schema, its clients and its builds; the same addresses are answered in front of
BentoML's stack by the fast lane (serving.lane), by the same handlers.
"""

from __future__ import annotations

import os
from collections.abc import Coroutine
from typing import Any, TypeVar, cast

# Read by BentoML when it is imported. Nothing calls home.
os.environ.setdefault("BENTOML_DO_NOT_TRACK", "True")
os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")

from serving.collecting import settle

# isort: split
import bentoml
import msgspec
from pydantic import JsonValue
from starlette.responses import Response
from starlette.types import ASGIApp

from serving import deciding, feedback, ingest, logs
from serving.admission import Line
from serving.call import Call
from serving.console import telling
from serving.deployment import prepare_from_command_line
from serving.endpoint import JSON
from serving.failures import refusal_for
from serving.lane import Lane
from serving.runtime import Runtime
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
Declared = TypeVar("Declared")
Reported = dict[str, JsonValue] | list[JsonValue]
"""Not the declared report: BentoML 1.4 cannot describe a union that has a model in it."""


class LanedService(bentoml.Service[Any]):  # type: ignore[misc]  # lazily loaded, so untyped
    """A BentoML service with our lane in front of its middleware stack."""

    def to_asgi(self, is_main: bool = True) -> ASGIApp:
        logs.configure()
        return Lane(super().to_asgi(is_main), _runtime, fast=SETTINGS.fast_lane)


def _runtime() -> Runtime:
    runtime: Runtime = bentoml.get_current_service().runtime
    return runtime


def _call(ctx: bentoml.Context) -> Call:
    client = ctx.request.client
    return Call.of(ctx.request.headers, client.host if client else None)


async def _answered(
    ctx: bentoml.Context,
    declared: type[Declared],
    work: Coroutine[object, object, bytes],
    line: Line = Line.BACKGROUND,
    patience: float = SETTINGS.timeout,
) -> Declared:
    """The handler's own bytes: BentoML passes a finished response on, whatever type the endpoint declares."""
    return cast("Declared", await _response(ctx, work, line, declared.__name__, patience))


async def _response(
    ctx: bentoml.Context, work: Coroutine[object, object, bytes], line: Line, kind: str, patience: float
) -> Response:
    try:
        admission = _runtime().admission
        return Response(await admission.admitted(line, kind, patience, work), media_type=JSON)
    except Exception as error:  # noqa: BLE001 - nothing may leave without an answer in our shape
        refusal = refusal_for(error)
        ctx.response.status_code = refusal.status.value
        ctx.response.headers.update(dict(refusal.headers))
        return Response(msgspec.json.encode(refusal.answer), refusal.status.value, media_type=JSON)


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
        self.runtime = Runtime(SETTINGS)

    @bentoml.on_deployment  # type: ignore[untyped-decorator]
    @staticmethod
    def prepare() -> None:
        prepare_from_command_line(SETTINGS)

    @bentoml.on_startup  # type: ignore[untyped-decorator]
    async def watch(self) -> None:
        settle()
        self.runtime.start_watching(telling.tell_due)

    @bentoml.on_shutdown  # type: ignore[untyped-decorator]
    async def close(self) -> None:
        await self.runtime.close()

    @bentoml.api(route="/recommend")  # type: ignore[untyped-decorator]
    async def recommend(self, request: RecommendRequest, /, ctx: bentoml.Context) -> DecisionAnswer:
        """The best actions for one customer, on each channel asked for."""
        work = deciding.recommend(self.runtime, request, _call(ctx))
        return await _answered(ctx, DecisionAnswer, work, Line.ANSWERS)

    @bentoml.api(route="/recommend_batch")  # type: ignore[untyped-decorator]
    async def recommend_batch(self, request: RecommendBatchRequest, /, ctx: bentoml.Context) -> BatchAnswer:
        """The same question about up to 1,000 customers."""
        work = deciding.recommend_batch(self.runtime, request, _call(ctx))
        return await _answered(ctx, BatchAnswer, work, patience=SETTINGS.batch_timeout)

    @bentoml.api(route="/feedback")  # type: ignore[untyped-decorator]
    async def feedback(self, body: Reported, /, ctx: bentoml.Context) -> FeedbackAnswer:
        """What became of a recommended action: one report, or a list of them."""
        return await _answered(ctx, FeedbackAnswer, feedback.feedback(self.runtime, body, _call(ctx)))

    @bentoml.api(route="/v1/track")  # type: ignore[untyped-decorator]
    async def track(self, call: dict[str, JsonValue], /, ctx: bentoml.Context) -> TrackAnswer:
        """One track call in Segment's shape."""
        return await _answered(ctx, TrackAnswer, ingest.single(self.runtime, call, _call(ctx), "track"))

    @bentoml.api(route="/v1/batch")  # type: ignore[untyped-decorator]
    async def batch(self, calls: dict[str, JsonValue], /, ctx: bentoml.Context) -> BatchTrackAnswer:
        """Many calls in Segment's shape; a refused one loses no other."""
        work = ingest.batch(self.runtime, calls, _call(ctx), ctx.request.query_params.get("writeKey"))
        return await _answered(ctx, BatchTrackAnswer, work)
