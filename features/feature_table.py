"""docs/features.md, from the declarations: `python -m features.feature_table > docs/features.md`."""

from __future__ import annotations

import sys

from features import definitions
from features.declaration import Feature
from features.definitions import FEATURES

_READ = """A condition of the catalogue reads them, but for the last two, as `history.` and the name without
`customer.`, with underscores for points: `customer.orders.28d` is `history.orders_28d`.
"""
_SCOPES = {
    "customer": "Of the customer at the moment: the same for every candidate",
    "category": "Of the customer and the candidate's category: the affinity models read these and the former",
    "candidate": "Of the customer and the candidate, and of the candidate alone",
}


def markdown() -> str:
    """The whole page."""
    rules = (definitions.__doc__ or "").split("\n\n", 1)[1].strip()
    parts = [f"# Features\n\nMade from `features/definitions.py`; {len(FEATURES)} columns.\n\n{rules}\n"]
    for scope, title in _SCOPES.items():
        lines = [_line(feature) for feature in FEATURES if feature.scope == scope]
        read = f"{_READ}\n" if scope == "customer" else ""
        head = f"## {title} ({len(lines)})\n\n{read}| name | unit | what it is |\n|---|---|---|\n"
        parts.append(head + "\n".join(lines) + "\n")
    return "\n".join(parts)


def _line(feature: Feature) -> str:
    return f"| `{feature.name}` | {feature.unit} | {feature.words} |"


if __name__ == "__main__":
    sys.stdout.write(markdown())
