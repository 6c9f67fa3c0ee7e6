"""What is eligible was chosen, lost the last draw, or is withheld with its reason."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from hypothesis import given

from models.catalogue_file import checked
from models.decision import Decision, Refusal, Slate
from models.policy.gates import GATES
from models.policy.version import POLICY, Policy
from tests.models.shop import ByAction, compiled, customer, items_table, request
from tests.models.test_decide import LAW, Even, answered, eligible, fallbacks, going_first
from tests.models.test_slate_laws import before_fallbacks, beside, fitting
from tests.models.worlds import World, worlds

WHYS = {"distinct", "contact_limits", "budget", "ceiling", "group", "fallback", "urgent"}


def explained(world: World, policy: Policy) -> Decision:
    return answered(replace(world, request=replace(world.request, explain=True)), policy)


@LAW
@given(world=worlds(open_but_for="limits"))
def test_what_is_withheld_is_what_could_not_follow_the_draws_before_the_last(world: World) -> None:
    for policy in (POLICY, Policy(GATES, Even())):
        decision = explained(replace(world, request=replace(world.request, across="each")), policy)
        gone: set[str] = set()
        for slate, counting in beside(decision, world):
            pool = before_fallbacks(fitting(eligible(slate, world) - gone, slate, counting, world), world)
            chosen = [one.action_id for one in slate.actions]
            before = chosen[: world.request.limit - 1]
            counting += [(one, slate.channel, world.request.deliver_at) for one in before]
            left = fitting(pool - set(before), slate, counting, world)
            competed = left & going_first(world) or left
            told = {one.action_id for one in slate.withheld}
            assert told == eligible(slate, world) - competed - set(chosen)
            assert {one.gate for one in slate.withheld} <= WHYS
            gone |= set(chosen) if world.request.distinct else set()


@LAW
@given(world=worlds(open_but_for="limits"))
def test_a_slate_that_could_not_go_on_explains_everything(world: World) -> None:
    """Nothing is eligible, not chosen, and without a word where the slate had to end before its limit."""
    decision = explained(world, POLICY)
    for slate in decision.slates:
        if world.request.across == "best" or slate.end_probability < 1.0 or len(slate.actions) == world.request.limit:
            continue
        unchosen = eligible(slate, world) - {one.action_id for one in slate.actions}
        assert {one.action_id for one in slate.withheld} == unchosen


@LAW
@given(world=worlds(open_but_for="limits"))
def test_the_best_of_all_channels_withholds_for_what_goes_before_alone(world: World) -> None:
    best = replace(world, request=replace(world.request, across="best", explain=True))
    for slate in answered(best).slates:
        for one in slate.withheld:
            assert one.gate in ("fallback", "urgent")
            assert (one.action_id in fallbacks(world)) or one.gate == "urgent"


@LAW
@given(world=worlds(open_but_for="limits"))
def test_why_it_is_withheld_reads(world: World) -> None:
    for slate in explained(world, POLICY).slates:
        for one in slate.withheld:
            assert all(text.strip() for text in (one.rule, one.observed, one.required, one.reason))
            assert one.gate != "distinct" or world.request.distinct


LIMITED = [{"id": "g", "limits": [{"contacts": 1, "days": 14}], "per_slate": 20}]


def shop(groups: Sequence[Mapping[str, object]] = LIMITED, **more: object) -> World:
    """Three offers of a group that may be contacted once in 14 days, on the web and in the call menu."""
    channels = {
        name: {"direction": "inbound", "consent": "not_needed", "reward_window_days": 7} for name in ("web", "ivr")
    }
    action = {"kind": "offer", "group": "g", "success": "clicked", "suppression": {"rule": "always"}}
    document = {
        "currency": "EUR",
        "time_zone": "UTC",
        "channels": channels,
        "groups": list(groups),
        "actions": [
            {
                **action,
                "id": name,
                "value": value,
                "treatments": [{"id": one, "channel": one} for one in channels],
                **extra,
            }
            for name, value, extra in (("a", 3, {}), ("b", 2, {}), ("c", 1, more))
        ],
    }
    made, vocabulary = compiled(checked(document, items_table({})))
    asked = request("web", "ivr", limit=5, explain=True)
    return World(made, vocabulary, (), customer((), vocabulary), asked, ByAction())


def told(slate: Slate) -> Sequence[tuple[str, str]]:
    return [(one.action_id, one.gate) for one in slate.withheld]


def test_a_limit_that_the_decision_itself_reaches_is_named_with_what_reached_it() -> None:
    web, ivr = answered(shop()).slates
    assert [one.action_id for one in web.actions] == ["a"]
    assert (ivr.actions, ivr.end_probability, ivr.funnel["eligible"]) == ((), 1.0, 3)
    assert told(web) == [("b", "contact_limits"), ("c", "contact_limits")]
    assert told(ivr) == [("a", "contact_limits"), ("b", "contact_limits"), ("c", "contact_limits")]
    assert ivr.withheld[1] == Refusal(
        "b",
        "contact_limits",
        "chosen",
        "a on web",
        "at most 1 contact in 14 days",
        "group g: at most 1 contact in 14 days, and this decision has chosen a on web",
    )


def test_a_group_of_which_the_slate_has_enough_is_named_and_starts_anew_on_the_next_channel() -> None:
    """a and b are of one group, c of another; two of a group may be shown, or one."""
    many, one = (grouped(most) for most in (2, None))
    web, ivr = answered(many).slates
    assert [[one.action_id for one in slate.actions] for slate in (web, ivr)] == [["a", "b", "c"]] * 2
    web, ivr = answered(one).slates
    assert [[one.action_id for one in slate.actions] for slate in (web, ivr)] == [["a", "c"]] * 2
    assert told(web) == told(ivr) == [("b", "group")]
    assert web.withheld[0] == Refusal(
        "b",
        "group",
        "chosen",
        "a on web",
        "at most 1 of group g in a slate",
        "at most 1 of group g in a slate, and this one has a on web",
    )
    assert [slate.end_probability for slate in (web, ivr)] == [1.0, 1.0]


def test_what_is_owed_is_shown_beside_its_group_and_counts_for_it() -> None:
    service = {"group": "g", "kind": "service", "value": 9, "success": "accepted"}
    web, _ = answered(grouped(None, **service)).slates
    assert [one.action_id for one in web.actions] == ["c"]
    assert told(web) == [("a", "group"), ("b", "group")]
    web, _ = answered(grouped(None, **{**service, "value": 0})).slates
    assert [one.action_id for one in web.actions] == ["a", "c"]


def grouped(most: int | None, **more: object) -> World:
    """Without contact limits."""
    return shop([] if most is None else [{"id": "g", "per_slate": most}], **{"group": "h", **more})


def test_a_budget_that_the_decision_itself_spends_and_a_fallback_are_named() -> None:
    world = shop(group="h", budgets=[{"per": "day", "contacts": 1}], fallback=False)
    web, ivr = answered(world).slates
    assert told(web) == [("b", "contact_limits")]
    assert told(ivr) == [("a", "contact_limits"), ("b", "contact_limits"), ("c", "budget")]
    assert ivr.withheld[2].reason == (
        "c may have 1 contact a day for everybody together, "
        "and this decision has chosen c on web, beside 0 contacts spent"
    )
    web, _ = answered(shop(group="h", fallback=True)).slates
    assert told(web) == [("b", "contact_limits"), ("c", "fallback")]
    distinct = replace(world, request=replace(world.request, distinct=True))
    assert told(answered(distinct).slates[1]) == [("a", "distinct"), ("b", "contact_limits"), ("c", "distinct")]
