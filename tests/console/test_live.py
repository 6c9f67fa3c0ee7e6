"""What an open page is told of answers is always what a conversation made out anew says, made out when it changes."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from features.event import Event, Kind
from features.identity import customer_identifier
from features.stores import open_store
from features.stores.desk import Answered
from features.stores.protocol import Append
from models.catalogue import parse
from models.catalogue_file import read_text
from serving.call import Call
from serving.console.live import Looks, running
from serving.console.said import Remembered, Told, answer_id, beginning, conversation_of, key_of
from serving.person import Known, known_customer
from serving.runtime import Runtime
from serving.settings import Settings
from tests.console.call_centre import CATALOGUE, DAY, HOUR, MINUTE
from tests.serving.synthetic import PUBLISHED_AT, store_url

CUSTOMER, NOBODY = "c-live", Call(None, None, None, None)
SHOP = parse(read_text(CATALOGUE).document, 12)
DUE = PUBLISHED_AT + HOUR


@contextmanager
def begun(home: Path) -> Iterator[Runtime]:
    """Of a store with a customer and no catalogue."""
    store = open_store(store_url(home))
    try:
        store.put_setting("clock", "driven")
        store.advance_present(PUBLISHED_AT)
    finally:
        store.close()
    runtime = Runtime(Settings(home=home))
    try:
        told(runtime, Kind.IDENTIFIED, None)
        yield runtime
    finally:
        runtime.store.close()


def publish(runtime: Runtime, catalogue: str = CATALOGUE) -> None:
    source = read_text(catalogue)
    runtime.store.publish_catalogue(source.document, source.items_ipc(), None, PUBLISHED_AT, "test", "synthetic")
    asyncio.run(runtime.look())


def told(runtime: Runtime, kind: Kind, action: str | None) -> None:
    at = runtime.in_force.clock.present(None)
    event = Event(f"{kind.name}-{action}", kind, kind.name, at, at, channel="agent" if action else None, action=action)
    runtime.store.append([Append(customer_identifier(CUSTOMER), (event,))]).result(60)


def known_now(runtime: Runtime) -> Known:
    return known_customer(runtime, CUSTOMER, NOBODY)


def made_out(runtime: Runtime) -> bytes:
    return msgspec.json.encode(conversation_of(runtime, known_now(runtime)).all())


def place_now(runtime: Runtime, action: str) -> str:
    return answer_id(beginning(runtime, known_now(runtime).record.person), key_of(runtime, action), "accepted")


def kept(runtime: Runtime, action: str, due_at: int = DUE) -> str:
    known, place = known_now(runtime), place_now(runtime, action)
    body = msgspec.json.encode(Told("t", action, "accepted", known.moment)).decode()
    assert runtime.store.keep_answer(Answered(place, "ada", due_at, body))
    return place


def recorded(runtime: Runtime, action: str, due_at: int) -> None:
    place, at = kept(runtime, action, due_at), known_now(runtime).moment
    assert runtime.store.claim_answer(place, due_at)
    runtime.store.answer_told(place, due_at, msgspec.json.encode(Remembered("accepted", at)).decode())


def taken_back(runtime: Runtime, action: str) -> None:
    assert runtime.store.take_back(place_now(runtime, action), "ada", DUE)


def test_every_change_of_what_was_answered_is_seen_at_the_next_look_and_a_quiet_look_makes_nothing_out(
    tmp_path: Path,
) -> None:
    changes: list[Callable[[Runtime], object]] = [
        lambda runtime: told(runtime, Kind.DISPLAYED, "offer-plan"),
        lambda runtime: kept(runtime, "offer-dryer"),
        lambda runtime: taken_back(runtime, "offer-dryer"),
        lambda runtime: recorded(runtime, "offer-dryer", DUE + MINUTE),
        lambda runtime: told(runtime, Kind.REJECTED, "offer-plan"),
        lambda runtime: runtime.store.advance_present(PUBLISHED_AT + 2 * DAY),
    ]
    with begun(tmp_path) as runtime:
        publish(runtime)
        looks = Looks(runtime, known_now(runtime))
        before = looks.look()
        assert before is not None
        assert before.said == b"{}"
        for change in changes:
            change(runtime)
            found, again = looks.look(), looks.look()
            assert found is not None
            assert again is not None
            assert found.said == made_out(runtime) != before.said
            assert again.said is found.said
            before = found
        assert before.said == b"{}"


def test_another_catalogue_may_make_another_conversation(tmp_path: Path) -> None:
    with begun(tmp_path) as runtime:
        publish(runtime)
        runtime.store.advance_present(PUBLISHED_AT + 22 * HOUR)
        recorded(runtime, "offer-dryer", DUE + DAY)
        runtime.store.advance_present(PUBLISHED_AT + 28 * HOUR)
        looks = Looks(runtime, known_now(runtime))
        in_london = looks.look()
        publish(runtime, CATALOGUE.replace("Europe/London", "America/New_York"))
        in_new_york = looks.look()
        assert in_london is not None
        assert in_new_york is not None
        assert in_london.said == b"{}"  # of yesterday
        assert in_new_york.said == made_out(runtime) != b"{}"


def test_while_a_worker_has_no_catalogue_a_page_is_told_nothing_and_its_stream_goes_on(tmp_path: Path) -> None:
    with begun(tmp_path) as runtime:
        looks = Looks(runtime, known_now(runtime))
        assert looks.look() is None
        publish(runtime)
        found = looks.look()
        assert found is not None
        assert found.newest == known_now(runtime).record.version > 0


BOUNDS = st.lists(st.tuples(st.none() | st.integers(0, 50), st.none() | st.integers(50, 99)), max_size=6)


@given(BOUNDS, BOUNDS, st.lists(st.integers(-1, 100), min_size=1))
def test_how_much_has_begun_or_ended_is_counted_of_the_catalogue_that_is_asked_about(
    one: list[tuple[int | None, int | None]], other: list[tuple[int | None, int | None]], moments: list[int]
) -> None:
    made = [
        replace(SHOP, actions=tuple(replace(SHOP.actions[0], starts_at=start, ends_at=end) for start, end in spans))
        for spans in (one, other)
    ]
    for moment in moments:
        for spans, catalogue in zip((one, other), made, strict=True):
            passed = sum(at is not None and at <= moment for span in spans for at in span)
            assert running(catalogue, moment) == running(catalogue, moment) == f"12.{passed}"


def test_whoever_comes_again_under_the_name_of_somebody_erased_is_somebody_else(tmp_path: Path) -> None:
    with begun(tmp_path) as runtime:
        publish(runtime)
        before = known_now(runtime)
        looks = Looks(runtime, before)
        assert not is_gone(looks)
        runtime.store.erase(customer_identifier(CUSTOMER), 1, "test")
        assert is_gone(looks)
        told(runtime, Kind.IDENTIFIED, None)
        assert is_gone(looks)
        assert is_gone(Looks(runtime, known_now(runtime), before.record.person))
        assert not is_gone(Looks(runtime, known_now(runtime)))


def is_gone(looks: Looks) -> bool:
    found = looks.look()
    assert found is not None
    return found.gone
