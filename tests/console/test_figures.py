"""Figures of everybody: equal to counting by hand, and plotted for those who cannot see them too."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Sequence
from xml.etree import ElementTree as ET

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from features.stores.desk import DecidedContact, Lately
from models.catalogue import parse
from models.catalogue_file import read_text
from serving.console import plots
from serving.console.figures import Funnel, Share, arms, chosen_by, overview
from tests.console.call_centre import CATALOGUE

_SHOP = parse(read_text(CATALOGUE).document, 1)


def answer(channel: str, chosen: Sequence[str], **funnel: int) -> str:
    actions = [{"action_id": one, "rank": 1} for one in chosen]
    return json.dumps({"channels": [{"channel": channel, "actions": actions, "funnel": funnel}]})


def contact(
    arm: str, person: int, succeeded: bool, action: str = "offer-plan", expected: float = 0.25
) -> DecidedContact:
    return DecidedContact(arm, person, action, "agent", expected, succeeded)


@given(st.integers(1, 10_000), st.floats(0, 1))
def test_an_interval_holds_its_rate_and_is_within_bounds(trials: int, share: float) -> None:
    one = Share(round(share * trials), trials)
    low, high = one.interval
    assert 0 <= low <= one.rate <= high + 1e-12
    assert high <= 1
    wider = Share(one.successes * 4, trials * 4).interval
    assert wider[1] - wider[0] <= high - low


def test_of_nothing_nothing_is_claimed() -> None:
    assert math.isnan(Share(0, 0).rate)
    made = overview(Lately((), ()), _SHOP, lambda _: 0, 0, (), {})
    assert (made.decisions, made.arms, made.funnel) == (0, (), Funnel(0, 0, (), 0, 0))
    assert {one.chosen for one in made.actions} == {0}
    for plot in (plots.funnel_plot(made.funnel), plots.arms_plot(made.arms), plots.drift_plot("Drift", [], 0.25)):
        assert plot == ""


def test_counts_are_those_of_counting_by_hand() -> None:
    decisions = (
        ("full", 1, answer("agent", ["offer-plan", "offer-dryer"], candidates=5, consent=1, budget=2, eligible=2)),
        ("full", 2, answer("agent", ["offer-plan"], candidates=5, consent=0, budget=4, eligible=1)),
        ("random", 3, answer("web", [], candidates=2, consent=2, budget=0, eligible=0)),
    )
    contacts = (contact("full", 1, True), contact("full", 2, False), contact("full", 2, False, "offer-dryer", 0.5))
    made = overview(Lately(decisions, contacts), _SHOP, lambda _: 0, 0, (), {})
    assert made.funnel == Funnel(3, 12, (("consent", 3), ("budget", 6)), 3, 3)
    assert made.by_channel["web"] == Funnel(1, 2, (("consent", 2), ("budget", 0)), 0, 0)
    plan = next(one for one in made.actions if (one.action_id, one.channel) == ("offer-plan", "agent"))
    assert (plan.chosen, plan.response, plan.expected, plan.maturity, plan.live) == (2, Share(1, 2), 0.25, 1.0, True)
    assert [(one.arm, one.people) for one in made.arms] == [("full", 2), ("random", 1)]


def test_what_is_only_told_is_in_no_response() -> None:
    """Neither in its own nor in its arm's: those are what they were without it."""
    chosen = (("full", 1, answer("agent", ["offer-plan"])), ("random", 2, answer("agent", ["offer-plan"])))
    with_it = (*chosen, ("full", 3, answer("agent", ["notice-strike", "offer-plan"])))
    contacts = (contact("full", 1, True), contact("full", 3, False), contact("random", 2, False))
    told = tuple(contact("full", person, False, "notice-strike", 0.9) for person in (1, 3))
    plain = overview(
        Lately((*chosen, ("full", 3, answer("agent", ["offer-plan"]))), contacts), _SHOP, lambda _: 0, 0, (), {}
    )
    made = overview(
        Lately(with_it, (*contacts, *told)), _SHOP, lambda _: 0, 0, {"notice-strike"}, {"notice-strike": "Strike"}
    )
    assert made.arms == plain.arms
    assert [one for one in made.actions if not one.notice] == [*plain.actions]
    (notice,) = [one for one in made.told if one.notice]
    assert (notice.name, notice.chosen, notice.contacts, notice.response) == ("Strike", 1, 2, Share(0, 0))
    assert math.isnan(notice.expected)
    assert chosen_by(Lately(with_it, ())) == {"notice-strike": 0, "offer-plan": 0}


@given(st.lists(st.tuples(st.lists(st.sampled_from("abc"), max_size=3), st.integers(1, 9)), max_size=5))
def test_what_was_chosen_is_known_by_the_newest_decision_that_chose_it(made: list[tuple[list[str], int]]) -> None:
    told = [json.loads(answer("agent", chosen)) | {"catalogue_version": version} for chosen, version in made]
    lately = Lately(tuple(("full", 1, json.dumps(one)) for one in told), ())
    slow = {action: next(version for chosen, version in made if action in chosen) for action in "abc"
            if any(action in chosen for chosen, _ in made)}  # fmt: skip
    assert chosen_by(lately) == slow


def by_hand(contacts: Sequence[DecidedContact]) -> np.ndarray:
    """(contacts, successes) of each person."""
    people = {one.person: [two for two in contacts if two.person == one.person] for one in contacts}
    return np.array([[len(told), sum(one.succeeded for one in told)] for told in people.values()])


def test_an_arm_is_compared_over_people() -> None:
    """Against drawing people anew: the interval is as wide as they spread."""
    rng = np.random.default_rng(1)
    told = [
        contact(arm, person, bool(rng.random() < chance))
        for arm, chance, people in (("full", 0.2, range(400)), ("random", 0.3, range(400, 700)))
        for person in people
        for _ in range(1 + person % 4)
    ]
    decisions = tuple((one.arm, one.person, answer("agent", [])) for one in told)
    full, random = arms(Lately(decisions, tuple(told)), ())
    assert math.isnan(full.ahead)
    own = {arm: [one for one in told if one.arm == arm] for arm in ("full", "random")}
    rates = [sum(one.succeeded for one in own[arm]) / len(own[arm]) for arm in own]
    assert random.ahead == pytest.approx(rates[1] - rates[0])
    by_person = {arm: by_hand(contacts) for arm, contacts in own.items()}
    drawn = []
    for _ in range(600):
        sums = {arm: rows[rng.integers(0, len(rows), len(rows))].sum(axis=0) for arm, rows in by_person.items()}
        drawn.append(sums["random"][1] / sums["random"][0] - sums["full"][1] / sums["full"][0])
    low, high = np.quantile(drawn, [0.025, 0.975])
    assert random.interval == pytest.approx((low, high), abs=0.012)


def test_a_plot_says_in_words_what_it_shows_and_takes_no_text_for_markup() -> None:
    funnel = Funnel(2, 10, (("already_purchased", 4), ("<script>", 1)), 5, 2)
    plot = plots.funnel_plot(funnel)
    picture = ET.fromstring(plot)  # noqa: S314 - ours
    assert picture.get("role") == "img"
    assert "Most were refused because of “bought already, or about to be”: 4." in (picture.get("aria-label") or "")
    words = [one.text for one in picture.iter("text")]
    assert words == ["candidates", "10", "bought already, or about to be", "- 4", "<script>", "- 1", "chosen", "2"]
    assert "style=" not in plot
    assert not re.search("<script", plot)
    drift = plots.drift_plot("Drift of scores", [("web", 0.4), ("agent", 0.1)], 0.25)
    assert [one.get("class") for one in ET.fromstring(drift).iter("rect")] == ["gone", "kept"]  # noqa: S314
