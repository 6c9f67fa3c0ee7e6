"""What a customers file says of people, by the types that the catalogue declares: SYNTHETIC files."""

from __future__ import annotations

from pathlib import Path

import pytest

from features.identity import customer_identifier
from features.stores.protocol import Store
from tests.training.test_sources_columns_file import CATALOGUE, NOON, bring, store, written
from training.sources.errors import InvalidRows

__all__ = ["store"]

TYPED = CATALOGUE + "traits: {household_size: number, member: yes_no, member_since: time, postcode: text}\n"


def test_a_trait_is_read_as_the_type_that_the_catalogue_declares(store: Store, tmp_path: Path) -> None:
    """As text a number would be unknown to every condition."""
    header = "customer_id,trait.household_size,trait.member,trait.member_since,trait.postcode,trait.own"
    path = written(tmp_path, "customers.csv", f"{header}\na,3,Yes,{NOON},01067,7\nb,,no,,,\nc, 12 ,0,,1,x\n")
    bring(store, customers=path, catalogue=written(tmp_path, "catalogue.yaml", TYPED))
    traits = {name: store.read(customer_identifier(name)).traits for name in "abc"}
    assert traits["a"] == {
        "household_size": 3, "member": True, "member_since": NOON, "postcode": "01067", "own": "7"
    }  # fmt: skip
    assert traits["b"] == {"member": False}
    assert traits["c"] == {"household_size": 12, "member": False, "postcode": "1", "own": "x"}


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("household_size", "many", "a number"),
        ("member", "perhaps", "true or false"),
        ("member_since", "2026-01-31", "a time with its offset from UTC"),
    ],
)
def test_a_trait_that_is_not_of_its_type_is_refused(
    store: Store, tmp_path: Path, name: str, value: str, said: str
) -> None:
    path = written(tmp_path, "customers.csv", f"customer_id,trait.{name}\na,\nb,{value}\n")
    catalogue = written(tmp_path, "catalogue.yaml", TYPED)
    with pytest.raises(InvalidRows, match=f"trait.{name}.*{value}.*the catalogue declares it as {said}"):
        bring(store, customers=path, catalogue=catalogue)
    assert store.people() == 0
