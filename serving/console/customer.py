"""The customer in one view, and its parts as they are asked for again. Every look at a record is written down."""

from __future__ import annotations

import asyncio

from starlette.responses import HTMLResponse, Response

from features.stores.desk import RecordView
from serving.console import accounts, happenings, record
from serving.console.acting import Choices
from serving.console.answering import page, redirect, rendered
from serving.console.happenings import Sought
from serving.console.live import running
from serving.console.places import customer_address
from serving.console.suggesting import suggestions, why_not
from serving.console.visit import Visit
from serving.person import Known, known_customer


def customer_of(visit: Visit) -> Known:
    """The customer of the address. Raises Refusal."""
    call = visit.call
    visit.runtime.in_force.keyring.admit("read", call)
    return known_customer(visit.runtime, visit.path["customer_id"], call)


async def note_views(visit: Visit, what: str, *customer_ids: str) -> None:
    """Durable before anything is shown."""
    who, at = visit.who, accounts.now()
    seen = [RecordView(at, who.name, who.session.digest, one, what) for one in customer_ids]
    await asyncio.wrap_future(visit.runtime.store.log_views(seen))


async def view(visit: Visit) -> Response:
    known = customer_of(visit)
    if known.record.customer_id != visit.path["customer_id"]:  # one person has one page
        return redirect(customer_address(known.record.customer_id))
    catalogue = visit.runtime.catalogue().catalogue
    _, suggested, desk = await asyncio.gather(
        note_views(visit, "viewed", known.record.customer_id),
        suggestions(visit.runtime, known, visit.call, visit.zone),
        asyncio.to_thread(record.read, visit, known),
    )
    now = desk.now
    choices = _choices(visit, now)
    return page(
        "customer.html",
        visit,
        desk=desk,
        now=now,
        suggested=suggested,
        choices=choices,
        groups=happenings.GROUPS,
        places=happenings.places(visit.runtime, known, desk.timeline),
        lines=happenings.LINES,
        running=running(catalogue, known.moment),
    )


def _choices(visit: Visit, now: record.Now) -> Choices:
    return Choices.of(visit, now.known, now.context.cases, now.context.notes, now.speaking)


async def facts(visit: Visit) -> Response:
    """What is known now, for a page that is open."""
    known = customer_of(visit)
    reading = asyncio.to_thread(record.read_now, visit, known)
    _, now = await asyncio.gather(note_views(visit, "viewed", known.record.customer_id), reading)
    return HTMLResponse(rendered("news.html", visit, now=now, choices=_choices(visit, now)))


async def say(visit: Visit) -> Response:
    """What to say next, as it is decided by now."""
    known = customer_of(visit)
    _, suggested, now = await asyncio.gather(
        note_views(visit, "viewed", known.record.customer_id),
        suggestions(visit.runtime, known, visit.call, visit.zone),
        asyncio.to_thread(record.read_now, visit, known),
    )
    return HTMLResponse(rendered("say.html", visit, suggested=suggested, now=now))


async def why(visit: Visit) -> Response:
    known = customer_of(visit)
    _, refusals = await asyncio.gather(
        note_views(visit, "viewed", known.record.customer_id), why_not(visit.runtime, known, visit.zone)
    )
    return HTMLResponse(rendered("why_not.html", visit, refusals=refusals, zone=visit.zone))


async def timeline(visit: Visit) -> Response:
    known = customer_of(visit)
    query, currency = visit.request.query_params, visit.runtime.catalogue().catalogue.currency
    sought, within = Sought.of(query), query.get("within")
    noting = note_views(visit, "viewed", known.record.customer_id)
    if within is not None:
        _, rest = await asyncio.gather(
            noting, asyncio.to_thread(happenings.lines_of, visit.runtime, known, sought, within)
        )
        return HTMLResponse(
            rendered("lines.html", visit, lines=rest.lines, names=rest.names, currency=currency, focus=True)
        )
    reading = asyncio.to_thread(happenings.following, visit.runtime, known, sought, query.get("before"))
    _, found = await asyncio.gather(noting, reading)
    values = {"zone": visit.zone, "currency": currency, "present": known.moment, "most": happenings.LINES}
    return HTMLResponse(rendered("timeline.html", visit, timeline=found, sought=sought, **values))


async def confirm(visit: Visit) -> Response:
    """From now on this session sees who it is speaking with."""
    known = customer_of(visit)
    await note_views(visit, "confirmed", known.record.customer_id)
    shown = await asyncio.to_thread(record.who, visit, known)
    return HTMLResponse(rendered("who.html", visit, who=shown, focus=True))
