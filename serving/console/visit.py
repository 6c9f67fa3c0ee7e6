"""One request to the console: who asks, by which session, and what came with it."""

from __future__ import annotations

import hmac
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Final
from urllib.parse import parse_qsl, unquote, urlsplit

from starlette.requests import Request

from features.stores.desk import Account, DeskSession
from features.stores.keeping import DATA_SETTING
from features.stores.protocol import StoreError
from models.local_time import zone_of
from serving.body import read
from serving.call import Call, SignedIn
from serving.clock import DrivenClock
from serving.console import accounts
from serving.console.roles import May, pages_of, rights_of
from serving.errors import Refusal, forbidden, invalid
from serving.loopback import is_loopback
from serving.runtime import Runtime
from serving.security import digest

COOKIE: Final = "nextbest_console"
ZONE_COOKIE: Final = "nextbest_zone"
"""Set by our script, for no header tells a browser's zone."""
_LONGEST_ZONE = 64
PROOF_HEADER: Final = "x-console-proof"
PROOF_FIELD: Final = "proof"
"""Where a request that changes something shows that it comes from a page of ours."""

FORM_BYTES: Final = 64 * 1024
_FIELDS = 64
_SEEN_EVERY = 60_000
"""ms between two notes that a session is in use."""


@dataclass(frozen=True, slots=True)
class Person:
    """Who is signed in. proof: what forms of this session carry; nobody knows it without the session's token."""

    account: Account
    session: DeskSession
    proof: str

    @property
    def name(self) -> str:
        return self.account.name

    @property
    def pages(self) -> frozenset[May]:
        return pages_of(self.account.roles)


@dataclass(frozen=True, slots=True)
class Standing:
    """What a demo or simulation takes as its present. now: ms UTC. data: whose data these are, in words."""

    now: int
    data: str

    @classmethod
    def of(cls, runtime: Runtime) -> Standing | None:
        """None where the present is the real one, and while the store is away."""
        clock = runtime.in_force.clock
        if not isinstance(clock, DrivenClock):
            return None
        try:
            return cls(clock.present(None), runtime.store.setting(DATA_SETTING) or "demo data")
        except StoreError:
            return None


@dataclass(frozen=True, slots=True)
class Visit:
    """person: None while nobody is signed in. form: the fields of a POST, each once; empty for a GET. path: parameters
    of the address."""

    runtime: Runtime
    request: Request
    person: Person | None
    form: Mapping[str, str]
    path: Mapping[str, str]

    @property
    def who(self) -> Person:
        """Raises Refusal when nobody is signed in."""
        if self.person is None:
            raise forbidden("session", "absent", "somebody must be signed in", "sign in")
        return self.person

    @property
    def call(self) -> Call:
        """As the handlers of the interface know it."""
        who = self.who
        signed_in = SignedIn(who.name, rights_of(who.account.roles))
        return replace(Call.of(self.request.headers, self.peer), key=None, signed_in=signed_in)

    @property
    def zone(self) -> str:
        """The IANA name of the zone in which times are written: the browser's, where its page has told it, else the
        catalogue's, else UTC."""
        compiled = self.runtime.in_force.catalogue
        otherwise = "UTC" if compiled is None else compiled.catalogue.time_zone
        told = unquote(self.request.cookies.get(ZONE_COOKIE, ""))
        return zone_of(told if 0 < len(told) <= _LONGEST_ZONE else None, otherwise).key

    @property
    def standing(self) -> Standing | None:
        return Standing.of(self.runtime)

    @property
    def peer(self) -> str:
        return self.request.client.host if self.request.client else ""

    @property
    def partial(self) -> bool:
        """Whether a part of a page is asked for, by htmx."""
        return is_partial(self.request)

    def field(self, name: str, most: int = 2000) -> str:
        """A field of the form without spaces around it, "" when it is absent. Raises Refusal when it is too long."""
        text = self.form.get(name, "").strip()
        if len(text) > most:
            raise invalid(name, text, f"at most {most} characters", "write less")
        return text

    def required(self, name: str, most: int = 2000) -> str:
        """Raises Refusal when it is absent or too long."""
        text = self.field(name, most)
        if not text:
            raise invalid(name, None, "something must be written here", "fill it in")
        return text


def is_partial(request: Request) -> bool:
    return request.headers.get("hx-request") == "true"


def is_by_itself(request: Request) -> bool:
    """Whether the page asks because something new was told, and not because somebody did something."""
    return request.headers.get("x-console-by-itself") == "true"


def new_token() -> str:
    return secrets.token_urlsafe(32)


def proof_of(token: str) -> str:
    return digest(f"proof\0{token}")


def person_of(runtime: Runtime, request: Request) -> Person | None:
    """Whoever the cookie's session is of, while it lasts."""
    token = request.cookies.get(COOKIE)
    if not token:
        return None
    store, moment = runtime.store, accounts.now()
    session = store.session(digest(token))
    idle = runtime.settings.console_idle_minutes * 60_000
    if session is None or moment >= session.expires_at or moment - session.seen_at >= idle + _SEEN_EVERY:
        return None
    account = store.account(session.account)
    return None if account is None else Person(account, session, proof_of(token))


def is_to_be_noted(person: Person, moment: int) -> bool:
    """Whether it was a while ago that the session was noted to be in use."""
    return moment - person.session.seen_at >= _SEEN_EVERY


async def form_of(runtime: Runtime, request: Request) -> Mapping[str, str]:
    """Raises Refusal."""
    if request.method != "POST":
        return {}
    raw = await read(request.receive, request.headers, FORM_BYTES, runtime.settings.body_timeout)
    try:
        told = parse_qsl(raw.decode("ascii"), keep_blank_values=True, errors="strict", max_num_fields=_FIELDS)
    except ValueError as error:
        raise invalid("form", None, "must be a form of ours", "send it from its page") from error
    return dict(told)


def require_ours(request: Request, form: Mapping[str, str], person: Person | None) -> None:
    """Of a request that changes something: that one of our pages made it. Raises Refusal."""
    origin = request.headers.get("origin")
    if origin is not None and urlsplit(origin).netloc != request.headers.get("host"):
        raise _not_ours("origin", origin)
    if request.headers.get("sec-fetch-site", "same-origin") not in {"same-origin", "none"}:
        raise _not_ours("sec-fetch-site", request.headers["sec-fetch-site"])
    if person is None:
        return
    shown = request.headers.get(PROOF_HEADER) or form.get(PROOF_FIELD, "")
    if not hmac.compare_digest(shown.encode(), person.proof.encode()):
        raise _not_ours(PROOF_FIELD, "absent or another session's")


def _not_ours(field: str, value: str) -> Refusal:
    return forbidden(field, value, "the request must come from a page of this console", "load the page again")


def cookie(visit: Visit, name: str, value: str, path: str, seconds: int) -> str:
    """As the header sets it. Inside somebody else's page it must be sent along, which browsers do over TLS only, and
    for that page alone."""
    framed = bool(visit.runtime.settings.console_ancestors)
    return cookie_text(name, value, path, seconds, framed=framed, tls=needs_tls(visit.request))


def cookie_text(name: str, value: str, path: str, seconds: int, *, framed: bool, tls: bool) -> str:
    parts = [f"{name}={value}", f"Path={path}", f"Max-Age={seconds}", "HttpOnly"]
    parts += ["SameSite=None", "Secure", "Partitioned"] if framed else ["SameSite=Lax"]
    if tls and not framed:
        parts.append("Secure")
    return "; ".join(parts)


def needs_tls(request: Request) -> bool:
    """Whether the cookie is for TLS alone: everywhere but on this very machine."""
    return not is_loopback(request.url.hostname or "")
