"""An offer that takes off is ranked by it while the service runs, by every worker, without a retrain; what was decided
before and after is decided again alike."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest

from features.live_response import Tallies
from features.stores import open_store
from tests.serving.running import Running, server, until
from tests.serving.synthetic import make_shop, noise_bundle, put_model, store_url

PEOPLE = 30


@dataclass(frozen=True, slots=True)
class Served:
    """before: what offers were worth to a stranger on the web before anybody had seen one, by action. seen: what came
    of them, then. ids: of the decisions that led to it."""

    running: Running
    before: Mapping[str, float]
    seen: Tallies
    ids: tuple[str, ...]


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """Everybody who is shown the washing machine converts; nobody is shown the vacuum cleaner, of the same group."""
    home = tmp_path_factory.mktemp("lifting")
    make_shop(home, model=False)
    store = open_store(store_url(home))
    put_model(store, "7", noise_bundle(lifting=True))
    store.close()
    with server(home, workers=2) as running, running.client() as client:
        before = chances(client)
        ids = tuple(shown(client, f"visitor-{number}") for number in range(PEOPLE))
        yield Served(running, before, tallies(home), ids)


def ask(client: httpx.Client, person: str, **question: object) -> dict[str, object]:
    response = client.post("/recommend", json={"customer_id": person, "channels": ["web"], "limit": 3, **question})
    assert response.status_code == 200, response.text
    found: dict[str, object] = response.json()
    return found


def actions(answer: Mapping[str, object]) -> list[dict[str, object]]:
    found: list[dict[str, object]] = answer["channels"][0]["actions"]  # type: ignore[index]
    return found


def chances(client: httpx.Client, **question: object) -> dict[str, float]:
    answer = ask(client, "stranger", dry_run=True, **question)
    return {str(one["action_id"]): float(one["response_probability"]) for one in actions(answer)}  # type: ignore[arg-type]


def shown(client: httpx.Client, person: str) -> str:
    """The decision by which the person was shown the washing machine, and took it."""
    answer = ask(client, person, exclude=["offer-vacuum", "offer-plan"])
    (action,) = actions(answer)
    reports = [{"token": action["token"], "outcome": outcome} for outcome in ("displayed", "converted")]
    assert client.post("/feedback", json=reports).status_code == 200
    assert client.post("/feedback", json=reports).json() == {"stored": 0, "duplicates": 2}
    return str(answer["decision_id"])


def tallies(home: Path) -> Tallies:
    store = open_store(store_url(home))
    try:
        return store.tallies("7")
    finally:
        store.close()


def test_what_takes_off_is_worth_more_at_once_and_so_is_its_group(served: Served) -> None:
    told: list[dict[str, float]] = []
    with served.running.client() as client:

        def lifted() -> bool:
            """By each worker that answers."""
            told.extend(chances(client) for _ in range(6))
            return all(one[name] > served.before[name] * 1.1 for one in told[-6:] for name in served.before)

        assert until(lifted, patience=60.0)
    now = told[-1]
    assert set(now) == set(served.before) >= {"offer-washer", "offer-vacuum"}
    assert now["offer-washer"] > now["offer-vacuum"] * served.before["offer-washer"] / served.before["offer-vacuum"]


def test_a_dry_run_counts_nothing(served: Served) -> None:
    assert set(served.seen) == {("offer-washer", "web")}
    contacts, expected, successes = served.seen["offer-washer", "web"].sums[:3]
    assert (round(contacts, 2), round(successes, 2)) == (PEOPLE, PEOPLE)
    assert expected == pytest.approx(contacts * served.before["offer-washer"], rel=0.01)
    with served.running.client() as client:
        for _ in range(5):
            chances(client)
        after = tallies(served.running.home)["offer-washer", "web"]
    assert after.sums.tolist() == served.seen["offer-washer", "web"].sums.tolist()


def test_it_is_told_why_and_replays_the_same(served: Served) -> None:
    """Each worker reads the counts in its own time, and perhaps while they are made: it is asked until it has them."""
    answers: list[dict[str, object]] = []

    def told() -> bool:
        answers.append(ask(client, "stranger", explain=True))
        said = {str(one["action_id"]): str(one["reasons"][0]) for one in actions(answers[-1])}  # type: ignore[index]
        return said["offer-washer"].startswith("how it does lately on the channel") and said["offer-vacuum"].startswith(
            "how others of its group do lately"
        )

    with served.running.client() as client:
        assert until(told, patience=60.0), actions(answers[-1])
        for decision in (*served.ids[::10], *(str(answer["decision_id"]) for answer in (answers[0], answers[-1]))):
            logged = client.get(f"/decisions/{decision}").json()
            assert logged["replay"]["identical"] is True, logged["replay"]
