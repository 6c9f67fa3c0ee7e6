"""Run as a program: sends the session on standard input with the Python client of the package named: segment, or
rudderstack, which began as a copy of it and is told alike."""

from __future__ import annotations

import importlib
import json
import sys
from datetime import datetime
from typing import Any

PLACES = {"userId": "user_id", "anonymousId": "anonymous_id", "previousId": "previous_id", "groupId": "group_id"}


def send(client: Any, call: dict[str, Any]) -> None:
    """`call` in the words of the HTTP API; the client's words are Python's."""
    told = {PLACES.get(name, name): value for name, value in call.items() if name not in ("type", "messageId")}
    if "timestamp" in told:
        told["timestamp"] = datetime.fromisoformat(told["timestamp"])
    if "messageId" in call:
        told["message_id"] = call["messageId"]
    if call["type"] == "alias":
        told.pop("anonymous_id", None)
    getattr(client, call["type"])(**told)


def main() -> None:
    session = json.load(sys.stdin)
    failures: list[str] = []
    client = importlib.import_module(f"{sys.argv[1]}.analytics.client").Client(
        session["key"],
        host=session["url"],
        gzip=session["gzip"],
        max_retries=1,
        on_error=lambda error, _items: failures.append(str(error)),
    )
    for call in session["calls"]:
        send(client, call)
    client.shutdown()
    if failures:
        sys.exit(f"not delivered: {failures}")


if __name__ == "__main__":
    main()
