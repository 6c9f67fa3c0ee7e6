"""What is answered about one customer, declared once: built by serving.customers, context, timeline and
handoff, shown in the interactive page.

Moments are RFC 3339 in JSON; spans are in seconds; amounts in the catalogue's currency; null is unknown or none.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from pydantic import JsonValue, TypeAdapter

from serving.schemas import Instant


@dataclass(frozen=True, slots=True)
class LookupAnswer:
    customer_id: str


@dataclass(frozen=True, slots=True)
class OwnedAnswer:
    """subscribed: it is the plan of a running subscription."""

    item: str | None
    quantity: float
    occurred_at: Instant
    subscribed: bool


@dataclass(frozen=True, slots=True)
class RecentAnswer:
    occurred_at: Instant
    kind: str
    channel: str | None
    item: str | None
    action: str | None
    amount: float | None


@dataclass(frozen=True, slots=True)
class StatementAnswer:
    """One thing said. recorded_at: when we came to know of it."""

    granted: bool
    occurred_at: Instant
    recorded_at: Instant


@dataclass(frozen=True, slots=True)
class ConsentAnswer:
    """What holds, and since when. channel: null is every channel. topic: null is everything on the channel. history:
    what was said of just that channel and topic, the oldest first; a statement of another may decide what holds."""

    channel: str | None
    topic: str | None
    granted: bool
    since: Instant
    history: list[StatementAnswer]


@dataclass(frozen=True, slots=True)
class CustomerAnswer:
    """version: of what is held; the newest sequence that changed it. recent: the newest first."""

    customer_id: str
    version: int
    time_zone: str | None
    traits: dict[str, object]
    owned: list[OwnedAnswer]
    consents: list[ConsentAnswer]
    recent: list[RecentAnswer]


@dataclass(frozen=True, slots=True)
class CaseAnswer:
    """A case that is open. severity: as told, 0 unknown, 1 low to 4 critical. reason, agent_id: the newest that was
    told. stale_since: from when on it stops selling no more, for nobody had touched it for the service_first.stale_days
    of the catalogue in force; None: it is not so long ago, or nothing says how long."""

    case_id: str
    severity: int
    reason: str | None
    agent_id: str | None
    opened_at: Instant
    updated_at: Instant
    stale_since: Instant | None
    age_seconds: int


@dataclass(frozen=True, slots=True)
class OrderLineAnswer:
    """quantity: units bought; returned: units of them that were refunded or cancelled. amount: of the whole line."""

    item: str | None
    name: str | None
    quantity: float
    returned: float
    amount: float | None


@dataclass(frozen=True, slots=True)
class OrderAnswer:
    """order_id: null when it was told without one. state: refunded or cancelled once nothing of it remains, else what
    was heard last of its delivery; since then."""

    order_id: str | None
    ordered_at: Instant
    channel: str | None
    state: Literal["ordered", "shipped", "delayed", "delivered", "refunded", "cancelled"]
    since: Instant
    lines: list[OrderLineAnswer]


@dataclass(frozen=True, slots=True)
class BasketLineAnswer:
    """quantity: units added less those removed or ordered since. since: last touched."""

    item: str
    name: str
    quantity: float
    since: Instant


@dataclass(frozen=True, slots=True)
class FieldAnswer:
    """What the customer has already told a form. withheld: the value is a secret; it is null then."""

    field: str
    value: JsonValue
    withheld: bool
    channel: str | None
    captured_at: Instant


@dataclass(frozen=True, slots=True)
class JourneyAnswer:
    """channels: in order of first use. transfers: how often the customer was passed on. about: in words, the newest
    first. escalated: by the catalogue's rule."""

    channels: list[str]
    summary: str
    started_at: Instant
    latest_at: Instant
    elapsed_seconds: int
    transfers: int
    about: list[str]
    escalated: bool


@dataclass(frozen=True, slots=True)
class LastAgentAnswer:
    agent_id: str
    at: Instant
    channel: str | None


@dataclass(frozen=True, slots=True)
class PreferredStoreAnswer:
    """inferred_from "declared": the trait preferred_store. "use": the store of most purchases and visits, at equality
    the one of the newest. purchases, visits: in that store; of: in any store that was named."""

    store_id: str
    inferred_from: Literal["declared", "use"]
    purchases: int
    visits: int
    of: int


@dataclass(frozen=True, slots=True)
class HourAnswer:
    """share: of the channel that is answered on most around that hour of the customer's day, smoothed."""

    hour: int
    channel: str
    share: float


@dataclass(frozen=True, slots=True)
class PreferredChannelAnswer:
    """Learned, see features.habits for the formula; null without responses. responses: how many it rests on. now: at
    the present hour."""

    now: HourAnswer
    by_hour: list[HourAnswer]
    responses: int
    time_zone: str


@dataclass(frozen=True, slots=True)
class SubscriptionAnswer:
    """item: its plan. since: started. ends_at: of the term; null when it renews by itself."""

    subscription_id: str | None
    item: str | None
    name: str | None
    since: Instant
    ends_at: Instant | None


@dataclass(frozen=True, slots=True)
class ShownAnswer:
    """An action that the customer was sent or shown. outcome: what became of it last, null when nothing was told.
    content: the treatment, as the decision answered it; null where no decision of ours is named. price: as told with
    the contact, else as the treatment's `price`."""

    action_id: str
    name: str
    channel: str | None
    at: Instant
    how: Literal["sent", "displayed"]
    outcome: Literal["clicked", "accepted", "rejected", "converted"] | None
    outcome_at: Instant | None
    price: float | None
    content: dict[str, JsonValue] | None


@dataclass(frozen=True, slots=True)
class HandoffAnswer:
    """A journey that was passed to another channel, as it stood then. state: "open" until take_by, then "lost"; "taken"
    once somebody took it or the customer came to the channel in time. about: in words."""

    handoff_id: str
    state: Literal["open", "taken", "lost"]
    from_channel: str | None
    to_channel: str
    handed_at: Instant
    take_by: Instant
    taken_by: str | None
    account: str | None
    order_id: str | None
    inquiry: str
    reason: str
    note: str | None
    elapsed_seconds: int
    transfers: int
    channels: list[str]
    about: list[str]


@dataclass(frozen=True, slots=True)
class NoteAnswer:
    """What somebody who served the customer wrote down for the next one. note_id: its message's. told: to the customer.
    promised: and by when, in the writer's own words. kept_at, kept_by: null while nobody says that it was kept."""

    note_id: str
    at: Instant
    channel: str | None
    agent_id: str | None
    told: str | None
    promised: str | None
    due: str | None
    kept_at: Instant | None
    kept_by: str | None

    @property
    def is_open(self) -> bool:
        """Whether it holds a promise that nobody has kept."""
        return bool(self.promised) and self.kept_at is None


@dataclass(frozen=True, slots=True)
class ContextAnswer:
    """Everything that whoever serves the customer next should know, as of as_of. handoffs: the open ones first, and of
    those the ones to the channel that asks."""

    customer_id: str
    as_of: Instant
    handoffs: list[HandoffAnswer]
    journey: JourneyAnswer | None
    cases: list[CaseAnswer]
    orders: list[OrderAnswer]
    shown: list[ShownAnswer]
    basket: list[BasketLineAnswer]
    fields: list[FieldAnswer]
    last_agent: LastAgentAnswer | None
    preferred_store: PreferredStoreAnswer | None
    preferred_channel: PreferredChannelAnswer | None
    consents: list[ConsentAnswer]
    subscriptions: list[SubscriptionAnswer]
    notes: list[NoteAnswer]


@dataclass(frozen=True, slots=True)
class TimelineEntry:
    """One event in words. told_as: the name under which it was told, which a merge does not change."""

    occurred_at: Instant
    recorded_at: Instant
    kind: str
    channel: str | None
    words: str
    item: str | None
    action: str | None
    order_id: str | None
    quantity: float | None
    amount: float | None
    told_as: str


@dataclass(frozen=True, slots=True)
class TimelineAnswer:
    """events: the newest first. next: `before` of the page of older ones; null when there is none."""

    customer_id: str
    events: list[TimelineEntry]
    next: str | None


@dataclass(frozen=True, slots=True)
class LoggedDecisionEntry:
    """answer: as it was given."""

    decision_id: str
    decided_at: Instant
    model_version: str
    catalogue_version: int
    policy_version: str
    arm: str
    answer: JsonValue


@dataclass(frozen=True, slots=True)
class DecisionsAnswer:
    """The newest first."""

    customer_id: str
    decisions: list[LoggedDecisionEntry]


CUSTOMER: TypeAdapter[CustomerAnswer] = TypeAdapter(CustomerAnswer)
LOOKUP: TypeAdapter[LookupAnswer] = TypeAdapter(LookupAnswer)
CONTEXT: TypeAdapter[ContextAnswer] = TypeAdapter(ContextAnswer)
TIMELINE: TypeAdapter[TimelineAnswer] = TypeAdapter(TimelineAnswer)
DECISIONS: TypeAdapter[DecisionsAnswer] = TypeAdapter(DecisionsAnswer)
HANDOFF: TypeAdapter[HandoffAnswer] = TypeAdapter(HandoffAnswer)
