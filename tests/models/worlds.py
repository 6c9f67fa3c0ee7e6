"""Random synthetic worlds: a catalogue, a customer with a past, a question. What may be decided in them is a law."""

from __future__ import annotations

import math
import random
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache

from hypothesis import strategies as st
from hypothesis.vendor.pretty import RepresentationPrinter

from features.event import Event, Kind
from features.history import CustomerRecord
from features.published import NOTHING, Published
from features.spending import Spent, millionths
from features.vocabulary import Vocabulary
from models.catalogue_file import checked
from models.columns import CompiledCatalogue
from models.cool_off import CoolOffModel
from models.decision import DecisionRequest
from models.learned_windows import with_learned_windows
from models.policy.arms import arm_of
from models.policy.situation import Situation
from models.policy.spending import day_of
from models.policy_rules import Arm
from models.repurchase import RepurchaseModel
from tests.models.goods import BUNDLES, ITEMS, VARIANTS, Learned, cool_off_model, repurchase_model
from tests.models.shelves import CHANNELS, catalogue_of, opened
from tests.models.shop import DAY, NOW, ByAction, compiled, customer, event, items_table, request


@dataclass(frozen=True, slots=True)
class World:
    compiled: CompiledCatalogue
    vocabulary: Vocabulary
    events: tuple[Event, ...]
    customer: CustomerRecord
    request: DecisionRequest
    scorer: ByAction
    published: Published = NOTHING
    model: RepurchaseModel | None = None
    rests: CoolOffModel | None = None

    def _repr_pretty_(self, printer: RepresentationPrinter, cycle: bool) -> None:  # noqa: ARG002
        """As hypothesis shows it, which is at most 30 kB: what was drawn, not what was made of it."""
        shown = (self.compiled.catalogue.actions, self.events, self.customer.traits, self.request, self.scorer)
        printer.text(repr(shown)[:25_000])

    @property
    def situation(self) -> Situation:
        candidates = self.compiled.channels(self.request.channels, self.request.placement)
        return Situation(self.request, self.customer, self.compiled, candidates, NOW, self.published, self.arm)

    @property
    def arm(self) -> Arm:
        return arm_of(self.compiled.catalogue.arms, self.request.subject, NOW)

    def after(self, *events: Event) -> World:
        """The same when that was told, too."""
        told, known = (*self.events, *events), self.customer
        person = customer(told, self.vocabulary, known.time_zone, traits=known.traits)
        return replace(self, events=told, customer=replace(person, addresses=known.addresses))


TODAY = day_of("Europe/Berlin", NOW)
FORBIDDING, ALLOWING = (True, 1, "true", "Yes"), (False, 0, "false", "No")
"""What files and forms make of do_not_contact."""


@st.composite
def _published(draw: st.DrawFn, action_ids: Sequence[str]) -> Published:
    """Of today or of another day; contacts of a day are among those of ever, and so is money."""
    spent = {}
    for action_id in draw(st.lists(st.sampled_from([*action_ids, "retired"]), max_size=4, unique=True)):
        contacts, money = draw(st.integers(0, 3)), draw(st.sampled_from([0.0, 1.0, 2.25, 2.5]))
        before = draw(st.sampled_from([0, 0, 1, 4]))
        spent[action_id] = Spent(contacts, contacts + before, millionths(money), millionths(money + before / 4))
    gone = draw(st.one_of(st.just([]), st.lists(st.sampled_from([*sorted(ITEMS), "unlisted"]), max_size=6)))
    return Published(TODAY - draw(st.sampled_from([0, 0, 1])), spent, frozenset(gone))


@lru_cache(4096)
def _shop(
    number: int, actions: int, arm: Arm, exploring: bool, open_but_for: str | None
) -> tuple[CompiledCatalogue, Vocabulary]:
    """Checking and compiling takes longer than all else in a world, so shops are kept for other worlds."""
    document = catalogue_of(random.Random(number), actions, arm, exploring)
    document = document if open_but_for is None else opened(document, open_but_for)
    return compiled(checked(document, items_table(ITEMS, {"w1": 400.0, "w2": 500.0}, VARIANTS, BUNDLES)))


SHOPS = st.integers(0, 39)
"""So many catalogues there are of each number of actions, arm and so on."""


DAYS_AGO = st.sampled_from([0.0, 0.25, 0.5, 0.75, 1.0, 3.0, 7.0, 29.0, 30.0, 31.0, 400.0])
LAG = st.sampled_from([0.0, 0.0, 0.0, 0.5, 2.0])


@st.composite
def purchases(draw: st.DrawFn) -> tuple[Event, ...]:
    """Orders of a line or two, some of which come back: a line, some units of it, or the whole order."""
    events: list[Event] = []
    for number in range(draw(st.integers(0, 5))):
        order, bought = f"o{number}", draw(DAYS_AGO)
        lines = draw(st.lists(st.sampled_from([*sorted(ITEMS), "unlisted"]), min_size=1, max_size=2, unique=True))
        units = draw(st.sampled_from([1.0, 2.0, math.nan]))
        lag = draw(LAG)
        events += [
            event(Kind.ORDERED, bought, item=item, order=order, channel="store", quantity=units, lag_days=lag)
            for item in lines
        ]
        if draw(st.booleans()):
            back = draw(st.sampled_from([None, *lines]))
            count = draw(st.sampled_from([1.0, math.nan]))
            kind = draw(st.sampled_from([Kind.REFUNDED, Kind.CANCELLED]))
            later = draw(st.floats(0.0, bought))
            events.append(event(kind, later, item=back, order=order, quantity=count, lag_days=draw(LAG)))
    return tuple(events)


@st.composite
def _consents(draw: st.DrawFn) -> Event:
    kind = draw(st.sampled_from([Kind.CONSENT_GRANTED, Kind.CONSENT_WITHDRAWN]))
    channel = draw(st.sampled_from(["email", "mail", "web", None]))
    topic = draw(st.sampled_from([None, None, "news", "offers", "retired", "profiling"]))
    return event(kind, draw(DAYS_AGO), channel=channel, topic=topic, lag_days=draw(LAG))


_STEPS = (
    Kind.CALL_STARTED,
    Kind.CALL_ENDED,
    Kind.CALL_TRANSFERRED,
    Kind.CHAT_STARTED,
    Kind.HANDED_OFF,
    Kind.HANDOFF_TAKEN,
    Kind.ACCEPTED,
)


@st.composite
def _journeys(draw: st.DrawFn) -> Event:
    """Steps of the last hours, hand-offs among them, and what became of them."""
    kind = draw(st.sampled_from(_STEPS))
    decision = draw(st.sampled_from(["h1", "h2"])) if kind in (Kind.HANDED_OFF, Kind.HANDOFF_TAKEN) else None
    action = "a0" if kind is Kind.ACCEPTED else None
    minutes = draw(st.sampled_from([0, 5, 20, 40, 70, 300, 4000]))
    return event(
        kind, minutes / 1440, channel=draw(st.sampled_from(sorted(CHANNELS))), decision=decision, action=action
    )


@st.composite
def _cases(draw: st.DrawFn) -> Event:
    """What goes wrong: cases and what becomes of them, deliveries, payments, addresses that fail."""
    kind = draw(st.sampled_from([*_OF_CASE, *_OF_CASE, *_FAILURES]))
    return event(
        kind,
        draw(DAYS_AGO),
        channel=draw(st.sampled_from(sorted(CHANNELS))),
        decision=draw(st.sampled_from([None, "case 1", "case 2"])) if kind in _OF_CASE else None,
        order=draw(st.sampled_from([None, "o0", "o1"])) if kind in _FAILURES else None,
        severity=draw(st.sampled_from([0, 1, 3, 5])) if kind in _OF_CASE else 0,
        topic=draw(st.sampled_from([None, None, "late", "complaint"])) if kind in _OF_CASE else None,
        lag_days=draw(LAG),
    )


_OF_CASE = (Kind.CASE_OPENED, Kind.CASE_UPDATED, Kind.CASE_CLOSED)
_FAILURES = (
    *(Kind.DELIVERY_DELAYED, Kind.ORDER_DELIVERED, Kind.PAYMENT_FAILED),
    *(Kind.ADDRESS_FAILED, Kind.MESSAGE_OPENED, Kind.CLICKED),
)


@st.composite
def _outcomes(draw: st.DrawFn) -> Event:
    """What people said to actions."""
    kind = draw(st.sampled_from([Kind.ACCEPTED, Kind.REJECTED, Kind.CONVERTED]))
    action = draw(st.sampled_from(["a0", "a1", "a2", "retired"]))
    return event(kind, draw(DAYS_AGO), channel="web", action=action, lag_days=draw(LAG))


@st.composite
def contacts_told(draw: st.DrawFn) -> Event:
    """Of decisions and of none, of actions that the catalogue knows and of others; reported in whatever order."""
    kind = draw(st.sampled_from([Kind.SENT, Kind.SENT, Kind.DISPLAYED, Kind.NOT_SENT, Kind.RESERVED, Kind.RESERVED]))
    reserved = kind is Kind.RESERVED
    return event(
        kind,
        draw(DAYS_AGO | st.sampled_from([1 / 24, 6 / 24, 30 / 24])),
        action=draw(st.sampled_from(["a0", "a1", "a2", "retired", None])),
        channel=draw(st.sampled_from([*sorted(CHANNELS), "elsewhere"])),
        decision=draw(st.sampled_from(["d1", "d2"] if reserved else ["d1", "d2", None])),
        lag_days=draw(LAG),
        held_days=draw(st.sampled_from([0.5, 1.0, 2.0, 5.0])) if reserved else None,
    )


@st.composite
def _baskets(draw: st.DrawFn) -> Event:
    days = draw(DAYS_AGO)
    kind = draw(st.sampled_from([Kind.BASKET_ADDED, Kind.BASKET_ADDED, Kind.BASKET_REMOVED, Kind.VIEWED]))
    return event(kind, days, item=draw(st.sampled_from(sorted(ITEMS))), channel="web", lag_days=draw(LAG))


@st.composite
def told_traits(draw: st.DrawFn) -> dict[str, object]:
    """Some of the declared ones, some of the wrong type, and some that nobody declared."""
    values: dict[str, list[object]] = {
        "postcode": ["02115", "90210", "", 2115],
        "household_size": [1, 2, 3.5, "many", True, 10**400],
        "member": [True, False, "yes"],
        "since": ["2025-12-31T00:00:00Z", "2020-01-01T00:00:00+01:00", "2020-01-01", 0],
        "likes": [["dogs"], [], ["cats", "dogs"], ["dogs", 1], "dogs"],
        "undeclared": [1],
    }
    return {name: draw(st.sampled_from(some)) for name, some in values.items() if draw(st.booleans())}


_CONTEXTS: st.SearchStrategy[dict[str, object]] = st.sampled_from(
    [{}, {"page": "laundry", "reason": "cancellation"}, {"page": 7, "level": 3}, {"page": None, "level": 1.5}]
)


@st.composite
def worlds(
    draw: st.DrawFn,
    arms: Sequence[Arm] = tuple(Arm),
    exploring: bool = False,
    learned: bool = True,
    open_but_for: str | None = None,
) -> World:
    """arms: in one of which the customer is. exploring: channels may allow it. learned: a model may know when things
    are bought again and how long rejections rest; else rules have their days to go by. open_but_for: as in
    shelves.opened."""
    shop, vocabulary = _shop(draw(SHOPS), draw(st.integers(1, 8)), draw(st.sampled_from(arms)), exploring, open_but_for)
    model = draw(st.none() | st.integers(0, 99).map(repurchase_model)) if learned else None
    rests = draw(st.none() | st.integers(0, 99).map(cool_off_model)) if learned else None
    shop = with_learned_windows(shop, Learned(model, rests), vocabulary)
    happened = _consents() | _journeys() | _baskets() | _cases() | _outcomes() | contacts_told()
    events = draw(purchases()) + tuple(draw(st.lists(happened, max_size=9)))
    events = tuple(draw(st.permutations(events)))
    action_ids = [action.id for action in shop.catalogue.actions]
    asked = request(
        *draw(st.lists(st.sampled_from(sorted(CHANNELS)), min_size=1, max_size=3, unique=True)),
        limit=draw(st.integers(1, 4)),
        across=draw(st.sampled_from(["each", "each", "best"])),
        distinct=draw(st.booleans()),
        deliver_at=NOW + draw(st.sampled_from([0, 0, DAY, 3 * DAY])),
        placement=draw(st.sampled_from([None, "hero", "foot"])),
        exclude=draw(st.lists(st.sampled_from([*action_ids, "no-such-action"]), max_size=2)),
        explain=draw(st.booleans()),
        seed=draw(st.integers(0, 2**63 - 1)),
        context=draw(_CONTEXTS),
    )
    said = draw(st.sampled_from([None, None, *FORBIDDING, *ALLOWING]))
    traits = {**draw(told_traits()), **({} if said is None else {"do_not_contact": said})}
    person = replace(
        customer(events, vocabulary, draw(st.sampled_from([None, "America/New_York", "no zone"])), traits=traits),
        addresses=draw(st.sampled_from([None, frozenset(["user_id", "email"]), frozenset(["email"])])),
    )
    chances = st.sampled_from([0.0, 0.1, 0.1, 0.5, 1.0])
    scorer = ByAction({vocabulary.code("action", name): draw(chances) for name in action_ids})
    return World(shop, vocabulary, events, person, asked, scorer, draw(_published(action_ids)), model, rests)
