"""What the readers of raw payloads raise.

WireError        a payload that is not kept as an event, and why
"""

from __future__ import annotations

import json

SHOWN = 80


def shown(value: object) -> str:
    """`value` short and printable enough for one line of an error: a text as it is, anything else as JSON."""
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=repr)
    text = text if text.isprintable() else text.encode("unicode_escape", "backslashreplace").decode("ascii")
    return text if len(text) <= SHOWN else text[: SHOWN - 1] + "…"


class WireError(Exception):
    """field: where in the payload, dotted, "" for the payload itself. value: what stood there, as short text, None
    for null and for nothing. rule: what must hold. message: the whole sentence for people."""

    def __init__(self, field: str, value: object, rule: str, advice: str) -> None:
        self.field = field
        self.value = None if value is None else shown(value)
        self.rule = rule
        self.message = f"{field or 'payload'} is {shown(value)}; {rule}; {advice}"
        super().__init__(self.message)
