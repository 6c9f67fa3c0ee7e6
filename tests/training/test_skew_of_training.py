"""What training makes of logged rows is compared, too: SYNTHETIC decisions, and stores in which its path differs while
that of serving does not."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from features.consent import PROFILING_TOPIC
from features.event import Event, Identifier, Kind
from features.progress import Silent
from features.stores import open_store
from features.stores.protocol import Append
from features.stores.shared import ItemState
from serving.redrawing import rows_again
from serving.replaying import Replayer
from serving.runtime import code_revision
from tests.flow.test_promotion import RATE, Home, model, nextbest, tracking
from tests.models.shop import DAY, NOW
from tests.training.draw_world import ITEM_OF_B, Shop
from tests.training.test_catalogues_then import other
from tests.training.test_skew import AT, PEOPLE, as_it_is, decided
from training.promotion import Skewed
from training.registry import Registry, RunRecord
from training.rows_as_trained import Other
from training.skew import Skew, measure_skew, remarks

pytestmark = [  # what MLflow says of its own libraries is not ours to mend
    pytest.mark.filterwarnings("ignore::sqlalchemy.exc.SADeprecationWarning"),
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
    pytest.mark.filterwarnings("ignore::UserWarning:mlflow.*"),
    pytest.mark.filterwarnings("ignore::FutureWarning:mlflow.*"),
]

JOINED = range(3, PEOPLE, 4)
Do = Callable[[Shop], None]


def nothing(shop: Shop) -> None:
    """Happens."""


def user(number: int) -> Identifier:
    return Identifier("user_id", f"c-{number}")


def nameless(number: int) -> Identifier:
    return Identifier("anonymous_id", f"x-{number}")


def append(shop: Shop, who: Identifier, event: Event, *also: Identifier) -> None:
    shop.store.append([Append(who, (event,), also=also)]).result(timeout=60)


def nameless_orders(shop: Shop) -> None:
    for number in JOINED:
        at, line = AT - 20 * DAY, {"item": ITEM_OF_B, "order": f"n-{number}"}
        append(shop, nameless(number), Event(f"n-{number}", Kind.ORDERED, "Ordered", at, at, **line))


def joined(shop: Shop) -> None:
    """Who they were was told in the millisecond of the decision, and after it: the decision had not read their orders,
    and training, which reads people as of a moment, has."""
    for number in JOINED:
        append(shop, user(number), Event(f"i-{number}", Kind.VIEWED, "Viewed", AT, AT), nameless(number))


def measured(path: Path, before: Do = nothing, after: Do = nothing) -> Skew:
    shop = decided(path, as_it_is, before)
    after(shop)
    found = measure_skew(shop.store, rows_again(Replayer(shop.store, "r")), code_revision(), 0, NOW, Silent())
    shop.store.close()
    return found


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("joined")
    found = measured(path, nameless_orders, joined)
    assert (found.decisions, found.other_digest, found.features) == (PEOPLE, 0, ()), "serving makes the very rows again"
    return path


def test_what_only_training_makes_otherwise_is_seen_by_feature(home: Path) -> None:
    store = open_store(f"sqlite:///{home / 'store.db'}")
    found = measure_skew(store, rows_again(Replayer(store, "r")), code_revision(), 0, NOW, Silent())
    store.close()
    assert found.trained_rows == found.rows
    worst = {one.name: one for one in found.trained_features}["customer.orders.ever"]
    assert (worst.share, worst.largest) == (len(JOINED) / PEOPLE, 1.0)
    judged = found.judged()
    assert isinstance(judged, Skewed)
    assert judged.share == found.trained_features[0].share >= worst.share
    assert f"{found.trained_features[0].name} in training are " in judged.sentence
    assert found.metrics["skew.worst_share"] == judged.share
    assert found.metrics["skew.trained_features"] == len(found.trained_features)


def test_the_command_says_which_path_differs_and_ends_with_1(home: Path) -> None:
    told = nextbest(home, "skew")
    assert told.returncode == 1, told.stderr
    assert "| training | customer.orders.ever | " in told.stdout
    assert "| serving | " not in told.stdout


def test_it_refuses_a_promotion(home: Path) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MLFLOW_TRACKING_URI", tracking(home))  # which MLflow sets itself, and does not take back
        there = Home(home, Registry(tracking(home), home / "artifacts"))
        there.registry.register(model(RATE, RATE, seed=1), RunRecord({}, {}, {}, {}, {}))
        told = json.loads(there.promote("--dry-run", "--json").stdout)
    assert {one["name"]: one["result"] for one in told["criteria"]}["feature skew"] == "failed"
    assert any(" in training are " in one for one in told["reasons"])


def test_another_catalogue_by_now_is_no_skew(tmp_path: Path) -> None:
    def another(shop: Shop) -> None:
        other(shop)

    found = measured(tmp_path, after=another)
    # c is not on the app any more, so that nothing is learned of it there
    assert 0 < found.trained_rows < found.rows
    assert (found.trained_features, found.untrained) == ((), {})


def test_what_training_must_make_otherwise_is_counted_and_told(tmp_path: Path) -> None:
    """An objection of now, and one of then that was withdrawn. A time zone that was told since is in no row."""

    def objecting(shop: Shop) -> None:
        append(shop, user(2), profiling(Kind.CONSENT_WITHDRAWN, AT - DAY))

    def told_since(shop: Shop) -> None:
        event = Event("moved", Kind.VIEWED, "Viewed", NOW - DAY, NOW - DAY)
        shop.store.append([Append(user(0), (event,), traits={"time_zone": "Asia/Tokyo"})]).result(timeout=60)
        append(shop, user(1), profiling(Kind.CONSENT_WITHDRAWN, NOW - DAY))
        append(shop, user(2), profiling(Kind.CONSENT_GRANTED, NOW - DAY))

    found = measured(tmp_path, objecting, told_since)
    assert found.untrained == {why.value: 1 for why in (Other.NOT_LEARNED, Other.STRANGER)}
    assert (found.features, found.trained_features) == ((), ())
    assert found.trained_rows < found.rows
    (line,) = [one for one in remarks(found) if "stranger" in one]
    assert line.startswith("sampled decisions ranked as of a stranger are 1; ")


def profiling(kind: Kind, at: int) -> Event:
    return Event(f"profiling-{kind}-{at}", kind, "Profiling", at, at, topic=PROFILING_TOPIC)


def test_what_came_in_the_millisecond_of_a_decision_and_after_it_is_no_skew(tmp_path: Path) -> None:
    """An exposure would see it, and the decision did not."""

    def bought(shop: Shop) -> None:
        for number in range(PEOPLE):
            line = {"item": ITEM_OF_B, "order": f"o-{number}"}
            append(shop, user(number), Event(f"o-{number}", Kind.ORDERED, "Ordered", AT, AT, **line))

    found = measured(tmp_path, after=bought)
    assert (found.decisions, found.trained_rows, found.untrained) == (PEOPLE, found.rows, {})
    assert (found.features, found.trained_features) == ((), ())


def test_a_decision_that_had_not_heard_of_a_price_is_counted(tmp_path: Path) -> None:
    def fed(shop: Shop) -> None:
        assert shop.store.feed_items([ItemState(ITEM_OF_B, price=3.0)], AT - DAY) == 1

    found = measured(tmp_path, fed)
    assert found.untrained == {Other.UNHEARD.value: PEOPLE}
    assert (found.decisions, found.trained_rows, found.trained_features) == (PEOPLE, 0, ())
