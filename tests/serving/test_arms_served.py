"""Arms and dice through a real service of two workers: what is the same, what differs, and what is logged of it."""

from __future__ import annotations

from collections.abc import Iterator

import httpx
import pytest

from features.stores import open_store
from models.catalogue_file import read_text
from models.policy.arms import arm_of
from models.policy_rules import DAY, Arm, Arms
from tests.serving.running import Running, server
from tests.serving.synthetic import CATALOGUE, PUBLISHED_AT, make_shop, store_url

SHARES = ((Arm.HOLDOUT, 0.2), (Arm.RANDOM, 0.2), (Arm.PROPENSITY, 0.2), (Arm.NO_LEVERS, 0.2))
ARMS = Arms(36_500 * DAY, SHARES)
"""Of a period so long that no test sees its end."""
NOW = PUBLISHED_AT + 200 * DAY
PEOPLE = [f"arms-{number}" for number in range(40)]


@pytest.fixture(scope="module")
def exploring(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """The synthetic shop, whose website explores all it can."""
    home = tmp_path_factory.mktemp("exploring")
    make_shop(home)
    text = CATALOGUE.replace("placements: [hero]", "placements: [hero], exploration: {share: 1, gamma: 0.01}")
    text += "arms: {period_days: 36500, holdout: 0.2, random: 0.2, propensity: 0.2, no_levers: 0.2}\n"
    store, source = open_store(store_url(home)), read_text(text)
    try:
        store.publish_catalogue(source.document, source.items_ipc(), None, PUBLISHED_AT, "test", "synthetic")
    finally:
        store.close()
    with server(home, workers=2) as running:
        yield running


def asked(running: Running, person: str, **question: object) -> dict[str, object]:
    """Over a connection of its own, so that either worker may answer."""
    body = {"customer_id": person, "channels": ["web"], "limit": 2, **question}
    response = httpx.post(f"{running.url}/recommend", json=body, timeout=20)
    assert response.status_code == 200, response.text
    answer: dict[str, object] = response.json()
    return answer


def slate(answer: dict[str, object]) -> list[tuple[str, float]]:
    (channel,) = answer["channels"]  # type: ignore[misc]
    return [(one["action_id"], one["selection_probability"]) for one in channel["actions"]]  # type: ignore[index]


def test_everybodys_arm_is_answered_logged_and_counted(exploring: Running) -> None:
    answers = {person: asked(exploring, person) for person in PEOPLE}
    found = {person: answer["arm"] for person, answer in answers.items()}
    assert found == {person: arm_of(ARMS, person, NOW) for person in PEOPLE}
    assert set(found.values()) == set(Arm)
    store = open_store(store_url(exploring.home))
    try:
        logged = {person: store.decision(str(answer["decision_id"])) for person, answer in answers.items()}
    finally:
        store.close()
    assert {person: one.arm for person, one in logged.items() if one is not None} == found
    text = httpx.get(f"{exploring.url}/metrics").text
    assert all(f'nextbest_decisions_total{{arm="{arm}",' in text for arm in Arm)
    for person, answer in answers.items():
        (channel,) = answer["channels"]  # type: ignore[misc]
        assert (channel["funnel"]["arm"] > 0) == (found[person] == Arm.HOLDOUT)


def test_a_reload_and_another_worker_show_the_same_until_something_happens(exploring: Running) -> None:
    before = {person: slate(asked(exploring, person)) for person in PEOPLE}
    for _ in range(3):
        assert {person: slate(asked(exploring, person)) for person in PEOPLE} == before
    looked = {person: slate(asked(exploring, person, explain=True, dry_run=True)) for person in PEOPLE}
    assert looked == before
    assert len({tuple(one) for one in before.values()}) > 3
    for person in PEOPLE:
        seen = {"userId": person, "messageId": f"{person}-page", "type": "page"}
        assert httpx.post(f"{exploring.url}/v1/page", json=seen).status_code == 200
    after = {person: slate(asked(exploring, person)) for person in PEOPLE}
    assert {person: slate(asked(exploring, person)) for person in PEOPLE} == after
    assert after != before


def test_an_outbound_draw_is_no_reload(exploring: Running) -> None:
    """Nothing explores on this channel, so that the seed alone tells."""
    store = open_store(store_url(exploring.home))
    try:
        ids = [str(asked(exploring, "arms-out", channels=["email"])["decision_id"]) for _ in range(3)]
        seeds = {logged.seed for one in ids if (logged := store.decision(one)) is not None}
    finally:
        store.close()
    assert len(seeds) == 3


def test_the_arm_follows_the_name(exploring: Running) -> None:
    """Of a browser whose arm is not that of the customer who signs in on it."""
    browser, user = next(
        (one, other)
        for one in PEOPLE
        for other in PEOPLE
        if arm_of(ARMS, f"anon:{one}", NOW) is not arm_of(ARMS, f"{other}-signed-in", NOW)
    )
    arms = {name: arm_of(ARMS, name, NOW) for name in (f"anon:{browser}", f"{user}-signed-in")}
    before = asked(exploring, f"anon:{browser}")
    who = {"userId": f"{user}-signed-in", "anonymousId": browser, "messageId": f"{browser}-who"}
    assert httpx.post(f"{exploring.url}/v1/identify", json=who).status_code == 200
    after = [asked(exploring, name) for name in arms]
    assert before["arm"] == arms[f"anon:{browser}"]
    assert [answer["arm"] for answer in after] == [arms[f"{user}-signed-in"]] * 2
