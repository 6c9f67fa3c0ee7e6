"""The team lead's form: telling everybody of a disturbance, ending that, and pausing an action. Each is a new version
of the catalogue, with author and reason; everything else in it stays as it is, byte for byte."""

from __future__ import annotations

import asyncio
import datetime as dt
import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, cast

from starlette.responses import Response

from features.instants import render_instant
from features.stores.protocol import CatalogueConflict, StoredCatalogue
from models.catalogue import Action, Catalogue
from models.catalogue_file import CatalogueSource, checked
from models.catalogue_items import from_ipc
from models.local_time import zone_of
from models.policy_rules import Direction
from serving.console.answering import page, redirect
from serving.console.visit import Visit
from serving.editing import Signed, publish
from serving.errors import Refusal, conflict, invalid, not_found
from serving.runtime import Runtime

if TYPE_CHECKING:
    import pyarrow as pa

GROUP: Final = "service-notices"
"""The group of actions that this form makes, by which they are known again."""
ADDRESS: Final = "/console/notices"
_LONGEST_NAME, _LONGEST_TEXT = 120, 600

Document = dict[str, object]
Change = Callable[[Document], None]


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
            raise invalid("areas", " ".join(areas), "beginnings of postcodes", "write them like 021, 022")
        until = _moment(visit.required("until", 30), zone)
        if until <= present:
            raise invalid("until", visit.field("until"), "after the present", "name a later moment")
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
                {"id": f"{action_id}-{one}", "channel": one, "content": {"talk_track": self.text, "text": self.text}}
                for one in inbound
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
        action = _known(runtime.catalogue().catalogue, visit.required("action", 200))
        until = _moment(visit.required("until", 30), zone)
        if until <= present or (action.ends_at is not None and until >= action.ends_at):
            raise invalid("until", visit.field("until"), "after the present and before its end", "name another moment")
        return cls(action, until, visit.required("reason", 250))

    @property
    def change(self) -> Change:
        return _setting(self.action.id, {"starts_at": render_instant(self.until)})


async def show(visit: Visit) -> Response:
    return _page(visit)


async def preview(visit: Visit) -> Response:
    """What it will look like, and for whom; nothing is published."""
    runtime, zone, present = _situation(visit)
    draft = Draft.of(visit, zone, present)
    await asyncio.to_thread(_tried, runtime, _adding(runtime, draft))
    return _page(visit, draft=draft)


async def post(visit: Visit) -> Response:
    runtime, zone, present = _situation(visit)
    draft = Draft.of(visit, zone, present)
    change = _adding(runtime, draft)
    return await _published(visit, change, f"{draft.name}: {draft.reason}")


async def end(visit: Visit) -> Response:
    """A notice ends now; it stays in the catalogue's history."""
    runtime, _, present = _situation(visit)
    action = _known(runtime.catalogue().catalogue, visit.required("action", 200))
    if action.group != GROUP:
        raise invalid("action", action.id, "a notice of this form", "pause other actions instead")
    change = _setting(action.id, {"ends_at": render_instant(present)})
    return await _published(visit, change, f"ended {action.name}: {visit.required('reason', 250)}")


async def preview_pause(visit: Visit) -> Response:
    """Where it will not be offered, and until when; nothing is published."""
    pausing = Pause.of(visit)
    await asyncio.to_thread(_tried, visit.runtime, pausing.change)
    return _page(visit, pausing=pausing)


async def pause(visit: Visit) -> Response:
    pausing = Pause.of(visit)
    return await _published(visit, pausing.change, f"paused {pausing.action.name}: {pausing.reason}")


async def resume(visit: Visit) -> Response:
    runtime, _, present = _situation(visit)
    action = _known(runtime.catalogue().catalogue, visit.required("action", 200))
    change = _setting(action.id, {"starts_at": render_instant(present)})
    return await _published(visit, change, f"resumed {action.name}: {visit.required('reason', 250)}")


def _situation(visit: Visit) -> tuple[Runtime, str, int]:
    """With the catalogue's time zone and the present."""
    runtime = visit.runtime
    return runtime, runtime.catalogue().catalogue.time_zone, runtime.in_force.clock.present(None)


def _page(visit: Visit, draft: Draft | None = None, pausing: Pause | None = None) -> Response:
    runtime, zone, present = _situation(visit)
    catalogue = runtime.catalogue().catalogue
    notices = [one for one in catalogue.actions if one.group == GROUP and (one.ends_at or present + 1) > present]
    others = [one for one in catalogue.actions if one.group != GROUP and (one.ends_at or present + 1) > present]
    return page(
        "notices.html",
        visit,
        notices=notices,
        paused=[one for one in others if one.starts_at is not None and one.starts_at > present],
        running=[one for one in others if one.starts_at is None or one.starts_at <= present],
        history=runtime.store.catalogue_versions(8),
        draft=draft,
        form={} if draft is None else visit.form,
        pausing=pausing,
        pause_form={} if pausing is None else visit.form,
        zone=zone,
        present=present,
        version=runtime.in_force.catalogue_version,
        has_postcode="postcode" in catalogue.traits,
    )


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
    """Checked once, whatever its size. Raises CatalogueInvalid, Refusal."""
    base = _base(runtime)
    if version != str(base.version):
        raise _overtaken(version)
    signed = Signed(runtime.in_force.clock.present(None), f"account {author}", note[:300])
    try:
        publish(runtime.store, lambda items: _changed(base, change, items), base, False, signed)
    except CatalogueConflict as error:
        raise _overtaken(version) from error


def _overtaken(version: str) -> Refusal:
    return conflict("version", version, "another version is there by now", "look at the page again, then try again")


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
    return invalid("until", text, "a day and a time, like 2026-01-31T18:00", "choose one")
