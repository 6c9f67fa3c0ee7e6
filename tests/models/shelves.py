"""Random synthetic catalogues, from dice: one seed a catalogue, for drawing every field by itself takes longer than
what is tested with it."""

from __future__ import annotations

import random
from collections.abc import Sequence

from msgspec import convert

from models.document_fields import text_of
from models.policy_rules import Arm
from tests.models.goods import CATEGORIES, ITEMS
from tests.models.shop import DAY, NOW

CHANNELS = {
    "email": {"direction": "outbound", "consent": "opt_in", "reward_window_days": 14, "needs": "email"},
    "mail": {
        "direction": "outbound",
        "consent": "opt_out",
        "reward_window_days": 30,
        "reserve_hours": 24,
        "quiet_hours": {"begin": "18:00", "end": "20:00", "closed": ["sunday"]},
    },
    "web": {"direction": "inbound", "consent": "not_needed", "reward_window_days": 7, "placements": ["hero", "foot"]},
}
COSTS = {"email": 0.02, "mail": 0.75, "web": 0.0}
TOPICS = [{"id": "news", "name": "News"}, {"id": "offers", "consent": "opt_in"}]
JOURNEY = {"idle_minutes": 60, "escalation": {"after_minutes": 30, "after_transfers": 2}}
SERVICE_FIRST = {
    "severity": 3,
    "stale_days": 7,
    "delivery_days": 3,
    "in_service": ["web"],
    "retention_reasons": ["cancellation"],
}
GREEDY_ARMS = tuple(arm for arm in Arm if arm is not Arm.RANDOM)
PURPOSES = {
    "offer": ["marketing", "marketing", "marketing", "retention"],
    "message": ["marketing", "marketing", "survey", "service", "legal", "retention"],
    "service": [None, "legal", "survey"],
}
TRAITS = {"postcode": "text", "household_size": "number", "member": "yes_no", "since": "time", "likes": "texts"}
CONDITIONS = (
    'customer.postcode.startsWith("021")',
    "customer.household_size >= 2",
    'has(customer.member) && customer.member ? "dogs" in customer.likes : history.orders_ever > 0',
    "!has(customer.since) || now - customer.since > duration('720h')",
    "history.orders_last < 10.0 || history.viewed_7d >= 1",
    'has(context.page) && context.page == "laundry"',
    "context.level > 2",
    "local.getHours() >= 9",
)
"""What actions and weights may ask in a world. The seventh could not be evaluated if the level were a text; in a world
it never is."""

SPOTS = (("email", None), ("mail", None), ("web", None), ("web", "hero"), ("web", "foot"))

_WINDOW = (0.5, 1, 7, 30)
_TOLD = {
    "after": {"days": _WINDOW},
    "learned": {"fallback_days": _WINDOW, "chance": (0.02, 0.1, 0.3, 0.6)},
}
RULES = ("never", "after", "always", "learned")
_SPANS = ({"days": 1}, {"days": 3}, {"days": 30}, {"hours": 6}, {"hours": 36.5})
_SPENDING = tuple(
    {"per": per, **most} for per in ("day", "total") for most in ({"contacts": 3}, {"contacts": 1}, {"money": 2.5})
)
_COOL_OFFS: tuple[dict[str, object] | None, ...] = (
    None,
    {"action_days": 2, "group_days": 1},
    {"action_days": "learned", "action_fallback_days": 2, "group_days": "learned", "group_fallback_days": 0.5},
)
_EXPLORATIONS = (None, {"share": 0.3}, {"share": 0.05, "gamma": 10}, {"share": 1, "gamma": 1}, {"share": 0})


def catalogue_of(dice: random.Random, count: int, arm: Arm, exploring: bool) -> dict[str, object]:
    """The document of a catalogue of so many actions, everybody in the arm. exploring: channels may allow it."""
    rest = dice.choice(_COOL_OFFS)
    actions = [_action(dice, number, rest) for number in range(count)]
    groups = [str(action["group"]) for action in actions]
    return {
        "currency": "EUR",
        "time_zone": "Europe/Berlin",
        "repurchase": _rule(dice, RULES),
        "channels": {
            name: {
                **fields,
                "cost": COSTS[name],
                "limits": _limits(dice, 1),
                "exploration": dice.choice(_EXPLORATIONS) if exploring else None,
            }
            for name, fields in CHANNELS.items()
        },
        "arms": None if arm is Arm.FULL else {"period_days": 30, arm.value: 1},
        "groups": [
            {
                "id": "g",
                "limits": _one_way(dice, 1),
                "cool_off_days": dice.choice([None, 3, _learned(rest)]),
                "per_slate": dice.choice([1, 2, 20]),
            }
            for _ in range("g" in groups)
        ],
        "limits": [{"direction": way, **limit} for way in ("inbound", "outbound") for limit in _limits(dice, 1)],
        "topics": TOPICS,
        "journey": JOURNEY,
        "cool_off": rest,
        "service_first": dice.choice([None, SERVICE_FIRST]),
        "categories": [
            {"id": name, "parent": above, "repurchase": dice.choice([None, _rule(dice, RULES)])}
            for name, above in CATEGORIES.items()
        ],
        "actions": actions,
        "traits": TRAITS,
        "weights": [_weight(dice, groups) for _ in range(dice.randint(0, 3))],
    }


def opened(document: dict[str, object], but_for: str) -> dict[str, object]:
    """The same where little holds an action back but for "trouble", in which help comes before selling, or for
    "limits", those of contacts and of what may be spent."""
    limited = but_for == "limits"
    channels = convert(document["channels"], dict[str, dict[str, object]])
    actions = convert(document["actions"], list[dict[str, object]])
    freely = {"consent": "not_needed", "needs": None, "quiet_hours": None, **({} if limited else {"limits": []})}
    return {
        **document,
        "service_first": None if limited else SERVICE_FIRST,
        "limits": document["limits"] if limited else [],
        "groups": [{"id": str(actions[0]["group"]), "limits": [{"contacts": 1, "days": 1}]}] if limited else [],
        "channels": {name: {**channel, **freely} for name, channel in channels.items()},
        "actions": [{**action, **_FREELY, **({} if limited else _UNLIMITED)} for action in actions],
    }


_FREELY: dict[str, object] = {
    "basket": "ignore",
    "cool_off_days": None,
    "eligibility": None,
    "ends_at": None,
    "starts_at": None,
    "suppression": {"rule": "always"},
    "topic": None,
}
_UNLIMITED: dict[str, object] = {"budgets": [], "ceiling": None, "limits": []}


def _rule(dice: random.Random, kinds: Sequence[str]) -> dict[str, object]:
    rule = dice.choice(kinds)
    return {"rule": rule, **{field: dice.choice(values) for field, values in _TOLD.get(rule, {}).items()}}


def _limits(dice: random.Random, most: int) -> list[dict[str, object]]:
    """Mostly none, so that something is left to be decided."""
    count = dice.choice([0, 0, dice.randint(0, most)])
    return [{"contacts": dice.randint(0, 3), **dice.choice(_SPANS)} for _ in range(count)]


def _one_way(dice: random.Random, most: int) -> list[dict[str, object]]:
    """Some of which look at the channels of one direction only."""
    return [{**limit, "direction": dice.choice([None, "inbound", "outbound"])} for limit in _limits(dice, most)]


def _some(dice: random.Random, among: Sequence[str], most: int) -> list[str]:
    return dice.sample(sorted(among), dice.randint(0, most))


def _learned(rest: dict[str, object] | None) -> str | None:
    """What is learned needs days to fall back to."""
    return None if rest is None else "learned"


def _action(dice: random.Random, number: int, rest: dict[str, object] | None) -> dict[str, object]:
    spots = dice.sample(SPOTS, dice.randint(1, 4))
    starts, ends = dice.choice([None, dice.randint(-3, 3)]), dice.choice([None, dice.randint(-3, 3)])
    if starts is not None and ends is not None and starts >= ends:
        ends = None
    trigger = dice.choice([None, None, None, "escalation", "handoff_lost"])
    kind = dice.choice(["offer", "message", "service"]) if trigger is None else "service"
    items = _some(dice, list(ITEMS), 3)
    fallback = trigger is None and dice.random() < 0.25
    return {
        "id": f"a{number}",
        "kind": kind,
        "purpose": dice.choice(PURPOSES[kind]),
        "fallback": fallback,
        "basket": dice.choice(["exclude", "exclude", "ignore", "require"]) if items else "exclude",
        "cool_off_days": dice.choice([None, 0, 1, 7, _learned(rest)]),
        "pending_days": dice.choice([0, 1, 7]),
        "topic": dice.choice([None, None, "news", "offers"]),
        "trigger": trigger,
        "group": dice.choice(["g", "h"]),
        "items": items,
        "categories": _some(dice, list(CATEGORIES), 2),
        "value": dice.choice([0.0, 1.0, 5.0]),
        "lever": dice.choice([0.0, 1.0, 2.0]),
        "starts_at": None if starts is None else text_of(NOW + starts * DAY),
        "ends_at": None if ends is None else text_of(NOW + ends * DAY),
        "success": "converted",
        "limits": _one_way(dice, 2),
        "eligibility": dice.choice([None, None, *CONDITIONS]),
        "urgent": trigger is None and kind == "service" and not fallback and dice.random() < 0.5,
        "suppression": {**_rule(dice, (*RULES, "by_category")), "match": dice.choice(["any", "all"])},
        "cost": dice.choice([0.0, 0.0, 0.5, 1.25]),
        "budgets": dice.sample(_SPENDING, dice.choice([0, 0, 1, 2])),
        "ceiling": dice.choice([None, None, None, {"contacts_per_day": 2, "until": 5}]),
        "treatments": [
            {"id": f"t{place}", "channel": channel, "placement": placement}
            for place, (channel, placement) in enumerate(spots)
        ],
    }


def _weight(dice: random.Random, groups: Sequence[str]) -> dict[str, object]:
    return {
        "when": dice.choice(CONDITIONS),
        "weight": dice.choice([0.0, 0.5, 1.5, 3.0]),
        "actions": dice.choice([[], [], ["a0"]]),
        "groups": dice.choice([[], [dice.choice(groups)]]),
        "channels": _some(dice, list(CHANNELS), 2),
    }
