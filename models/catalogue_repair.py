"""Reading on past a fault, so that one reading tells all of them.

Fields that were refused are replaced by neutral ones, and the rest is checked against itself; what is then found inside
a replaced field is the replacement's fault, not the writer's, and is left out.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from pydantic import JsonValue, ValidationError

from models.catalogue_document import CatalogueFile
from models.finding import NAMELESS, Finding, Path

_RULE: dict[str, JsonValue] = {"rule": "always"}
_CHANNEL: dict[str, JsonValue] = {"direction": "outbound", "consent": "opt_in", "reward_window_days": 1}
_TREATMENT: dict[str, JsonValue] = {"id": "-", "channel": "-"}
_ACTION: dict[str, JsonValue] = {
    "kind": "offer",
    "group": NAMELESS,
    "value": 0,
    "success": "converted",
    "treatments": [_TREATMENT],
    "suppression": _RULE,
}
_NEUTRAL: dict[str, dict[str, JsonValue]] = {
    "channels": _CHANNEL,
    "categories": {"repurchase": _RULE},
    "items": {},
    "topics": {},
    "contact_reasons": {"say": "-"},
    "actions": _ACTION,
}
_JOURNEY: dict[str, JsonValue] = {"escalation": {"after_transfers": 1}}
_TOP: dict[str, JsonValue] = {"currency": "XXX", "time_zone": "UTC", "repurchase": _RULE, "journey": _JOURNEY}


def repaired(value: JsonValue, faulty: Sequence[Path]) -> CatalogueFile | None:
    """`value` with what is at the `faulty` paths made neutral; None when too much of it is broken to say more."""
    if not isinstance(value, dict) or any(_hopeless(path) for path in faulty):
        return None
    whole: dict[str, JsonValue] = {key: _copied(part) for key, part in value.items()}
    for path in faulty:
        _mend(whole, path)
    try:
        return CatalogueFile.model_validate(whole)
    except ValidationError:
        return None


def outside(findings: Iterable[Finding], faulty: Sequence[Path]) -> list[Finding]:
    """Those that do not lie inside a replaced field."""
    replaced = {_field(path) for path in faulty}
    return [(path, message) for path, message in findings if _field(path) not in replaced]


def _field(path: Path) -> Path:
    return path[:3] if path and path[0] in _NEUTRAL else path[:1]


def _hopeless(path: Path) -> bool:
    """A whole collection, or an entry that others may name, is not what it should be."""
    return len(path) < 1 or (path[0] in _NEUTRAL and len(path) < 3)


def _copied(part: JsonValue) -> JsonValue:
    """Entries can be changed in the copy without changing the original; deeper values are replaced, never changed."""
    if isinstance(part, dict):
        return {key: dict(entry) if isinstance(entry, dict) else entry for key, entry in part.items()}
    if isinstance(part, list):
        return [dict(entry) if isinstance(entry, dict) else entry for entry in part]
    return part


def _mend(whole: dict[str, JsonValue], path: Path) -> None:
    """Drop the field and put the neutral one in its place, if one is needed."""
    entries = whole.get(str(path[0]))
    if path[0] == "traits" and len(path) > 1 and isinstance(entries, dict):
        entries.pop(str(path[1]), None)
        return
    if path[0] not in _NEUTRAL:
        whole.pop(str(path[0]), None)
        whole.update({key: part for key, part in _TOP.items() if key == path[0]})
        return
    entry = entries.get(str(path[1])) if isinstance(entries, dict) else None
    if isinstance(entries, list) and isinstance(path[1], int):
        entry = entries[path[1]]
    if isinstance(entry, dict):
        field, neutral = str(path[2]), _NEUTRAL[str(path[0])]
        entry.pop(field, None)
        if field in neutral:
            entry[field] = neutral[field]
        elif field == "id":
            entry[field] = f"nameless {path[1]}"
