"""Erasing somebody changes nobody else: not who they are, not since when, not through what."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

from hypothesis import given, settings
from hypothesis import strategies as st

from features.partition import COMMON, Claim, Person, Role, Strength, partition
from features.stores.boundary import left_behind
from tests.features.partition_oracle import people_slowly
from tests.features.test_partition import Story, Told, told_of
from tests.features.test_region import _STORIES, in_full

lawful = settings(max_examples=300, deadline=None)


def erased(told: Told, gone: Sequence[Person]) -> tuple[list[Claim], dict[int, str]]:
    """The claims, and the names, once these people are erased one after the other."""
    claims, names = list(told.claims), dict(told.names)
    numbers = itertools.count(max(names) + 1)
    for person in gone:
        own = [one for one in claims if one.profile in person.linked]
        rest = [one for one in claims if one.profile not in person.linked]
        others = {one.identifier: len(_holders(rest, one.identifier)) for one in own}
        made = left_behind(own, others, lambda: (number := next(numbers), f"n:{number}".encode()))
        claims = rest + made
        names |= {one.profile: f"n:{one.profile}" for one in made}
    there = {one.profile for one in claims}
    return claims, {profile: name for profile, name in names.items() if profile in there}


def _holders(claims: Sequence[Claim], identifier: bytes) -> set[int]:
    return {one.profile for one in claims if one.identifier == identifier and not one.severed}


def somebody(people: Sequence[Person], names: dict[int, str]) -> set[object]:
    return in_full(one for one in people if not names[one.root].startswith("n:"))


@lawful
@given(_STORIES, st.data())
def test_everybody_else_stays_who_they_were(story: Story, data: st.DataObject) -> None:
    told = told_of(story)
    people = partition(told.claims, told.names)
    gone = data.draw(st.lists(st.sampled_from(people), unique_by=lambda one: one.root, max_size=3))
    claims, names = erased(told, gone)
    left = in_full(one for one in people if one not in gone)
    assert somebody(partition(claims, names), names) == left


@lawful
@given(_STORIES, _STORIES, st.data())
def test_nobody_ever_joins_what_was_left_behind(story: Story, later: Story, data: st.DataObject) -> None:
    """Whatever is told afterwards; and the oracle, which knows the rules only, agrees."""
    told = told_of(story)
    people = partition(told.claims, told.names)
    claims, names = erased(told, [data.draw(st.sampled_from(people))])
    fresh = told_of(later)
    shift = max(names, default=0) + 100
    anchored = {one.identifier: one.profile for one in claims if one.role == Role.ANCHOR}
    number = {profile: anchored.get(name.encode(), profile + shift) for profile, name in fresh.names.items()}
    told_later = [Claim(number[c.profile], c.identifier, c.role, c.since, c.strength) for c in fresh.claims]
    known = {(one.profile, one.identifier, one.role) for one in claims}
    everything = claims + [one for one in told_later if (one.profile, one.identifier, one.role) not in known]
    everybody = names | {number[profile]: name for profile, name in fresh.names.items()}
    found = partition(everything, everybody)
    for person in found:
        nameless = [everybody[one].startswith("n:") for one in person.linked]
        assert all(nameless) or not any(nameless)
    assert {(frozenset(one.linked), one.name) for one in found} == people_slowly(everything, everybody)


def test_a_shared_computer_does_not_become_the_other_ones() -> None:
    told = Told().say("u:ann", "x").say("u:bob", "x").say("x", "m")
    (ann,) = [one for one in told.partition() if one.name == "u:ann"]
    claims, names = erased(told, [ann])
    assert {person.name for person in partition(claims, names)} >= {"u:bob", "x"}
    assert all(claim.strength != Strength.USER or claim.profile == told.numbers["u:bob"] for claim in claims)


def test_what_was_theirs_by_a_claim_only_bars_nobody() -> None:
    """Two unknown ones stay together between two known people when one of these goes with what had joined them."""
    told = Told().say("u:ann", "w").say("y", "w").say("x", "y").say("z", "x").say("u:bob", "z")
    (bob,) = [one for one in told.partition() if one.name == "u:bob"]
    assert len(bob.linked) == 2
    claims, names = erased(told, [bob])
    assert somebody(partition(claims, names), names) == in_full(one for one in told.partition() if one != bob)


def test_who_shared_nothing_leaves_nothing() -> None:
    told = Told().say("u:ann", "x").say("x", "m").say("u:bob", "y")
    (ann,) = [one for one in told.partition() if one.name == "u:ann"]
    claims, _ = erased(told, [ann])
    assert {one.profile for one in claims} == {told.numbers["u:bob"]}


def test_a_common_identifier_stays_common() -> None:
    """Without those who are erased, few enough would be left to be joined by it."""
    for erased_one in ("x0", "u:ann"):
        told = Told().say("u:ann", "c:0")
        for number in range(COMMON):
            told.say(f"x{number}", "c:0")
        (gone,) = [one for one in told.partition() if one.name == erased_one]
        claims, names = erased(told, [gone])
        assert len(somebody(partition(claims, names), names)) == COMMON
