"""Contact limits: the contacts of a page, the windows of a calendar, and what a decision may still choose."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import structs

from features.event import Event, Kind
from features.history import CustomerRecord, text_code
from features.instants import parse_instant, render_instant
from features.published import NOTHING
from features.vocabulary import Vocabulary
from models.catalogue_file import checked
from models.columns import CompiledCatalogue
from models.decide import decide
from models.local_time import start_of_day
from models.policy.contacts import Stage, contacts, stage, without_reservation
from models.policy.gates.contact_limits import WithinContactLimits
from models.policy.situation import Situation
from models.policy_rules import Arm
from tests.models.contact_oracle import contacts_of, date_of, exceeds
from tests.models.shelves import CHANNELS
from tests.models.shop import DAY, NOW, ByAction, compiled, customer, event, items_table, request
from tests.models.worlds import World, contacts_told, worlds

HOUR = 3_600_000
GATE = WithinContactLimits()


@settings(max_examples=200, deadline=None)
@given(told=st.lists(contacts_told(), max_size=12), moment=st.sampled_from([NOW, NOW - DAY, NOW - 7 * DAY]))
def test_contacts_agree_with_the_oracle(told: list[Event], moment: int) -> None:
    vocabulary = Vocabulary()
    vocabulary.learn("action", list(enumerate(["a0", "a1", "a2", "retired"])))
    vocabulary.learn("channel", list(enumerate([*sorted(CHANNELS), "elsewhere"])))
    found = contacts(customer(told, vocabulary).page, moment)
    words = [
        (vocabulary.text("action", int(action)), vocabulary.text("channel", int(channel)), int(at))
        for action, channel, at in zip(found.action, found.channel, found.at, strict=True)
    ]
    assert sorted(words, key=str) == sorted(contacts_of(told, moment), key=str)


@settings(max_examples=200, deadline=None)
@given(world=worlds())
def test_the_gate_agrees_with_the_oracle(world: World) -> None:
    situation, made = world.situation, contacts_of(world.events, NOW)
    at = world.request.deliver_at
    expected = [
        exceeds(world, situation.action_id(place), situation.channel(place), at, made)
        for place in range(len(situation.candidates))
    ]
    assert GATE.refuses(situation).tolist() == expected


@settings(max_examples=100, deadline=None)
@given(world=worlds())
def test_what_is_refused_is_permitted_from_the_moment_that_is_named_and_not_before(world: World) -> None:
    for place in np.flatnonzero(GATE.refuses(world.situation)):
        account = GATE.account(world.situation, int(place))
        if account.rule == "never":
            assert "from" not in account.required
            continue
        again = parse_instant(account.required.rsplit(" ", 1)[1])
        assert account.reason.endswith(f"permitted from {render_whole(again)} on")
        for moment, refused in ((again, False), (again - 1, True)):
            later = replace(world, request=replace(world.request, deliver_at=moment))
            assert bool(GATE.refuses(later.situation)[place]) is refused


def render_whole(moment: int) -> str:
    """Of a moment whose milliseconds are 0, without them."""
    return render_instant(moment).replace(".000Z", "Z")


@settings(max_examples=300, deadline=None)
@given(
    moment=st.integers(parse_instant("2012-01-01T00:00:00Z"), parse_instant("2037-01-01T00:00:00Z")),
    zone=st.sampled_from(["UTC", "Europe/London", "America/Sao_Paulo", "Pacific/Apia", "Asia/Beirut", "Asia/Kolkata"]),
    days=st.integers(-40, 40),
)
def test_a_day_begins_with_its_first_moment(moment: int, zone: str, days: int) -> None:
    begins = start_of_day(zone, "UTC", moment, days)
    away = (date_of(begins, zone) - date_of(moment, zone)).days
    # A day that a country left out has no moment of its own.
    assert away == days or zone == "Pacific/Apia"
    assert date_of(begins - 1, zone) < date_of(begins, zone)


def test_days_have_the_hours_that_the_clock_gives_them() -> None:
    noon = parse_instant("2026-03-29T12:00:00Z")
    assert start_of_day("Europe/London", "UTC", noon, 1) - start_of_day("Europe/London", "UTC", noon, 0) == 23 * HOUR
    assert start_of_day("Not/AZone", "Europe/London", noon, 0) == parse_instant("2026-03-29T00:00:00Z")
    with pytest.raises(ValueError, match="time zone is 'nowhere'"):
        start_of_day(None, "nowhere", noon, 0)


def small(limits: dict[str, object], purpose: str = "marketing") -> tuple[CompiledCatalogue, Vocabulary]:
    """Two messages of one group on mail and web, and a third by itself, with these limits: of `action` a, of `group` g,
    of `mail`, and `all`."""
    channels = {name: {**CHANNELS[name], "limits": limits.get(name, [])} for name in ("mail", "web")}
    document = {
        "currency": "EUR",
        "time_zone": "Europe/London",
        "channels": channels,
        "groups": [{"id": "g", "limits": limits.get("group", []), "per_slate": 20}],
        "limits": limits.get("all", []),
        "actions": [
            {
                "id": name,
                "kind": "message",
                "purpose": purpose if name == "a" else "marketing",
                "group": "h" if name == "c" else "g",
                "value": value,
                "success": "clicked",
                "limits": limits.get("action", []) if name == "a" else [],
                "treatments": [{"id": channel, "channel": channel} for channel in channels],
            }
            for name, value in (("a", 3), ("b", 2), ("c", 1))
        ],
    }
    return compiled(checked(document, items_table({})))


def chosen(
    shop: CompiledCatalogue, record: CustomerRecord, *channels: str, limit: int = 3, deliver_at: int = NOW
) -> list[str]:
    asked = request(*channels, limit=limit, deliver_at=deliver_at)
    decision = decide(asked, record, shop, ByAction(), NOW, np.random.default_rng(1), NOTHING)
    return [f"{one.action_id} {slate.channel}" for slate in decision.slates for one in slate.actions]


ONCE = [{"contacts": 1, "days": 7}]
OUTBOUND, INBOUND = ([{"contacts": 1, "days": 7, "direction": way}] for way in ("outbound", "inbound"))


@pytest.mark.parametrize(
    ("limits", "expected"),
    [
        ({}, ["a mail", "b mail", "c mail", "a web", "b web", "c web"]),
        ({"action": ONCE}, ["a mail", "b mail", "c mail", "b web", "c web"]),
        ({"group": ONCE}, ["a mail", "c mail", "c web"]),
        ({"mail": ONCE}, ["a mail", "a web", "b web", "c web"]),
        ({"group": OUTBOUND}, ["a mail", "c mail", "a web", "b web", "c web"]),
        ({"group": INBOUND}, ["a mail", "b mail", "c mail", "a web", "c web"]),
        ({"action": INBOUND}, ["a mail", "b mail", "c mail", "a web", "b web", "c web"]),
        ({"group": [*INBOUND, *OUTBOUND]}, ["a mail", "c mail", "a web", "c web"]),
        ({"all": [{"direction": "outbound", "contacts": 1, "hours": 1}]}, ["a mail", "a web", "b web", "c web"]),
        ({"all": [{"direction": "inbound", "contacts": 1, "days": 1}]}, ["a mail", "b mail", "c mail", "a web"]),
        ({"mail": [{"contacts": 0, "days": 1}]}, ["a web", "b web", "c web"]),
    ],
)  # fmt: skip
def test_slates_together_keep_each_limit(limits: dict[str, object], expected: list[str]) -> None:
    shop, vocabulary = small(limits)
    assert chosen(shop, customer((), vocabulary), "mail", "web") == expected


@pytest.mark.parametrize("whose", ["group", "action"])
@pytest.mark.parametrize("limit", [ONCE, OUTBOUND, INBOUND])
def test_what_was_displayed_closes_the_letter_box_only_for_limits_of_both_directions(
    whose: str, limit: list[dict[str, object]]
) -> None:
    shop, vocabulary = small({whose: limit})

    def after(channel: str, asked: str) -> list[str]:
        told = customer([event(Kind.DISPLAYED, 1, action="a", channel=channel)], vocabulary)
        return [one for one in chosen(shop, told, asked) if one.startswith("a ")]

    across = int(limit is not ONCE)
    assert (len(after("web", "mail")), len(after("mail", "web"))) == (across, across)
    assert (len(after("mail", "mail")), len(after("web", "web"))) == (int(limit is INBOUND), int(limit is OUTBOUND))


def test_an_account_names_the_direction_that_a_limit_looks_at() -> None:
    shop, vocabulary = small({"group": OUTBOUND})
    record = customer([event(Kind.SENT, 1, action="b", channel="mail")], vocabulary)
    situation = Situation(request("mail"), record, shop, shop.channels(("mail",)), NOW, NOTHING, Arm.FULL)
    assert GATE.account(situation, 0).observed == "1 contact with group g on outbound channels"


def test_what_is_owed_is_bound_by_nothing_but_counts() -> None:
    shop, vocabulary = small({"mail": ONCE, "action": [{"contacts": 0, "days": 1}]}, "legal")
    assert chosen(shop, customer((), vocabulary), "mail") == ["a mail"]
    told = [event(Kind.SENT, 1, action="b", channel="mail")]
    assert chosen(shop, customer(told, vocabulary), "mail") == ["a mail"]


def test_a_reservation_counts_until_it_is_released_or_over() -> None:
    shop, vocabulary = small({"mail": ONCE})

    def after(*told: Event, deliver_at: int = NOW) -> int:
        return len(chosen(shop, customer(told, vocabulary), "mail", deliver_at=deliver_at))

    held = event(Kind.RESERVED, 1, action="a", channel="mail", decision="d", held_days=2)
    assert after(held) == 0
    assert after(held, event(Kind.NOT_SENT, 0.5, action="a", channel="mail", decision="d")) == 1
    assert after(held, event(Kind.NOT_SENT, 0.5, action="b", channel="mail", decision="d")) == 0
    assert after(structs.replace(held, ends_at=NOW)) == 1
    assert after(structs.replace(held, ends_at=NOW + 1)) == 0
    assert after(held, event(Kind.SENT, 0.5, action="a", channel="mail", decision="d"), deliver_at=NOW + 5 * DAY) == 0
    # It may be sent at its end, a day from now, which is within the seven days before that delivery; not of this one.
    assert after(held, deliver_at=NOW + 6 * DAY) == 0
    assert after(held, deliver_at=NOW + 9 * DAY) == 1
    # What is decided now for later counts for what is decided now for sooner.
    assert after(structs.replace(held, ends_at=NOW + 30 * DAY)) == 0


def test_the_account_names_limit_count_and_earliest_moment() -> None:
    shop, vocabulary = small({"mail": [{"contacts": 2, "days": 7}], "action": [{"contacts": 1, "hours": 1.5}]})
    told = [event(Kind.SENT, days, action="a", channel="mail") for days in (1, 2, 3)]
    asked = request("mail")
    situation = Situation(asked, customer(told, vocabulary), shop, shop.channels(("mail",)), NOW, NOTHING, Arm.FULL)
    account = GATE.account(situation, 0)
    assert (account.rule, account.observed) == ("too_many", "3 contacts with channel mail")
    assert account.required == "at most 2 contacts in 7 days: from 2026-01-06T00:00:00Z"
    assert account.reason == (
        "channel mail: at most 2 contacts in 7 days, and there are 3, made or reserved; permitted from "
        "2026-01-06T00:00:00Z on"
    )


def test_the_stages_of_what_was_chosen() -> None:
    vocabulary = small({})[1]
    own, codes = text_code("d"), (vocabulary.code("action", "a"), vocabulary.code("channel", "mail"))
    fields = {"action": "a", "channel": "mail", "decision": "d"}
    held = event(Kind.RESERVED, 1, held_days=2, **fields)
    sent, not_sent = event(Kind.SENT, 0.5, **fields), event(Kind.NOT_SENT, 0.5, **fields)

    def of(*told: Event) -> Stage:
        return stage(customer(told, vocabulary).page, NOW, own, *codes)

    assert [of(), of(structs.replace(held, ends_at=NOW)), of(held)] == [Stage.LAPSED, Stage.LAPSED, Stage.HELD]
    assert [of(held, sent), of(held, not_sent), of(not_sent, sent)] == [Stage.SENT, Stage.CANCELLED, Stage.SENT]
    page = customer([held, sent], vocabulary).page
    assert without_reservation(page, own, *codes)["kind"].tolist() == [Kind.SENT]
    assert len(without_reservation(page, text_code("other"), *codes)) == 2
