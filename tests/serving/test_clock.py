"""Times on the wire, and whose present it is."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from features.instants import EARLIEST, TOLERATED_LEAD, parse_instant, render_instant
from serving.clock import occurred_at
from serving.errors import Refusal

MOMENTS = st.integers(EARLIEST, 4_102_444_800_000)
FIRST, LAST = -62_135_596_800_000, 253_402_300_799_999


@given(MOMENTS)
def test_a_rendered_time_reads_back(moment: int) -> None:
    assert parse_instant(render_instant(moment)) == moment


@given(st.integers(FIRST, LAST))
def test_every_moment_of_the_calendar_reads_back(moment: int) -> None:
    assert parse_instant(render_instant(moment)) == moment


@given(MOMENTS, st.integers(-14 * 60, 14 * 60))
def test_an_offset_moves_the_hands_and_not_the_moment(moment: int, minutes: int) -> None:
    local = render_instant(moment + minutes * 60_000).removesuffix("Z")
    sign, (hours, rest) = "-" if minutes < 0 else "+", divmod(abs(minutes), 60)
    assert parse_instant(f"{local}{sign}{hours:02}:{rest:02}") == moment


@pytest.mark.parametrize(
    "text",
    [
        *("2026-01-31T09:00:00", "2026-01-31", "2026-02-30T00:00:00Z", "2026-01-31T25:00:00Z", "20260131T090000Z"),
        *("2026-01-31T09:00:00+99:00", "٢٠٢٦-01-31T09:00:00Z", "", "now", "2026-01-31T09:00:00Z "),
        *("0000-01-01T00:00:00Z", "2026-W05-6T00:00:00Z"),
        *("0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00"),
    ],
)
def test_what_is_no_moment_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="must be"):
        parse_instant(text)


@given(MOMENTS, st.integers(-10 * TOLERATED_LEAD, 10 * TOLERATED_LEAD))
def test_an_event_never_occurs_after_we_heard_of_it(received_at: int, lead: int) -> None:
    told = received_at + lead
    if lead > TOLERATED_LEAD or told < EARLIEST:
        with pytest.raises(Refusal):
            occurred_at("occurred_at", told, received_at)
    else:
        assert occurred_at("occurred_at", told, received_at) == min(told, received_at)
