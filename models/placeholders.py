"""Placeholders in the content of treatments: what a sending tool is to fill must have a name that it can know.

`{{first_name}}` or `{{ customer.first_name | default: "you" }}`: a trait, an attribute of the action, or of an item
that it promotes. Nothing is filled here. Only what begins with a plain name is looked at: blocks, comments and whatever
else a tool's language has are its own.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from difflib import get_close_matches

from pydantic import JsonValue

from models.catalogue_document import ActionEntry, CatalogueDocument
from models.finding import Finding, Path, sentence

ACTION_FIELDS = ("id", "name", "kind", "group", "value")
ITEM_FIELDS = ("id", "name", "category", "price")

_PLACEHOLDER = re.compile(r"\{\{-?\s*([A-Za-z_][\w.]*(?:-[\w.]+)*)\s*(?:\|[^}]*)?-?\}\}")


def placeholder_findings(document: CatalogueDocument, refused: Sequence[Path]) -> Iterator[Finding]:
    """refused: paths that could not be read; a trait whose declaration is one of them counts as declared."""
    traits = {*document.traits, *(str(path[1]) for path in refused if path[0] == "traits" and len(path) > 1)}
    if ("traits",) in refused:
        return
    known = {*traits, *(f"customer.{one}" for one in traits), *(f"action.{one}" for one in ACTION_FIELDS)}
    known |= set(document.placeholders)
    for place, action in enumerate(document.actions):
        names = known | {f"item.{one}" for one in ITEM_FIELDS} if action.items else known
        yield from _of_action(("actions", place), action, names)


def _of_action(path: Path, action: ActionEntry, names: set[str]) -> Iterator[Finding]:
    for number, treatment in enumerate(action.treatments):
        for here, text in _texts((*path, "treatments", number, "content"), treatment.content):
            for name in dict.fromkeys(_PLACEHOLDER.findall(text)):
                if name not in names:
                    yield here, _unknown(here, name, names, promotes=bool(action.items))


def _texts(path: Path, value: JsonValue | Mapping[str, JsonValue]) -> Iterator[tuple[Path, str]]:
    if isinstance(value, str):
        yield path, value
    elif isinstance(value, Mapping):
        for key, one in value.items():
            yield from _texts((*path, key), one)
    elif isinstance(value, list):
        for number, one in enumerate(value):
            yield from _texts((*path, number), one)


def _unknown(path: Path, name: str, names: set[str], *, promotes: bool) -> str:
    rule = (
        "a placeholder is a declared trait, action.<field>, item.<field> of an action that promotes items, or listed in"
    )
    if name.startswith("item.") and not promotes:
        rule = "the action promotes no item by name, and no such name is listed in"
    near = get_close_matches(name, names, 3)
    hint = f" (near it are {near})" if near else ""
    remedy = f"correct it{hint}, declare the trait, or list what the sending tool knows by itself"
    return sentence(path, f"{{{{{name}}}}}", f"{rule} `placeholders`", remedy)
