"""Three lines to paste that show the promise on one customer: ask, buy what was offered first, ask again."""

from __future__ import annotations

import json
import shlex
from collections.abc import Mapping


def tour(url: str, customer_id: str, item: str) -> str:
    """url: of the service. item: one that the first action for the customer promotes. The purchase has no time of its
    own, so it happens at the service's present."""
    ask = _curl(f"{url}/recommend", {"customer_id": customer_id, "channels": ["mail", "web"], "limit": 3})
    order = {"order_id": f"try-{item}", "products": [{"product_id": item, "quantity": 1}]}
    bought = {
        "type": "track",
        "event": "Order Completed",
        "messageId": f"try-{item}",
        "userId": customer_id,
        "properties": order,
    }
    steps = "\n\n".join((ask, _curl(f"{url}/v1/track", bought), ask))
    return f"\nIn another terminal: ask, buy what was offered first, ask again.\n\n{steps}\n\n"


def _curl(url: str, body: Mapping[str, object]) -> str:
    return f"curl -s {url} -H 'Content-Type: application/json' -d {shlex.quote(json.dumps(body))}"
