"""What is asked and answered over HTTP, declared once: checked on the way in, shown in the interactive page.

Validation is strict: a number is not a text, and what is not declared is refused, except in `context`.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import Annotated, Literal, Self, get_args

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    GetCoreSchemaHandler,
    GetJsonSchemaHandler,
    JsonValue,
    StringConstraints,
    TypeAdapter,
    WithJsonSchema,
    model_validator,
)
from pydantic_core import core_schema

from features.event import Kind
from features.instants import parse_instant, render_instant
from features.spending import LARGEST, LARGEST_PRICE
from features.wire.fields import MAX_NUMBER

BATCH_LIMIT = 1000
"""Customers in one /recommend_batch, reports in one /feedback, items in one /items/feed."""
CONTEXT_LIMIT = 1000
"""Values in a request's context, those inside others counted too."""
CONTEXT_DEPTH = 8
"""Lists and objects inside one another in a request's context."""


def _printable(text: str) -> str:
    if any(character < " " or "\x7f" <= character <= "\x9f" for character in text):
        raise ValueError("must not hold control characters")
    return text


class Instant(int):
    """ms UTC inside, RFC 3339 with an offset outside, in both directions. A class, not an annotation: BentoML 1.4
    applies the annotations of an optional field twice."""

    @classmethod
    def read(cls, value: object) -> Instant:
        if not isinstance(value, str):
            raise ValueError("must be an RFC 3339 time with an offset, like 2026-01-31T09:00:00Z")  # noqa: TRY004
        return cls(parse_instant(value))

    @classmethod
    def __get_pydantic_core_schema__(cls, _source: object, _handler: GetCoreSchemaHandler) -> core_schema.CoreSchema:
        written = core_schema.plain_serializer_function_ser_schema(render_instant)
        return core_schema.no_info_plain_validator_function(cls.read, serialization=written)

    @classmethod
    def __get_pydantic_json_schema__(
        cls, _schema: core_schema.CoreSchema, _handler: GetJsonSchemaHandler
    ) -> dict[str, object]:
        return {"type": "string", "format": "date-time"}


def _small(context: dict[str, object]) -> dict[str, object]:
    """Conditions may walk through all of it, and it is logged with each decision."""
    level: list[object] = [context]
    count = 0
    for _ in range(CONTEXT_DEPTH + 1):
        level = [part for one in level for part in _parts(one)]
        count += len(level)
        if count > CONTEXT_LIMIT:
            raise ValueError(f"must hold at most {CONTEXT_LIMIT} values")
    if level:
        raise ValueError(f"must be at most {CONTEXT_DEPTH} deep")
    return context


def _parts(value: object) -> Iterable[object]:
    if isinstance(value, dict):
        return value.values()
    return value if isinstance(value, list) else ()


def _finite(value: object) -> object:
    """JSON's grammar allows 1e400; no number type of ours does."""
    if isinstance(value, float) and not math.isfinite(value):
        raise ValueError("must hold finite numbers only")
    if isinstance(value, dict):
        for part in value.values():
            _finite(part)
    elif isinstance(value, list):
        for part in value:
            _finite(part)
    return value


IdText = Annotated[str, StringConstraints(min_length=1, max_length=256), AfterValidator(_printable)]
Context = Annotated[dict[str, object], AfterValidator(_small), AfterValidator(_finite)]
Channels = Annotated[list[IdText], Field(min_length=1, max_length=64)]
Outcome = Literal["sent", "not_sent", "displayed", "clicked", "accepted", "rejected", "converted"]

OUTCOME_KINDS: Mapping[str, Kind] = {name: Kind[name.upper()] for name in get_args(Outcome)}


class _Request(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, allow_inf_nan=False)


class IdentifierText(_Request):
    """One way to name a person: type is user_id, anonymous_id, email, phone, ..."""

    type: IdText
    value: IdText


class DecisionQuestion(_Request):
    """What is asked about each customer, alone or in a batch. channels: omitted means every channel of the catalogue.
    limit: actions per channel. across "each": a slate per channel; "best": one action over all channels. deliver_at:
    when schedule, quiet hours, contact limits and `now` are judged. at: as-of moment of a replay."""

    channels: Channels | None = None
    limit: Annotated[int, Field(ge=1, le=20)] = 1
    across: Literal["each", "best"] = "each"
    distinct: bool = False
    deliver_at: Instant | None = None
    placement: IdText | None = None
    context: Context = Field(default_factory=dict)
    exclude: Annotated[list[IdText], Field(max_length=1000)] = Field(default_factory=list)
    explain: bool = False
    dry_run: bool = False
    decision_id: IdText | None = None
    at: Instant | None = None


class RecommendRequest(DecisionQuestion):
    """Exactly one of customer_id and identifier."""

    customer_id: IdText | None = None
    identifier: IdentifierText | None = None

    @model_validator(mode="after")
    def _one_customer(self) -> Self:
        if (self.customer_id is None) == (self.identifier is None):
            raise ValueError("must name the customer by customer_id or by identifier, and not by both")
        return self


class RecommendBatchRequest(DecisionQuestion):
    """The same question about up to 1,000 customers; an id that is refused is an entry with an error, no more. A
    decision_id becomes "<decision_id>:<position>" for each."""

    customer_ids: Annotated[
        list[JsonValue],
        Field(min_length=1, max_length=BATCH_LIMIT),
        WithJsonSchema({"type": "array", "items": {"type": "string"}, "minItems": 1, "maxItems": BATCH_LIMIT}),
    ]

    def question(self) -> DecisionQuestion:
        return DecisionQuestion.model_construct(**{name: getattr(self, name) for name in DecisionQuestion.model_fields})


class ConfirmRequest(_Request):
    """What is about to be sent of a decision's outbound actions: all of them, or those that both fields leave."""

    action_id: IdText | None = None
    channel: IdText | None = None


class ItemStateEntry(_Request):
    """What is left out stays. stock: units, 0: it cannot be had; null: unknown, as good as there. price: of one unit,
    in the catalogue's currency; null: the catalogue's own again."""

    id: IdText
    stock: Annotated[int, Field(ge=0, le=LARGEST)] | None = None
    price: Annotated[float, Field(ge=0, le=LARGEST_PRICE)] | None = None

    @model_validator(mode="after")
    def _tells_something(self) -> Self:
        if self.model_fields_set == {"id"}:
            raise ValueError("must tell stock, price or both")
        return self


class ItemFeedRequest(_Request):
    """Of an item that is named twice what was told last holds."""

    items: Annotated[list[ItemStateEntry], Field(min_length=1, max_length=BATCH_LIMIT)]


class FeedbackReport(_Request):
    """What became of a recommended action: named by its token, or by decision, action and channel."""

    token: IdText | None = None
    decision_id: IdText | None = None
    action_id: IdText | None = None
    channel: IdText | None = None
    outcome: Outcome
    value: Annotated[float, Field(ge=0, le=MAX_NUMBER)] | None = None
    occurred_at: Instant | None = None
    message_id: IdText | None = None

    @model_validator(mode="after")
    def _named(self) -> Self:
        ids = (self.decision_id, self.action_id, self.channel)
        if self.token is not None and any(ids):
            raise ValueError("must name the action by token or by ids, and not by both")
        if self.token is None and not all(ids):
            raise ValueError("must name the action by token, or by decision_id, action_id and channel")
        return self


FeedbackReports = Annotated[list[FeedbackReport], Field(min_length=1, max_length=BATCH_LIMIT)]
FeedbackRequest = FeedbackReport | FeedbackReports

Words = Annotated[str, StringConstraints(min_length=1, max_length=2000, strip_whitespace=True)]


class HandoffRequest(_Request):
    """A journey to pass to another channel. inquiry: what the customer wants. reason: why it is passed on. account,
    order_id, from_channel: as the journey tells when omitted. handoff_id: the same again is the same hand-off."""

    to_channel: IdText
    from_channel: IdText | None = None
    account: IdText | None = None
    order_id: IdText | None = None
    inquiry: Words
    reason: Words
    note: Words | None = None
    agent_id: IdText | None = None
    handoff_id: IdText | None = None


class TakeRequest(_Request):
    """agent_id: who takes the journey over; null when no person does."""

    agent_id: IdText | None = None


Note = Annotated[str, StringConstraints(max_length=300), AfterValidator(_printable)]


class RollbackRequest(_Request):
    """version: whose content is published again. note: why, for the history."""

    version: Annotated[int, Field(ge=1, le=2**31)]
    note: Note | None = None


NOTE: TypeAdapter[str] = TypeAdapter(Note)
ROLLBACK: TypeAdapter[RollbackRequest] = TypeAdapter(RollbackRequest)


class _Response(BaseModel):
    model_config = ConfigDict(frozen=True, defer_build=True)


class ActionAnswer(_Response):
    """response_probability: the model's, calibrated. incremental_value: null where it was not ranked by that.
    selection_probability: given the arm and the earlier ranks. maturity: 0..1 of its exposure ceiling, 1 without."""

    rank: int
    action_id: str
    kind: Literal["offer", "message", "service"]
    treatment_id: str
    content: dict[str, JsonValue]
    response_probability: float | None
    value: float | None
    priority: float | None
    incremental_value: float | None
    selection_probability: float
    maturity: float
    token: str | None
    reasons: list[str] | None = None


class NoActionAnswer(_Response):
    """selection_probability: of no action in place of rank 1. end_probability: that nothing follows the last rank,
    given the ranks before. The slate's own probability is the product of its actions' and this."""

    selection_probability: float
    end_probability: float


class RefusedAnswer(_Response):
    action_id: str
    gate: str
    rule: str
    observed: str
    required: str
    reason: str


class ChannelAnswer(_Response):
    channel: str
    actions: list[ActionAnswer]
    no_action: NoActionAnswer
    funnel: dict[str, int]
    refused: list[RefusedAnswer] | None = None
    withheld: list[RefusedAnswer] | None = None


class DecisionAnswer(_Response):
    """decision_id is null for a dry run. degraded: the model failed and the fallback ranking answered. personalised:
    false when the customer objects to profiling, and the ranking read nothing of theirs. ranked_by: of marketing."""

    decision_id: str | None
    customer_id: str
    decided_at: str
    model_version: str
    catalogue_version: int
    policy_version: str
    arm: str
    known: bool
    degraded: bool
    personalised: bool
    ranked_by: Literal["response", "incremental"]
    channels: list[ChannelAnswer]


class FaultFields(_Response):
    """line: of the body, null where it is on none."""

    line: int | None
    field: str
    message: str


class ErrorFields(_Response):
    """candidates: only where several customers answer to an identifier: one of them must be named. faults: only where
    a catalogue was refused: all that is wrong with it."""

    type: str
    field: str
    value: str | None
    rule: str
    message: str
    candidates: list[str] | None = None
    faults: list[FaultFields] | None = None


class FailedEntry(_Response):
    customer_id: str
    error: ErrorFields


class BatchAnswer(_Response):
    """In the order of customer_ids."""

    decisions: list[DecisionAnswer | FailedEntry]


class ConfirmedAction(_Response):
    """gate and reason: what cancels it and why; null when it may be sent."""

    action_id: str
    channel: str
    verdict: Literal["send", "cancel"]
    gate: str | None
    reason: str | None


class ConfirmAnswer(_Response):
    """verdict: of the one action, where it is one."""

    decision_id: str
    confirmed_at: str
    verdict: Literal["send", "cancel"] | None = None
    actions: list[ConfirmedAction]


class FeedbackAnswer(_Response):
    """stored: new events; duplicates: reports that were already there."""

    stored: int
    duplicates: int


class ItemFeedAnswer(_Response):
    """items: that were told; changed: those that are other than before."""

    items: int
    changed: int


class TrackAnswer(_Response):
    success: bool


class BatchTrackAnswer(_Response):
    """refused: events that went to the dead letters."""

    success: bool
    accepted: int
    duplicates: int
    refused: int
