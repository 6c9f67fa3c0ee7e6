"""Endpoints that take a JSON object and do nothing: what others are measured against. Under BentoML's defaults; with
NEXTBEST_LEAN set, without its metrics, access log and tracing.

Their shapes are pydantic models, with which BentoML 1.4 is quickest: of `dict[str, JsonValue]` it works a JSON schema
out for each request, which makes such an endpoint take four times as long. uvicorn takes uvloop and httptools where
they are installed, as here.
"""

from __future__ import annotations

import os

import bentoml
from pydantic import BaseModel, JsonValue

_LEAN = {
    "metrics": {"enabled": False},
    "logging": {"access": {"enabled": False}},
    "tracing": {"excluded_urls": ".*"},
}


class Calls(BaseModel):
    batch: list[JsonValue]


class Question(BaseModel):
    customer_id: str
    channels: list[str]
    limit: int


class Done(BaseModel):
    success: bool


@bentoml.service(
    workers=1,
    http={"host": "127.0.0.1", "port": int(os.environ["NEXTBEST_PORT"])},
    **(_LEAN if os.environ.get("NEXTBEST_LEAN") else {}),
)
class Empty:
    @bentoml.api(route="/v1/batch")
    async def batch(self, calls: Calls, /) -> Done:
        del calls
        return Done(success=True)

    @bentoml.api(route="/recommend")
    async def recommend(self, request: Question, /) -> Done:
        del request
        return Done(success=True)
