"""What an erasure means for training: as if the person had never been there, and no file of a run ever held them."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc

from features.event import Identifier
from features.progress import Silent
from tests.training.small_shop import BEGIN, DAY, DAYS, events, open_shop
from training import table

MARK = "marked-person-7f3a"


def marked_rows() -> pa.Table:
    """SYNTHETIC: one of the shop's customers once more, under a name that can be found in any file."""
    rows = events(7)
    own = rows.filter(pc.equal(rows["customer_id"], "c-0"))
    told = pa.array([f'{{"note": "{MARK}"}}'] * len(own))
    named = own.set_column(own.schema.get_field_index("customer_id"), "customer_id", pa.array([MARK] * len(own)))
    return named.set_column(named.schema.get_field_index("properties"), "properties", told)


def test_a_dataset_is_as_if_the_erased_person_had_never_been_there(tmp_path: Path) -> None:
    """Counts, shares and rates are those of the people who are left: nothing is summed up beside the log."""
    without, store = open_shop(tmp_path / "without.db"), open_shop(tmp_path / "with.db")
    try:
        assert store.import_events(marked_rows(), "marked").stored > 0
        at = BEGIN + DAYS * DAY
        before = table.read(store, at, Silent())
        assert store.erase(Identifier("user_id", MARK), at, "test") is not None
        after, never = table.read(store, at, Silent()), table.read(without, at, Silent())
        assert (after.people, after.digest) == (never.people, never.digest)
        assert before.digest != after.digest
    finally:
        without.close()
        store.close()
