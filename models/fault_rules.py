"""What a schema requires, in words of this project: those of its library are about the library's types, and not about
what somebody wrote."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

from pydantic_core import ErrorDetails

_OBJECT, _WHOLE, _TRUTH = "an object with named fields", "a whole number", "true or false"
RULES: Final[Mapping[str, str]] = {
    "model_type": _OBJECT,
    "dict_type": _OBJECT,
    "model_attributes_type": _OBJECT,
    "invalid_key": "a name is a text",
    "list_type": "a list",
    "string_type": "a text",
    "string_unicode": "a text in UTF-8",
    "int_type": _WHOLE,
    "int_parsing": _WHOLE,
    "int_from_float": _WHOLE,
    "int_parsing_size": "a whole number of fewer digits",
    "float_type": "a number",
    "float_parsing": "a number",
    "finite_number": "a finite number",
    "bool_type": _TRUTH,
    "bool_parsing": _TRUTH,
    "none_required": "null",
    "is_instance_of": "of another type",
    "string_too_short": "at least {min_length} characters",
    "string_too_long": "at most {max_length} characters",
    "string_pattern_mismatch": "it matches {pattern}",
    "too_short": "at least {min_length} entries",
    "too_long": "at most {max_length} entries",
    "greater_than": "above {gt}",
    "greater_than_equal": "at least {ge}",
    "less_than": "below {lt}",
    "less_than_equal": "at most {le}",
    "literal_error": "one of {expected}",
    "enum": "one of {expected}",
    "union_tag_invalid": "one of {expected_tags}",
    "union_tag_not_found": "it names its {discriminator}",
    "missing": "it is required",
    "extra_forbidden": "no such field here",
    "recursion_loop": "it does not hold itself",
}
"""By kind of error, with the names of what the error tells beside it."""

_QUOTED: Final = re.compile("'([^']*)'")
_ONE: Final = {"at least 1 characters": "at least 1 character", "at least 1 entries": "at least 1 entry"}


def rule_of(fault: ErrorDetails) -> str:
    """Of an error with its context; ours, raised while validating, are sentences already."""
    known = RULES.get(fault["type"])
    if known is None:
        own = fault["msg"].removeprefix("Value error, ")
        return own[:1].lower() + own[1:]
    said = known.format(**{name: _plain(value) for name, value in fault.get("ctx", {}).items()})
    return _ONE.get(said, said)


def _plain(value: object) -> str:
    """A whole number without a point, and a list of words as one: the library writes `'each' or 'best'`."""
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return ", ".join(_QUOTED.findall(value)) or value if isinstance(value, str) else str(value)
