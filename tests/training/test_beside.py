"""Challenger beside champion, by segment: who is served worse is named, and hardly anybody else. Data are synthetic."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest

from training.beside import Segments, on_contacts, on_log, together
from training.beside_text import markdown as table
from training.champions import Grounds, How
from training.growing import Sample
from training.holdout import Later
from training.offpolicy.feedback import Evaluation, Feedback
from training.offpolicy.paired import Pair
from training.promotion import Compared, Figures, Holdout, Limits, NotEvaluable, Replayed, verdict
from training.promotion_text import as_json, markdown
from training.segments import By, Segment
from training.table import Exposures, Pairs

PEOPLE, EACH, KINDS = 400, 4, 8
NOTHING = np.zeros(0, np.int32)
NO_PAIRS = Exposures(
    Pairs(NOTHING, NOTHING.astype(np.int64), NOTHING, NOTHING), NOTHING, NOTHING.astype(np.bool_), NOTHING
)


def later(rng: np.random.Generator, spoiled: int | None = None, noise: float = 0.4) -> tuple[Later, list[Segment]]:
    """People of KINDS; both models know the chances but for independent noise of one size. spoiled: of this kind the
    challenger says the opposite."""
    person = np.repeat(np.arange(PEOPLE, dtype=np.int32), EACH)
    odds = rng.normal(-1.0, 1.0, len(person))
    label = rng.random(len(person)) < 1 / (1 + np.exp(-odds))
    kind = person % KINDS
    ours, theirs = (odds + rng.normal(0.0, noise, len(person)) for _ in range(2))
    if spoiled is not None:
        ours = np.where(kind == spoiled, -ours, ours)
    sample = Sample(np.zeros((len(person), 1)), label, np.ones(len(person)), person)
    chances = (1 / (1 + np.exp(-ours)), 1 / (1 + np.exp(-theirs)))
    segments = [Segment(By.TRAIT, f"kind {number}", kind == number) for number in range(KINDS)]
    return Later(NO_PAIRS, sample, *chances, len(person), 0), segments


def test_whoever_is_served_worse_is_named_and_nobody_else() -> None:
    found = Segments(on_contacts(*later(np.random.default_rng(1), spoiled=3)), ())
    assert [one.partition(":")[0] for one in found.warnings] == ["kind 3"]
    assert table(found).count(" * |") == 1


def test_of_two_that_are_alike_hardly_any_segment_is_called_worse() -> None:
    """In one world of forty at most: all intervals hold together, and only one side of them is bad news."""
    rng, worlds = np.random.default_rng(2), 80
    alarms = sum(any(one.is_worse for one in on_contacts(*later(rng))) for _ in range(worlds))
    expected = 0.025 * worlds
    assert alarms <= expected + 3.0 * np.sqrt(expected)


def test_a_model_beside_itself_is_nowhere_worse() -> None:
    same, segments = later(np.random.default_rng(1))
    found = on_contacts(replace(same, champion=same.challenger), segments)
    assert all(one.difference is not None and one.difference.value == 0.0 for one in found)
    assert Segments(found, ()).warnings == ()
    assert "inf" not in table(Segments(found, ()))


def test_without_a_champion_there_are_figures_and_no_difference() -> None:
    alone, segments = later(np.random.default_rng(1))
    found = on_contacts(replace(alone, champion=None), segments)
    assert all(one.difference is None and one.champion is None for one in found)
    assert "->" not in table(Segments(found, ())).splitlines()[4]


def test_too_few_successes_are_no_comparison() -> None:
    both, segments = later(np.random.default_rng(1))
    tiny = [*segments, Segment(By.TRAIT, "kind rare", np.arange(len(both.sample.label)) < 5)]
    found = on_contacts(both, tiny)
    assert found[-1].difference is None
    assert all(one.difference is not None for one in found[:-1])


def test_intervals_of_more_segments_are_wider() -> None:
    both, segments = later(np.random.default_rng(1))
    (alone,), several = on_contacts(both, segments[:1]), on_contacts(both, segments)
    assert alone.difference is not None
    assert several[0].difference is not None
    assert several[0].difference.low < alone.difference.low < alone.difference.high < several[0].difference.high
    assert together(1) == 0.95
    assert together(10) == pytest.approx(0.995)


def drawn(rng: np.random.Generator, spoiled: int) -> tuple[Pair, list[Segment]]:
    """Two actions drawn at evens; the first succeeds often, the second seldom. The champion always takes the first, and
    so does the challenger, but for people of the kind `spoiled`."""
    rows = 2 * PEOPLE
    person = np.arange(rows, dtype=np.int64) % PEOPLE
    taken = rng.integers(0, 2, rows)
    reward = (rng.random(rows) < np.where(taken == 0, 0.6, 0.1)).astype(np.float64)
    start = 2 * np.arange(rows + 1, dtype=np.int64)
    action = np.tile(np.array([1, 2], np.int64), rows)
    feedback = Feedback(start, action, start[:-1] + taken, np.full(rows, 0.5), reward, person)
    kind = person % 2
    first = np.tile([1.0, 0.0], rows)
    other = np.where(np.repeat(kind == spoiled, 2), 1.0 - first, first)
    pair = Pair((), Evaluation(feedback, other), Evaluation(feedback, first), np.full(2 * rows, 0.5), 0.0, 0)
    return pair, [Segment(By.TRAIT, f"kind {number}", kind == number) for number in range(2)]


def test_on_the_log_too_whoever_is_served_worse_is_named() -> None:
    found = on_log(*drawn(np.random.default_rng(5), 1), 50.0, np.random.default_rng(1))
    assert [one.partition(":")[0] for one in Segments((), found).warnings] == ["kind 1"]
    assert found[0].difference is not None
    assert found[0].difference.value == 0.0  # there both take the same
    assert found[1].difference is not None
    assert found[1].difference.value == pytest.approx(-0.5, abs=3.0 * found[1].difference.error)


def test_too_few_effective_people_are_no_comparison_on_the_log() -> None:
    found = on_log(*drawn(np.random.default_rng(5), 1), 1_000.0, np.random.default_rng(1))
    assert all(one.difference is None for one in found)
    assert all(0 < one.effective_people < 1_000 for one in found)


def test_a_verdict_warns_names_its_approver_and_carries_the_card() -> None:
    segments = Segments(on_contacts(*later(np.random.default_rng(1), spoiled=3)), ())
    nothing: Compared | NotEvaluable = NotEvaluable("there is no champion to compare with")
    unlogged = NotEvaluable("nothing is logged")
    contacts = Holdout(Figures(0.8, 0.1), None, "on 500 contacts")
    found = verdict("2", None, nothing, contacts, Replayed(1, ()), Limits(), unlogged, unlogged)
    made = replace(found, segments=segments)
    assert made.promoted  # a warning is no refusal
    grounds = Grounds(How.VERDICT, "spring", "operator ann")
    text = markdown(made, grounds, "# Model card")
    assert "warning: served worse, kind 3: " in text
    assert "Approved by operator ann: spring" in text
    assert text.endswith("# Model card")
    told = json.loads(as_json(made, grounds, "# Model card"))
    assert (told["approver"], told["how"], told["model_card"]) == ("operator ann", "verdict", "# Model card")
    assert [one["name"] for one in told["segments"]["contacts"]] == [f"kind {number}" for number in range(KINDS)]
    assert len(told["warnings"]) == 1
    assert json.loads(as_json(made))["approver"] is None
