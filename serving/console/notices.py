"""The team lead's form: telling everybody of a disturbance, ending that, and pausing an action. Each is a new version
of the catalogue, with author and reason; everything else in it stays as it is, byte for byte, but for notices that are
over: they leave it, and stay in its history."""

from __future__ import annotations

import asyncio
import datetime as dt
import json
import re
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from functools import wraps
from http import HTTPStatus
from typing import TYPE_CHECKING, Final, cast

from starlette.responses import Response

from features.instants import parse_instant, render_instant
from features.stores.protocol import CatalogueConflict, StoredCatalogue
from models.catalogue import Action, Catalogue, CatalogueInvalid
from models.catalogue_file import CatalogueSource, checked
from models.catalogue_items import from_ipc
from models.local_time import zone_of
from models.notices import GROUP, is_over, only_told
from models.policy_rules import Direction
from serving.console.answering import page, redirect
from serving.console.faults import Fault
from serving.console.suggesting import TALK
from serving.console.visit import Visit
from serving.console.wording import clock
from serving.editing import Signed, publish
from serving.errors import Refusal, conflict, invalid, not_found
from serving.failures import refusal_for
from serving.runtime import Runtime

if TYPE_CHECKING:
    import pyarrow as pa

ADDRESS: Final = "/console/notices"
_LONGEST_NAME, _LONGEST_TEXT, _LONGEST_CALLED = 120, 600, 200
_STILL_HERE = "what you wrote is still here: look at what was changed lately, then send it again"

Document = dict[str, object]
Change = Callable[[Document], None]
Handler = Callable[[Visit], Awaitable[Response]]


@dataclass(frozen=True, slots=True)
class Draft:
    """A notice as it is written. areas: how postcodes begin of those whom it is for; none: for everybody. until: ms
    UTC."""

    name: str
    text: str
    areas: tuple[str, ...]
    until: int
    reason: str

    @classmethod
    def of(cls, visit: Visit, zone: str, present: int) -> Draft:
        """Raises Refusal."""
        areas = tuple(filter(None, re.split(r"[\s,;]+", visit.field("areas", 400))))
        if any(not re.fullmatch(r"[A-Za-z0-9-]{1,12}", one) for one in areas):
            rule = "they must be beginnings of postcodes"
            raise invalid("areas", " ".join(areas), rule, "write them like 021, 022")
        until = _moment(visit.required("until", 30), zone)
        if until <= present:
            raise _not_before(visit, f"it must be after the present, {clock(present, zone)}")
        name, text = visit.required("name", _LONGEST_NAME), visit.required("text", _LONGEST_TEXT)
        return cls(name, text, areas, until, visit.required("reason", 250))

    @property
    def eligibility(self) -> str | None:
        """In CEL; None: everybody."""
        if not self.areas:
            return None
        return " || ".join(f"customer.postcode.startsWith({json.dumps(area)})" for area in self.areas)

    def action(self, catalogue: Catalogue, taken: set[str]) -> Document:
        """Said wherever customers come to us, from now on; first of all, and over by itself."""
        slug = re.sub(r"[^a-z0-9]+", "-", self.name.lower()).strip("-")[:40] or "notice"
        ids = (f"notice-{slug}" + (f"-{number}" if number else "") for number in range(len(taken) + 1))
        action_id = next(one for one in ids if one not in taken)
        inbound = [one.id for one in catalogue.channels.values() if one.direction is Direction.INBOUND]
        return {
            "id": action_id,
            "name": self.name,
            "kind": "service",
            "group": GROUP,
            "urgent": True,
            "value": 0,
            "success": "accepted",
            "eligibility": self.eligibility,
            "ends_at": render_instant(self.until),
            "treatments": [
                {"id": f"{action_id}-{one}", "channel": one, "content": {"text": self.text}} for one in inbound
            ],
        }


@dataclass(frozen=True, slots=True)
class Pause:
    """An action that starts again at `until` (ms UTC) by itself, and why."""

    action: Action
    until: int
    reason: str

    @classmethod
    def of(cls, visit: Visit) -> Pause:
        """Raises Refusal."""
        runtime, zone, present = _situation(visit)
        action = _meant(runtime.catalogue().catalogue, visit.required("action", 200), present)
        until = _moment(visit.required("until", 30), zone)
        if until <= present:
            raise _not_before(visit, f"it must be after the present, {clock(present, zone)}")
        if action.ends_at is not None and until >= action.ends_at:
            raise _not_before(visit, f"it must be before the action ends, {clock(action.ends_at, zone)}")
        return cls(action, until, visit.required("reason", 250))

    @property
    def change(self) -> Change:
        return _setting(self.action.id, {"starts_at": render_instant(self.until)})


def _beside(form: str) -> Callable[[Handler], Handler]:
    """What is wrong with a form stands beside the field that it is about, and what was typed stays."""

    def kept(handler: Handler) -> Handler:
        @wraps(handler)
        async def answer(visit: Visit) -> Response:
            try:
                return await handler(visit)
            except (Refusal, CatalogueInvalid) as error:
                refusal = refusal_for(error)
                if refusal.status >= HTTPStatus.INTERNAL_SERVER_ERROR:
                    raise
                late = await _too_late(visit, form) if refusal.body.field == "version" else (None, None)
                return _page(visit, *late, Fault.of(form, refusal))

        return answer

    return kept


async def _too_late(visit: Visit, form: str) -> tuple[Draft | None, Pause | None]:
    """The preview once more of what was right but for the version, which is taken up here too."""
    await visit.runtime.look()
    _, zone, present = _situation(visit)
    draft = Draft.of(visit, zone, present) if form == "notice" else None
    return draft, Pause.of(visit) if form == "pause" else None


async def show(visit: Visit) -> Response:
    return _page(visit)


@_beside("notice")
async def preview(visit: Visit) -> Response:
    """What it will look like, and for whom; nothing is published."""
    runtime, zone, present = _situation(visit)
    draft = Draft.of(visit, zone, present)
    await asyncio.to_thread(_tried, runtime, _adding(runtime, draft))
    return _page(visit, draft=draft)


@_beside("notice")
async def post(visit: Visit) -> Response:
    runtime, zone, present = _situation(visit)
    draft = Draft.of(visit, zone, present)
    change = _adding(runtime, draft)
    return await _published(visit, change, f"{draft.name}: {draft.reason}")


@_beside("end")
async def end(visit: Visit) -> Response:
    """A notice ends now; it stays in the catalogue's history."""
    runtime = visit.runtime
    action = _known(runtime.catalogue().catalogue, visit.required("action", 200))
    if not only_told(action):
        raise invalid("action", action.id, "a notice of this form", "pause other actions instead")
    change = _without(lambda one: one["id"] == action.id)
    return await _published(visit, change, f"ended {action.name}: {visit.required('reason', 250)}")


@_beside("pause")
async def preview_pause(visit: Visit) -> Response:
    """Where it will not be offered, and until when; nothing is published."""
    pausing = Pause.of(visit)
    await asyncio.to_thread(_tried, visit.runtime, pausing.change)
    return _page(visit, pausing=pausing)


@_beside("pause")
async def pause(visit: Visit) -> Response:
    pausing = Pause.of(visit)
    return await _published(visit, pausing.change, f"paused {pausing.action.name}: {pausing.reason}")


@_beside("resume")
async def resume(visit: Visit) -> Response:
    runtime, _, present = _situation(visit)
    action = _known(runtime.catalogue().catalogue, visit.required("action", 200))
    change = _setting(action.id, {"starts_at": render_instant(present)})
    return await _published(visit, change, f"resumed {action.name}: {visit.required('reason', 250)}")


def _situation(visit: Visit) -> tuple[Runtime, str, int]:
    """With the zone in which times are written and read, and the present. What a form tells is of the zone that it
    showed, wherever its browser is by then."""
    runtime = visit.runtime
    zone = zone_of(visit.field("zone", 64) or None, visit.zone).key
    return runtime, zone, runtime.in_force.clock.present(None)


def _page(
    visit: Visit, draft: Draft | None = None, pausing: Pause | None = None, fault: Fault | None = None
) -> Response:
    """fault: of what was sent; what was typed stands in its form again."""
    runtime, zone, present = _situation(visit)
    catalogue, about = runtime.catalogue().catalogue, "" if fault is None else fault.form
    notices = [one for one in catalogue.actions if only_told(one) and not is_over(one, present)]
    return page(
        "notices.html",
        visit,
        200 if fault is None else fault.status.value,
        fault=fault,
        concerned=visit.form.get("action", ""),
        notices=notices,
        said=_said,
        paused=[one for _, one in _called(catalogue, present) if (one.starts_at or present) > present],
        running=[called for called, one in _called(catalogue, present) if (one.starts_at or present) <= present],
        history=runtime.store.catalogue_versions(8),
        draft=draft,
        form=visit.form if draft is not None or about == "notice" else {},
        pausing=pausing,
        pause_form=visit.form if pausing is not None or about == "pause" else {},
        zone=zone,
        present=present,
        version=runtime.in_force.catalogue_version,
        has_postcode="postcode" in catalogue.traits,
    )


def _said(notice: Action) -> str:
    """As it is on every channel."""
    content = notice.treatments[0].content if notice.treatments else {}
    return next((str(content[name]) for name in TALK if name in content), "")


def _called(catalogue: Catalogue, present: int) -> list[tuple[str, Action]]:
    """What can be paused, by what a form calls it: its name, with its id where others are called so too, by name or by
    id; the id alone where the name is longer than the form takes."""
    found = [one for one in catalogue.actions if not only_told(one) and (one.ends_at or present + 1) > present]
    named = [one for one in found if len(one.name) <= _LONGEST_CALLED]
    times = Counter(_plainly(one.name) for one in named)
    ids = Counter(_plainly(one.id) for one in found)
    alone = {
        one.id
        for one, name in ((one, _plainly(one.name)) for one in named)
        if times[name] == 1 and ids[name] == (name == _plainly(one.id))
    }
    return [(one.name if one.id in alone else _with_id(one, times), one) for one in found]


def _with_id(action: Action, names: Mapping[str, int]) -> str:
    called = f"{action.name} ({action.id})"
    return called if len(called) <= _LONGEST_CALLED and _plainly(called) not in names else action.id


def _meant(catalogue: Catalogue, told: str, present: int) -> Action:
    """The action that somebody has named, by what the form calls it or by its id. Raises Refusal."""
    called = _called(catalogue, present)
    found = [one for name, one in called if told == one.id or _plainly(told) == _plainly(name)]
    if found:
        return min(found, key=lambda one: one.id != told)
    within = [name for name, _ in called if _plainly(told) in _plainly(name)]
    remedy = f"choose one of the list, like “{within[0]}”" if within else "choose one of the list"
    raise not_found("action", told, "no action that could be paused is called so", remedy)


def _plainly(name: str) -> str:
    return " ".join(name.split()).casefold()


def _known(catalogue: Catalogue, action_id: str) -> Action:
    found = next((one for one in catalogue.actions if one.id == action_id), None)
    if found is None:
        raise not_found("action", action_id, "the catalogue has no such action", "load the page again")
    return found


def _adding(runtime: Runtime, draft: Draft) -> Change:
    catalogue = runtime.catalogue().catalogue
    made = draft.action(catalogue, {one.id for one in catalogue.actions})

    def change(document: Document) -> None:
        cast("list[Document]", document["actions"]).append(made)

    return change


def _setting(action_id: str, fields: Mapping[str, object]) -> Change:
    def change(document: Document) -> None:
        for one in cast("list[Document]", document["actions"]):
            if one["id"] == action_id:
                one.update(fields)

    return change


def _without(leaves: Callable[[Document], bool]) -> Change:
    def change(document: Document) -> None:
        document["actions"] = [one for one in cast("list[Document]", document["actions"]) if not leaves(one)]

    return change


def _over_at(moment: int) -> Callable[[Document], bool]:
    """Whether an action is a notice that has ended. moment: ms UTC."""

    def over(action: Document) -> bool:
        ends_at = action.get("ends_at")
        return action.get("group") == GROUP and isinstance(ends_at, str) and parse_instant(ends_at) <= moment

    return over


def _base(runtime: Runtime) -> StoredCatalogue:
    """The version that is there. Raises Refusal."""
    base = runtime.store.catalogue()
    if base is None:
        raise conflict("catalogue", "absent", "there is none to change", "publish one")
    return base


def _changed(base: StoredCatalogue, change: Change, items: pa.Table | None) -> CatalogueSource:
    """Raises CatalogueInvalid."""
    document = json.loads(base.document)
    change(document)
    return checked(document, from_ipc(base.items) if items is None else items)


def _tried(runtime: Runtime, change: Change) -> None:
    """Raises CatalogueInvalid, Refusal."""
    _changed(_base(runtime), change, None)


async def _published(visit: Visit, change: Change, note: str) -> Response:
    """In force on this worker when it is answered."""
    runtime = visit.runtime
    await asyncio.to_thread(_publish, runtime, change, visit.who.name, visit.form.get("version", ""), note)
    await runtime.look()
    return redirect(ADDRESS)


def _publish(runtime: Runtime, change: Change, author: str, version: str, note: str) -> None:
    """Checked once, whatever its size; notices that are over leave with it. Raises CatalogueInvalid, Refusal."""
    base = _base(runtime)
    if version != str(base.version):
        raise _overtaken(version)
    present = runtime.in_force.clock.present(None)
    signed = Signed(present, f"account {author}", note[:300])

    def changed(document: Document) -> None:
        change(document)
        _without(_over_at(present))(document)

    try:
        publish(runtime.store, lambda items: _changed(base, changed, items), base, False, signed)
    except CatalogueConflict as error:
        raise _overtaken(version) from error


def _overtaken(version: str) -> Refusal:
    return conflict("version", version, "somebody else has changed the catalogue meanwhile", _STILL_HERE)


def _moment(text: str, zone: str) -> int:
    """ms UTC of "2026-01-31T18:00" on the catalogue's clock. Raises Refusal."""
    try:
        local = dt.datetime.fromisoformat(text)
    except ValueError as error:
        raise _no_moment(text) from error
    if local.tzinfo is not None:
        raise _no_moment(text)
    return int(local.replace(tzinfo=zone_of(None, zone)).timestamp() * 1000)


def _no_moment(text: str) -> Refusal:
    return invalid("until", text, "it must be a day and a time, like 2026-01-31T18:00", "choose one")


def _not_before(visit: Visit, rule: str) -> Refusal:
    return invalid("until", visit.field("until"), rule, "choose another time")
