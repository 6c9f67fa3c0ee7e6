"""Challengers beside the champion through a real service of two workers."""

from __future__ import annotations

import http.client
import json
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from urllib.parse import urlsplit

import msgspec
import pytest
from msgspec.structs import replace

from features.stores import Store, open_store
from features.stores.trials import Trial, TrialKind
from models.bundle import digest
from models.catalogue_file import read_text
from models.policy.sides import takes
from models.policy_rules import DAY
from models.shadow import ShadowScores
from serving.replaying import Replayer
from serving.runtime import code_revision
from tests.serving.running import Running, server, until
from tests.serving.synthetic import CATALOGUE, PUBLISHED_AT, make_shop, noise_bundle, put_model, store_url
from tests.serving.test_hot_swap import bad_bundles, everywhere, told

LATER = 4_000_000_000_000
PEOPLE = [f"tried-{number}" for number in range(30)]
AB = Trial(TrialKind.AB, "8", digest(noise_bundle(2)), "run-8", "7", 0.5, PUBLISHED_AT, LATER, "Ann", "to see")
SHADOW = replace(AB, kind=TrialKind.SHADOW, champion="", share=1.0, until=0)


@dataclass(frozen=True)
class Trying:
    running: Running
    store: Store

    def begin(self, trial: Trial) -> None:
        self.store.add_trial(trial)
        assert everywhere(self.running, trial.kind.value, self._shown(trial))

    def end(self, kind: TrialKind) -> None:
        self.store.add_trial(Trial(kind, "", "", "", "", 0.0, PUBLISHED_AT + DAY, 0, "Ann", "enough"))
        assert everywhere(self.running, kind.value, None)

    def _shown(self, trial: Trial) -> dict[str, object]:
        return {
            "version": trial.version,
            "digest": trial.digest,
            "champion": trial.champion,
            "share": trial.share,
            "since": "2026-01-01T00:00:00.000Z",
            "until": "2096-10-02T07:06:40.000Z" if trial.until else None,
            "message": "",
            **({"deciding": True} if trial.kind is TrialKind.AB else {}),
        }

    def asked(self, person: str, **question: object) -> dict[str, object]:
        """Over a connection of its own, so that either worker may answer."""
        body = json.dumps({"customer_id": person, "channels": ["web"], "limit": 2, **question})
        with closing(http.client.HTTPConnection(urlsplit(self.running.url).netloc, timeout=30)) as connection:
            connection.request("POST", "/recommend", body, {"Content-Type": "application/json"})
            response = connection.getresponse()
            answer: dict[str, object] = json.loads(response.read())
        assert response.status == 200, answer
        return answer


@pytest.fixture(scope="module")
def trying(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Trying]:
    """The synthetic shop, whose website explores all it can."""
    home = tmp_path_factory.mktemp("trying")
    make_shop(home)
    text = CATALOGUE.replace("placements: [hero]", "placements: [hero], exploration: {share: 1, gamma: 0.01}")
    store, source = open_store(store_url(home)), read_text(text)
    try:
        store.publish_catalogue(source.document, source.items_ipc(), None, PUBLISHED_AT, "test", "synthetic")
        store.put_bundle(AB.digest, noise_bundle(2))
        with server(home, workers=2) as running:
            yield Trying(running, store)
    finally:
        store.close()


def bare(answer: dict[str, object]) -> object:
    """Without what is another for each decision, or signed."""
    slates = answer["channels"]
    assert isinstance(slates, list)
    actions = [[{**one, "token": None} for one in slate["actions"]] for slate in slates]
    return {**answer, "decision_id": None, "decided_at": None, "channels": actions}


def test_a_share_of_people_is_decided_for_by_the_challenger_and_stays_there(trying: Trying) -> None:
    trying.begin(AB)
    answers = [(person, trying.asked(person)) for person in PEOPLE * 2]
    expected = {person: "8" if takes(AB.name, person, 0.5) else "7" for person in PEOPLE}
    assert {(person, str(answer["model_version"])) for person, answer in answers} == set(expected.items())
    assert set(expected.values()) == {"7", "8"}
    digests = {"7": digest(noise_bundle(1)), "8": AB.digest}
    replayer = Replayer(trying.store, code_revision())
    for _, answer in answers[: len(PEOPLE)]:
        logged = trying.store.decision(str(answer["decision_id"]))
        assert logged is not None
        assert (logged.model_version, logged.model_digest) == (answer["model_version"], digests[logged.model_version])
        assert replayer.replay(logged).identical
    trying.end(TrialKind.AB)
    assert {trying.asked(person)["model_version"] for person in PEOPLE} == {"7"}


def test_a_trial_is_over_on_its_day_and_beside_another_champion(trying: Trying) -> None:
    theirs = next(person for person in PEOPLE if takes(AB.name, person, 0.5))
    trying.begin(AB)
    assert trying.asked(theirs)["model_version"] == "8"
    assert trying.asked(theirs, at="2026-01-01T00:00:01Z")["model_version"] == "8"
    put_model(trying.store, "9", noise_bundle(3))
    assert everywhere(trying.running, "version", "9")
    assert trying.asked(theirs)["model_version"] == "9"
    put_model(trying.store, "7", noise_bundle(1))
    assert everywhere(trying.running, "version", "7")
    assert trying.asked(theirs)["model_version"] == "8"
    trying.store.add_trial(replace(AB, until=PUBLISHED_AT + DAY))
    assert everywhere(trying.running, "ab", None)
    assert trying.asked(theirs)["model_version"] == "7"
    trying.end(TrialKind.AB)


def test_a_shadow_changes_no_decision_and_its_scores_are_kept_beside_it(trying: Trying) -> None:
    before = {person: bare(trying.asked(person)) for person in PEOPLE}
    trying.begin(SHADOW)
    answers = {person: trying.asked(person) for person in PEOPLE}
    assert {person: bare(answer) for person, answer in answers.items()} == before
    ids = {person: str(answer["decision_id"]) for person, answer in answers.items()}

    def kept() -> bool:
        found = [trying.store.decision(one) for one in ids.values()]
        return all(one is not None and one.shadow is not None for one in found)

    assert until(kept)
    for person in PEOPLE:
        logged = trying.store.decision(ids[person])
        assert logged is not None
        found = msgspec.json.decode(logged.shadow or "", type=ShadowScores)
        assert (found.version, found.digest, found.fault) == ("8", AB.digest, None)
        chosen = answers[person]["channels"][0]["actions"]  # type: ignore[index]
        assert [(one.action, one.champion) for one in found.chosen] == [
            (one["action_id"], one["response_probability"]) for one in chosen
        ]
        assert all(one.response is not None and one.response != one.champion for one in found.chosen)
    trying.end(TrialKind.SHADOW)
    scored = [line for line in _metrics(trying) if line.startswith('nextbest_shadow_decisions_total{result="scored"}')]
    assert float(scored[0].split()[-1]) >= len(PEOPLE)


def test_a_challenger_that_is_refused_harms_nothing_and_says_so(trying: Trying) -> None:
    files = bad_bundles()["self_test"]
    key = digest(files)
    trying.store.put_bundle(key, files)
    trying.store.add_trial(replace(AB, version="31", digest=key, share=1.0))
    trying.store.add_trial(replace(SHADOW, version="31", digest=key))

    def says() -> bool:
        found = json.loads(told(trying.running, "/model"))
        return all(
            found[kind] and "challenger 31 cannot be loaded" in found[kind]["message"] for kind in ("ab", "shadow")
        )

    assert until(says, 60.0)
    answers = [trying.asked(person) for person in PEOPLE]
    assert {(one["model_version"], one["degraded"]) for one in answers} == {("7", False)}
    refused = [line for line in _metrics(trying) if line.startswith('nextbest_model_refused_total{reason="self_test"}')]
    assert float(refused[0].split()[-1]) >= 2.0
    for kind in TrialKind:
        trying.end(kind)


def _metrics(trying: Trying) -> list[str]:
    return told(trying.running, "/metrics").splitlines()
