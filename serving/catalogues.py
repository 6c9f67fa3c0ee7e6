"""GET and PUT /catalogue, /catalogue/versions, /rollback and /validate: changing what may be offered while it serves.

Whatever takes long (reading a large text, compiling it) runs in a thread beside the requests.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable, Mapping
from functools import partial

from pydantic import ValidationError

from features.stores.protocol import CatalogueConflict, StoredCatalogue
from models.catalogue_diff import since
from models.catalogue_file import decoded, read_text
from models.catalogue_writing import as_json, as_yaml
from serving.body import checked
from serving.catalogue_answers import (
    COMPARED,
    PUBLISHED,
    VERSIONS,
    ComparedAnswer,
    published_answer,
    versions_answer,
)
from serving.editing import Published, Signed, items_of, number_of, publish, roll_back
from serving.endpoint import JSON, YAML, Asked, Reply
from serving.errors import conflict, from_validation, invalid, not_found, precondition_required
from serving.runtime import Runtime
from serving.schemas import NOTE, ROLLBACK
from serving.timeline import limit_of

MOST_BYTES = 20 * 1024 * 1024
"""Of a catalogue that is sent, unpacked: some hundred thousand items."""
VERSIONS_SHOWN, MOST_VERSIONS = 20, 100

_NUMBER = re.compile("[1-9][0-9]{0,8}", re.ASCII)
_ETAG = re.compile(r'(?:W/)?"([1-9][0-9]{0,8})-([0-9a-f]{16})"', re.ASCII)
_YAML_TYPES = frozenset({YAML, "application/x-yaml", "text/yaml", "text/x-yaml"})
_ANYTHING = "*"


async def read(runtime: Runtime, asked: Asked) -> Reply:
    """GET /catalogue: the newest version, or another, with its items or without."""
    runtime.in_force.keyring.admit("read", asked.call)
    version, with_items = _number(asked.query, "version"), _flag(asked.query, "items")
    media_type = _media_type(asked.headers.get("accept", ""))
    written = as_yaml if media_type == YAML else as_json

    def found() -> Reply:
        stored = runtime.store.catalogue(version)
        if stored is None:
            raise _no_version(version)
        text = written(stored.document, items_of(stored) if with_items else None)
        return Reply(text.encode(), media_type, (*_tagged(stored.version, stored.digest), ("Vary", "Accept")))

    return await asyncio.to_thread(found)


async def versions(runtime: Runtime, asked: Asked) -> bytes:
    """GET /catalogue/versions: the newest first."""
    runtime.in_force.keyring.admit("read", asked.call)
    before, limit = _number(asked.query, "before"), limit_of(asked.query, VERSIONS_SHOWN, MOST_VERSIONS)
    found = await asyncio.to_thread(runtime.store.catalogue_versions, limit + 1, before)
    return VERSIONS.dump_json(versions_answer(found, limit))


async def put(runtime: Runtime, asked: Asked) -> Reply:
    """PUT /catalogue: in force on this worker when it is answered."""
    signed = _signed(runtime, asked, _note(asked.query.get("note", "")))
    match = asked.headers.get("if-match")
    text = decoded(asked.raw)

    def published() -> Published:
        base = _base(runtime, match)
        return publish(runtime.store, partial(read_text, text, None), base, match == _ANYTHING, signed)

    return await _taken_up(runtime, match, published)


async def rollback(runtime: Runtime, asked: Asked) -> Reply:
    """POST /catalogue/rollback: an older version's content as a new version."""
    request = checked(ROLLBACK, asked.body)
    note = f"rolled back to version {request.version}" if request.note is None else request.note
    signed = _signed(runtime, asked, note)
    match = asked.headers.get("if-match")

    def published() -> Published:
        older = runtime.store.catalogue(request.version)
        if older is None:
            raise _no_version(request.version)
        expected = None if match == _ANYTHING else number_of(_base(runtime, match))
        return roll_back(runtime.store, older, expected, signed)

    return await _taken_up(runtime, match, published)


async def validate(runtime: Runtime, asked: Asked) -> bytes:
    """POST /catalogue/validate: the faults that a PUT would tell, else what it would change."""
    runtime.in_force.keyring.admit("admin", asked.call)
    text = decoded(asked.raw)

    def compared() -> ComparedAnswer:
        newest = runtime.store.catalogue()
        diff = since(newest, read_text(text, kept=items_of(newest)))
        return ComparedAnswer(number_of(newest), not diff, diff)

    return COMPARED.dump_json(await asyncio.to_thread(compared))


async def _taken_up(runtime: Runtime, match: str | None, published: Callable[[], Published]) -> Reply:
    try:
        made = await asyncio.to_thread(published)
    except CatalogueConflict as error:
        raise await asyncio.to_thread(_lost_update, runtime, match) from error
    await runtime.look()
    answer = await asyncio.to_thread(published_answer, runtime.store, made.version, made.published)
    return Reply(PUBLISHED.dump_json(answer), JSON, _tagged(made.version, made.digest))


def _lost_update(runtime: Runtime, match: str | None) -> Exception:
    rule = f"the change must be made to the newest version, which is {runtime.store.catalogue_version()}"
    return conflict("if-match", match or "absent", rule, "get that, make the change again and send it again")


def _base(runtime: Runtime, match: str | None) -> StoredCatalogue | None:
    """The version that the change was made to, None when there is none yet. Raises Refusal, CatalogueConflict."""
    if match is None or match == _ANYTHING:
        newest = runtime.store.catalogue()
        if match is None and newest is not None:
            raise precondition_required(
                "a change must name the version that it was made to", "send its ETag as If-Match, or * to force it"
            )
        return newest
    found = _ETAG.fullmatch(match)
    if found is None:
        raise invalid("if-match", match, "one ETag of this address, or *", "send it as it was answered")
    named = runtime.store.catalogue(int(found[1]))
    if named is None or not named.digest.startswith(found[2]):
        raise CatalogueConflict(
            f"catalogue version is none like {match}; it is one that was published; read and redo it"
        )
    return named


def _note(text: str) -> str:
    try:
        return NOTE.validate_python(text)
    except ValidationError as error:
        raise from_validation(error, ("note",)) from error


def _signed(runtime: Runtime, asked: Asked, note: str) -> Signed:
    """Once the key has been found good. Raises Refusal."""
    in_force, call = runtime.in_force, asked.call
    in_force.keyring.admit("admin", call)
    return Signed(in_force.clock.present(call.now), in_force.keyring.author(call), note)


def _tagged(version: int, digest: str) -> tuple[tuple[str, str], ...]:
    """The tag names the version, whichever way it is written down."""
    return (("ETag", f'"{version}-{digest[:16]}"'),)


def _no_version(version: int | None) -> Exception:
    if version is None:
        return not_found("catalogue", "absent", "none is published yet", "put one")
    return not_found("version", str(version), "no such version", "see GET /catalogue/versions")


def _number(query: Mapping[str, str], name: str) -> int | None:
    text = query.get(name)
    if text is not None and not _NUMBER.fullmatch(text):
        raise invalid(name, text, "the number of a version", "see GET /catalogue/versions")
    return None if text is None else int(text)


def _flag(query: Mapping[str, str], name: str) -> bool:
    text = query.get(name, "true")
    if text not in {"true", "false"}:
        raise invalid(name, text, "true or false", "leave it out for true")
    return text == "true"


def _media_type(accept: str) -> str:
    """YAML where it is named and JSON is not liked better; else JSON."""
    liked: dict[str, float] = {JSON: 0.0, YAML: 0.0}
    for one in accept.lower().split(","):
        name, *parameters = (part.strip() for part in one.split(";"))
        quality = next((part[2:] for part in parameters if part.startswith("q=")), "1")
        kind = YAML if name in _YAML_TYPES else name
        if kind in liked and re.fullmatch(r"[01](?:\.[0-9]{0,3})?", quality):
            liked[kind] = max(liked[kind], float(quality))
    return YAML if liked[YAML] > liked[JSON] else JSON
