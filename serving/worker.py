"""What one worker of the service answers with: everything that the parent of the workers has no use for."""

from __future__ import annotations

from collections.abc import Coroutine
from typing import TypeVar, cast

import bentoml
import msgspec
from pydantic import JsonValue
from starlette.responses import Response
from starlette.types import ASGIApp

from serving import deciding, feedback, ingest, logs
from serving.admission import Line
from serving.call import Call
from serving.collecting import settle
from serving.console import telling
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

Declared = TypeVar("Declared")


class Worker:
    """Made once by the service of a worker's process; the endpoints declared to BentoML are answered by its methods."""

    def __init__(self, settings: Settings) -> None:
        self.runtime = Runtime(settings)
        self._settings = settings

    def watch(self) -> None:
        settle()
        self.runtime.start_watching(telling.tell_due)

    async def recommend(self, request: RecommendRequest, ctx: bentoml.Context) -> DecisionAnswer:
        work = deciding.recommend(self.runtime, request, _call(ctx))
        return await self._answered(ctx, DecisionAnswer, work, Line.ANSWERS)

    async def recommend_batch(self, request: RecommendBatchRequest, ctx: bentoml.Context) -> BatchAnswer:
        work = deciding.recommend_batch(self.runtime, request, _call(ctx))
        return await self._answered(ctx, BatchAnswer, work, patience=self._settings.batch_timeout)

    async def feedback(self, body: JsonValue, ctx: bentoml.Context) -> FeedbackAnswer:
        return await self._answered(ctx, FeedbackAnswer, feedback.feedback(self.runtime, body, _call(ctx)))

    async def track(self, call: JsonValue, ctx: bentoml.Context) -> TrackAnswer:
        return await self._answered(ctx, TrackAnswer, ingest.single(self.runtime, call, _call(ctx), "track"))

    async def batch(self, calls: JsonValue, ctx: bentoml.Context) -> BatchTrackAnswer:
        work = ingest.batch(self.runtime, calls, _call(ctx), ctx.request.query_params.get("writeKey"))
        return await self._answered(ctx, BatchTrackAnswer, work)

    async def _answered(
        self,
        ctx: bentoml.Context,
        declared: type[Declared],
        work: Coroutine[object, object, bytes],
        line: Line = Line.BACKGROUND,
        patience: float | None = None,
    ) -> Declared:
        """The handler's own bytes: BentoML passes a finished response on, whatever type the endpoint declares."""
        patience = self._settings.timeout if patience is None else patience
        return cast("Declared", await self._response(ctx, work, line, declared.__name__, patience))

    async def _response(
        self, ctx: bentoml.Context, work: Coroutine[object, object, bytes], line: Line, kind: str, patience: float
    ) -> Response:
        try:
            return Response(await self.runtime.admission.admitted(line, kind, patience, work), media_type=JSON)
        except Exception as error:  # noqa: BLE001 - nothing may leave without an answer in our shape
            refusal = refusal_for(error)
            ctx.response.status_code = refusal.status.value
            ctx.response.headers.update(dict(refusal.headers))
            return Response(msgspec.json.encode(refusal.answer), refusal.status.value, media_type=JSON)


def laned(behind: ASGIApp, settings: Settings) -> Lane:
    """Our lane in front of BentoML's middleware stack."""
    logs.configure()
    return Lane(behind, _runtime, fast=settings.fast_lane, by_provider=bool(settings.oidc_issuer))


def _runtime() -> Runtime:
    runtime: Runtime = bentoml.get_current_service().worker.runtime
    return runtime


def _call(ctx: bentoml.Context) -> Call:
    client = ctx.request.client
    return Call.of(ctx.request.headers, client.host if client else None)
