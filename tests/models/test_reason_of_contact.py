"""What the request says of the reason of a contact, and what events do, beside service before sales."""

from __future__ import annotations

from features.event import Event, Kind
from models.policy.gates.service_first import ServiceBeforeSales
from tests.models.shop import event
from tests.models.test_held_back import told


def test_a_reason_is_compared_by_its_words_and_what_is_none_stops_no_service() -> None:
    case = event(Kind.CASE_OPENED, 2, decision="c", severity=3)
    saving, helping = {"purpose": "retention"}, {"kind": "service", "items": []}
    assert told(ServiceBeforeSales(), case, context={"reason": " Cancellation"}, **saving) == (False, "")
    for none in (["cancellation"], {"why": "cancellation"}, 3, "", None):
        assert told(ServiceBeforeSales(), case, context={"reason": none}, **saving)[0]
        assert told(ServiceBeforeSales(), case, context={"reason": none}, **helping) == (False, "")


def on_a_call(*events: Event, channel: str = "agent", **fields: object) -> bool:
    """Whether retention is refused to somebody who waits for help; the events are days old."""
    case = event(Kind.CASE_OPENED, 2, decision="c", severity=3)
    return told(ServiceBeforeSales(), case, *events, channel=channel, **{"purpose": "retention", **fields})[0]


MINUTE = 1 / (24 * 60)


def test_a_cancellation_told_of_the_contact_under_way_lets_retention_pass() -> None:
    for kind in (Kind.CALL_STARTED, Kind.CHAT_STARTED, Kind.IVR_MENU_SELECTED):
        cancelling = event(kind, 5 * MINUTE, channel="agent", topic="cancellation")
        assert not on_a_call(cancelling)
        assert on_a_call(event(kind, 5 * MINUTE, channel="agent", topic="moving"))
        assert on_a_call(event(kind, 5 * MINUTE, channel="agent"))
        assert on_a_call(cancelling, purpose="marketing"), "an offer is still none"
        assert on_a_call(cancelling, channel="email"), "nobody is written to for it"
    opened = event(Kind.CASE_OPENED, 2 * MINUTE, decision="d", severity=1, topic="cancellation")
    assert not on_a_call(event(Kind.CALL_STARTED, 5 * MINUTE, channel="agent"), opened)
    assert on_a_call(opened), "a case by itself is no contact"


def test_it_ends_with_the_call_and_what_is_told_last_counts() -> None:
    cancelling = event(Kind.CALL_STARTED, 50 * MINUTE, channel="agent", topic="cancellation")
    ended = event(Kind.CALL_ENDED, 20 * MINUTE, channel="agent")
    assert not on_a_call(cancelling)
    assert on_a_call(cancelling, ended)
    assert on_a_call(cancelling, ended, event(Kind.CALL_STARTED, 5 * MINUTE, channel="agent"))
    assert on_a_call(event(Kind.CALL_STARTED, 130 * MINUTE, channel="agent", topic="cancellation")), "two hours at most"
    other = event(Kind.CASE_OPENED, 10 * MINUTE, decision="d", severity=1, topic="billing")
    assert on_a_call(cancelling, other)
    assert not on_a_call(event(Kind.IVR_MENU_SELECTED, 9 * MINUTE, topic="moving"), cancelling_call(5))


def test_an_order_at_the_end_of_a_part_of_a_call_is_no_reason() -> None:
    """Imported files may name one; an event has one place for either (features.stores.packed)."""
    passed_on = event(Kind.CALL_TRANSFERRED, 20 * MINUTE, channel="agent")
    part = event(Kind.CALL_ENDED, 20 * MINUTE, channel="agent", order="o-17")
    assert not on_a_call(cancelling_call(30), passed_on, part)


def cancelling_call(minutes: float, lag: float = 0.0) -> Event:
    return event(Kind.CALL_STARTED, minutes * MINUTE, channel="agent", topic="cancellation", lag_days=lag)


def test_what_was_not_recorded_yet_is_not_known() -> None:
    assert on_a_call(cancelling_call(5, lag=10 * MINUTE))
    assert on_a_call(cancelling_call(-5))
