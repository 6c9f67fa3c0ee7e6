"""Reasons in plain words: whatever the model looks at, nobody on the telephone needs to know the model."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from features.definitions import FEATURES
from features.kernel_codes import Measure, Op
from models.inputs import response_inputs
from models.live_response import LATELY, SUCCESS
from models.reasons import _sentence, _words
from serving.console.plain_reasons import _BESIDE, MOST, in_full, plain, plain_words
from serving.console.suggesting import Why, _why
from serving.console.wording import come_of, month_told

INPUTS = len(response_inputs())
STRANGE = re.compile(
    r"candidate|log |odds|halved|NaN|standard deviation|occasions|distinct|counts once|code|ratio\b|_| - "
)


def of(column: int, value: float = 3.0, added: float = 0.4) -> Why:
    return _why(_sentence(column, value, added, "EUR"))


def test_whatever_the_model_looks_at_has_plain_words() -> None:
    found = {place: plain([of(place)])[0].words for place in range(INPUTS)}
    assert {place: words for place, words in found.items() if STRANGE.search(words)} == {}
    of_scales = [place for place, (unit, _) in enumerate(_words()) if unit.startswith("log")]
    assert of_scales
    assert not any(re.search(r"\d", found[place]) for place in of_scales)


def test_plain_words_are_of_the_declaration_and_tell_its_time() -> None:
    """One feature is told from another, but for those that are nearly the same to whoever hears of them."""
    spans = re.compile(r"in the last \d+ days|in the last day|ever\b")
    found: dict[str, list[str]] = {}
    for one in FEATURES:
        if one.unit == "hour" or one.name not in {of for of in response_inputs() if of not in _BESIDE}:
            continue
        words = plain_words(one)
        found.setdefault(words, []).append(one.name)
        if one.op is Op.VALUE and Measure(one.terms[0].measure) not in (Measure.TIMES, Measure.NOTHING):
            assert spans.findall(words) == spans.findall(one.words), one.name
    alike = [names for names in found.values() if len(names) > 1]
    assert all("half_life" in name for names in alike for name in names)


@given(st.lists(st.tuples(st.integers(0, INPUTS - 1), st.floats(-3, 3).filter(lambda added: abs(added) > 0.02))))
def test_the_weightiest_stand_first_and_are_few(reasons: list[tuple[int, float]]) -> None:
    order = sorted(reasons, key=lambda one: -abs(one[1]))
    shown = plain([of(column, 3.0, added) for column, added in order])
    words = [one.words for one in shown]
    assert len(words) == len(set(words)) <= MOST
    each = [plain([of(column, 3.0, added)])[0] for column, added in order]
    first = {one.words: one for one in reversed(each)}
    assert words == list(dict.fromkeys(one.words for one in each))[:MOST]
    assert list(shown) == [first[one] for one in words]
    assert [one.raises for one in shown] == [("more" in one.effect) for one in shown]


_KIND = "in the candidate's category or below it"


@pytest.mark.parametrize(
    ("told", "effect", "words", "makes_it"),
    [
        (
            f"money spent in the last 365 days - {_KIND}: 51.95 USD",
            "raises the odds 1.80 times",
            "money spent in the last 365 days (things like this): 51.95 USD",
            "much more",
        ),
        (
            "days since the last conversion: 52.48 days",
            "raises the odds 1.36 times",
            "days since the last offer taken up: 52 days",
            "more",
        ),
        (
            "clicks in the last 28 days - of this action: 3 events",
            "lowers the odds to 0.95 of it",
            "clicks in the last 28 days (this very offer): 3",
            "a little less",
        ),
        (
            "events of any kind in the last 28 days - on the channel web: 2 events",
            "lowers the odds to 0.50 of it",
            "things that happened in the last 28 days (on the website): 2",
            "much less",
        ),
        (
            "calls in the last day: unknown",
            "lowers the odds to 0.00 of it",
            "calls in the last day: unknown",
            "much less",
        ),
        (
            "days since the last purchase over the mean gap - on the candidate's category: 3 ratio",
            "lowers the odds to 0.50 of it",
            "days since the last purchase over the mean gap - on the candidate's category: 3 ratio",
            "much less",
        ),
        (
            f"{LATELY['action']}: 1,200 contacts",
            "raises the odds 1.30 times",
            "how it does lately",
            "more",
        ),
    ],
)
def test_a_reason_reads_so(told: str, effect: str, words: str, makes_it: str) -> None:
    (found,) = plain([_why(f"{told}; {effect}")])
    assert (found.words, found.effect, found.exact) == (words, f"makes it {makes_it} likely", effect)


def test_whoever_looks_closer_sees_all_of_them() -> None:
    """Each told from every other, also where the plain words of some are the same."""
    told = [of(column, 3.0, 1.0 - column / INPUTS) for column in range(INPUTS)]
    full = in_full(told)
    assert [one.exact for one in full] == [one.effect for one in told]
    assert len({one.words for one in full}) > len({plain([one])[0].words for one in told})
    of_features = [one.words for one, why in zip(full, told, strict=True) if re.search(r"halved every", why.words)]
    assert len(of_features) == len(set(of_features)) > 0
    assert [one for one in full if STRANGE.search(one.words)] == []
    assert all(words.partition(", each counting half after ")[2] for words in of_features)


def test_a_probability_says_what_it_is_of() -> None:
    """6 % of what: a purchase is no yes."""
    words = {success: come_of(success) for success in SUCCESS}
    assert len(set(words.values())) == len(SUCCESS)
    assert "buy" in words["converted"]
    assert "respond" not in words.values()


@pytest.mark.parametrize(
    ("told", "words"),
    [
        ("2019-03-04", "March 2019"),
        ("2019-03-31T23:30:00Z", "April 2019"),
        ("spring of 2019", "spring of 2019"),
        ("2019-13-01", "2019-13-01"),
    ],
)
def test_since_when_is_a_month_however_it_was_told(told: str, words: str) -> None:
    assert month_told(told, "Europe/Berlin") == words
