"""Open cases of everybody, from a store on either engine and by the command. Everything here is synthetic."""

from __future__ import annotations

import json
import random
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from features.cases import open_cases
from features.event import Event, Identifier, Kind
from features.instants import render_instant
from features.stores import Store, open_store
from features.stores.protocol import Append
from models.catalogue_file import read_text
from models.policy.trouble import stale_since
from models.policy_rules import ServiceFirst
from serving.open_cases import CaseOfSomebody, cases_of_everybody
from tests.checks.postgres import Server
from tests.checks.store_examples import VAULT, event, user
from tests.flow.test_operators import nextbest, one_line
from tests.serving.synthetic import CATALOGUE, PUBLISHED_AT, make_shop, store_url

DAY = 86_400_000
NOW = PUBLISHED_AT
RULE = ServiceFirst(
    severity=2,
    stale=14 * DAY,
    delivery=DAY,
    in_service=(),
    retention=frozenset(),
    cancelling=frozenset(),
    complaints=frozenset(),
)
WEB = Identifier("anonymous_id", "browser-1")
MAIL = Identifier("email", "ann@example.com")


@pytest.fixture(params=["sqlite", "postgresql"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Store]:
    with ExitStack() as kept:
        url = f"sqlite:///{tmp_path}/store.db"
        if request.param == "postgresql":
            server: Server = request.getfixturevalue("postgres")
            url = kept.enter_context(server.store())
        opened = open_store(url, vault=VAULT)
        kept.callback(opened.close)
        yield opened


def case(kind: Kind, days: float, case_id: str | None, severity: int = 0) -> Event:
    """days: before NOW."""
    at = NOW - round(days * DAY)
    name = f"{kind}-{case_id}-{days}"
    return event(name, kind, at, decision=case_id, severity=severity, properties=json.dumps({"case_id": case_id}))


def tell(store: Store, who: Identifier, *events: Event, also: tuple[Identifier, ...] = ()) -> None:
    store.append([Append(who, events, also=also)]).result(30)


def listed(store: Store, rule: ServiceFirst | None = RULE, only_stale: bool = False) -> list[CaseOfSomebody]:
    return list(cases_of_everybody(store, rule, only_stale, NOW, lambda: None))


def told_shop(store: Store) -> None:
    tell(store, user("ann"), case(Kind.CASE_OPENED, 40, "k-1", 3), case(Kind.CASE_UPDATED, 20, "k-1"))
    tell(store, user("ann"), case(Kind.CASE_OPENED, 3, "k-2"), also=(MAIL,))
    tell(store, user("bob"), case(Kind.CASE_OPENED, 40, "k-3"), case(Kind.CASE_CLOSED, 39, "k-3"))
    tell(store, user("cat"), event("looked"))
    tell(store, WEB, case(Kind.CASE_OPENED, 14, None, 1))


def test_what_nobody_has_touched_for_so_long_is_stale_since(store: Store) -> None:
    told_shop(store)
    found = {(one.customer, one.case_id): one for one in listed(store)}
    assert {key: one.stale_since for key, one in found.items()} == {
        ("ann", "k-1"): NOW - 6 * DAY,
        ("ann", "k-2"): None,
        (None, None): NOW,
    }
    ann = found["ann", "k-1"].case
    assert (ann.severity, ann.opened_at, ann.touched_at) == (3, NOW - 40 * DAY, NOW - 20 * DAY)
    assert {one.case_id for one in listed(store, only_stale=True)} == {"k-1", None}
    assert [one.stale_since for one in listed(store, rule=None)] == [None] * 3
    assert listed(store, rule=None, only_stale=True) == []


def test_a_person_of_several_names_is_one_customer(store: Store) -> None:
    tell(store, WEB, case(Kind.CASE_OPENED, 30, "k-1"))
    tell(store, MAIL, case(Kind.CASE_OPENED, 29, "k-2"))
    assert [one.customer for one in listed(store)] == [None, None]
    for name in (WEB, MAIL):
        tell(store, user("ann"), event(f"in {name.type}"), also=(name,))
    tell(store, user("ann"), case(Kind.CASE_CLOSED, 1, "k-1"))
    assert [(one.customer, one.case_id) for one in listed(store)] == [("ann", "k-2")]


def test_it_lists_what_the_gates_see(store: Store) -> None:
    """Of many stories, against each person's page."""
    rng = random.Random(7)
    kinds = (Kind.CASE_OPENED, Kind.CASE_UPDATED, Kind.CASE_CLOSED)
    for number in range(60):
        events = {
            (one.message_id): one
            for _ in range(rng.randrange(7))
            for one in [case(rng.choice(kinds), rng.randrange(40), rng.choice(["a", "b", None]), rng.randrange(4))]
        }
        tell(store, user(f"c-{number}"), *events.values())
    walked: list[None] = []
    found = list(cases_of_everybody(store, RULE, False, NOW, lambda: walked.append(None)))
    seen = Counter((one.customer, one.case, one.stale_since) for one in found)
    expected: Counter[tuple[object, ...]] = Counter()
    for number in range(60):
        page = store.read(user(f"c-{number}")).page
        for one in open_cases(page, NOW):
            expected[f"c-{number}", one, stale_since(RULE, one.touched_at, NOW)] += 1
    assert seen == expected
    assert len(found) > 10
    assert 10 < sum(one.stale_since is not None for one in found) < len(found)
    assert len(walked) >= len({one.customer for one in found})


def shop(home: Path, rules: str) -> None:
    make_shop(home, model=False)
    store, source = open_store(store_url(home)), read_text(CATALOGUE + rules)
    try:
        store.publish_catalogue(source.document, source.items_ipc(), None, PUBLISHED_AT, "test", "synthetic")
        store.put_setting("clock", "driven")
        store.advance_present(NOW)
        told_shop(store)
    finally:
        store.close()


def test_the_command_lists_the_longest_untouched_first(tmp_path: Path) -> None:
    shop(tmp_path, "service_first: {severity: 2, stale_days: 14, delivery_days: 3}\n")
    done = nextbest(tmp_path, "cases", "list", "--stale", "--json")
    assert done.returncode == 0, done.stderr
    first, second = json.loads(done.stdout)
    assert first == {
        "customer": "ann",
        "case_id": "k-1",
        "severity": 3,
        "opened": render_instant(NOW - 40 * DAY),
        "touched": render_instant(NOW - 20 * DAY),
        "stale_since": render_instant(NOW - 6 * DAY),
    }
    assert (second["customer"], second["case_id"], second["severity"]) == (None, None, 1)
    lines = nextbest(tmp_path, "cases", "list").stdout.splitlines()
    assert [line.split("\t")[1] for line in lines] == ["case_id", "k-1", "", "k-2"]
    assert "browser-1" not in done.stdout + "".join(lines)
    assert "example.com" not in done.stdout + "".join(lines)


def test_without_a_rule_nothing_can_be_stale(tmp_path: Path) -> None:
    assert "nothing is there yet" in one_line(nextbest(tmp_path / "absent", "cases", "list"))
    shop(tmp_path, "")
    assert one_line(nextbest(tmp_path, "cases", "list", "--stale")).startswith("service_first is absent; ")
    done = nextbest(tmp_path, "cases", "list", "--json")
    assert [one["stale_since"] for one in json.loads(done.stdout)] == [None] * 3
