"""Signing in and out: by password, or by a one-time link that somebody with the store at hand has made."""

from __future__ import annotations

import asyncio
from urllib.parse import quote, urlsplit

from starlette.responses import Response

from features.stores.desk import DeskSession
from serving.console import accounts
from serving.console.accounts import Hashing
from serving.console.answering import page, redirect
from serving.console.roles import May
from serving.console.visit import COOKIE, PROOF_HEADER, Visit, cookie, new_token
from serving.errors import Refusal
from serving.security import digest

HOME = "/console"


async def form(visit: Visit) -> Response:
    if visit.person is not None:
        return redirect(_inside(visit.request.query_params.get("next", "")))
    return page("sign_in.html", visit, 200, **_shown(visit, visit.request.query_params.get("next", "")))


async def enter(visit: Visit, hashing: Hashing) -> Response:
    name, following = visit.form.get("name", ""), visit.form.get("next", "")
    try:
        account = await accounts.password_holder(
            visit.runtime.store, hashing, name, visit.form.get("password", ""), visit.peer
        )
    except Refusal as refusal:
        fault = refusal.body.rule
        shown = _shown(visit, following, name[:64], fault)
        template = "not_entered.html" if visit.partial else "sign_in.html"
        answer = page(template, visit, refusal.status.value, **shown)
        answer.headers.update(dict(refusal.headers))
        return answer
    answer = await opened(visit, account.name, _inside(following))
    # A page that stays open (base.html) goes on with the new session.
    return Response(status_code=204, headers={"Set-Cookie": answer.headers["set-cookie"]}) if visit.partial else answer


async def by_link(visit: Visit) -> Response:
    token = visit.path["token"]
    name = await asyncio.to_thread(visit.runtime.store.take_link, digest(token), accounts.now())
    if name is None or visit.runtime.store.account(name) is None:
        fault = "the link was used already, or its time is over; make another with `nextbest accounts link`"
        return page("sign_in.html", visit, 403, **_shown(visit, "", fault=fault))
    return await opened(visit, name, HOME)


def refused(visit: Visit, fault: str) -> Response:
    """The page to sign in, and why another way did not work."""
    return page("sign_in.html", visit, 403, **_shown(visit, "", fault=fault))


async def without_provider(visit: Visit) -> Response:
    return refused(visit, "no OpenID provider is set up; sign in with name and password")


def _shown(visit: Visit, following: str, name: str = "", fault: str = "") -> dict[str, str]:
    provider = urlsplit(visit.runtime.settings.oidc_issuer).hostname or ""
    return {"next": following, "name": name, "fault": fault, "provider": provider}


async def leave(visit: Visit) -> Response:
    await asyncio.to_thread(visit.runtime.store.close_session, visit.who.session.digest)
    answer = redirect(f"{HOME}/sign-in")
    answer.headers["set-cookie"] = cookie(visit, COOKIE, "", HOME, 0)
    return answer


async def here(visit: Visit) -> Response:
    """Somebody sits before the page, though it asks for nothing. With what a page that was open before they signed in
    anew shows from now on."""
    told = {PROOF_HEADER: visit.who.proof, "x-console-account": quote(visit.who.name)}
    return Response(status_code=204, headers={"Cache-Control": "no-store", **told})


async def home(visit: Visit) -> Response:
    """Where whoever signed in begins."""
    pages = visit.who.pages
    if May.CUSTOMERS in pages:
        query = visit.request.url.query
        return redirect(f"{HOME}/find" + (f"?{query}" if query else ""))
    first = next((one for one in (May.ACTIONS, May.MODELS, May.LETTERS) if one in pages), None)
    return redirect(f"{HOME}/{first}") if first else page("empty.html", visit)


async def opened(visit: Visit, account: str, address: str) -> Response:
    """A session of a token that nobody had before, so that none can be planted."""
    token, moment, settings = new_token(), accounts.now(), visit.runtime.settings
    ends_at = moment + settings.console_session_hours * 3_600_000
    session = DeskSession(digest(token), account, moment, moment, ends_at)
    await asyncio.to_thread(visit.runtime.store.open_session, session)
    answer = redirect(address)
    answer.headers["set-cookie"] = cookie(visit, COOKIE, token, HOME, settings.console_session_hours * 3600)
    return answer


def _inside(address: str) -> str:
    """Where to go on, which is inside of the console whatever somebody put into a link."""
    parts = urlsplit(address)
    safe = not parts.scheme and not parts.netloc and (parts.path == HOME or parts.path.startswith(f"{HOME}/"))
    return address if safe and "\\" not in address else HOME
