"""What holds an action back beside consent and purchases: each gate against a slow and obvious telling of its rule."""

from __future__ import annotations

import datetime as dt
import zoneinfo
from collections.abc import Callable, Mapping, Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from features.cases import open_cases
from features.event import Event, Kind
from features.history import text_code
from features.journey import HandoffState, handoffs, present
from features.vocabulary import Vocabulary
from models.catalogue import Action
from models.catalogue_file import checked
from models.cool_off import CoolOffModel
from models.learned_windows import with_learned_windows
from models.policy.gate import Gate
from models.policy.gates.accepted import NotPending
from models.policy.gates.in_basket import LiesInBasket
from models.policy.gates.quiet_hours import OutsideQuietHours
from models.policy.gates.reachable import Reachable
from models.policy.gates.rejected import CooledOff
from models.policy.gates.service_first import ServiceBeforeSales
from models.policy.gates.survey import AfterwardsOnly
from models.policy.quiet import quiet_until
from models.policy_rules import OWED, Purpose, QuietHours
from tests.models.goods import Learned
from tests.models.shop import DAY, NOW, ByAction, compiled, customer, event, items_table, records, request
from tests.models.test_gates import basket, bought_too, is_of
from tests.models.worlds import FORBIDDING, World, worlds

HOUR = DAY // 24
LAW = settings(max_examples=100, deadline=None)
Verdict = Callable[[World, Action, str], bool]


def agrees(gate: Gate, world: World, refused: Verdict) -> None:
    situation = world.situation
    actions = [world.compiled.catalogue.actions[number] for number in situation.candidates.action]
    expected = [refused(world, action, situation.channel(place)) for place, action in enumerate(actions)]
    assert gate.refuses(situation).tolist() == expected


def known(world: World, *kinds: Kind) -> list[Event]:
    """What was told of these kinds by NOW, the oldest first."""
    told = [one for one in world.events if one.kind in kinds and max(one.recorded_at, one.occurred_at) <= NOW]
    return sorted(told, key=lambda one: one.occurred_at)


# Quiet hours


def is_quiet(rule: QuietHours, moment: int, zone: str) -> bool:
    local = dt.datetime.fromtimestamp(moment / 1000, zoneinfo.ZoneInfo(zone))
    clock = (local.hour * 60 + local.minute) * 60_000 + local.second * 1000 + local.microsecond // 1000
    through_the_day = rule.begin < rule.end
    inside = rule.begin <= clock < rule.end if through_the_day else not rule.end <= clock < rule.begin
    return inside or local.weekday() in rule.closed


@settings(max_examples=300, deadline=None)
@given(
    begin=st.integers(0, 47),
    end=st.integers(0, 47),
    closed=st.frozensets(st.integers(0, 6), max_size=6),
    half_hours=st.integers(0, 2 * 24 * 400),
    zone=st.sampled_from(["UTC", "Europe/Berlin", "America/New_York", "Asia/Kathmandu", "Australia/Lord_Howe"]),
)
def test_quiet_hours_end_at_the_first_moment_that_is_not_quiet(
    begin: int, end: int, closed: frozenset[int], half_hours: int, zone: str
) -> None:
    if begin == end:
        return
    rule = QuietHours(begin * HOUR // 2, end * HOUR // 2, closed)
    moment = NOW + half_hours * HOUR // 2
    until = quiet_until(rule, moment, zone, "UTC")
    assert (until is not None) == is_quiet(rule, moment, zone)
    if until is not None:
        assert not is_quiet(rule, until, zone)
        steps = range(moment, until, HOUR // 4)
        # Where clocks go back, an hour comes twice: what is quiet the first time may be over for its second.
        loud = [step for step in steps if not is_quiet(rule, step, zone)]
        assert len(loud) <= 4


@LAW
@given(world=worlds())
def test_quiet_hours_are_judged_at_delivery_on_the_customers_clock(world: World) -> None:
    zone = world.customer.time_zone if world.customer.time_zone == "America/New_York" else "Europe/Berlin"

    def refused(world: World, action: Action, channel: str) -> bool:  # noqa: ARG001
        rule = world.compiled.catalogue.channels[channel].quiet_hours
        return rule is not None and is_quiet(rule, world.request.deliver_at, zone)

    agrees(OutsideQuietHours(), world, refused)


def test_a_refusal_names_the_earliest_moment() -> None:
    night = QuietHours(21 * HOUR, 8 * HOUR, frozenset({5, 6}))
    friday_evening = dt.datetime(2026, 1, 2, 22, 30, tzinfo=zoneinfo.ZoneInfo("Europe/Berlin"))
    monday_morning = dt.datetime(2026, 1, 5, 8, 0, tzinfo=zoneinfo.ZoneInfo("Europe/Berlin"))
    assert quiet_until(night, round(friday_evening.timestamp()) * 1000, None, "Europe/Berlin") == (
        round(monday_morning.timestamp()) * 1000
    )


# Service before sales


def cases(world: World) -> list[tuple[int, int, str | None]]:
    """Slow and obvious: (severity, last touched, reason) of every open case."""
    found = []
    for case in (None, "case 1", "case 2"):
        told = [
            one for one in known(world, Kind.CASE_OPENED, Kind.CASE_UPDATED, Kind.CASE_CLOSED) if one.decision == case
        ]
        told.sort(key=lambda one: (one.occurred_at, one.kind))
        turns = [one for one in told if one.kind is not Kind.CASE_UPDATED]
        if told and (not turns or turns[-1].kind is Kind.CASE_OPENED):
            severities = [one.severity for one in told if one.severity]
            reason = next((one.topic for one in told[::-1] if one.topic), None)
            found.append((severities[-1] if severities else 0, told[-1].occurred_at, reason))
    return found


def failing(world: World) -> bool:
    mends = {
        Kind.DELIVERY_DELAYED: (Kind.ORDER_DELIVERED, Kind.REFUNDED, Kind.CANCELLED),
        Kind.PAYMENT_FAILED: (Kind.ORDERED, Kind.CANCELLED),
    }
    for failure in known(world, *mends):
        later = [one for one in known(world, *mends[failure.kind]) if one.occurred_at >= failure.occurred_at]
        mended = any(failure.order is None or one.order == failure.order for one in later)
        if failure.occurred_at > NOW - 3 * DAY and not mended:
            return True
    return False


def being_served(world: World) -> bool:
    """On the web, where the worlds' customers are served."""
    for begins, ends in ((Kind.CALL_STARTED, Kind.CALL_ENDED), (Kind.CHAT_STARTED, Kind.CHAT_ENDED)):
        for one in known(world, begins):
            over = [end for end in known(world, ends) if end.occurred_at >= one.occurred_at]
            passed = [
                move
                for move in known(world, Kind.CALL_TRANSFERRED)
                if begins is Kind.CALL_STARTED and move.occurred_at >= one.occurred_at
            ]
            where = {passed[-1].channel} if passed else {one.channel}
            # Of several transfers at one moment any may be the last.
            where |= {move.channel for move in passed if move.occurred_at == passed[-1].occurred_at}
            if not over and one.occurred_at + 2 * HOUR > NOW and where == {"web"}:
                return True
    web = world.vocabulary.code("channel", "web")
    waiting = handoffs(world.customer.page, NOW, world.compiled.catalogue.journey.patience)
    return any(one.channel == web and one.state is HandoffState.OPEN for one in waiting)


def ambiguous_transfer(world: World) -> bool:
    moves = known(world, Kind.CALL_TRANSFERRED)
    return len({one.occurred_at for one in moves}) < len({(one.occurred_at, one.channel) for one in moves})


def in_trouble(world: World) -> bool:
    """By the rule of the worlds' catalogues that have one."""
    fresh = [(severity, reason) for severity, touched, reason in cases(world) if NOW - touched < 7 * DAY]
    grave = any(severity in (0, 3, 5) or reason == "complaint" for severity, reason in fresh)
    return grave or failing(world) or being_served(world)


def is_sale(world: World, action: Action, channel: str) -> bool:
    """What waits while there is trouble: neither owed, nor to keep whoever comes to us to leave."""
    called = channel == "web" and world.request.context.get("reason") == "cancellation"
    saved = action.purpose is Purpose.RETENTION and called
    return action.purpose not in OWED and not saved


@settings(max_examples=200, deadline=None)
@given(world=worlds())
def test_nothing_is_sold_while_help_is_needed(world: World) -> None:
    rule, trouble = world.compiled.catalogue.service_first, in_trouble(world)

    def refused(world: World, action: Action, channel: str) -> bool:
        return rule is not None and trouble and is_sale(world, action, channel)

    if not ambiguous_transfer(world):
        agrees(ServiceBeforeSales(), world, refused)


@settings(max_examples=200, deadline=None)
@given(world=worlds())
def test_open_cases_agree_with_the_oracle(world: World) -> None:
    found = open_cases(world.customer.page, NOW)
    wanted = sorted((severity, touched, text_code(reason)) for severity, touched, reason in cases(world))
    assert sorted((case.severity, case.touched_at, case.reason) for case in found) == wanted
    assert all(case.opened_at <= case.touched_at for case in found)


@LAW
@given(world=worlds())
def test_a_survey_waits_for_the_end(world: World) -> None:
    rules = world.compiled.catalogue.journey
    going_on = present(world.customer.page, NOW, rules.idle) is not None or bool(cases(world))
    waiting = handoffs(world.customer.page, NOW, rules.patience)
    going_on = going_on or any(one.state is HandoffState.OPEN for one in waiting)
    agrees(AfterwardsOnly(), world, lambda _, action, __: going_on and action.purpose is Purpose.SURVEY)


# What people said to it


def promoted(world: World, action: Action, item: str | None) -> bool:
    if item is None:
        return False
    own = any(is_of(one, thing, True, world) for one in bought_too(item) for thing in action.items)
    return own or any(is_of(one, thing, False, world) for one in bought_too(item) for thing in action.categories)


@settings(max_examples=200, deadline=None)
@given(world=worlds())
def test_what_was_accepted_waits_for_its_order(world: World) -> None:
    def refused(world: World, action: Action, channel: str) -> bool:  # noqa: ARG001
        accepted = [one.occurred_at for one in known(world, Kind.ACCEPTED) if one.action == action.id]
        if not accepted or accepted[-1] + action.pending <= NOW:
            return False
        over = [one for one in known(world, Kind.CONVERTED, Kind.REJECTED) if one.action == action.id]
        over += [one for one in known(world, Kind.ORDERED) if promoted(world, action, one.item)]
        return not any(one.occurred_at >= accepted[-1] for one in over)

    agrees(NotPending(), world, refused)


@LAW
@given(world=worlds())
def test_a_reminder_of_the_basket_needs_one(world: World) -> None:
    lying = [item for item, _ in basket(world.events)]

    def refused(world: World, action: Action, channel: str) -> bool:  # noqa: ARG001
        return action.basket == "require" and not any(promoted(world, action, item) for item in lying)

    agrees(LiesInBasket(), world, refused)


# Whom it would reach


@settings(max_examples=200, deadline=None)
@given(world=worlds())
def test_nobody_is_written_to_in_vain_or_against_their_will(world: World) -> None:
    def refused(world: World, action: Action, channel: str) -> bool:  # noqa: ARG001
        if channel in ("email", "mail") and world.customer.traits.get("do_not_contact", False) in FORBIDDING:
            return True
        if channel == "email" and "email" not in (world.customer.addresses or ()):
            return True
        failed = [one.occurred_at for one in known(world, Kind.ADDRESS_FAILED) if one.channel == channel]
        signs = known(world, Kind.MESSAGE_OPENED, Kind.CLICKED, Kind.CONSENT_GRANTED)
        arrived = [one.occurred_at for one in signs if one.channel == channel]
        return bool(failed) and not any(at > failed[-1] for at in arrived)

    agrees(Reachable(), world, refused)


# In words


def told(gate: Gate, *events: Event, **fields: object) -> tuple[bool, str]:
    """Whether the gate refuses the offer of _told, and its reason."""
    world = _told(events, **fields)
    refused = bool(gate.refuses(world.situation)[0])
    return refused, gate.account(world.situation, 0).reason if refused else ""


def _told(
    events: Sequence[Event],
    *,
    channel: str = "web",
    context: dict[str, object] | None = None,
    cool_off: Mapping[str, object] | None = None,
    rests: CoolOffModel | None = None,
    **fields: object,
) -> World:
    """One offer of w1 on the channel, to whom these happened. rests: what a model has learned."""
    direction = "outbound" if channel == "email" else "inbound"
    document = {
        "currency": "EUR",
        "time_zone": "UTC",
        "channels": {channel: {"direction": direction, "consent": "not_needed", "reward_window_days": 7}},
        "repurchase": {"rule": "always"},
        "cool_off": cool_off or {"action_days": 30},
        "service_first": {"severity": 2, "stale_days": 14, "delivery_days": 3, "retention_reasons": ["cancellation"]},
        "actions": [
            {
                "id": "a",
                "kind": "offer",
                "group": "g",
                "items": ["w1"],
                "value": 1,
                "success": "accepted",
                "treatments": [{"id": "t", "channel": channel}],
                **fields,
            }
        ],
    }
    shop, vocabulary = compiled(checked(document, items_table({"w1": None})))
    shop = with_learned_windows(shop, Learned(cool_off=rests), vocabulary)
    asked = request(channel, context=context)
    return World(shop, vocabulary, tuple(events), customer(events, vocabulary), asked, ByAction())


@pytest.mark.parametrize(
    ("gate", "events", "reason"),
    [
        (
            ServiceBeforeSales(),
            [event(Kind.CASE_OPENED, 2, decision="c", severity=3)],
            "a case of severity 3 is open since 2025-12-30T00:00:00Z, last touched on 2025-12-30T00:00:00Z; "
            "nothing is sold until that is over: when it is closed, or from 2026-01-13T00:00:00Z if untouched",
        ),
        (
            ServiceBeforeSales(),
            [event(Kind.DELIVERY_DELAYED, 1, order="o")],
            "a delivery was delayed on 2025-12-31T00:00:00Z; nothing is sold until that is over: "
            "when that is mended, or from 2026-01-03T00:00:00Z",
        ),
        (
            CooledOff(),
            [event(Kind.REJECTED, 1, action="a")],
            "it was rejected on 2025-12-31T00:00:00Z; the action rests until 2026-01-30T00:00:00Z",
        ),
        (
            NotPending(),
            [event(Kind.ACCEPTED, 1, action="a")],
            "it was accepted on 2025-12-31T00:00:00Z and waits for its order until 2026-01-30T00:00:00Z",
        ),
    ],
)
def test_a_refusal_says_what_happened_and_when_it_ends(gate: Gate, events: list[Event], reason: str) -> None:
    assert told(gate, *events) == (True, reason)


@pytest.mark.parametrize(
    ("events", "refused"),
    [
        ([event(Kind.CASE_OPENED, 14, decision="c", severity=3)], False),
        ([event(Kind.CASE_OPENED, 2, decision="c", severity=1)], False),
        ([event(Kind.CASE_OPENED, 2, decision="c", severity=1, topic="late again")], False),
        ([event(Kind.CASE_OPENED, 2, decision="c", severity=1, topic="complaint")], True),
        ([event(Kind.CASE_OPENED, 2, decision="c")], True),
        ([event(Kind.CASE_OPENED, 2, decision="c", severity=3), event(Kind.CASE_CLOSED, 1, decision="c")], False),
        ([event(Kind.CASE_OPENED, 2, decision="c", severity=3), event(Kind.CASE_CLOSED, 1, decision="d")], True),
        ([event(Kind.PAYMENT_FAILED, 1), event(Kind.ORDERED, 0.5, item="w1", order="o")], False),
    ],
)
def test_a_forgotten_slight_or_closed_case_stops_nothing(events: list[Event], refused: bool) -> None:
    assert told(ServiceBeforeSales(), *events)[0] is refused


def test_retention_passes_on_a_cancellation_alone() -> None:
    case = event(Kind.CASE_OPENED, 2, decision="c", severity=3)
    saving = {"purpose": "retention"}
    assert told(ServiceBeforeSales(), case, context={"reason": "cancellation"}, **saving) == (False, "")
    assert told(ServiceBeforeSales(), case, context={"reason": "moving"}, **saving)[0]
    assert told(ServiceBeforeSales(), case, context={"reason": "cancellation"})[0]


def test_a_cancellation_is_no_reason_to_write_to_them() -> None:
    case = event(Kind.CASE_OPENED, 2, decision="c", severity=9)
    on = {"purpose": "retention", "context": {"reason": "cancellation"}}
    assert told(ServiceBeforeSales(), case, channel="email", **on)[0]
    assert told(ServiceBeforeSales(), case, channel="agent", **on) == (False, "")


@pytest.mark.parametrize(
    ("gate", "events", "rule"),
    [
        (Reachable(), [event(Kind.ADDRESS_FAILED, 1, channel="web")], "bounced"),
        (ServiceBeforeSales(), [event(Kind.DELIVERY_DELAYED, 1, order="o")], "delivery_failed"),
        (ServiceBeforeSales(), [event(Kind.PAYMENT_FAILED, 1)], "payment_failed"),
        (ServiceBeforeSales(), [event(Kind.CASE_OPENED, 1, decision="c", severity=3)], "open_case"),
        (ServiceBeforeSales(), [event(Kind.CASE_OPENED, 1, decision="c", topic="complaint")], "complaint"),
    ],
)
def test_each_failure_has_a_word_of_its_own(gate: Gate, events: list[Event], rule: str) -> None:
    world = _told(events)
    assert gate.refuses(world.situation).tolist() == [True]
    assert gate.account(world.situation, 0).rule == rule


def test_cases_are_told_apart_by_their_ids() -> None:
    vocabulary = Vocabulary()
    vocabulary.learn("channel", [(0, "agent")])
    log = records([event(Kind.CASE_OPENED, 3, decision="a"), event(Kind.CASE_OPENED, 2, decision="b")], vocabulary)
    assert len(open_cases(log, NOW)) == 2
    assert len(open_cases(log, NOW - round(2.5 * DAY))) == 1
    assert open_cases(log[:0], NOW) == ()
