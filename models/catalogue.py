"""What may be offered: items, actions, treatments and channels, frozen, as one version of the catalogue.

CatalogueError              anything that is wrong with a catalogue or a question to it
+-- CatalogueInvalid        a document was refused; `faults` are all that is wrong with it, with lines
+-- CatalogueUncompiled     codes are missing: the vocabulary lags behind the catalogue
+-- UnknownChannel          the catalogue has no such channel
+-- UnknownPlacement        no channel of the catalogue has such a placement
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum

from features.declared_traits import TraitType
from models.catalogue_document import ActionEntry, CatalogueDocument, ChannelEntry, RepurchaseEntry, SuppressionEntry
from models.document_fields import moment_of
from models.journey_rules import HOUR, JourneyRules, Trigger, journey_rules_of
from models.policy_document import GroupEntry
from models.policy_rules import (
    Arms,
    Basket,
    Budget,
    Ceiling,
    ContextWeight,
    CoolOff,
    Direction,
    Exploration,
    GroupRules,
    Limit,
    Purpose,
    QuietHours,
    RankBy,
    ServiceFirst,
    arms_of,
    budgets_of,
    ceiling_of,
    cool_off_of,
    cool_offs_of,
    days_of,
    exploration_of,
    limits_of,
    quiet_hours_of,
    service_first_of,
    weight_of,
)

LIKELY_ENOUGH = 0.1
"""The chance from which on `learned` offers a thing again, where the catalogue names none."""


class CatalogueError(Exception):
    """Anything that is wrong with a catalogue or a question to it."""


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing that is wrong. line: from 1, None where there is no text (or row: see the message). path: e.g.
    actions[3].value. file: the name of the file that it is in, None where it was no file."""

    line: int | None
    path: str
    message: str
    file: str | None = None

    def __str__(self) -> str:
        places = (self.file, None if self.line is None else f"line {self.line}")
        where = " ".join(place for place in places if place is not None)
        return f"{where}: {self.message}" if where else self.message


class CatalogueInvalid(CatalogueError):
    """A catalogue that was refused whole; `faults` are in order of lines."""

    def __init__(self, faults: tuple[Fault, ...]) -> None:
        super().__init__("\n".join(str(fault) for fault in faults))
        self.faults = faults


class CatalogueUncompiled(CatalogueError):
    """The vocabulary has no code for something that the catalogue names."""


class UnknownChannel(CatalogueError):
    """The catalogue has no such channel."""


class UnknownPlacement(CatalogueError):
    """No channel of the catalogue has such a placement."""


class ActionKind(StrEnum):
    OFFER = "offer"
    MESSAGE = "message"
    SERVICE = "service"


class Regime(StrEnum):
    """Whether silence means yes. opt_in: only after a grant; opt_out: until a withdrawal; not_needed: never asked."""

    OPT_IN = "opt_in"
    OPT_OUT = "opt_out"
    NOT_NEEDED = "not_needed"


class Repurchase(StrEnum):
    """When something bought may be offered again. never; after: N days later; always: at once; learned: when it is
    likely enough to be bought again; by_category: as the category of each thing says (for an action only)."""

    NEVER = "never"
    AFTER = "after"
    ALWAYS = "always"
    LEARNED = "learned"
    BY_CATEGORY = "by_category"


@dataclass(frozen=True, slots=True)
class Channel:
    """reward_window_days: how long after a contact an outcome counts. placements: where on the channel; each belongs
    to one channel. cost: of one contact, catalogue currency. needs: the type of identifier without which nobody can be
    reached here, None: none. limits: for all contacts on it. reserve: ms for which an outbound decision counts as a
    contact before anything is reported of it. exploration None: always the best."""

    id: str
    direction: Direction
    consent: Regime
    reward_window_days: float
    placements: tuple[str, ...]
    cost: float
    needs: str | None
    quiet_hours: QuietHours | None
    limits: tuple[Limit, ...]
    reserve: int
    exploration: Exploration | None


@dataclass(frozen=True, slots=True)
class RepurchaseRule:
    """When a thing that was bought may be offered again. days: of `after`, and of `learned` while no model knows the
    thing, else 0. chance: of `learned`, from which on it is offered, else NaN."""

    repurchase: Repurchase
    days: float
    chance: float = math.nan


@dataclass(frozen=True, slots=True)
class Category:
    """repurchase: of the items in it; None: as its parent says, at the root as the catalogue says."""

    id: str
    name: str
    parent: str | None
    repurchase: RepurchaseRule | None = None


@dataclass(frozen=True, slots=True)
class SuppressionRule:
    """match: suppressed when "any" or "all" of what the action promotes was bought."""

    rule: RepurchaseRule
    match: str


@dataclass(frozen=True, slots=True)
class Topic:
    """What a person may agree or object to by itself. words: as people are asked, None unknown. consent: what silence
    on it means when that is stricter than on the channel, None: as on the channel."""

    id: str
    name: str
    words: str | None
    consent: Regime | None


@dataclass(frozen=True, slots=True)
class Treatment:
    """How an action looks on one channel and placement (None: any placement). content is passed through to the
    caller."""

    id: str
    channel: str
    placement: str | None
    content: Mapping[str, object]


@dataclass(frozen=True, slots=True)
class Action:
    """items and categories are what it promotes (ids). value: worth of a positive outcome, in the catalogue's
    currency. lever: a factor set by people, 1 neutral. starts_at, ends_at: ms UTC, half-open [starts_at, ends_at),
    None open. success: the outcome that counts as a positive response ("converted", "accepted" or "clicked").
    eligibility: a condition, None: everybody. urgent: goes before others, whatever the priorities. fallback: weighed
    only where nothing else is eligible. cost: of one contact beside the channel's. pending: ms for which an acceptance
    waits for its order. cool_off: rest after a rejection, None as the catalogue says."""

    id: str
    name: str
    kind: ActionKind
    group: str
    items: tuple[str, ...]
    categories: tuple[str, ...]
    value: float
    lever: float
    starts_at: int | None
    ends_at: int | None
    success: str
    suppression: SuppressionRule
    treatments: tuple[Treatment, ...]
    topic: str | None
    trigger: Trigger | None
    purpose: Purpose
    eligibility: str | None
    urgent: bool
    fallback: bool
    cost: float
    basket: Basket
    pending: int
    cool_off: CoolOff | None
    limits: tuple[Limit, ...]
    budgets: tuple[Budget, ...]
    ceiling: Ceiling | None


@dataclass(frozen=True, slots=True)
class Catalogue:
    """One version, checked. currency: ISO 4217. time_zone: IANA, for whoever's own is unknown. repurchase: of what no
    category rules; None: no rule. contact_reasons: what a machine says, by id. traits: types of what is told of people.
    groups: with rules of their own. limits: over all channels of a direction. The cool-offs: rest after a rejection.
    service_first, arms None: nothing stops selling; all are in the full arm. live_response: whether how actions do
    lately corrects the model. margin: of sales; None: not told."""

    version: int
    currency: str
    time_zone: str
    channels: Mapping[str, Channel]
    categories: Mapping[str, Category]
    actions: tuple[Action, ...]
    topics: Mapping[str, Topic]
    journey: JourneyRules
    contact_reasons: Mapping[str, str]
    repurchase: RepurchaseRule | None
    traits: Mapping[str, TraitType]
    groups: Mapping[str, GroupRules]
    limits: tuple[Limit, ...]
    action_cool_off: CoolOff
    group_cool_off: CoolOff
    service_first: ServiceFirst | None
    arms: Arms | None
    weights: tuple[ContextWeight, ...]
    live_response: bool
    rank_by: RankBy
    margin: float | None

    def regime(self, channel: str, topic: str | None) -> Regime:
        """What silence means: the stricter of the channel's and the topic's."""
        own = None if topic is None else self.topics[topic].consent
        return self.channels[channel].consent if own is None else own

    def lineage(self, category: str | None) -> Iterator[Category]:
        """The category, its parent, and so on up to the root; nothing for None."""
        while category is not None:
            found = self.categories[category]
            yield found
            category = found.parent

    def repurchase_of(self, category: str | None) -> RepurchaseRule | None:
        """The nearest rule up the tree, at last the catalogue's own; None when nothing rules it."""
        rules = (above.repurchase for above in self.lineage(category))
        return next((rule for rule in rules if rule is not None), self.repurchase)


def parse(document: str, version: int) -> Catalogue:
    """The catalogue of a stored canonical document (see models.catalogue_file, which checks one before it is stored).

    Raises CatalogueInvalid when the document has not the shape of one.
    """
    try:
        return from_document(CatalogueDocument.model_validate_json(document), version)
    except ValueError as error:
        message = f"document is unreadable; it must be a canonical catalogue document; publish it again ({error})"
        raise CatalogueInvalid((Fault(None, "document", message),)) from error


def from_document(document: CatalogueDocument, version: int) -> Catalogue:
    of_action, of_group = cool_offs_of(document.cool_off)
    return Catalogue(
        version=version,
        currency=document.currency,
        time_zone=document.time_zone,
        channels={name: _channel(name, entry) for name, entry in document.channels.items()},
        categories={
            entry.id: Category(entry.id, entry.name or entry.id, entry.parent, _repurchase(entry.repurchase))
            for entry in document.categories
        },
        actions=tuple(_action(entry, of_action) for entry in document.actions),
        topics={
            entry.id: Topic(entry.id, entry.name or entry.id, entry.words, entry.consent and Regime(entry.consent))
            for entry in document.topics
        },
        journey=journey_rules_of(document.journey),
        contact_reasons={entry.id: entry.say for entry in document.contact_reasons},
        repurchase=_repurchase(document.repurchase),
        traits=dict(document.traits),
        groups={entry.id: _group(entry, of_group) for entry in document.groups},
        limits=limits_of(document.limits),
        action_cool_off=of_action,
        group_cool_off=of_group,
        service_first=service_first_of(document.service_first),
        arms=arms_of(document.arms),
        weights=tuple(weight_of(entry) for entry in document.weights),
        live_response=document.live_response,
        rank_by=RankBy(document.rank_by),
        margin=document.margin,
    )


def _channel(name: str, entry: ChannelEntry) -> Channel:
    return Channel(
        id=name,
        direction=Direction(entry.direction),
        consent=Regime(entry.consent),
        reward_window_days=entry.reward_window_days,
        placements=tuple(entry.placements),
        cost=entry.cost,
        needs=entry.needs,
        quiet_hours=quiet_hours_of(entry.quiet_hours),
        limits=limits_of(entry.limits),
        reserve=round(entry.reserve_hours * HOUR),
        exploration=exploration_of(entry.exploration),
    )


def _group(entry: GroupEntry, rest: CoolOff) -> GroupRules:
    return GroupRules(limits_of(entry.limits), _cool_off(entry.cool_off_days, rest), entry.per_slate)


def _cool_off(days: float | str | None, above: CoolOff) -> CoolOff | None:
    return None if days is None else cool_off_of(days, above)


def _repurchase(entry: RepurchaseEntry | None) -> RepurchaseRule | None:
    return None if entry is None else _rule(entry)


def _rule(entry: RepurchaseEntry | SuppressionEntry) -> RepurchaseRule:
    if entry.rule != "learned":
        return RepurchaseRule(Repurchase(entry.rule), entry.days or 0.0)
    chance = LIKELY_ENOUGH if entry.chance is None else entry.chance
    return RepurchaseRule(Repurchase.LEARNED, entry.fallback_days or 0.0, chance)


def _suppression(entry: SuppressionEntry) -> SuppressionRule:
    return SuppressionRule(_rule(entry), entry.match)


def _action(entry: ActionEntry, rest: CoolOff) -> Action:
    return Action(
        id=entry.id,
        name=entry.name or entry.id,
        kind=ActionKind(entry.kind),
        group=entry.group,
        items=tuple(entry.items),
        categories=tuple(entry.categories),
        value=entry.value,
        lever=entry.lever,
        starts_at=None if entry.starts_at is None else moment_of(entry.starts_at),
        ends_at=None if entry.ends_at is None else moment_of(entry.ends_at),
        success=entry.success,
        suppression=_suppression(entry.suppression),
        treatments=tuple(
            Treatment(treatment.id, treatment.channel, treatment.placement, treatment.content)
            for treatment in entry.treatments
        ),
        topic=entry.topic,
        trigger=None if entry.trigger is None else Trigger(entry.trigger),
        purpose=_purpose(entry),
        eligibility=entry.eligibility,
        urgent=entry.urgent,
        fallback=entry.fallback,
        cost=entry.cost,
        basket=Basket(entry.basket),
        pending=days_of(entry.pending_days),
        cool_off=_cool_off(entry.cool_off_days, rest),
        limits=limits_of(entry.limits),
        budgets=budgets_of(entry.budgets),
        ceiling=ceiling_of(entry.ceiling),
    )


def _purpose(entry: ActionEntry) -> Purpose:
    if entry.purpose is not None:
        return Purpose(entry.purpose)
    return Purpose.SERVICE if entry.kind == "service" else Purpose.MARKETING
