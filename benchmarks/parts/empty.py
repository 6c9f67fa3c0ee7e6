"""An endpoint that takes a JSON object and does nothing, under BentoML's defaults: what others are measured against."""

from __future__ import annotations

import os

import bentoml
from pydantic import JsonValue


@bentoml.service(workers=1, http={"host": "127.0.0.1", "port": int(os.environ["NEXTBEST_PORT"])})
class Empty:
    @bentoml.api(route="/v1/batch")
    async def batch(self, calls: dict[str, JsonValue], /) -> dict[str, bool]:
        del calls
        return {"success": True}
