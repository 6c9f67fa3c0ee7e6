"""Endpoints that take a JSON object and do nothing: what others are measured against. Under BentoML's defaults; with
NEXTBEST_LEAN set, without its metrics, access log and tracing."""

from __future__ import annotations

import os

import bentoml
from pydantic import JsonValue

_LEAN = {
    "metrics": {"enabled": False},
    "logging": {"access": {"enabled": False}},
    "tracing": {"excluded_urls": ".*"},
}


@bentoml.service(
    workers=1,
    http={"host": "127.0.0.1", "port": int(os.environ["NEXTBEST_PORT"])},
    **(_LEAN if os.environ.get("NEXTBEST_LEAN") else {}),
)
class Empty:
    @bentoml.api(route="/v1/batch")
    async def batch(self, calls: dict[str, JsonValue], /) -> dict[str, bool]:
        del calls
        return {"success": True}

    @bentoml.api(route="/recommend")
    async def recommend(self, request: dict[str, JsonValue], /) -> dict[str, bool]:
        del request
        return {"success": True}
