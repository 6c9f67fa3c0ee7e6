"""Which withdrawals outlive an erased person: what was forbidden stays forbidden, and nothing is invented."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from features import consent
from features.consent import EVERYTHING, PROFILING
from features.history import CONSENT_ENTRY, NO_CHANNEL, Records
from features.stores.withdrawals import in_force

CHANNELS = (0, 1, NO_CHANNEL)
TOPICS = (EVERYTHING, 17, 18, PROFILING)
LATER = 100

STATEMENTS = st.lists(
    st.tuples(st.integers(0, 5), st.sampled_from(CHANNELS), st.sampled_from(TOPICS), st.booleans()), max_size=10
)


def entries(statements: list[tuple[int, int, int, bool]]) -> Records:
    made = np.zeros(len(statements), dtype=CONSENT_ENTRY)
    for row, (moment, channel, topic, granted) in enumerate(statements):
        made[row]["occurred_at"] = made[row]["recorded_at"] = moment
        made[row]["channel"], made[row]["topic"], made[row]["granted"] = channel, topic, granted
        made[row]["sequence"] = row
    return made


def forbidden(consents: Records, channel: int, topic: int) -> bool:
    state = consent.state(consents, channel, topic, LATER)
    return state is not None and not state.granted


@given(STATEMENTS)
def test_what_was_forbidden_stays_forbidden(statements: list[tuple[int, int, int, bool]]) -> None:
    said = entries(statements)
    kept = in_force(said)
    for channel in (0, 1):
        for topic in (EVERYTHING, 17, 18):
            if forbidden(said, channel, topic):
                assert forbidden(kept, channel, topic)
    assert consent.objects_to_profiling(kept, LATER) == consent.objects_to_profiling(said, LATER)


@given(STATEMENTS)
def test_only_what_the_person_withdrew_and_nothing_they_granted(statements: list[tuple[int, int, int, bool]]) -> None:
    kept = in_force(entries(statements))
    withdrawn = {(moment, topic) for moment, _, topic, granted in statements if not granted}
    assert {(int(one["occurred_at"]), int(one["topic"])) for one in kept} <= withdrawn
    assert not kept["granted"].any()
    pairs = [(int(one["channel"]), int(one["topic"])) for one in kept]
    assert len(pairs) == len(set(pairs))


@given(STATEMENTS)
def test_without_statements_on_every_channel_nothing_is_stricter_for_a_channel(
    statements: list[tuple[int, int, int, bool]],
) -> None:
    """Whether a whole channel is forbidden is exactly what it was."""
    said = entries([one for one in statements if one[1] != NO_CHANNEL])
    for channel in (0, 1):
        assert forbidden(in_force(said), channel, EVERYTHING) == forbidden(said, channel, EVERYTHING)
