"""The lifts by live response: what they must do whatever is counted, and what they come to on invented counts."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from features.live_response import DAY, HALF_LIFE, HOUR, PACES, Contact, Lift, Lifts, Tally, tally_of
from features.published import Published
from features.vocabulary import Vocabulary
from models.catalogue_file import checked
from models.columns import CompiledCatalogue
from models.decide import decide
from models.live_response import HELD, MOST, expectations, lifted, lifts, reason
from models.notices import GROUP as NOTICES
from models.response_delay import ResponseDelay, from_object, later, to_object
from tests.models.shop import NOW, Broken, ByAction, compiled, customer, items_table, request
from training.response_delay import fit

AT_ONCE = ResponseDelay(NOW, {}, (0.0,) * len(PACES))
SLOW = ResponseDelay(NOW, {"web": (0.6, 0.4, *(0.0,) * 11)}, (0.0, 0.0, 0.2, 0.0, 0.3, 0.0, 0.5, *(0.0,) * 6))
LAW = settings(max_examples=60, deadline=None)
GROUPS = {"a-1": "g", "a-2": "g", "a-3": "h", "a-4": "h"}


def shop(live_response: bool = True, groups: Mapping[str, str] = GROUPS) -> CompiledCatalogue:
    channels = {
        "web": {"direction": "inbound", "consent": "not_needed", "reward_window_days": 1},
        "email": {"direction": "outbound", "consent": "not_needed", "reward_window_days": 14},
    }
    actions = [
        {
            "id": name,
            "kind": "offer",
            "group": group,
            "items": ["i-1"],
            "value": 10,
            "success": "clicked",
            "suppression": {"rule": "always"},
            "treatments": [{"id": f"{name}-{one}", "channel": one} for one in channels],
        }
        for name, group in groups.items()
    ]
    document = {
        "currency": "EUR",
        "time_zone": "Europe/London",
        "channels": channels,
        "categories": [{"id": "c-1"}],
        "actions": actions,
        "live_response": live_response,
    }
    return compiled(checked(document, items_table({"i-1": "c-1"})))[0]


SHOP, VOCABULARY = shop(), Vocabulary()


def counted(contacts: int, successes: int, probability: float = 0.1, age: int = 0) -> Tally:
    return tally_of([Contact(NOW - age, probability, number < successes) for number in range(contacts)])


def offset(found: Lifts, action: str, channel: str = "web") -> float:
    return float(found.log_odds(SHOP.action_number, channel)[SHOP.action_number[action]])


contact = st.builds(Contact, st.integers(NOW - 40 * DAY, NOW), st.floats(0.001, 0.9), st.booleans(), st.just(1))


@LAW
@given(st.lists(contact, min_size=1, max_size=30), st.randoms(use_true_random=False), st.integers(0, 20 * DAY))
def test_a_tally_is_the_same_in_any_order_and_however_it_is_cut(
    contacts: list[Contact], dice: object, later_on: int
) -> None:
    cut = dice.randint(0, len(contacts))  # type: ignore[attr-defined]
    shuffled = list(contacts)
    dice.shuffle(shuffled)  # type: ignore[attr-defined]
    parts = [tally_of(part) for part in (shuffled[:cut], shuffled[cut:]) if part]
    together = parts[0] if len(parts) == 1 else parts[0].beside(parts[1])
    moment = NOW + later_on
    np.testing.assert_allclose(together.aged(moment), slow_sums(contacts, moment), rtol=1e-9, atol=1e-12)


def slow_sums(contacts: Sequence[Contact], moment: int) -> list[float]:
    """The oracle: contact by contact, from the definition."""
    sums = [0.0] * (3 + 2 * len(PACES))
    for one in contacts:
        weight = 2.0 ** (-(moment - one.at) / HALF_LIFE)
        for place, term in enumerate((1.0, one.probability, float(one.succeeded))):
            sums[place] += weight * term
        for place, pace in enumerate(PACES):
            steps = (moment - one.at) / pace
            sums[3 + place] += weight * one.probability * math.exp(-steps)
            sums[3 + len(PACES) + place] += weight * one.probability * steps * math.exp(-steps)
    return sums


@LAW
@given(st.lists(contact, min_size=1, max_size=20), contact)
def test_what_is_taken_back_was_never_counted(contacts: list[Contact], wrong: Contact) -> None:
    whole = tally_of([*contacts, wrong, wrong._replace(times=-1)])
    np.testing.assert_allclose(whole.aged(NOW), tally_of(contacts).aged(NOW), rtol=1e-7, atol=1e-9)


def test_where_nothing_was_counted_nothing_changes_at_all() -> None:
    assert not lifts({}, SHOP, SLOW, "m", NOW)
    elsewhere = lifts({("a-1", "email"): counted(500, 200)}, SHOP, SLOW, "m", NOW + DAY)
    assert offset(elsewhere, "a-1", "email") > 0
    assert (elsewhere.log_odds(SHOP.action_number, "web") == 0.0).all()
    chances = np.array([0.0, 1e-300, 0.123456789, 1.0])
    assert lifted(chances, np.zeros(4)).tobytes() == chances.tobytes()


def test_nothing_is_lifted_without_delays_nor_where_the_catalogue_forbids_it() -> None:
    tallies = {("a-1", "web"): counted(500, 200)}
    assert lifts(tallies, SHOP, AT_ONCE, "m", NOW)
    assert not lifts(tallies, SHOP, None, "m", NOW)
    assert not lifts(tallies, shop(live_response=False), AT_ONCE, "m", NOW)


@LAW
@given(st.integers(1, 300), st.integers(0, 300), st.floats(0.001, 0.7), st.integers(0, 20 * DAY))
def test_more_successes_never_lower_a_lift_and_none_leaves_its_bounds(
    contacts: int, successes: int, probability: float, age: int
) -> None:
    few = min(successes, contacts - 1)
    others = {("a-2", "web"): counted(100, 8), ("a-3", "web"): counted(50, 9)}
    fewer, more = (
        offset(lifts({**others, ("a-1", "web"): counted(contacts, one, probability, age)}, SHOP, SLOW, "m", NOW), "a-1")
        for one in (few, few + 1)
    )
    assert -MOST - 0.01 <= fewer <= more <= MOST + 0.01


def test_a_new_action_has_what_others_of_its_group_have_shown() -> None:
    tallies = {("a-1", "web"): counted(2000, 600), ("a-3", "web"): counted(2000, 200)}
    found = lifts(tallies, SHOP, AT_ONCE, "m", NOW)
    group, other = offset(found, "a-2"), offset(found, "a-4")
    assert lifted(np.array([0.1]), np.array([group]))[0] == pytest.approx(0.3, rel=0.05)
    assert abs(other) < 0.15  # of a group that does as expected, on a channel where another does well
    assert found.by["a-2", "web"].of == "group"
    assert found.by["a-1", "web"].of == "action"
    assert found.by["a-1", "web"].contacts == 2000
    alone = lifts({("a-1", "web"): counted(2000, 600)}, shop(groups={"a-1": "g", "a-9": "k"}), AT_ONCE, "m", NOW)
    assert alone.by["a-9", "web"].of == "channel"


def test_what_starts_badly_falls_to_what_comes_of_it() -> None:
    found = lifts({("a-1", "web"): counted(1000, 25)}, SHOP, AT_ONCE, "m", NOW)
    fallen = lifted(np.array([0.1]), np.array([offset(found, "a-1")]))[0]
    assert fallen == pytest.approx(0.1 * (HELD["action"] + 25) / (HELD["action"] + 100), rel=0.1)
    assert fallen < 0.05
    assert offset(found, "a-2") < 0.0  # another of its group, of which nothing is known yet


def test_an_action_is_not_held_towards_itself() -> None:
    """Counts of its own come in once: alone in its group it is what its own counts and the levels above say."""
    found = lifts({("a-1", "web"): counted(100, 30)}, shop(groups={"a-1": "g"}), AT_ONCE, "m", NOW)
    ratio = (HELD["action"] + 30) / (HELD["action"] + 10)
    expected = math.log(0.1 * ratio / (1 - 0.1 * ratio)) - math.log(0.1 / 0.9)
    assert found.by["a-1", "web"].hundredths == round(100 * expected)


def test_what_was_long_ago_is_forgotten() -> None:
    ages = [0, HALF_LIFE, 4 * HALF_LIFE, 20 * HALF_LIFE]
    found = [offset(lifts({("a-1", "web"): counted(300, 90, age=age)}, SHOP, AT_ONCE, "m", NOW), "a-1") for age in ages]
    assert found == sorted(found, reverse=True)
    assert found[0] > 1.0
    assert found[-1] == 0.0


@pytest.mark.parametrize("probability", [0.01, 0.1, 0.4])
@pytest.mark.parametrize("age", [10_000, 120_000, HOUR, 6 * HOUR, DAY, 5 * DAY])
def test_a_contact_of_any_age_is_no_failure(age: int, probability: float) -> None:
    """Synthetic truth: the model is right, successes come as late as the delays say. All contacts are of one age."""
    rng, count = np.random.default_rng([age, round(100 * probability)]), 40_000
    weights = np.array(SLOW.of("email"))
    delays = rng.gamma(2.0, np.array(PACES)[rng.choice(len(PACES), count, p=weights / weights.sum())])
    came = (rng.random(count) < probability) & (delays <= age)
    tally = tally_of([Contact(NOW - age, probability, bool(one)) for one in came])
    found = lifts({("a-1", "email"): tally}, shop(groups={"a-1": "g"}), SLOW, "m", NOW)
    by_now = float(1.0 - (later(np.array([float(age)])) @ weights)[0]) * probability * count * 2.0 ** (-age / HALF_LIFE)
    # The count of successes is binomial; its relative error is that of the ratio, in log odds over 1 - p.
    error = 1.0 / math.sqrt(max(by_now * 2.0 ** (age / HALF_LIFE), 1.0)) / (1.0 - probability)
    assert abs(offset(found, "a-1", "email")) <= 4.0 * error + 0.01


def test_late_successes_are_fitted_whatever_their_distribution() -> None:
    """The greatest difference from the true chances, on 20,000 delays, as the documents say: 5 % where successes come
    more together than the mixture can, and 15 % where a hard end is rounded off. Noise is under 1 %."""
    rng, count = np.random.default_rng(5), 20_000
    worlds = {
        "gamma": (rng.gamma(2.0, HOUR, count), 0.05),
        "exponential": (rng.exponential(2 * DAY, count), 0.05),
        "skewed": (rng.lognormal(math.log(6 * HOUR), 1.2, count), 0.05),
        "at once": (np.zeros(count), 1e-9),
        "even, and then none": (rng.uniform(0, 14 * DAY, count), 0.15),
    }
    for name, (delays, allowed) in worlds.items():
        ages = np.concatenate([[0.0], np.geomspace(1_000, 60 * DAY, 300)])
        truth = 1.0 - np.searchsorted(np.sort(delays), ages, side="right") / count
        assert np.abs(later(ages) @ np.array(fit(delays)) - truth).max() <= allowed, name


def test_delays_are_text_and_none_that_could_not_be() -> None:
    assert from_object(to_object(SLOW)) == SLOW
    for weights in ((0.5,), (-0.1, *(0.0,) * 12), (1.1, *(0.0,) * 12), (math.nan, *(0.0,) * 12)):
        with pytest.raises(ValueError, match="weights of 0 or more"):
            ResponseDelay(NOW, {}, weights)
    with pytest.raises(ValueError, match="unreadable"):
        from_object({"as_of": "yesterday"})


def test_a_decision_ranks_by_what_is_lifted_and_logs_what_the_model_expected() -> None:
    by = {("a-3", "web"): Lift(110, 420, "action"), ("a-1", "web"): Lift(-69, 12, "group")}
    published = Published(lifts=Lifts("by-action", by))
    scorer, asked = ByAction(otherwise=0.1), request("web", limit=4, explain=True)
    anybody, dice = customer([], VOCABULARY), np.random.default_rng(1)
    plain = decide(asked, anybody, SHOP, scorer, NOW, np.random.default_rng(1), Published())
    found = decide(asked, anybody, SHOP, scorer, NOW, dice, published)
    (first, *_) = found.slates[0].actions
    assert first.action_id == "a-3"
    assert first.response_probability == pytest.approx(0.1 * math.exp(1.1) / (0.9 + 0.1 * math.exp(1.1)))
    assert first.model_probability == 0.1
    assert {one.response_probability for one in plain.slates[0].actions} == {0.1}
    logged = expectations(found, SHOP)
    assert {(one.action, one.channel, one.probability) for one in logged} == {
        (one.action_id, "web", 0.1) for one in found.slates[0].actions
    }
    assert {one.window for one in logged} == {DAY}


def test_what_is_only_told_lifts_nothing_and_is_not_lifted() -> None:
    """Nobody accepts a notice: its contacts would count as failures, also of its channel."""
    noticed = shop(groups=GROUPS | {"a-3": NOTICES})
    told = {("a-1", "web"): counted(200, 40), ("a-3", "web"): counted(5_000, 0)}
    without = {name: one for name, one in told.items() if name[0] != "a-3"}
    assert lifts(told, noticed, AT_ONCE, "m", NOW) == lifts(without, noticed, AT_ONCE, "m", NOW)
    assert offset(lifts(told, SHOP, AT_ONCE, "m", NOW), "a-2") < offset(lifts(told, noticed, AT_ONCE, "m", NOW), "a-2")
    only = shop(groups={"a-1": NOTICES})
    assert lifts(told, only, AT_ONCE, "m", NOW) == Lifts("m")


def test_a_catalogue_that_will_not_have_it_lifts_nothing_that_another_published() -> None:
    """As when a draft is rehearsed with what was published under the catalogue of then."""
    published = Published(lifts=Lifts("by-action", {("a-3", "web"): Lift(110, 420, "action")}))
    asked, draft = request("web", limit=4, explain=True), shop(live_response=False)
    (slate,) = decide(
        asked, customer([], VOCABULARY), draft, ByAction(otherwise=0.1), NOW, np.random.default_rng(1), published
    ).slates
    assert {one.response_probability for one in slate.actions} == {0.1}


def test_another_model_is_not_corrected_by_what_this_one_missed() -> None:
    published = Published(lifts=Lifts("of-yesterday", {("a-3", "web"): Lift(110, 420, "action")}))
    anybody = customer([], VOCABULARY)
    for scorer in (ByAction(otherwise=0.1), Broken()):
        made = (request("web", limit=4), anybody, SHOP, scorer, NOW)
        found = decide(*made, np.random.default_rng(1), published)
        plain = decide(*made, np.random.default_rng(1), Published())
        assert repr(found) == repr(plain)  # of a model that failed what is unknown is NaN, which equals nothing
    broken = decide(request("web"), anybody, SHOP, Broken(), NOW, np.random.default_rng(1), Published())
    assert broken.degraded
    assert expectations(broken, SHOP) == ()


def test_it_says_why() -> None:
    known = Lifts("m", {("a-3", "web"): Lift(47, 420, "action"), ("a-1", "web"): Lift(-69, 1200, "group")})
    assert reason(known, "m", "a-3", "web") == (
        "how it does lately on the channel, against what the model expects: 420 contacts; raises the odds 1.60 times",
    )
    (of_group,) = reason(known, "m", "a-1", "web")
    assert "others of its group" in of_group
    assert of_group.endswith("1,200 contacts; lowers the odds to 0.50 of it")
    assert reason(known, "m", "a-2", "web") == reason(known, "another", "a-3", "web") == ()
