"""One call on the wire -> the lines it becomes, by the shape of its event."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Final

from msgspec.structs import replace

from features.cases import SEVERITIES, spoken
from features.discretion import without_secret
from features.event import Kind
from features.wire import consents, fields, messages
from features.wire.errors import WireError
from features.wire.identifiers import without_names
from features.wire.line import JsonObject, Line
from features.wire.names import Meaning, Shape

MAX_SEVERITY: Final = 10
LEAST_QUANTITY: Final = 1e-5
"""Units. Less would be told again as nothing, and so take back what was bought."""

_KEPT: Final[Mapping[str, tuple[str, ...]]] = {
    "group": ("groupId", "traits"),
    "page": ("name", "category"),
    "screen": ("name", "category"),
}
"""Fields beside the properties that the log keeps, by call. Identifiers are none of them: they are kept as such."""


def lines_of(
    payload: JsonObject, call: str, meaning: Meaning, properties: JsonObject, channel: str | None, currency: str | None
) -> tuple[Line, ...]:
    """The lines of one call, without those that its subscriptions add. properties: what the log may keep of the
    payload's. Raises WireError."""
    kept = _kept(payload, call, properties)
    if meaning.kind is Kind.FORM_FIELD_CAPTURED:
        kept = without_secret(kept)
    foreign = meaning.shape not in {Shape.PLAIN, Shape.SPOKEN, Shape.NOTE} and _foreign(kept, currency)
    return _SHAPES[meaning.shape](kept, meaning, channel, foreign)


def _kept(payload: JsonObject, call: str, properties: JsonObject) -> JsonObject:
    """The properties, and for calls that have none what they say instead."""
    told = {key: payload[key] for key in _KEPT.get(call, ()) if payload.get(key) is not None}
    if isinstance(traits := told.get("traits"), Mapping):
        told["traits"] = without_names(traits)  # A group's address is no person's: it names nobody and is not kept.
    return {**properties, **told} if told else properties


def _foreign(properties: JsonObject, currency: str | None) -> bool:
    """Whether amounts are in a currency that the catalogue does not use, and so are unknown."""
    told = properties.get("currency")
    if told is not None and not isinstance(told, str):
        raise WireError("properties.currency", told, "a currency is an ISO 4217 code", 'write it like "USD"')
    return told is not None and currency is not None and told.upper() != currency.upper()


def _plain(properties: JsonObject, meaning: Meaning, channel: str | None, foreign: bool) -> tuple[Line, ...]:  # noqa: ARG001
    return (Line(meaning.kind, channel, properties=properties),)


def _about_order(properties: JsonObject, meaning: Meaning, channel: str | None, foreign: bool) -> tuple[Line, ...]:  # noqa: ARG001
    order = fields.identifier(properties, "order_id", "properties.order_id")
    return (Line(meaning.kind, channel, order=order, properties=properties),)


def _product(properties: JsonObject, meaning: Meaning, channel: str | None, foreign: bool) -> tuple[Line, ...]:
    return (_product_line(properties, "properties", Line(meaning.kind, channel, properties=properties), foreign),)


def _products(properties: JsonObject, meaning: Meaning, channel: str | None, foreign: bool) -> tuple[Line, ...]:
    order = fields.identifier(properties, "order_id", "properties.order_id")
    return _per_product(properties, Line(meaning.kind, channel, order=order), foreign)


def _order(properties: JsonObject, meaning: Meaning, channel: str | None, foreign: bool) -> tuple[Line, ...]:
    return _per_product(properties, Line(meaning.kind, channel, order=_required_id(properties, "order_id")), foreign)


def _required_id(properties: JsonObject, key: str) -> str:
    path = f"properties.{key}"
    return fields.required(fields.identifier(properties, key, path), path)


def _per_product(properties: JsonObject, line: Line, foreign: bool) -> tuple[Line, ...]:
    """The call's own properties stay with the first line, each product with its own. Without a list the call may name
    one product itself."""
    products = fields.objects(properties, "products", "properties.products")
    rest = {key: value for key, value in properties.items() if key != "products"}
    if not products and _first_id(properties, ("product_id", "sku"), "properties") is not None:
        return (_product_line(properties, "properties", replace(line, properties=rest), foreign),)
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
    item = fields.required(_first_id(product, ("product_id", "sku"), path), f"{path}.product_id")
    quantity = fields.number(product, "quantity", f"{path}.quantity")
    if quantity < LEAST_QUANTITY:
        rule = f"a quantity is at least {LEAST_QUANTITY:.5f}"
        raise WireError(f"{path}.quantity", quantity, rule, "leave the product out")
    price = fields.number(product, "price", f"{path}.price")
    # A tracker that leaves the quantity out means one; only its price is then needed for the line's amount.
    amount = math.nan if foreign else price * (1.0 if math.isnan(quantity) else quantity)
    return replace(line, item=item, quantity=quantity, amount=amount)


def _first_id(parent: JsonObject, keys: tuple[str, ...], path: str) -> str | None:
    for key in keys:
        found = fields.identifier(parent, key, f"{path}.{key}")
        if found is not None:
            return found
    return None


def _plan(properties: JsonObject, meaning: Meaning, channel: str | None, foreign: bool) -> tuple[Line, ...]:
    subscription = _required_id(properties, "subscription_id")
    plan = fields.required(_first_id(properties, ("plan", "product_id", "sku"), "properties"), "properties.plan")
    ends_at = properties.get("ends_at")
    line = _product_line({**properties, "product_id": plan}, "properties", Line(meaning.kind, channel), foreign)
    return (
        replace(
            line,
            order=subscription,
            ends_at=None if ends_at is None else fields.moment(ends_at, "properties.ends_at"),
            properties=properties,
        ),
    )


def _plan_end(properties: JsonObject, meaning: Meaning, channel: str | None, foreign: bool) -> tuple[Line, ...]:  # noqa: ARG001
    if properties.get("ends_at") is not None:
        advice = "tell a cancellation that takes effect later as Subscription Changed with its ends_at"
        raise WireError("properties.ends_at", properties["ends_at"], "what has ended has no end to come", advice)
    plan = _first_id(properties, ("plan", "product_id", "sku"), "properties")
    order = _required_id(properties, "subscription_id")
    return (Line(meaning.kind, channel, item=plan, order=order, properties=properties),)


def _case(properties: JsonObject, meaning: Meaning, channel: str | None, foreign: bool) -> tuple[Line, ...]:  # noqa: ARG001
    """A case's id stands where a decision's would: it names what the event is about; its reason is the topic."""
    case = _required_id(properties, "case_id")
    severity, topic = _severity(properties), spoken(properties.get("reason"))
    return (Line(meaning.kind, channel, decision=case, severity=severity, properties=properties, topic=topic),)


def _spoken(properties: JsonObject, meaning: Meaning, channel: str | None, foreign: bool) -> tuple[Line, ...]:  # noqa: ARG001
    """Why somebody comes to us is the topic, as it is of a case."""
    return (Line(meaning.kind, channel, properties=properties, topic=spoken(properties.get("reason"))),)


def _note(properties: JsonObject, meaning: Meaning, channel: str | None, foreign: bool) -> tuple[Line, ...]:  # noqa: ARG001
    """Whose promise it holds, or keeps, stands where a decision's id would: it is found by them. One that names
    nobody is no worse a note."""
    promised = properties.get("promised")
    promises = isinstance(promised, str) and bool(promised.strip())
    whose = "promised_by" if isinstance(properties.get("keeps"), str) else "agent_id" if promises else None
    return (Line(meaning.kind, channel, decision=_found_by(properties, whose), properties=properties),)


def _found_by(properties: JsonObject, name: str | None) -> str | None:
    try:
        return None if name is None else fields.identifier(properties, name, f"properties.{name}")
    except WireError:
        return None


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
    Shape.ABOUT_ORDER: _about_order,
    Shape.ORDER: _order,
    Shape.PRODUCT: _product,
    Shape.PRODUCTS: _products,
    Shape.PROMOTION: messages.promotion,
    Shape.PLAN: _plan,
    Shape.PLAN_END: _plan_end,
    Shape.ACTION: messages.action,
    Shape.MESSAGE: messages.message,
    Shape.DELIVERY: messages.delivery,
    Shape.CONSENT: consents.consent,
    Shape.GROUP_CONSENT: consents.group_consent,
    Shape.SUBSCRIPTION: consents.subscription,
    Shape.INBOUND: consents.inbound,
    Shape.PROFILING: consents.profiling,
    Shape.CASE: _case,
    Shape.NOTE: _note,
    Shape.SPOKEN: _spoken,
}
