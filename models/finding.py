"""A fault of a catalogue as it is found: the place in the document, and the sentence on what is wrong there."""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Iterator, Sequence

Path = tuple[str | int, ...]
"""Where in the document: names of fields and places in lists."""

Finding = tuple[Path, str]
"""A place and the sentence on what is wrong there."""


NAMELESS = "-"
"""Stands for a name that could not be read, and so may be any."""


def written(path: Path) -> str:
    """The path as people write it: actions[3].value."""
    text = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in path)
    return text.removeprefix(".") or "catalogue"


def sentence(path: Path, value: object, rule: str, remedy: str) -> str:
    return f"{written(path)} is {value!r}; {rule}; {remedy}"


def repeated(values: Sequence[Hashable], path: Path, field: str | None, rule: str) -> Iterator[Finding]:
    seen: Counter[Hashable] = Counter()
    for place, value in enumerate(values):
        seen[value] += 1
        if seen[value] > 1:
            here: Path = (*path, place) if field is None else (*path, place, field)
            yield here, sentence(here, value, rule, "remove or rename the repetition")
