"""What agents of the SYNTHETIC retailer are given to say are sentences that somebody would say."""

from __future__ import annotations

import json
import re

import pytest

from serving.console.suggesting import TALK
from training.simulation import spoken
from training.simulation.goods import CATEGORIES, actions, catalogue

ACTIONS = json.loads(catalogue(actions(120, 14), 0.02).document)["actions"]
SPOKEN = [
    (action["id"], treatment["content"])
    for action in ACTIONS
    for treatment in action["treatments"]
    if treatment["channel"] in {"agent", "store"}
]


def test_every_category_has_words() -> None:
    assert list(spoken.SPEECH) == [one.id for one in CATEGORIES]


@pytest.mark.parametrize(("action", "content"), SPOKEN)
def test_a_talk_track_is_whole_sentences_without_an_identifier(action: str, content: dict[str, str]) -> None:
    (words,) = content.values()
    assert set(content) == {TALK[0]}
    sentences = re.findall(r"[A-Z0-9][^.?!]*[.?!](?:\s|$)", words)
    assert "".join(sentences) == words
    assert len(sentences) >= 2, "a question or a reason, and what follows from it"
    assert len(words) <= 150, "two lines of the desk"
    assert action not in words
    assert not re.search(r"\b\w+-\w+-?\d*\b|%\b|every \w+s\b", words)


def test_names_are_written_for_people() -> None:
    for action in ACTIONS:
        assert re.fullmatch(r"(\d+ % off|[A-Z]\w*)( \w+)* \(SYNTHETIC\)", action["name"]), action["name"]
    assert len({action["name"] for action in ACTIONS}) == len(ACTIONS)
