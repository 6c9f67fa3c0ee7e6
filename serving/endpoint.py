"""What an address of the service is: its right, its limits, what it reads and what it answers."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass

from pydantic import JsonValue

from serving.admission import Line
from serving.call import Call
from serving.runtime import Runtime

JSON = "application/json"


YAML = "application/yaml"


@dataclass(frozen=True, slots=True)
class Asked:
    """path, query: parameters of the address. body: parsed JSON, None for a GET. raw: the body as it came, unpacked,
    where the endpoint reads it itself. headers: the request's."""

    call: Call
    path: Mapping[str, str]
    query: Mapping[str, str]
    body: JsonValue
    raw: bytes
    headers: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer whose media type or headers depend on what was asked."""

    body: bytes
    media_type: str
    headers: tuple[tuple[str, str], ...]


Handler = Callable[[Runtime, Asked], Awaitable[bytes | Reply]]


@dataclass(frozen=True, slots=True)
class Endpoint:
    """right: what a key must carry, "" for none. body_limit: bytes, unpacked; 0 for a GET. request, answer: types, for
    the interactive page, None for free JSON. counted: whether it takes one of the places for requests in flight.
    declared: also a @bentoml.api of the service, under this path. bulk: has the time of a batch. query: names of the
    query's parameters, optional: of those that may be left out. headers: sent along with every answer. request_headers:
    names of those that are read. line: in which its requests wait for their turn. yaml: it takes and gives YAML as well
    as JSON; its body is left for it to read."""

    method: str
    path: str
    right: str
    summary: str
    handler: Handler
    body_limit: int = 0
    request: object = None
    answer: object = None
    media_type: str = JSON
    counted: bool = True
    declared: bool = False
    bulk: bool = False
    query: tuple[str, ...] = ()
    optional: tuple[str, ...] = ()
    headers: tuple[tuple[str, str], ...] = ()
    request_headers: tuple[str, ...] = ()
    line: Line = Line.ANSWERS
    yaml: bool = False

    @property
    def name(self) -> str:
        """For metrics: the path, parameters unfilled, so that there are as many series as endpoints."""
        return f"{self.method} {self.path}"
