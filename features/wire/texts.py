"""JSON text as the log keeps it: keys in order, nothing between them, every letter as it is."""

from __future__ import annotations

import json
import re
from typing import Final

import msgspec

from features.wire.line import JsonObject

_quick = msgspec.json.Encoder(order="sorted").encode
_exact = json.JSONEncoder(ensure_ascii=False, sort_keys=True, separators=(",", ":")).encode

_UNLIKE: Final = re.compile(rb"e[-0-9]|0\.0000")
"""Where there may be a number whose digits the quick encoder writes in another way than Python does."""


def kept_text(properties: JsonObject) -> str:
    """Of what features.wire.fields.check_json let through. What the log holds must not depend on who wrote it, so the
    text is Python's."""
    quick = _quick(properties)
    return _exact(properties) if _UNLIKE.search(quick) else quick.decode()
