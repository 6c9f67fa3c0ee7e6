"""docs/events.md names every event, and no other."""

from __future__ import annotations

import re
from pathlib import Path

from features.wire.identifiers import NAMING_TRAITS
from features.wire.messages import PROVIDER_IDS
from features.wire.names import EVENT_NAMES

DOCUMENT = (Path(__file__).parents[2] / "docs" / "events.md").read_text()
WORDS = set(re.findall(r"`([^`]+)`", DOCUMENT))


def test_every_name_is_documented_and_means_something() -> None:
    assert EVENT_NAMES.keys() - WORDS == set()
    named = {word for word in WORDS if re.fullmatch(r"(?:[A-Z]\w*)(?: \w+)+", word)}
    assert named - EVENT_NAMES.keys() == set()


def test_every_property_that_identifies_is_documented() -> None:
    assert {*PROVIDER_IDS, *NAMING_TRAITS} - WORDS == set()
