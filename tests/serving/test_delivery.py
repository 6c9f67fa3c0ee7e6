"""A decision may be delivered later, and never earlier: what is asked with a moment of delivery."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from pydantic import TypeAdapter

from features.instants import render_instant
from features.stores import open_store
from models.catalogue_file import read_text
from models.delivery import FURTHEST, TOLERATED
from models.policy_rules import DAY, HOUR
from serving.body import checked
from serving.call import Call
from serving.deciding import look, recommend, recommend_batch
from serving.errors import Refusal
from serving.runtime import Runtime
from serving.schemas import RecommendBatchRequest, RecommendRequest
from serving.settings import Settings
from tests.serving.synthetic import CATALOGUE, PUBLISHED_AT, make_shop, store_url

NIGHT = PUBLISHED_AT + DAY
"""Midnight in UTC, which is quiet."""
QUIET = CATALOGUE.replace(
    "direction: outbound, consent: opt_out,",
    'direction: outbound, consent: opt_out, quiet_hours: {begin: "20:00", end: "08:00"},',
)


@pytest.fixture(scope="module")
def runtime(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Runtime]:
    """Of a store whose present the requests set, and where nights are quiet."""
    home: Path = tmp_path_factory.mktemp("delivery")
    make_shop(home, driven=True)
    store, source = open_store(store_url(home)), read_text(QUIET)
    store.publish_catalogue(source.document, source.items_ipc(), None, PUBLISHED_AT, "test", "synthetic")
    store.close()
    opened = Runtime(Settings(home=home))
    yield opened
    asyncio.run(opened.close())


def ask(runtime: Runtime, now: int, deliver_at: int | None, **more: Any) -> dict[str, Any]:
    """Raises Refusal."""
    wanted = {} if deliver_at is None else {"deliver_at": render_instant(deliver_at)}
    question = {"channels": ["email"], **wanted, **more}
    call = Call(None, "127.0.0.1", render_instant(now), None)
    if "customer_ids" in question:
        many = checked(TypeAdapter(RecommendBatchRequest), question)
        return json.loads(asyncio.run(recommend_batch(runtime, many, call)))  # type: ignore[no-any-return]
    one = checked(TypeAdapter(RecommendRequest), {"customer_id": "c", **question})
    return json.loads(asyncio.run(recommend(runtime, one, call)))  # type: ignore[no-any-return]


def quiet(answer: dict[str, Any]) -> bool:
    (slate,) = answer["channels"]
    return bool(slate["funnel"]["quiet_hours"])


@pytest.mark.parametrize(
    "who", [{"customer_id": "c"}, {"customer_ids": ["c", "d"]}, {"customer_id": "c", "dry_run": True}]
)
@pytest.mark.parametrize(
    ("wanted", "rule"), [(-TOLERATED - 1, "not before the present"), (FURTHEST + 1, "at most 366 days")]
)
def test_neither_the_past_nor_a_typo_of_the_year_is_a_delivery(
    runtime: Runtime, who: dict[str, Any], wanted: int, rule: str
) -> None:
    with pytest.raises(Refusal) as refused:
        ask(runtime, NIGHT, NIGHT + wanted, **who)
    body = refused.value.answer.error
    assert (refused.value.status, body.type, body.field) == (422, "invalid_value", "deliver_at")
    assert body.value == render_instant(NIGHT + wanted)
    assert body.rule.startswith(rule)


def test_without_a_service_it_is_refused_likewise(runtime: Runtime) -> None:
    past = checked(TypeAdapter(RecommendRequest), {"customer_id": "c", "deliver_at": "2020-01-01T12:00:00Z"})
    with pytest.raises(Refusal, match="not before the present"):
        asyncio.run(look(runtime, past))


def test_quiet_hours_are_not_passed_by(runtime: Runtime) -> None:
    """What was wanted a little earlier is judged at the present, what is wanted later then."""
    before_them = NIGHT - 4 * HOUR - TOLERATED // 2
    assert not quiet(ask(runtime, NIGHT, NIGHT + 10 * HOUR, dry_run=True))
    assert not quiet(ask(runtime, NIGHT, NIGHT + FURTHEST - 12 * HOUR, dry_run=True))
    assert quiet(ask(runtime, NIGHT, None, dry_run=True))
    assert quiet(ask(runtime, NIGHT, NIGHT - TOLERATED, dry_run=True))
    assert quiet(ask(runtime, NIGHT, before_them, dry_run=True, at=render_instant(before_them + TOLERATED // 2)))


def test_of_then_is_judged_by_then(runtime: Runtime) -> None:
    then = NIGHT - 6 * HOUR
    assert not quiet(ask(runtime, NIGHT, then + HOUR, at=render_instant(then)))
    for wanted in (then - TOLERATED - 1, then + FURTHEST + 1):
        with pytest.raises(Refusal, match="`at`"):
            ask(runtime, NIGHT, wanted, at=render_instant(then))


def test_the_same_request_again_is_answered_as_before_when_its_delivery_is_past(runtime: Runtime) -> None:
    wanted = NIGHT + 2 * HOUR
    for who in ({"customer_id": "late"}, {"customer_ids": ["late-1", "late-2"]}):
        key = f"late-{len(who)}-{next(iter(who))}"
        first = ask(runtime, NIGHT, wanted, decision_id=key, **who)
        assert ask(runtime, NIGHT + DAY, wanted, decision_id=key, **who) == first
    with pytest.raises(Refusal, match="not before the present"):
        ask(runtime, NIGHT + DAY, wanted, decision_id="another")
    many = ask(runtime, NIGHT + DAY, wanted, decision_id="others", customer_ids=["late-1"])
    assert many["decisions"][0]["error"]["field"] == "deliver_at"
