"""The fast lane: our addresses, answered in front of BentoML's middleware stack, with our errors, counters and limits.

BentoML's stack costs several times a decision; a declared @bentoml.api of the same name stays behind it for clients
and builds, and calls the same handlers.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import nullcontext
from functools import cache
from http import HTTPStatus

import msgspec
from prometheus_client import Counter, Histogram
from starlette.datastructures import Headers, QueryParams
from starlette.routing import Match, Route
from starlette.types import ASGIApp, Receive, Scope, Send

from serving import metrics
from serving.body import ClientGone, parsed, read
from serving.call import Call
from serving.console.desk import CONSOLE, Console
from serving.endpoint import JSON, Asked, Endpoint, Reply
from serving.endpoints import ENDPOINTS
from serving.errors import (
    ErrorAnswer,
    Refusal,
    invalid,
    method_not_allowed,
    not_found,
    unknown_field,
)
from serving.failures import refusal_for
from serving.origins import ALIASES, WIRE, Visit, answer_preflight, answering, require_this_machine
from serving.pages import PAGES, Page
from serving.runtime import Runtime
from serving.security import Keyring

_encode = msgspec.json.Encoder().encode
BENTO_PATHS = ("/static_content/", "/schema.json")
"""What BentoML answers itself: the interactive page's own files, and the description that its clients read."""


class Lane:
    """ASGI application in front of `behind`. runtime: of this worker, once it has started. by_provider: whether people
    may sign in to the console through an OpenID provider."""

    def __init__(self, behind: ASGIApp, runtime: Callable[[], Runtime], fast: bool, by_provider: bool = False) -> None:
        self._behind = behind
        self._runtime = runtime
        self._console = Console(runtime, by_provider)
        served = [endpoint for endpoint in ENDPOINTS if fast or not endpoint.declared]
        self._methods: dict[str, dict[str, Endpoint]] = {}
        for endpoint in served:
            self._methods.setdefault(endpoint.path, {})[endpoint.method] = endpoint
        self._patterns = [Route(path, _unused) for path in self._methods if "{" in path]
        self._slow = frozenset(endpoint.path for endpoint in ENDPOINTS if endpoint.declared and not fast)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._behind(scope, receive, send)
            return
        visit = Visit.of(scope)
        try:
            pages = self._admit(visit)
            if scope["path"].startswith(WIRE):
                send = answering(send, visit.origin, pages)
                if visit.preflight:
                    await answer_preflight(send, visit, pages)
                    return
        except Exception as error:  # noqa: BLE001 - nothing may leave without an answer in our shape
            await _send_refusal(send, refusal_for(error))
            return
        if scope["path"] in ALIASES:
            scope = {**scope, "path": ALIASES[scope["path"]]}
        await self._dispatch(scope, receive, send)

    def _admit(self, visit: Visit) -> Collection[str]:
        """The origins of the web pages that may tell events. Raises Refusal for those that may not even ask."""
        keyring = self._runtime().in_force.keyring
        if not len(keyring):
            require_this_machine(visit)
        return keyring.pages

    async def _dispatch(self, scope: Scope, receive: Receive, send: Send) -> None:
        path: str = scope["path"]
        methods = self._methods.get(path) if "{" not in path else None
        if methods is not None:
            await self._serve(_answering(methods, scope), {}, scope, receive, send)
        elif path in self._slow or path.startswith(BENTO_PATHS):
            await self._behind(scope, receive, send)
        elif path == CONSOLE or path.startswith(f"{CONSOLE}/"):
            await self._console(scope, receive, send)
        elif path in PAGES:
            await self._serve_page(path, scope, send)
        else:
            await self._serve_pattern(path, scope, receive, send)

    async def _serve_page(self, path: str, scope: Scope, send: Send) -> None:
        if scope["method"] in {"GET", "HEAD"}:
            await _send_page(send, PAGES[path])
        else:
            await _send_refusal(send, method_not_allowed(path, "GET"))

    async def _serve_pattern(self, path: str, scope: Scope, receive: Receive, send: Send) -> None:
        for route in self._patterns:
            match, found = route.matches(scope)
            if match is not Match.NONE:
                endpoint = _answering(self._methods[route.path], scope)
                await self._serve(endpoint, found["path_params"], scope, receive, send)
                return
        refusal = not_found("path", path, "no such address", "see / for those that there are")
        metrics.REQUESTS.labels("unknown", "404").inc()
        await _send_refusal(send, refusal)

    async def _serve(
        self, endpoint: Endpoint, parameters: dict[str, str], scope: Scope, receive: Receive, send: Send
    ) -> None:
        started = time.perf_counter()
        admission = self._runtime().admission
        if endpoint.counted and (why := admission.turned_away(endpoint.line)) is not None:
            # Before anything of the request is read: under overload this is what most of them cost.
            await _send_refusal(send, admission.refusal(endpoint.line, why))
            _counted(endpoint.name, HTTPStatus.TOO_MANY_REQUESTS).inc()
            return
        try:
            with admission.place() if endpoint.counted else nullcontext():
                answer = await self._answer(endpoint, parameters, scope, receive)
            status = HTTPStatus.OK
            await _send(send, status, answer.body, answer.media_type, answer.headers)
        except ClientGone:
            return
        except Exception as error:  # noqa: BLE001 - nothing may leave without an answer in our shape
            refusal = refusal_for(error)
            status = refusal.status
            await _send_refusal(send, refusal)
        _counted(endpoint.name, status).inc()
        _timed(endpoint.name).observe(time.perf_counter() - started)

    async def _answer(self, endpoint: Endpoint, parameters: dict[str, str], scope: Scope, receive: Receive) -> Reply:
        if scope["method"] != endpoint.method and not (scope["method"] == "HEAD" and endpoint.method == "GET"):
            raise method_not_allowed(scope["path"], ", ".join(self._methods[endpoint.path]))
        runtime = self._runtime()
        settings = runtime.settings
        headers = Headers(scope=scope)
        client = scope.get("client")
        call = Call.of(headers, client[0] if client else None)
        _check_key(endpoint, runtime.in_force.keyring, call)
        query = _query(endpoint, scope)
        body, raw = None, b""
        if endpoint.body_limit:
            arrives_within = settings.batch_timeout if endpoint.yaml else settings.body_timeout
            raw = await read(receive, headers, endpoint.body_limit, arrives_within)
            body = None if endpoint.yaml else parsed(raw)
        asked = Asked(call, parameters, query, body, raw, headers)
        patience = settings.batch_timeout if endpoint.bulk else settings.timeout
        if endpoint.counted:
            patience -= await runtime.admission.turn(endpoint.line, endpoint.name, patience)
        async with asyncio.timeout(patience):
            answer = await endpoint.handler(runtime, asked)
        return answer if isinstance(answer, Reply) else Reply(answer, endpoint.media_type, endpoint.headers)


@cache
def _counted(route: str, status: HTTPStatus) -> Counter:
    """As many as there are endpoints and statuses."""
    return metrics.REQUESTS.labels(route, str(status.value))


@cache
def _timed(route: str) -> Histogram:
    return metrics.DURATION.labels(route)


def _query(endpoint: Endpoint, scope: Scope) -> Mapping[str, str]:
    """The parameters of the address; those of the wire may be anything. Raises Refusal for one that the endpoint does
    not have, or that comes twice. What BentoML's stack may answer in this one's place is as free as there."""
    if not scope["query_string"]:
        return {}
    told = QueryParams(scope["query_string"])
    if endpoint.right and not endpoint.declared and not endpoint.path.startswith(WIRE):
        for name in told:
            if name not in (*endpoint.query, *endpoint.optional):
                raise unknown_field(name, told[name])
            if len(told.getlist(name)) > 1:
                raise invalid(name, told[name], "each parameter once", "leave the others out")
    return told


def _check_key(endpoint: Endpoint, keyring: Keyring, call: Call) -> None:
    """Before the body is looked at, unless the key may stand in it. Raises Refusal."""
    if not endpoint.right:
        return
    if not endpoint.path.startswith(WIRE):
        keyring.admit(endpoint.right, call)
    elif call.key is not None:
        keyring.require_on_wire(call.key, call.peer, call.origin)


def _answering(methods: Mapping[str, Endpoint], scope: Scope) -> Endpoint:
    """The endpoint for the request's method; any of the path's when none answers it, which then refuses."""
    method = "GET" if scope["method"] == "HEAD" else scope["method"]
    return methods.get(method) or next(iter(methods.values()))


async def _unused(_scope: Scope, _receive: Receive, _send: Send) -> None:
    """Routes serve to match paths only."""


async def _send_refusal(send: Send, refusal: Refusal) -> None:
    await _send(send, refusal.status, _encode(ErrorAnswer(refusal.body)), JSON, refusal.headers)


async def _send_page(send: Send, page: Page) -> None:
    await _send(send, HTTPStatus.OK, page.content(), page.media_type, page.headers)


async def _send(
    send: Send, status: HTTPStatus, body: bytes, media_type: str, headers: Sequence[tuple[str, str]] = ()
) -> None:
    raw = [(b"content-type", media_type.encode()), (b"content-length", str(len(body)).encode())]
    raw.extend((name.lower().encode(), value.encode()) for name, value in headers)
    await send({"type": "http.response.start", "status": status.value, "headers": raw})
    await send({"type": "http.response.body", "body": body})
