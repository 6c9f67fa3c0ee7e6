"""Seeds: the same while nothing changes where the customer comes to us, new each time where we write first."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from features.event import Kind
from features.history import CustomerRecord
from models.catalogue import Catalogue
from models.policy_rules import Arm, Arms, Exploration
from serving.draws import SEED_BITS, seed_of
from serving.question_text import told_of
from serving.schemas import DecisionQuestion
from serving.tokens import Signer
from tests.models.shop import DAY, NOW, customer, event
from tests.models.test_decide import small_shop

SIGNER = Signer(b"a secret of the store that is 32b")
COMPILED, VOCABULARY = small_shop({"a": {}})
CATALOGUE = replace(COMPILED.catalogue, arms=Arms(90 * DAY, ((Arm.RANDOM, 0.01),)))
"""mail is outbound, web inbound; a journey ends after half an hour."""
STRANGER = CustomerRecord(-1, "anon:91ab", known=False)
MINUTE = 60_000


def seed(
    record: CustomerRecord = STRANGER,
    channels: tuple[str, ...] = ("web",),
    moment: int = NOW,
    catalogue: Catalogue = CATALOGUE,
    model: str = "3",
    signer: Signer = SIGNER,
    **question: object,
) -> int:
    return seed_of(signer, told_of(DecisionQuestion(**question)), channels, record, catalogue, model, moment)  # type: ignore[arg-type]


def test_asked_again_it_is_the_same_whoever_asks_and_however() -> None:
    first = seed()
    assert 0 <= first < 1 << SEED_BITS
    assert {seed(), seed(signer=Signer(b"a secret of the store that is 32b"))} == {first}
    assert {seed(explain=True), seed(dry_run=True), seed(decision_id="d-1"), seed(at="2026-01-01T00:00:00Z")} == {first}


@pytest.mark.parametrize(
    "changed",
    [
        lambda: seed(replace(STRANGER, version=1)),
        lambda: seed(replace(STRANGER, customer_id="anon:91ac")),
        lambda: seed(catalogue=replace(CATALOGUE, version=2)),
        lambda: seed(model="4"),
        lambda: seed(signer=Signer(b"another store's secret, 32 bytes.")),
        lambda: seed(limit=2),
        lambda: seed(placement="hero"),
        lambda: seed(context={"page": "laundry"}),
        lambda: seed(channels=("web", "mail")),
    ],
)
def test_it_changes_with_whatever_the_answer_is_made_from(changed: Callable[[], int]) -> None:
    assert changed() != seed()


def test_without_a_journey_it_is_of_the_persons_day() -> None:
    """NOW is one in the morning in Berlin, the catalogue's zone, and nine in Tokyo."""
    assert seed(moment=NOW + 22 * 60 * MINUTE) == seed()
    assert seed(moment=NOW + 23 * 60 * MINUTE) != seed()
    traveller = replace(STRANGER, time_zone="Asia/Tokyo")
    assert seed(traveller, moment=NOW + 14 * 60 * MINUTE) == seed(traveller)
    assert seed(traveller, moment=NOW + 15 * 60 * MINUTE) != seed(traveller)


def test_within_a_journey_it_is_of_the_journey() -> None:
    """Over midnight too; and when it has ended, of the day."""
    came = event(Kind.STORE_VISITED, 5 * MINUTE / DAY, channel="web")
    visitor = customer([came], VOCABULARY)
    begun = seed(visitor)
    assert {seed(visitor, moment=NOW + minutes * MINUTE) for minutes in range(0, 25, 5)} == {begun}
    assert seed(visitor, moment=NOW + 26 * MINUTE) != begun


def test_where_we_write_first_each_decision_draws_anew() -> None:
    assert len({seed(channels=("mail",)) for _ in range(20)}) == 20
    assert len({seed(channels=("mail", "web")) for _ in range(20)}) == 1


def test_where_nothing_is_left_to_dice_nothing_is_looked_up() -> None:
    greedy = replace(CATALOGUE, arms=None)
    web = replace(CATALOGUE.channels["web"], exploration=Exploration(0.1, 100.0))
    exploring = replace(greedy, channels={**CATALOGUE.channels, "web": web})
    assert len({seed(catalogue=greedy) for _ in range(20)}) == 20
    assert len({seed(catalogue=exploring) for _ in range(20)}) == 1


def test_over_people_and_versions_the_draws_are_as_even_as_dice() -> None:
    """What makes the reported probabilities those of inbound decisions too."""
    records = [replace(STRANGER, customer_id=f"c-{number % 500}", version=number // 500) for number in range(4_000)]
    drawn = np.array([np.random.default_rng(seed(record)).random() for record in records])
    where, steps = np.sort(drawn), np.arange(len(drawn)) / len(drawn)
    distance = max(np.abs(where - steps).max(), np.abs(where - steps - 1 / len(drawn)).max())
    assert distance * math.sqrt(len(drawn)) < 2.5  # Kolmogorov's: passed by chance in one test of 130,000
    assert abs(np.corrcoef(drawn[500:], drawn[:-500])[0, 1]) < 4.5 / math.sqrt(len(drawn) - 500)
