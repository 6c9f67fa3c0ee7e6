"""The rules by which claims make people, against an oracle and as laws."""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Mapping, Sequence

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from features.links import ALWAYS
from features.partition import COMMON, Claim, Person, Role, Strength, partition
from tests.features.partition_oracle import People, people_slowly

ANCHOR, HELD, ALIAS = Role.ANCHOR, Role.HELD, Role.ALIAS
_STRENGTHS = {"u": Strength.USER, "c": Strength.STRONG}


class Told:
    """Claims written down: names "u:..." are user ids, "c:..." loyalty cards, all else is weak."""

    def __init__(self) -> None:
        self.claims: list[Claim] = []
        self.numbers: dict[str, int] = {}

    def profile(self, anchor: str, at: int = 0) -> int:
        if anchor not in self.numbers:
            self.numbers[anchor] = len(self.numbers) + 1
            self.claims.append(_claim(self.numbers[anchor], anchor, ANCHOR, at))
        return self.numbers[anchor]

    def say(self, anchor: str, identifier: str, role: Role = HELD, at: int = 0, severed: bool = False) -> Told:
        claim = _claim(self.profile(anchor, at), identifier, role, at)
        self.claims.append(dataclasses.replace(claim, severed=severed))
        return self

    @property
    def names(self) -> dict[int, str]:
        return {number: anchor for anchor, number in self.numbers.items()}

    def people(self) -> set[frozenset[str]]:
        return {frozenset(self.names[one] for one in person.linked) for person in self.partition()}

    def partition(self) -> tuple[Person, ...]:
        return partition(self.claims, self.names)


def _claim(profile: int, identifier: str, role: Role, at: int) -> Claim:
    return Claim(profile, identifier.encode(), role, at, _STRENGTHS.get(identifier[0], Strength.WEAK))


def groups(*names: str) -> set[frozenset[str]]:
    return {frozenset(one.split()) for one in names}


# The rules, one by one


def test_an_alias_and_a_shared_strong_identifier_make_one_person() -> None:
    assert Told().say("u:new", "u:old", ALIAS).say("u:old", "e").people() == groups("u:new u:old")
    assert Told().say("u:a", "c:1").say("u:b", "c:1").say("x", "c:1").people() == groups("u:a u:b x")


def test_a_familys_telephone_joins_nobody() -> None:
    told = Told().say("u:ann", "phone").say("u:bob", "phone").say("x", "phone").say("y", "phone")
    assert told.people() == groups("u:ann", "u:bob", "x", "y")


def test_an_alias_of_a_shared_browser_makes_no_two_known_people_one() -> None:
    told = Told().say("x", "page").say("u:ann", "x", ALIAS)
    assert told.people() == groups("u:ann x")
    assert told.say("u:bob", "x", ALIAS).people() == groups("u:ann", "u:bob", "x")


def test_unknown_visitors_join_the_only_known_one_whom_they_touch() -> None:
    told = Told().say("u:ann", "x").say("x", "mail").say("y", "mail").say("z", "device").say("y", "device")
    assert told.people() == groups("u:ann x y z")
    assert told.say("u:bob", "device").people() == groups("u:ann x", "u:bob", "y z")


def test_a_shared_computer_belongs_to_nobody_and_bridges_nothing() -> None:
    told = Told().say("x", "mail").say("u:ann", "x").say("u:bob", "x").say("y", "mail").say("u:ann", "mail")
    assert told.people() == groups("u:ann y", "u:bob", "x")


def test_an_alias_between_unknown_makes_one_before_anything_weak_is_looked_at() -> None:
    told = Told().say("x", "y", ALIAS).say("y", "m").say("u:ann", "x").say("u:bob", "y")
    assert told.people() == groups("u:ann", "u:bob", "x y")


def test_a_placeholder_that_many_have_joins_nobody() -> None:
    for count, people in ((COMMON, 1), (COMMON + 1, COMMON + 1)):
        told = Told()
        for number in range(count):
            told.say(f"x{number}", "c:0")
        assert len(told.people()) == people


def test_a_common_identifier_is_common_though_few_holders_are_in_sight() -> None:
    told = Told().say("u:a", "c:0").say("u:b", "c:0")
    assert len(partition(told.claims, told.names)) == 1
    assert len(partition(told.claims, told.names, {b"c:0"})) == 2


def test_chains_and_cycles_of_aliases_end() -> None:
    names = [f"u:{number:02}" for number in range(40)]
    chain, cycle = Told(), Told()
    for one, other in itertools.pairwise(names):
        chain.say(one, other, ALIAS).profile(other)
        cycle.say(one, other, ALIAS)
    cycle.say(names[-1], names[0], ALIAS)
    assert chain.people() == cycle.people() == {frozenset(names)}
    assert (chain.partition()[0].name, cycle.partition()[0].name) == ("u:00", "u:00")


def test_the_name_is_the_least_user_id_that_is_nobodys_older_name() -> None:
    told = Told().say("u:b", "u:a", ALIAS).say("x", "m").say("u:b", "x").say("u:c", "u:a", ALIAS)
    told.profile("u:a")
    assert [one.name for one in told.partition()] == ["u:b"]


def test_the_root_is_the_known_profile_first_told_of() -> None:
    told = Told().say("x", "m", at=1).say("u:b", "x", at=2).say("u:a", "u:b", ALIAS, at=3)
    (person,) = told.partition()
    assert (told.names[person.root], person.name) == ("u:b", "u:a")
    assert {told.names[one]: at for one, at in person.linked.items()} == {"x": 2, "u:b": ALWAYS, "u:a": 3}


def test_five_hundred_identifiers_of_one_person() -> None:
    told = Told()
    for number in range(500):
        told.profile(f"x{number}", at=number)
        told.say("u:ann", f"x{number}", at=number + 500)
    (person,) = told.partition()
    assert (len(person.linked), len(person.joins)) == (501, 500)
    assert person.linked[told.numbers["x499"]] == 999


# When


def test_a_family_linked_late_was_not_linked_by_what_they_always_shared() -> None:
    told = Told().say("u:ann", "phone", at=1).say("u:bob", "phone", at=2).say("x", "phone", at=3)
    told.say("u:bob", "u:ann", ALIAS, at=9)
    (person,) = told.partition()
    assert {told.names[one]: at for one, at in person.linked.items()} == {"u:ann": ALWAYS, "u:bob": 9, "x": 9}
    assert [join.at for join in person.joins] == [9, 9]


def test_a_profile_belongs_since_the_latest_claim_on_its_earliest_path() -> None:
    told = Told().say("u:a", "c:1", at=1).say("u:b", "c:1", at=4).say("u:b", "c:2", at=5).say("u:c", "c:2", at=2)
    told.say("u:c", "c:3", at=7).say("u:a", "c:3", at=8)
    (person,) = told.partition()
    assert {told.names[one]: at for one, at in person.linked.items()} == {"u:a": ALWAYS, "u:b": 4, "u:c": 5}


# Laws

_POOL = ("u:1", "u:2", "u:3", "c:1", "x", "y", "z", "m", "n")
_ANCHORS = ("u:1", "u:2", "u:3", "c:1", "x", "y", "z", "m")
_SAYINGS = st.tuples(
    st.sampled_from(_ANCHORS), st.sampled_from(_POOL), st.sampled_from([HELD, HELD, ALIAS]), st.integers(0, 9)
)
_STORIES = st.lists(_SAYINGS, min_size=1, max_size=9)
Story = Sequence[tuple[str, str, Role, int]]
lawful = settings(max_examples=150, deadline=None)


def told_of(story: Story) -> Told:
    """A set of claims, as the store keeps it: the first moment of each counts."""
    told, first = Told(), {}
    for anchor, identifier, role, at in story:
        first[anchor, anchor, ANCHOR] = min(at, first.get((anchor, anchor, ANCHOR), at))
        if anchor != identifier:
            first[anchor, identifier, role] = min(at, first.get((anchor, identifier, role), at))
    for (anchor, identifier, role), at in first.items():
        if role == ANCHOR:
            told.profile(anchor, at)
        else:
            told.say(anchor, identifier, role, at)
    return told


def in_words(told: Told) -> object:
    return {
        (
            told.names[one.root],
            one.name,
            frozenset((told.names[profile], at) for profile, at in one.linked.items()),
            tuple(join.at for join in one.joins),
        )
        for one in told.partition()
    }


def as_people(people: Sequence[Person]) -> People:
    return frozenset((frozenset(one.linked), one.name) for one in people)


@lawful
@given(_STORIES)
def test_the_partition_is_what_the_rules_say(story: Story) -> None:
    told = told_of(story)
    assert as_people(told.partition()) == people_slowly(told.claims, told.names)


@lawful
@given(_STORIES, st.data())
def test_the_order_of_telling_and_telling_twice_change_nothing(story: Story, data: st.DataObject) -> None:
    again = data.draw(st.permutations([*story, *data.draw(st.lists(st.sampled_from(story), max_size=3))]))
    assert in_words(told_of(story)) == in_words(told_of(again))


@lawful
@given(_STORIES)
def test_everybody_is_in_one_person_joined_once(story: Story) -> None:
    told = told_of(story)
    people = told.partition()
    assert sorted(one for person in people for one in person.linked) == sorted(told.names)
    for person in people:
        assert len(person.joins) == len(person.linked) - 1
        assert [one for one, at in person.linked.items() if at == ALWAYS] == [person.root]


@lawful
@given(_STORIES)
def test_weak_identifiers_alone_never_make_two_known_people_one(story: Story) -> None:
    weak = [one for one in story if one[1][0] not in _STRENGTHS and one[0] != "c:1"]
    assume(weak)
    told = told_of(weak)
    for person in told.people():
        assert sum(name.startswith("u:") for name in person) <= 1


@lawful
@given(_STORIES, st.data())
def test_a_severed_claim_counts_as_if_never_made(story: Story, data: st.DataObject) -> None:
    told = told_of(story)
    cut = data.draw(st.sets(st.sampled_from([one for one in told.claims if one.role != ANCHOR] or [None])))
    severed = [dataclasses.replace(one, severed=one in cut) for one in told.claims]
    without = [one for one in told.claims if one not in cut]
    assert partition(severed, told.names) == partition(without, told.names)


@lawful
@given(_STORIES)
def test_with_one_known_person_linked_at_is_the_first_moment_from_which_they_were_one(story: Story) -> None:
    """As of any moment the partition of what was known then agrees. Where those who shared a weak identifier came to
    share a strong one or an alias too, or one came to name the other, the moment is the later one: never too early."""
    story = [one for one in story if "u:2" not in one and "u:3" not in one]
    assume(story)
    told = told_of([*((one[0], one[0], HELD, 0) for one in story), *story])
    only_weak = not any(one[0] != one[1] and (one[2] == ALIAS or one[1][0] in _STRENGTHS) for one in story)
    anchors = {one[0] for one in story}
    named = any(one[1] in anchors - {one[0]} for one in story)
    shared = len({one[1] for one in story} - anchors) > 0
    only_weak = only_weak and not (named and shared)
    for person in told.partition():
        for profile, since in person.linked.items():
            if profile != person.root:
                assert _together(told, person.root, profile, since)
                assert not only_weak or not _together(told, person.root, profile, since - 1)


def _together(told: Told, one: int, other: int, moment: int) -> bool:
    claims = [claim for claim in told.claims if claim.since <= moment]
    then = partition(claims, {claim.profile: told.names[claim.profile] for claim in claims})
    return any({one, other} <= set(person.linked) for person in then)


@lawful
@given(_STORIES)
def test_nobody_is_linked_by_what_was_not_yet_known(story: Story) -> None:
    """Claims after the moment at which somebody was linked are not needed for it, however many are known."""
    told = told_of([(anchor, identifier, HELD, at) for anchor, identifier, _, at in story])
    for person in told.partition():
        users = [one for one in person.linked if told.names[one].startswith("u:")]
        for profile in users:
            since = person.linked[profile]
            assert profile == person.root or _together(told, person.root, profile, since)


@pytest.mark.parametrize("names", [{1: "u:a", 2: "u:b"}, {1: "u:b", 2: "u:a"}])
def test_equal_moments_are_settled_by_name_not_by_number(names: Mapping[int, str]) -> None:
    claims = [_claim(number, name, ANCHOR, 0) for number, name in names.items()]
    claims += [_claim(number, "c:1", HELD, 0) for number in names]
    (person,) = partition(claims, names)
    assert (names[person.root], person.name) == ("u:a", "u:a")
