"""The catalogue as it is written: the shape of the YAML or JSON document, which is also its published JSON schema.

Checks here are of one field, or of one entry, by itself; what needs two entries is in models.catalogue_checks. Unknown
fields are refused. Times are RFC 3339 with an offset and are kept as UTC.
"""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from features.declared_traits import TraitType
from models.document_fields import Content, Days, Entry, Id, Minutes, Money, Time, Words, Zone
from models.policy_document import (
    ArmsEntry,
    BudgetEntry,
    CeilingEntry,
    Condition,
    ContactLimitEntry,
    CoolOffEntry,
    ExplorationEntry,
    GroupEntry,
    LimitEntry,
    Margin,
    OneWayLimitEntry,
    QuietHoursEntry,
    RankBy,
    RestOrLearned,
    ServiceFirstEntry,
    WeightEntry,
)

Chance = Annotated[float, Field(gt=0, le=1, allow_inf_nan=False)]


class _WindowEntry(Entry):
    """What the rules need: `after` its days; `learned` those that hold while no model knows, and a chance."""

    days: Days | None = None
    fallback_days: Days | None = None
    chance: Chance | None = None

    def _check(self, rule: str) -> None:
        if (rule == "after") != (self.days is not None):
            raise ValueError("`after` must have days and no other rule may have them")
        if (rule == "learned") != (self.fallback_days is not None):
            raise ValueError("`learned` must have fallback_days and no other rule may have them")
        if rule != "learned" and self.chance is not None:
            raise ValueError("a chance is for `learned` only")


class RepurchaseEntry(_WindowEntry):
    """When a thing that was bought may be offered again."""

    rule: Literal["never", "after", "always", "learned"]

    @model_validator(mode="after")
    def _fields_belong_to_their_rule(self) -> Self:
        self._check(self.rule)
        return self


class SuppressionEntry(_WindowEntry):
    """The same for one action: `by_category` leaves it to the category of each thing that it promotes."""

    rule: Literal["never", "after", "always", "learned", "by_category"] = "by_category"
    match: Literal["any", "all"] = "any"

    @model_validator(mode="after")
    def _fields_belong_to_their_rule(self) -> Self:
        self._check(self.rule)
        return self


class ChannelEntry(Entry):
    direction: Literal["inbound", "outbound"]
    consent: Literal["opt_in", "opt_out", "not_needed"]
    reward_window_days: Days
    placements: list[Id] = []
    cost: Money = 0.0
    needs: Literal["email", "phone", "device_token"] | None = None
    quiet_hours: QuietHoursEntry | None = None
    limits: list[LimitEntry] = []
    reserve_hours: Annotated[float, Field(gt=0, le=8760, allow_inf_nan=False)] = 48.0
    exploration: ExplorationEntry | None = None


class CategoryEntry(Entry):
    id: Id
    name: str | None = None
    parent: Id | None = None
    repurchase: RepurchaseEntry | None = None


class ItemEntry(Entry):
    id: Id
    category: Id | None = None
    name: str | None = None
    price: Money | None = None
    variant_of: Id | None = None
    contains: list[Id] = []


class TreatmentEntry(Entry):
    id: Id
    channel: Id
    placement: Id | None = None
    content: Content = {}


class TopicEntry(Entry):
    """What a person may agree or object to by itself."""

    id: Id
    name: str | None = None
    words: Words | None = None
    consent: Literal["opt_in"] | None = None


class EscalationEntry(Entry):
    """When a journey has become too long: at the first of the two that is reached."""

    after_minutes: Minutes | None = None
    after_transfers: Annotated[int, Field(ge=1, le=1000)] | None = None

    @model_validator(mode="after")
    def _says_when(self) -> Self:
        if self.after_minutes is None and self.after_transfers is None:
            raise ValueError("an escalation must have after_minutes or after_transfers, or both")
        return self


class HandoffEntry(Entry):
    """How long a hand-off may wait, and how long its loss calls for an answer."""

    take_within_minutes: Minutes = 15.0
    call_back_within_hours: Annotated[float, Field(gt=0, le=8760, allow_inf_nan=False)] = 48.0


class JourneyEntry(Entry):
    """What makes steps on several channels one journey, and when it goes wrong."""

    idle_minutes: Minutes = 30.0
    escalation: EscalationEntry | None = None
    handoff: HandoffEntry = HandoffEntry()


class ContactReasonEntry(Entry):
    """What a machine says of a reason for which people make contact."""

    id: Annotated[Id, Field(max_length=64)]
    say: Words


class ActionEntry(Entry):
    id: Id
    name: str | None = None
    kind: Literal["offer", "message", "service"]
    group: Id
    topic: Id | None = None
    trigger: Literal["escalation", "handoff_lost"] | None = None
    items: list[Id] = []
    categories: list[Id] = []
    value: Money
    lever: Annotated[float, Field(ge=0, le=1000, allow_inf_nan=False)] = 1.0
    starts_at: Time | None = None
    ends_at: Time | None = None
    success: Literal["converted", "accepted", "clicked"]
    purpose: Literal["marketing", "service", "legal", "retention", "survey"] | None = None
    eligibility: Condition | None = None
    urgent: bool = False
    fallback: bool = False
    cost: Money = 0.0
    basket: Literal["exclude", "require", "ignore"] = "exclude"
    pending_days: Annotated[float, Field(ge=0, le=36_500, allow_inf_nan=False)] = 30.0
    cool_off_days: RestOrLearned | None = None
    limits: list[OneWayLimitEntry] = []
    budgets: list[BudgetEntry] = []
    ceiling: CeilingEntry | None = None
    suppression: SuppressionEntry = SuppressionEntry()
    treatments: Annotated[list[TreatmentEntry], Field(min_length=1)]


class CatalogueDocument(Entry):
    """Everything but the items: the canonical document that a store keeps."""

    currency: Annotated[str, Field(pattern=r"^[A-Z]{3}$", description="ISO 4217")]
    time_zone: Zone
    repurchase: RepurchaseEntry | None = None
    channels: Annotated[dict[Id, ChannelEntry], Field(min_length=1, max_length=200)]
    topics: list[TopicEntry] = []
    journey: JourneyEntry = JourneyEntry()
    contact_reasons: list[ContactReasonEntry] = []
    traits: dict[Annotated[str, Field(pattern=r"^[a-zA-Z_][a-zA-Z0-9_]{0,63}$")], TraitType] = {}
    placeholders: list[Annotated[str, Field(max_length=200, pattern=r"^[A-Za-z_][\w.-]*$")]] = []
    groups: list[GroupEntry] = []
    limits: list[ContactLimitEntry] = []
    cool_off: CoolOffEntry | None = None
    service_first: ServiceFirstEntry | None = None
    arms: ArmsEntry | None = None
    rank_by: RankBy = "response"
    margin: Margin | None = None
    weights: list[WeightEntry] = []
    live_response: bool = Field(default=True, description="whether how actions do lately corrects the model")
    categories: list[CategoryEntry] = []
    actions: list[ActionEntry] = []


class CatalogueFile(CatalogueDocument):
    """The file: the document and its items, written in it or named by it."""

    items: list[ItemEntry] | None = None
    items_file: Annotated[str, Field(description="a .parquet or .csv file beside this one")] | None = None
