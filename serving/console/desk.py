"""The console as an application: its addresses, and what holds for every one of them.

Whoever is not signed in sees the page to sign in and nothing else; what changes something must come from a page of
ours; every error is a page of ours; nothing is kept by a cache or loaded from elsewhere.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from functools import partial
from http import HTTPStatus
from typing import Final
from urllib.parse import quote, urlsplit

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Match, Route
from starlette.types import Receive, Scope, Send

from serving import metrics
from serving.admission import Line
from serving.body import ClientGone
from serving.console import (
    accounts,
    acting,
    answering,
    answers,
    customer,
    finding,
    insight,
    live,
    notices,
    promises,
    sign_in,
)
from serving.console.accounts import Hashing
from serving.console.faults import sent_to
from serving.console.roles import May
from serving.console.visit import (
    Person,
    Visit,
    form_of,
    is_by_itself,
    is_partial,
    is_to_be_noted,
    person_of,
    require_ours,
)
from serving.errors import Refusal, forbidden, method_not_allowed, not_found, too_many_requests
from serving.failures import refusal_for
from serving.person import Known
from serving.runtime import Runtime

logger = logging.getLogger("nextbest.console")

CONSOLE: Final = sign_in.HOME
_OF_ADDRESS = frozenset({HTTPStatus.NOT_FOUND, HTTPStatus.METHOD_NOT_ALLOWED})
"""What tells of the console's addresses, and only to those who are signed in."""

Handler = Callable[[Visit], Awaitable[Response]]


@dataclass(frozen=True, slots=True)
class Address:
    """may: what whoever asks must be allowed to; None: to be signed in is enough. open: not even that.
    patient: has the time of a batch, for it asks others, or for the size of a catalogue. passive: an open page
    asks it by itself, which is no use of the session; of others the page says so (visit.is_by_itself). spends: what it
    is asked with is good for once, so that a HEAD spends nothing, and tells nothing."""

    method: str
    path: str
    handler: Handler
    may: May | None = None
    open: bool = False
    patient: bool = False
    passive: bool = False
    spends: bool = False


async def _static(visit: Visit) -> Response:
    name = visit.path["name"]
    found = answering.static_files().get(name)
    if found is None:
        raise not_found("file", name, "the console has no such file", "load the page again")
    content, media_type = found
    return Response(content, media_type=media_type, headers={"Cache-Control": answering.FOREVER})


Served = Callable[[Visit, Known], Awaitable[Response]]


_BY_ITSELF: Final = frozenset({"live", "facts", "said"})
"""Parts that an open page asks for whether or not anybody sits before it."""


def _of_customers() -> tuple[Address, ...]:
    """The longer addresses first: an id may hold a slash."""
    at = f"{CONSOLE}/customers/{{customer_id:path}}"
    parts: tuple[tuple[str, str, Handler], ...] = (
        ("GET", "facts", customer.facts),
        ("GET", "say", customer.say),
        ("GET", "why-not", customer.why),
        ("GET", "timeline", customer.timeline),
        ("POST", "confirm", customer.confirm),
        ("GET", "live", _of(live.live)),
        ("POST", "answer", _of(_of_whom_if_later(answers.answer))),
        ("POST", "take-back", _of(answers.take_back)),
        ("GET", "said", _of(answers.said)),
        ("POST", "note", _of(_of_whom(acting.note))),
        ("POST", "kept", _of(acting.kept)),
        ("POST", "call", _of(_of_whom(acting.call_reason))),
        ("POST", "case/open", _of(_of_whom(acting.open_case))),
        ("POST", "case/close", _of(_of_whom(acting.close_case))),
        ("POST", "hand-over", _of(_of_whom(acting.hand_over))),
        ("POST", "take", _of(acting.take)),
        ("POST", "consent", _of(_of_whom(acting.consent))),
    )
    within = (
        Address(method, f"{at}/{part}", handler, May.CUSTOMERS, passive=part in _BY_ITSELF)
        for method, part, handler in parts
    )
    return (*within, Address("GET", at, customer.view, May.CUSTOMERS))


def _of(served: Served) -> Handler:
    """About the customer of the address, once whoever asks may see them."""

    async def handler(visit: Visit) -> Response:
        return await served(visit, customer.customer_of(visit))

    return handler


def _of_whom(served: Served) -> Served:
    """What is told of the customer, once this session has made sure that it is them."""

    async def handler(visit: Visit, known: Known) -> Response:
        session, customer_id = visit.who.session.digest, known.record.customer_id
        if not await asyncio.to_thread(visit.runtime.store.confirmed, session, customer_id):
            rule = (
                "nothing is written of somebody else: no note (“Later” writes one), case, reason, hand-over or consent"
            )
            raise forbidden("caller", "not confirmed", rule, "ask who it is, then press “It is them”")
        return await served(visit, known)

    return handler


def _of_whom_if_later(served: Served) -> Served:
    """An answer is of whom it was decided for; but the note that *Later* writes is as any other."""
    noting = _of_whom(served)

    async def handler(visit: Visit, known: Known) -> Response:
        return await (noting if visit.form.get("outcome") == "later" else served)(visit, known)

    return handler


_WITHOUT_PROVIDER: Final = (Address("GET", f"{CONSOLE}/oidc", sign_in.without_provider, open=True),)


def _of_provider() -> tuple[Address, ...]:
    """Only where there is one: what reads id tokens takes a tenth of a second to load."""
    from serving.console.provider import Provider  # noqa: PLC0415

    provider = Provider()
    return (
        Address("GET", f"{CONSOLE}/oidc", provider.begin, open=True, patient=True),
        Address("GET", f"{CONSOLE}/oidc/back", provider.back, open=True, patient=True, spends=True),
    )


class Console:
    """ASGI application for all below CONSOLE. runtime: of this worker, once it has started. by_provider: whether people
    may sign in through an OpenID provider."""

    def __init__(self, runtime: Callable[[], Runtime], by_provider: bool) -> None:
        self._runtime = runtime
        self._in_flight = 0
        hashing = Hashing.made()
        addresses = (
            Address("GET", CONSOLE, sign_in.home),
            Address("GET", f"{CONSOLE}/sign-in", sign_in.form, open=True),
            Address("POST", f"{CONSOLE}/sign-in", partial(sign_in.enter, hashing=hashing), open=True),
            Address("GET", f"{CONSOLE}/link/{{token}}", sign_in.by_link, open=True, spends=True),
            *(_of_provider() if by_provider else _WITHOUT_PROVIDER),
            Address("POST", f"{CONSOLE}/sign-out", sign_in.leave),
            Address("GET", f"{CONSOLE}/here", sign_in.here),
            Address("GET", f"{CONSOLE}/find", finding.find, May.CUSTOMERS),
            *_of_customers(),
            Address("GET", f"{CONSOLE}/promises", promises.show, May.CUSTOMERS),
            Address("GET", f"{CONSOLE}/promises/due", promises.due, May.CUSTOMERS, patient=True, passive=True),
            Address("GET", f"{CONSOLE}/promises/team", promises.show_team, May.TEAM, patient=True),
            Address("GET", f"{CONSOLE}/actions", insight.actions, May.ACTIONS, patient=True),
            Address("GET", f"{CONSOLE}/models", insight.models, May.MODELS, patient=True),
            Address("GET", f"{CONSOLE}/letters", insight.letters, May.LETTERS),
            Address("GET", f"{CONSOLE}/notices", notices.show, May.NOTICES),
            Address("POST", f"{CONSOLE}/notices/preview", notices.preview, May.NOTICES, patient=True),
            Address("POST", f"{CONSOLE}/notices/post", notices.post, May.NOTICES, patient=True),
            Address("POST", f"{CONSOLE}/notices/end", notices.end, May.NOTICES, patient=True),
            Address("POST", f"{CONSOLE}/notices/pause", notices.pause, May.NOTICES, patient=True),
            Address("POST", f"{CONSOLE}/notices/pause/preview", notices.preview_pause, May.NOTICES, patient=True),
            Address("POST", f"{CONSOLE}/notices/resume", notices.resume, May.NOTICES, patient=True),
            Address("GET", f"{CONSOLE}/static/{{name}}", _static, open=True),
        )
        self._routes = [(Route(one.path, _unused, methods=None), one) for one in addresses]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        started = time.perf_counter()
        request = Request(scope, receive)
        runtime = self._runtime()
        name, answer = await self._answer(runtime, request)
        if answer is None:
            return
        headers = answering.security_headers(runtime.settings)
        answer.headers.update({key: value for key, value in headers.items() if key.lower() not in answer.headers})
        answer.headers.setdefault("cache-control", "no-store")
        metrics.REQUESTS.labels(name, str(answer.status_code)).inc()
        metrics.DURATION.labels(name).observe(time.perf_counter() - started)
        await answer(scope, receive, send)

    async def _answer(self, runtime: Runtime, request: Request) -> tuple[str, Response | None]:
        """The address as it was declared, and what is answered there; None when nobody waits for it any more."""
        name, visit = "unknown", Visit(runtime, request, None, {}, {})
        self._in_flight += 1
        try:
            visit = replace(visit, person=person_of(runtime, request))
            address, path = self._address(request)
            name = f"{address.method} {address.path}"
            if visit.person is None and not address.open:
                return name, _to_sign_in(visit)
            if address.spends and request.method == "HEAD":
                return name, Response()
            visit = await self._admitted(replace(visit, path=path), address)
            settings = runtime.settings
            patience = settings.batch_timeout if address.patient else settings.timeout
            patience -= await runtime.admission.turn(Line.ANSWERS, name, patience)
            async with asyncio.timeout(patience):
                return name, await address.handler(visit)
        except ClientGone:
            return name, None
        except Exception as error:  # noqa: BLE001 - nothing may leave without a page of ours
            refusal = refusal_for(error)
            if visit.person is None and refusal.status in _OF_ADDRESS:
                return name, _to_sign_in(visit)
            return name, _error_page(visit, refusal, self._came_from(request))
        finally:
            self._in_flight -= 1

    def _address(self, request: Request) -> tuple[Address, dict[str, str]]:
        """Raises Refusal."""
        method = "GET" if request.method == "HEAD" else request.method
        allowed = []
        for route, address in self._routes:
            match, found = route.matches(request.scope)
            if match is Match.NONE:
                continue
            if address.method == method:
                return address, found["path_params"]
            allowed.append(address.method)
        if allowed:
            raise method_not_allowed(request.url.path, ", ".join(allowed))
        raise not_found("page", request.url.path, "the console has no such page", "go back")

    def _came_from(self, request: Request) -> str:
        """The page of ours from which this was asked for, "" when it was none, or is the same; of an address that only
        takes what is sent to it the nearest page above it."""
        told = urlsplit(request.headers.get("referer", ""))
        path = told.path if told.netloc == request.headers.get("host") else ""
        while path.startswith(CONSOLE) and path != request.url.path:
            scope = {**request.scope, "method": "GET", "path": path}
            found = [one for route, one in self._routes if route.matches(scope)[0] is not Match.NONE]
            if any(one.method == "GET" and not one.spends for one in found):
                return path + (f"?{told.query}" if told.query else "")
            path = path.rpartition("/")[0]
        return ""

    async def _admitted(self, visit: Visit, address: Address) -> Visit:
        """With its form. Raises Refusal unless whoever asks may."""
        runtime, person = visit.runtime, visit.person
        most = runtime.settings.max_in_flight
        if self._in_flight > most:
            raise too_many_requests(f"one of {self._in_flight} in flight", f"at most {most} at a time")
        visit = replace(visit, form=await form_of(runtime, visit.request))
        if address.method == "POST":
            require_ours(visit.request, visit.form, person)
        if person is not None:
            if not (address.passive or (address.method == "GET" and is_by_itself(visit.request))):
                await _note_use(runtime, person)
            if address.may is not None and address.may not in person.pages:
                raise forbidden("account", person.name, f"may not see {address.may}", "ask whoever runs nextbest")
        return visit


async def _note_use(runtime: Runtime, person: Person) -> None:
    moment = accounts.now()
    if is_to_be_noted(person, moment):
        await asyncio.to_thread(runtime.store.touch_session, person.session.digest, moment)


def _to_sign_in(visit: Visit) -> Response:
    """A part of a page cannot become another page: somebody may have written something there, which would be lost."""
    request = visit.request
    if is_partial(request):
        return answering.page("signed_out.html", visit, HTTPStatus.UNAUTHORIZED.value)
    there = request.url.path + (f"?{request.url.query}" if request.url.query else "")
    return answering.redirect(
        f"{CONSOLE}/sign-in?next={quote(there)}" if request.method == "GET" else f"{CONSOLE}/sign-in"
    )


def _error_page(visit: Visit, refusal: Refusal, came_from: str) -> Response:
    template = "fault.html" if visit.partial else "error.html"
    values = {"refusal": refusal, "came_from": came_from, "sent": sent_to(visit.request.url.path)}
    answer = answering.page(template, visit, refusal.status.value, **values)
    answer.headers.update(dict(refusal.headers))
    return answer


async def _unused(_request: Request) -> None:
    """Routes serve to match addresses only."""
