"""A part of all claims says of the people in it what all claims say."""

from __future__ import annotations

import dataclasses
from collections.abc import Collection, Iterable, Mapping

from hypothesis import given, settings
from hypothesis import strategies as st

from features.partition import COMMON, Claim, Person, Role, partition
from features.stores.region import person_of, settle
from tests.features.test_partition import Story, Told, told_of

HELD, ALIAS = Role.HELD, Role.ALIAS


class Listed:
    """A source that is a list, and counts what was asked of it."""

    def __init__(self, claims: Collection[Claim], names: Mapping[int, str]) -> None:
        self._claims = claims
        self._names = names
        self.seen: set[int] = set()

    def of_profiles(self, profiles: Collection[int]) -> Iterable[Claim]:
        self.seen |= set(profiles)
        return [one for one in self._claims if one.profile in profiles]

    def of_identifiers(self, identifiers: Collection[bytes]) -> tuple[Iterable[Claim], Collection[bytes]]:
        holders: dict[bytes, set[int]] = {one: set() for one in identifiers}
        for claim in self._claims:
            if claim.identifier in holders and not claim.severed:
                holders[claim.identifier].add(claim.profile)
        common = {one for one, several in holders.items() if len(several) > COMMON}
        return [one for one in self._claims if one.identifier in holders and one.identifier not in common], common

    def names(self, profiles: Collection[int]) -> Mapping[int, str]:
        return {one: self._names[one] for one in profiles}


def in_full(people: Iterable[Person]) -> set[object]:
    return {(one.root, one.name, frozenset(one.linked.items()), one.joins) for one in people}


_POOL = ("u:1", "u:2", "u:3", "u:4", "c:1", "x", "y", "z", "w", "m", "n", "o")
_ANCHORS = ("u:1", "u:2", "u:3", "u:4", "c:1", "x", "y", "z", "w", "m")
_STORIES = st.lists(
    st.tuples(
        st.sampled_from(_ANCHORS), st.sampled_from(_POOL), st.sampled_from([HELD, HELD, HELD, ALIAS]), st.integers(0, 9)
    ),
    min_size=1,
    max_size=16,
)
lawful = settings(max_examples=150, deadline=None)


@lawful
@given(_STORIES, st.integers(0, 3))
def test_what_changed_is_found_from_the_claims_that_are_new(story: Story, newest: int) -> None:
    told = told_of(story)
    fresh = set(told.claims[max(0, len(told.claims) - newest) :])
    there = {one.profile for one in told.claims if one.role == Role.ANCHOR and one not in fresh}
    fresh |= {one for one in told.claims if one.profile not in there}
    earlier = [one for one in told.claims if one not in fresh]
    was = in_full(partition(earlier, {one: told.names[one] for one in there}))
    source = Listed(told.claims, told.names)
    seeds = {one.profile for one in fresh}
    settled = settle(source, seeds, lambda one: None if one in fresh else one)
    assert (was - in_full(settled.gone)) | in_full(settled.now) == in_full(partition(told.claims, told.names))


@lawful
@given(_STORIES, st.data())
def test_a_person_is_found_whole_from_any_profile(story: Story, data: st.DataObject) -> None:
    told = told_of(story)
    profile = data.draw(st.sampled_from(sorted(told.names)))
    (person,) = in_full([person_of(Listed(told.claims, told.names), profile)])
    assert person in in_full(partition(told.claims, told.names))


@lawful
@given(_STORIES, st.data())
def test_what_changed_by_severing_is_found(story: Story, data: st.DataObject) -> None:
    told = told_of(story)
    loose = [one for one in told.claims if one.role != Role.ANCHOR]
    cut = data.draw(st.sets(st.sampled_from(loose))) if loose else set()
    severed = {dataclasses.replace(one, severed=True): one for one in cut}
    left = [one for one in told.claims if one not in cut] + list(severed)
    loosened = {one.identifier for one in cut}
    seeds = {one.profile for one in told.claims if one.identifier in loosened}
    settled = settle(Listed(left, told.names), seeds, lambda one: severed.get(one, one))
    was = in_full(partition(told.claims, told.names))
    assert (was - in_full(settled.gone)) | in_full(settled.now) == in_full(partition(left, told.names))


def test_the_walk_ends_at_known_neighbours() -> None:
    """A street of families, each of which shares a number with the next."""
    told = Told()
    for number in range(100):
        told.say(f"u:{number}", f"phone-{number}").say(f"u:{number}", f"phone-{number + 1}")
    source = Listed(told.claims, told.names)
    told.say("u:50", "new")
    source = Listed(told.claims, told.names)
    settle(source, {told.numbers["u:50"]}, lambda one: one if one.identifier != b"new" else None)
    assert len(source.seen) == 3
