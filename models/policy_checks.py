"""What makes a catalogue's policy contradict itself, or name what the catalogue has not."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from difflib import get_close_matches

from models.catalogue_document import ActionEntry, CatalogueDocument
from models.finding import NAMELESS, Finding, Path, repeated, sentence


def policy_findings(document: CatalogueDocument) -> Iterator[Finding]:
    yield from repeated(
        [entry.id for entry in document.groups], ("groups",), "id", "a group's rules must be in one place"
    )
    yield from _group_findings(document)
    if document.service_first is not None:
        yield from _channel_findings(("service_first", "in_service"), document.service_first.in_service, document)
    if document.rank_by == "incremental" and document.margin is None:
        rule = "it needs a margin, for it weighs what sales earn against what contacts cost"
        yield ("rank_by",), sentence(("rank_by",), document.rank_by, rule, "add the margin, or rank by response")
    yield from _weight_findings(document)
    yield from _rest_findings(document)
    for place, action in enumerate(document.actions):
        yield from _purpose_findings(("actions", place), action)
        yield from _urgent_findings(("actions", place, "urgent"), action)
        yield from _basket_findings(("actions", place, "basket"), action)
        yield from _fallback_findings(("actions", place, "fallback"), action)


def _group_findings(document: CatalogueDocument) -> Iterator[Finding]:
    """Rules for a group that no action is of hold nobody back, and are meant to."""
    known = sorted({action.group for action in document.actions})
    for place, entry in enumerate(document.groups):
        if known and entry.id not in known and NAMELESS not in known:
            path: Path = ("groups", place, "id")
            near = get_close_matches(entry.id, known, 3)
            rule = "no action is of that group, so that its rules bind nothing"
            remedy = f"correct it (groups of actions are, e.g., {near or known[:5]}), or remove the entry"
            yield path, sentence(path, entry.id, rule, remedy)


def _channel_findings(path: Path, named: Sequence[str], document: CatalogueDocument) -> Iterator[Finding]:
    for place, channel in enumerate(named):
        if channel not in document.channels:
            here: Path = (*path, place)
            yield here, sentence(here, channel, f"channels are {sorted(document.channels)}", "correct it")


def _weight_findings(document: CatalogueDocument) -> Iterator[Finding]:
    actions = {action.id for action in document.actions}
    groups = {action.group for action in document.actions}
    for place, entry in enumerate(document.weights):
        path: Path = ("weights", place)
        yield from _channel_findings((*path, "channels"), entry.channels, document)
        for field, named, known in (("actions", entry.actions, actions), ("groups", entry.groups, groups)):
            for number, one in enumerate(named):
                if one not in known and NAMELESS not in known:
                    here: Path = (*path, field, number)
                    yield here, sentence(here, one, f"it must be among the {field} of the catalogue", "correct it")


def _rest_findings(document: CatalogueDocument) -> Iterator[Finding]:
    """What is learned and falls back to nothing."""
    if document.cool_off is not None:
        return
    told = (
        ("actions", [entry.cool_off_days for entry in document.actions]),
        ("groups", [entry.cool_off_days for entry in document.groups]),
    )
    for kind, rests in told:
        for place, days in enumerate(rests):
            if days == "learned":
                path: Path = (kind, place, "cool_off_days")
                rule = f"no cool_off says how long {kind} rest while that is not known"
                yield path, sentence(path, days, rule, "add it")


def _purpose_findings(path: Path, action: ActionEntry) -> Iterator[Finding]:
    here: Path = (*path, "purpose")
    if action.kind == "offer" and action.purpose in ("service", "legal", "survey"):
        yield here, sentence(here, action.purpose, "an offer is marketing or retention", "correct it, or the kind")
    if action.kind == "service" and action.purpose in ("marketing", "retention"):
        yield here, sentence(here, action.purpose, "a service is service, legal or survey", "correct it, or the kind")


def _fallback_findings(path: Path, action: ActionEntry) -> Iterator[Finding]:
    if action.fallback and (action.trigger is not None or action.urgent):
        rule = "what is urgent or triggered goes before everything else"
        yield path, sentence(path, "true", rule, "drop one of the two")


def _urgent_findings(path: Path, action: ActionEntry) -> Iterator[Finding]:
    if action.urgent and action.kind != "service":
        yield path, sentence(path, True, f"it is for a service and the kind is {action.kind}", "correct one")


def _basket_findings(path: Path, action: ActionEntry) -> Iterator[Finding]:
    if action.basket == "require" and not action.items and not action.categories:
        yield path, sentence(path, action.basket, "nothing that it promotes can lie in a basket", "name its items")
