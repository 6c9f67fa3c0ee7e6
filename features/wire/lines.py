"""One call on the wire -> the lines it becomes, by the shape of its event."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Final

from features.event import Kind
from features.wire import fields
from features.wire.errors import WireError
from features.wire.names import Meaning, Shape

JsonObject = Mapping[str, object]

SEVERITIES: Final[Mapping[str, int]] = {"low": 1, "medium": 2, "high": 3, "critical": 4}
MAX_SEVERITY: Final = 10

_KEPT: Final[Mapping[str, tuple[str, ...]]] = {
    "identify": ("anonymousId",),
    "alias": ("previousId", "anonymousId"),
    "group": ("groupId", "traits"),
    "page": ("name",),
    "screen": ("name",),
}
"""Fields beside the properties that only the log keeps, by call."""


@dataclass(frozen=True, slots=True)
class Line:
    """What a line adds to what all events of a call share. Fields as in features.event.Event; properties is what the
    log keeps."""

    kind: Kind
    channel: str | None
    item: str | None = None
    action: str | None = None
    order: str | None = None
    decision: str | None = None
    quantity: float = math.nan
    amount: float = math.nan
    severity: int = 0
    properties: JsonObject = field(default_factory=dict)


def lines_of(
    payload: JsonObject, call: str, meaning: Meaning, channel: str | None, currency: str | None
) -> tuple[Line, ...]:
    """The lines of one call, without those that its subscriptions add. Raises WireError."""
    properties = _kept(payload, call)
    foreign = meaning.shape is not Shape.PLAIN and _foreign(properties, currency)
    return _SHAPES[meaning.shape](properties, meaning, channel, foreign)


def _kept(payload: JsonObject, call: str) -> JsonObject:
    """The properties, and for calls that have none what they say instead."""
    properties = fields.mapping(payload, "properties")
    told = {key: payload[key] for key in _KEPT.get(call, ()) if payload.get(key) is not None}
    return {**properties, **told} if told else properties


def _foreign(properties: JsonObject, currency: str | None) -> bool:
    """Whether amounts are in a currency that the catalogue does not use, and so are unknown."""
    told = properties.get("currency")
    if told is not None and not isinstance(told, str):
        raise WireError("properties.currency", told, "a currency is an ISO 4217 code", 'write it like "USD"')
    return told is not None and currency is not None and told.upper() != currency.upper()


def _plain(properties: JsonObject, meaning: Meaning, channel: str | None, foreign: bool) -> tuple[Line, ...]:  # noqa: ARG001
    return (Line(meaning.kind, channel, properties=properties),)


def _product(properties: JsonObject, meaning: Meaning, channel: str | None, foreign: bool) -> tuple[Line, ...]:
    return (_product_line(properties, "properties", Line(meaning.kind, channel, properties=properties), foreign),)


def _products(properties: JsonObject, meaning: Meaning, channel: str | None, foreign: bool) -> tuple[Line, ...]:
    order = fields.identifier(properties, "order_id", "properties.order_id")
    return _per_product(properties, Line(meaning.kind, channel, order=order), foreign)


def _order(properties: JsonObject, meaning: Meaning, channel: str | None, foreign: bool) -> tuple[Line, ...]:
    path = "properties.order_id"
    order = fields.required(fields.identifier(properties, "order_id", path), path)
    return _per_product(properties, Line(meaning.kind, channel, order=order), foreign)


def _per_product(properties: JsonObject, line: Line, foreign: bool) -> tuple[Line, ...]:
    """The call's own properties stay with the first line, each product with its own."""
    products = fields.objects(properties, "products", "properties.products")
    rest = {key: value for key, value in properties.items() if key != "products"}
    if not products:
        amount = math.nan if foreign else _first_number(properties, ("revenue", "total", "value"))
        return (replace(line, amount=amount, properties=rest),)
    return tuple(
        _product_line(
            product,
            f"properties.products[{i}]",
            replace(line, properties={**rest, "product": product} if i == 0 else {"product": product}),
            foreign,
        )
        for i, product in enumerate(products)
    )


def _product_line(product: JsonObject, path: str, line: Line, foreign: bool) -> Line:
    item = fields.identifier(product, "product_id", f"{path}.product_id")
    if item is None:
        item = fields.required(fields.identifier(product, "sku", f"{path}.sku"), f"{path}.product_id")
    quantity = fields.number(product, "quantity", f"{path}.quantity")
    if quantity == 0.0:
        raise WireError(f"{path}.quantity", 0, "a quantity is above 0", "leave the product out")
    price = fields.number(product, "price", f"{path}.price")
    # A tracker that leaves the quantity out means one; only its price is then needed for the line's amount.
    amount = math.nan if foreign else price * (1.0 if math.isnan(quantity) else quantity)
    return replace(line, item=item, quantity=quantity, amount=amount)


def _action(properties: JsonObject, meaning: Meaning, channel: str | None, foreign: bool) -> tuple[Line, ...]:
    action = fields.identifier(properties, "action_id", "properties.action_id")
    return _outcome(
        properties,
        meaning,
        fields.required(channel, "properties.channel"),
        fields.required(action, "properties.action_id"),
        foreign,
    )


def _message(properties: JsonObject, meaning: Meaning, channel: str | None, foreign: bool) -> tuple[Line, ...]:
    action = fields.identifier(properties, "action_id", "properties.action_id")
    return _outcome(properties, meaning, channel, action, foreign)


def _outcome(
    properties: JsonObject, meaning: Meaning, channel: str | None, action: str | None, foreign: bool
) -> tuple[Line, ...]:
    decision = fields.identifier(properties, "decision_id", "properties.decision_id")
    amount = fields.number(properties, "value", "properties.value")
    return (
        Line(
            meaning.kind,
            channel,
            action=action,
            decision=decision,
            amount=math.nan if foreign else amount,
            properties=properties,
        ),
    )


def _consent(properties: JsonObject, meaning: Meaning, channel: str | None, foreign: bool) -> tuple[Line, ...]:  # noqa: ARG001
    """About the channel of its name, wherever it was said."""
    return (Line(meaning.kind, meaning.channel, properties=properties),)


def _subscription(properties: JsonObject, meaning: Meaning, channel: str | None, foreign: bool) -> tuple[Line, ...]:  # noqa: ARG001
    """Its lines are the subscriptions, which the reader finds in any call."""
    return ()


def _case(properties: JsonObject, meaning: Meaning, channel: str | None, foreign: bool) -> tuple[Line, ...]:  # noqa: ARG001
    fields.required(fields.identifier(properties, "case_id", "properties.case_id"), "properties.case_id")
    return (Line(meaning.kind, channel, severity=_severity(properties), properties=properties),)


def _severity(properties: JsonObject) -> int:
    told = properties.get("severity")
    if told is None:
        return 0
    if isinstance(told, str) and told.lower() in SEVERITIES:
        return SEVERITIES[told.lower()]
    if isinstance(told, int) and not isinstance(told, bool) and 0 <= told <= MAX_SEVERITY:
        return told
    words = ", ".join(SEVERITIES)
    raise WireError(
        "properties.severity", told, f"a severity is 0 to {MAX_SEVERITY}, or one of {words}", "map yours onto these"
    )


def _first_number(properties: JsonObject, keys: tuple[str, ...]) -> float:
    for key in keys:
        found = fields.number(properties, key, f"properties.{key}")
        if not math.isnan(found):
            return found
    return math.nan


_Reader = Callable[[JsonObject, Meaning, str | None, bool], tuple[Line, ...]]

_SHAPES: Final[Mapping[Shape, _Reader]] = {
    Shape.PLAIN: _plain,
    Shape.ORDER: _order,
    Shape.PRODUCT: _product,
    Shape.PRODUCTS: _products,
    Shape.ACTION: _action,
    Shape.MESSAGE: _message,
    Shape.CONSENT: _consent,
    Shape.SUBSCRIPTION: _subscription,
    Shape.CASE: _case,
}
