"""What the readers of raw payloads raise.

WireError        a payload that is not kept as an event, and why
"""

from __future__ import annotations

SHOWN = 80


def shown(value: object) -> str:
    """`value` short enough for one line of an error."""
    text = repr(value)
    return text if len(text) <= SHOWN else text[: SHOWN - 1] + "…"


class WireError(Exception):
    """field: where in the payload, dotted, "" for the payload itself. value: what stood there, as short text. rule:
    what must hold. message: the whole sentence for people."""

    def __init__(self, field: str, value: object, rule: str, advice: str) -> None:
        self.field = field
        self.value = shown(value)
        self.rule = rule
        self.message = f"{field or 'payload'} is {self.value}; {rule}; {advice}"
        super().__init__(self.message)
