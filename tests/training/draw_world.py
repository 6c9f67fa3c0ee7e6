"""SYNTHETIC: an invented shop that decides, logs to a real store and learns what came of it, with chances of success
that are known."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from features.event import Event, Identifier, Kind
from features.history import CustomerRecord
from features.instants import render_instant
from features.live_response import expected_text
from features.published import NOTHING, Published
from features.stores import open_store
from features.stores.protocol import Append, LogDecision, LoggedDecision, Store
from models.catalogue_file import checked
from models.columns import CompiledCatalogue, compile_catalogue
from models.decide import decide
from models.decision import Decision, DecisionRequest
from models.first_draws import Choice, FirstDraw, first_draws
from models.live_response import expectations
from models.notices import GROUP
from models.policy.version import POLICY, Policy
from models.scoring import Scorer
from serving.answers import decision_answer
from serving.decided_events import decision_events
from tests.models.shop import DAY, NOW, ByAction, items_table, request
from training.offpolicy.redrawn import Redraw

EXPECTED = {"a": 0.6, "b": 0.5, "c": 0.3}
"""What the model believes."""
TRUE = {"web": {"a": 0.3, "b": 0.5, "c": 0.1}, "app": {"a": 0.2, "b": 0.1, "c": 0.4}}
"""What is the case, by channel; once displayed, always."""
VALUE = {"a": 4.0, "b": 4.0, "c": 6.0}
WINDOW_DAYS = 7
ITEM_OF_B = "i-b"
"""What action b promotes; the others promote nothing."""


@dataclass(frozen=True, slots=True)
class Shop:
    store: Store
    compiled: CompiledCatalogue
    scorer: Scorer

    def redraw(self, policy: Policy = POLICY) -> Redraw:
        def draws(logged: LoggedDecision, taken: Sequence[Sequence[Choice]]) -> Sequence[FirstDraw | None]:
            asked, record = question(logged), CustomerRecord(-1, logged.customer_id, known=False)
            made = (asked, record, self.compiled, self.scorer, logged.decided_at, NOTHING)
            return first_draws(*made, taken, policy)

        return draws


def question(logged: LoggedDecision) -> DecisionRequest:
    told = json.loads(logged.request)
    return request(
        *told["channels"], limit=told["limit"], across=told["across"], deliver_at=logged.decided_at,
        distinct=told["distinct"], subject=logged.customer_id,
    )  # fmt: skip


def open_shop(
    folder: Path,
    arms: Mapping[str, object] | None = None,
    scorer: Scorer | None = None,
    owed: Collection[str] = (),
    incremental: bool = False,
    notices: Collection[str] = (),
) -> Shop:
    """scorer: None, one that believes what is EXPECTED. owed: actions that are a service. notices: that are only told.
    incremental: what the catalogue ranks by, where the scorer knows it."""
    store = open_store(f"sqlite:///{folder / 'store.db'}")
    channel = {"direction": "inbound", "consent": "not_needed", "reward_window_days": WINDOW_DAYS}
    document: dict[str, object] = {
        "currency": "EUR",
        "time_zone": "UTC",
        "channels": {name: {**channel, "exploration": {"share": 0.6, "gamma": 1}} for name in TRUE},
        "repurchase": {"rule": "never"},
        "actions": [
            {
                "id": name,
                "kind": "service" if name in owed else "offer",
                "group": GROUP if name in notices else "g",
                "success": "converted",
                "value": VALUE[name],
                "items": [ITEM_OF_B] if name == "b" else [],
                "treatments": [{"id": one, "channel": one} for one in TRUE],
            }
            for name in EXPECTED
        ],
    }
    if incremental:
        document |= {"rank_by": "incremental", "margin": 0.5}
    if arms is not None:
        document["arms"] = arms
    source = checked(document, items_table({ITEM_OF_B: None}))
    store.publish_catalogue(source.document, source.items_ipc(), None, NOW - 90 * DAY, "test", "synthetic")
    stored = store.catalogue()
    assert stored is not None
    codes = {store.vocabulary.code("action", name): chance for name, chance in EXPECTED.items()}
    return Shop(store, compile_catalogue(stored, store.vocabulary), scorer or ByAction(codes))


def decide_for(
    shop: Shop, people: int, each: int, seed: int, at: int = NOW - 30 * DAY, across: str = "each", model: str = "m",
    published: Published = NOTHING, digest: str = "",
) -> None:  # fmt: skip
    """Decisions over web and app with `distinct`, so that what web took is out of app's draw; everything chosen is
    displayed, and succeeds by its true chance an hour later."""
    rng = np.random.default_rng(seed)
    writes, told = [], []
    for person in range(people):
        who = Identifier("user_id", f"c-{person}")
        events: list[Event] = []
        for number in range(each):
            name = f"d-{at}-{person}-{number}"
            asked = request("web", "app", distinct=True, across=across, deliver_at=at, subject=who.value)
            made = decide(asked, _nobody(who), shop.compiled, shop.scorer, at, rng, published)
            writes.append(_log(shop, who, made, asked, name, at, model, digest))
            events += _told(made, name, at, rng)
        told.append(Append(who, (Event(f"seen-{person}-{at}", Kind.VIEWED, "Viewed", at - 1, at - 1), *events)))
    shop.store.append(told).result(timeout=60)
    shop.store.log_decisions(writes).result(timeout=60)


def _nobody(who: Identifier) -> CustomerRecord:
    return CustomerRecord(-1, who.value, known=False)


def _log(
    shop: Shop, who: Identifier, made: Decision, asked: DecisionRequest, name: str, at: int, model: str, digest: str
) -> LogDecision:
    answer = decision_answer(made, name, who.value, at, False, True, None).decode()
    told = {
        "channels": list(asked.channels),
        "limit": 1,
        "across": asked.across,
        "distinct": asked.distinct,
        "deliver_at": None if asked.across == "each" else render_instant(asked.deliver_at),
        "placement": None,
        "context": {},
        "exclude": [],
        "identifier": [who.type, who.value],
    }
    logged = LoggedDecision(
        decision_id=name, person=-1, customer_id=who.value, decided_at=at,
        request=json.dumps(told), request_digest=name, response=answer, seed=1,
        arm=made.arm.value, history_version=0, catalogue_version=made.catalogue_version, model_version=model,
        policy_version="p", code_revision="r", feature_digest="", model_digest=digest, snapshot=0, subject=who.value,
        addresses=None, expected=expected_text(expectations(made, shop.compiled)),
    )  # fmt: skip
    return LogDecision(who, logged, decision_events(made, shop.compiled.catalogue.channels, name, at, at))


def _told(made: Decision, name: str, at: int, rng: np.random.Generator) -> list[Event]:
    found = []
    for slate in made.slates:
        for one in slate.actions:
            about = {"channel": slate.channel, "action": one.action_id, "decision": name}
            key = f"{name}-{slate.channel}"
            found.append(Event(f"{key}-shown", Kind.DISPLAYED, "Shown", at + 1, at + 1, **about))
            if rng.random() < TRUE[slate.channel][one.action_id]:
                later = at + 3_600_000
                found.append(Event(f"{key}-won", Kind.CONVERTED, "Won", later, later, **about))
    return found
