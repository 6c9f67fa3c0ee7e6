"""Planted skew is seen, and refuses a promotion: SYNTHETIC decisions by a real model, made again by the real replay."""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from rich.console import Console

from features.definitions import names
from features.event import Event, Identifier, Kind
from features.progress import Silent
from features.published import NOTHING
from features.stores import open_store
from features.stores.protocol import Append, LoggedDecision
from models import bundle
from models.decide import decide
from models.response import ModelScorer
from serving.redrawing import rows_again, withheld
from serving.replaying import Replayer
from serving.runtime import code_revision
from tests.flow.test_promotion import RATE, Home, model, nextbest, tracking
from tests.models.shop import DAY, NOW, request
from tests.training.draw_world import ITEM_OF_B, Shop, _log, _told, open_shop
from training.commands import Log, skew_of
from training.promotion import NotEvaluable, Skewed
from training.registry import Registry, RunRecord
from training.skew import Skew, measure_skew
from training.table_parts import made

pytestmark = [  # what MLflow says of its own libraries is not ours to mend
    pytest.mark.filterwarnings("ignore::sqlalchemy.exc.SADeprecationWarning"),
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
    pytest.mark.filterwarnings("ignore::UserWarning:mlflow.*"),
    pytest.mark.filterwarnings("ignore::FutureWarning:mlflow.*"),
]

PEOPLE = 40
AT = NOW - 30 * DAY
Spoil = Callable[[int, LoggedDecision], LoggedDecision]


def npy(rows: NDArray[np.float64]) -> bytes:
    buffer = io.BytesIO()
    np.save(buffer, rows, allow_pickle=False)
    return buffer.getvalue()


def rows_in(logged: LoggedDecision) -> NDArray[np.float64]:
    assert logged.feature_rows is not None
    return np.asarray(np.load(io.BytesIO(logged.feature_rows)), np.float64)


def decided(path: Path, spoil: Spoil, before: Callable[[Shop], None] | None = None) -> Shop:
    """Everybody bought something, was decided for, and is told of late: of an order from before the decision. Every
    decision logs its rows. before: what happens first."""
    learned = model(RATE, RATE, seed=1)
    files = bundle.serialise(learned)
    shop = open_shop(path, scorer=ModelScorer(learned, "1"))
    shop.store.put_setting("clock", "driven")
    shop.store.advance_present(NOW)
    digest, revision, rng = bundle.digest(files), code_revision(), np.random.default_rng(3)
    shop.store.put_bundle(digest, files)
    if before is not None:
        before(shop)
    people = [Identifier("user_id", f"c-{number}") for number in range(PEOPLE)]
    earlier = [bought(number, "before", AT - number * DAY, AT - number * DAY) for number in range(PEOPLE)]
    shop.store.append([Append(who, (event,)) for who, event in zip(people, earlier, strict=True)]).result(timeout=60)
    writes, told = [], []
    for number, who in enumerate(people):
        record = shop.store.read(who)
        asked = request("web", "app", distinct=True, deliver_at=AT, subject=who.value)
        chosen = decide(asked, record, shop.compiled, shop.scorer, AT, rng, NOTHING)
        write = _log(shop, who, chosen, asked, f"d-{number}", AT, "1", "")
        logged = replace(
            write.decision, history_version=record.version, feature_digest=chosen.feature_digest,
            feature_rows=npy(chosen.feature_rows), model_digest=digest, model_version="1", code_revision=revision,
        )  # fmt: skip
        writes.append(replace(write, decision=spoil(number, logged)))
        late = bought(number, "late", AT - DAY, AT + DAY)
        told.append(Append(who, (late, *_told(chosen, f"d-{number}", AT, rng))))
    shop.store.log_decisions(writes).result(timeout=60)
    shop.store.append(told).result(timeout=60)
    return shop


def bought(number: int, when: str, at: int, told_at: int) -> Event:
    about = {"item": ITEM_OF_B, "order": f"{when}-{number}"}
    return Event(f"{when}-{number}", Kind.ORDERED, "Order Completed", at, told_at, amount=5.0, quantity=1.0, **about)


def as_it_is(number: int, logged: LoggedDecision) -> LoggedDecision:  # noqa: ARG001
    return logged


FAR = names().index("customer.orders.ever")
MISSING = 0


def planted(number: int, logged: LoggedDecision) -> LoggedDecision:
    """In every fourth decision one feature is 2 more, in one another is missing; and one has another digest, one other
    candidates, one is by other code, and one's rows are broken."""
    rows = rows_in(logged)
    if number % 4 == 0:
        rows[:, FAR] += 2.0
    if number == 1:
        rows[0, MISSING] = np.nan if not np.isnan(rows[0, MISSING]) else 1.0
    if number == 2:
        return replace(logged, feature_digest="0" * 64)
    if number == 3:
        return replace(logged, feature_rows=npy(rows[:-1]))
    if number == 5:
        return replace(logged, code_revision="another", feature_digest="1" * 64)
    if number == 6:
        return replace(logged, feature_rows=b"broken")
    return replace(logged, feature_rows=npy(rows))


@dataclass(frozen=True, slots=True)
class Places:
    clean: Path
    planted: Path


@pytest.fixture(scope="module")
def places(tmp_path_factory: pytest.TempPathFactory) -> Places:
    found = Places(tmp_path_factory.mktemp("clean"), tmp_path_factory.mktemp("planted"))
    for path, spoil in ((found.clean, as_it_is), (found.planted, planted)):
        decided(path, spoil).store.close()
    return found


def measured(path: Path, revision: str | None = None) -> Skew:
    store = open_store(f"sqlite:///{path / 'store.db'}")
    found = measure_skew(store, rows_again(Replayer(store, "r")), revision or code_revision(), 0, NOW, Silent())
    store.close()
    return found


def test_what_was_told_late_is_no_skew(places: Places) -> None:
    found = measured(places.clean)
    assert (found.decisions, found.sampled, found.other_digest, found.other_shape) == (PEOPLE, PEOPLE, 0, 0)
    assert found.rows > PEOPLE
    assert found.features == ()
    assert (found.trained_rows, found.trained_features, found.untrained) == (found.rows, (), {})
    told = (
        f"40 logged decisions made again and {found.rows} logged rows, {found.rows} of them as training makes them, too"
    )
    assert found.judged() == Skewed(0.0, f"none of {told}")
    assert found.metrics == {
        "skew.decisions": 40.0,
        "skew.rows": float(found.rows),
        "skew.features": 0.0,
        "skew.trained_rows": float(found.rows),
        "skew.trained_features": 0.0,
        "skew.worst_share": 0.0,
    }


def test_the_tables_features_are_the_rows_that_were_logged_to_the_last_bit(places: Places) -> None:
    """Of what was drawn; the orders told of late are in the histories, and in no row."""
    store = open_store(f"sqlite:///{places.clean / 'store.db'}")
    part = made(store, withheld(Replayer(store, "r")), NOW, 0, 1).part
    every = [store.decision(one) for one in store.newest_decisions(0, 1_000)]
    store.close()
    logged = {one.person: {row.tobytes() for row in rows_in(one)} for one in every if one is not None}
    rows = part.decisions
    people = part.people[rows.pairs.person].tolist()
    assert rows.treated.sum() > PEOPLE
    for person, treated, features in zip(people, rows.treated, part.decision_features, strict=True):
        assert not treated or features.tobytes() in logged[person]
    assert {row.tobytes() for row in part.exposure_features} <= set().union(*logged.values())


def test_planted_skew_is_seen_by_feature(places: Places) -> None:
    found = measured(places.planted)
    assert (found.decisions, found.sampled, found.other_digest, found.other_shape) == (PEOPLE - 1, PEOPLE - 1, 1, 2)
    assert (found.other_revision, found.changed, found.unmade) == (1, 1, 0)
    first, second = found.features
    assert (first.name, first.largest) == (names()[FAR], pytest.approx(2.0))
    assert first.share == first.different / found.rows > 0.2
    assert (second.name, second.different, second.largest) == (names()[MISSING], 1, None)
    judged = found.judged()
    assert isinstance(judged, Skewed)
    assert judged.share == first.share
    assert judged.sentence.startswith(f"rows with another {names()[FAR]} in serving are ")


def test_without_decisions_of_this_code_nothing_is_judged(places: Places) -> None:
    found = measured(places.clean, "other")
    assert (found.decisions, found.other_revision, found.changed, found.metrics) == (0, PEOPLE, 0, {})
    assert isinstance(found.judged(), NotEvaluable)


def test_the_command_tells_of_it_and_ends_with_1(places: Places) -> None:
    clean, found = (nextbest(path, "skew") for path in (places.clean, places.planted))
    assert (clean.returncode, clean.stdout.startswith("none of 40 logged decisions")) == (0, True)
    assert found.returncode == 1, found.stderr
    assert f"| serving | {names()[FAR]} | " in found.stdout
    assert "decisions by another revision of the code are 1; they are not judged by" in found.stderr
    told = nextbest(places.planted, "skew", "--json", "--days", "60")
    assert (told.returncode, json.loads(told.stdout)["features"][0]["name"]) == (1, names()[FAR])


def test_a_training_measures_what_it_may_see(places: Places) -> None:
    """Up to --until; and what is mistyped is refused before anything is measured."""
    store = open_store(f"sqlite:///{places.clean / 'store.db'}")
    replayer = Replayer(store, code_revision())
    log = Log(store, NOW, withheld(replayer), rows_again(replayer), code_revision())
    counts = [skew_of(log, 90, until, Console(quiet=True)).decisions for until in (None, NOW + DAY, AT - DAY)]
    store.close()
    assert counts == [PEOPLE, PEOPLE, 0]
    for wrong in (["--until", "yesterday"], ["--response", "num_leaves=1"]):
        refused = nextbest(places.clean, "train", *wrong)
        assert refused.returncode == 2
        assert len(refused.stderr.strip().splitlines()) == 1, refused.stderr


def test_skew_refuses_a_promotion(places: Places) -> None:
    results = []
    for path in (places.clean, places.planted):
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("MLFLOW_TRACKING_URI", tracking(path))  # which MLflow sets itself, and does not take back
            home = Home(path, Registry(tracking(path), path / "artifacts"))
            home.registry.register(model(RATE, RATE, seed=1), RunRecord({}, {}, {}, {}, {}))
            told = json.loads(home.promote("--dry-run", "--json").stdout)
        results.append({one["name"]: one["result"] for one in told["criteria"]}["feature skew"])
        refused: Sequence[str] = [one for one in told["reasons"] if one.startswith("feature skew: ")]
        assert len(refused) == (path is places.planted)
    assert results == ["passed", "failed"]
