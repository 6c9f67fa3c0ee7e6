"""A question as it is logged and seeded: everything that was asked, and about whom."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from features.event import Identifier
from serving.schemas import DecisionQuestion

canonical = msgspec.json.Encoder(order="deterministic").encode


def told_of(question: DecisionQuestion) -> Mapping[str, object]:
    """What was asked, whoever about."""
    return question.model_dump(mode="python", exclude={"customer_id", "identifier", "customer_ids"})


def request_text(told: Mapping[str, object], identifier: Identifier) -> bytes:
    return canonical({**told, "identifier": [identifier.type, identifier.value]})
