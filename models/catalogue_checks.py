"""What makes a catalogue contradict itself: every check that needs more than one entry of it."""

from __future__ import annotations

from collections.abc import Iterator

import pyarrow as pa
import pyarrow.compute as pc

from features.consent import PROFILING_TOPIC
from models.catalogue_document import ActionEntry, CatalogueDocument
from models.document_fields import moment_of
from models.finding import Finding, Path, repeated, sentence
from models.policy_checks import policy_findings


def shape_findings(document: CatalogueDocument) -> Iterator[Finding]:
    """Faults of the document by itself. A catalogue that passes can be walked: no unknown reference, no circle."""
    yield from _category_findings(document)
    yield from _placement_findings(document)
    yield from repeated([action.id for action in document.actions], ("actions",), "id", "an action id must be unique")
    yield from repeated([topic.id for topic in document.topics], ("topics",), "id", "a topic id must be unique")
    reasons = [reason.id for reason in document.contact_reasons]
    yield from repeated(reasons, ("contact_reasons",), "id", "a contact reason must be unique")
    yield from _topic_findings(document)
    categories = frozenset(entry.id for entry in document.categories)
    for place, action in enumerate(document.actions):
        yield from _action_findings(("actions", place), action, categories)
        yield from _trigger_findings(("actions", place, "trigger"), action, document)
        yield from _treatment_findings(("actions", place), action, document)
    yield from policy_findings(document)


def item_findings(document: CatalogueDocument, items: pa.Table) -> Iterator[Finding]:
    """Faults between the actions and the items: unknown items, and things that no repurchase rule covers."""
    category_of = _promoted(document, items)
    covered = _covered(document)
    for place, action in enumerate(document.actions):
        by_category = action.suppression.rule == "by_category"
        for number, item in enumerate(action.items):
            path: Path = ("actions", place, "items", number)
            if item not in category_of:
                yield path, sentence(path, item, "a promoted item must be listed in items", "add it or correct the id")
            elif by_category and not covered.get(category_of[item], True):
                yield _unruled(path, item)
        for number, category in enumerate(action.categories):
            if by_category and not covered.get(category, True):
                yield _unruled(("actions", place, "categories", number), category)


def _promoted(document: CatalogueDocument, items: pa.Table) -> dict[str, str | None]:
    """The category of every promoted item that exists."""
    wanted = pa.array(sorted({item for action in document.actions for item in action.items}), pa.string())
    rows = pc.index_in(wanted, value_set=items["id"])
    found = rows.is_valid()
    categories = items["category"].take(rows.filter(found))
    return dict(zip(wanted.filter(found).to_pylist(), categories.to_pylist(), strict=True))


def _covered(document: CatalogueDocument) -> dict[str | None, bool]:
    """Whether a rule covers each listed category, and None, of an item without one. Safe on what is no tree."""
    whole = document.repurchase is not None
    entries = {entry.id: entry for entry in document.categories}
    covered: dict[str | None, bool] = {None: whole}
    for entry in document.categories:
        above, seen = entry, set[str]()
        while above.repurchase is None and above.parent in entries and above.id not in seen:
            seen.add(above.id)
            above = entries[above.parent]
        covered[entry.id] = whole or above.repurchase is not None
    return covered


def _unruled(path: Path, value: str) -> Finding:
    rule = "no repurchase rule covers it: the action has none, nor its category, nor the catalogue"
    return path, sentence(path, value, rule, "set `repurchase` on one of them")


def _category_findings(document: CatalogueDocument) -> Iterator[Finding]:
    ids = [entry.id for entry in document.categories]
    yield from repeated(ids, ("categories",), "id", "a category id must be unique")
    parents = {entry.id: entry.parent for entry in document.categories}
    for place, entry in enumerate(document.categories):
        path: Path = ("categories", place, "parent")
        if entry.parent is not None and entry.parent not in parents:
            yield path, sentence(path, entry.parent, "a parent must be a listed category", "add it or correct the id")
        elif _in_circle(entry.id, parents):
            yield (
                path,
                sentence(path, entry.parent, "categories must form a tree and this one is above itself", "mend it"),
            )


def _in_circle(category: str, parents: dict[str, str | None]) -> bool:
    above = parents[category]
    for _ in parents:
        if above is None or above == category:
            break
        above = parents.get(above)
    return above == category


def _placement_findings(document: CatalogueDocument) -> Iterator[Finding]:
    owner: dict[str, str] = {}
    for name, channel in document.channels.items():
        for place, placement in enumerate(channel.placements):
            path: Path = ("channels", name, "placements", place)
            if placement in owner:
                yield (
                    path,
                    sentence(path, placement, f"channel {owner[placement]!r} has it already", "rename one of them"),
                )
            owner.setdefault(placement, name)


def _topic_findings(document: CatalogueDocument) -> Iterator[Finding]:
    topics = [entry.id for entry in document.topics]
    for place, name in enumerate(topics):
        if name == PROFILING_TOPIC:
            path: Path = ("topics", place, "id")
            yield path, sentence(path, name, "it stands for the objection to profiling", "choose another id")
    for place, action in enumerate(document.actions):
        if action.topic is not None and action.topic not in topics:
            path = ("actions", place, "topic")
            yield path, sentence(path, action.topic, f"topics are {topics}", "declare it in topics or correct it")


def _trigger_findings(path: Path, action: ActionEntry, document: CatalogueDocument) -> Iterator[Finding]:
    if action.trigger is not None and action.kind != "service":
        yield path, sentence(path, action.trigger, f"it is for a service and the kind is {action.kind}", "correct one")
    if action.trigger == "escalation" and document.journey.escalation is None:
        yield path, sentence(path, action.trigger, "no journey.escalation says when that is", "add it")


def _action_findings(path: Path, action: ActionEntry, categories: frozenset[str]) -> Iterator[Finding]:
    yield from repeated(action.items, (*path, "items"), None, "an action promotes an item once")
    yield from repeated(action.categories, (*path, "categories"), None, "an action promotes a category once")
    for number, category in enumerate(action.categories):
        here: Path = (*path, "categories", number)
        if category not in categories:
            yield here, sentence(here, category, "a promoted category must be listed", "add it or correct the id")
    if action.starts_at and action.ends_at and moment_of(action.starts_at) >= moment_of(action.ends_at):
        here = (*path, "ends_at")
        yield here, sentence(here, action.ends_at, f"it must be after starts_at ({action.starts_at})", "correct one")


def _treatment_findings(path: Path, action: ActionEntry, document: CatalogueDocument) -> Iterator[Finding]:
    under: Path = (*path, "treatments")
    yield from repeated([entry.id for entry in action.treatments], under, "id", "it must be unique in its action")
    places = [(entry.channel, entry.placement) for entry in action.treatments]
    yield from repeated(places, under, None, "an action has one treatment for a (channel, placement)")
    for number, entry in enumerate(action.treatments):
        channel = document.channels.get(entry.channel)
        if channel is None:
            here: Path = (*under, number, "channel")
            yield here, sentence(here, entry.channel, f"channels are {sorted(document.channels)}", "correct it")
        elif entry.placement is not None and entry.placement not in channel.placements:
            here = (*under, number, "placement")
            yield (
                here,
                sentence(
                    here, entry.placement, f"placements of {entry.channel} are {channel.placements}", "correct it"
                ),
            )
