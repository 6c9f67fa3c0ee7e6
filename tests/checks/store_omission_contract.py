"""Forgetting the values of identifiers that were kept before: part of the store's contract."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest

from features.event import Identifier
from features.stores import open_store
from features.stores.protocol import Store, StoreError
from features.stores.sql import omission
from features.vault import Vault
from tests.checks.store_examples import NOON, SECRET, VAULT, event, log_decision, user
from tests.checks.store_people_examples import CARD, MAIL, PHONE, anonymous, seen, tell, viewed

LATER = NOON + 1000
OMITTING = Vault(SECRET, omitted=True)


def fill(store: Store) -> None:
    """Ann, who signed in; two strangers who are one by a device; one who has a telephone; one who has nothing."""
    tell(store, anonymous("x"), viewed("a"))
    tell(store, user("ann"), event("in"), also=[anonymous("x"), MAIL, CARD])
    for name in ("y", "z"):
        tell(store, anonymous(name), viewed(name), also=[Identifier("device", "d1")])
    tell(store, PHONE, viewed("p"))
    tell(store, anonymous("alone"), viewed("l"))
    store.log_decisions([log_decision("ann", "d-1")]).result(timeout=30)


def digest_of(identifier: Identifier) -> str:
    return f"digest:{VAULT.digest(identifier).hex()}"


class OmissionContract:
    """Takes the fixtures `place`, where the store is, and `store`, which is open and keeps values."""

    @pytest.fixture
    def omitting(self, place: str, store: Store, monkeypatch: pytest.MonkeyPatch) -> Iterator[Store]:
        """The same store, told to omit them after it had kept some, in many small steps."""
        fill(store)
        monkeypatch.setattr(omission, "_AT_A_TIME", 2)
        opened = open_store(place, vault=OMITTING)
        yield opened
        opened.close()

    def test_kept_values_are_counted_and_forgotten_once(self, omitting: Store, store: Store) -> None:
        assert omitting.kept_identifiers() == 8
        assert omitting.omit_identifiers(LATER, "test") == 8
        assert omitting.kept_identifiers() == store.kept_identifiers() == 0
        assert omitting.omit_identifiers(LATER, "test") == 0
        (entry,) = store.audit(10)
        assert (entry.what, entry.at, entry.author, json.loads(entry.counts)) == (
            "omitted",
            LATER,
            "test",
            {"identifiers": 8},
        )

    def test_afterwards_everybody_is_found_and_nobody_named_but_by_a_user_id(self, omitting: Store) -> None:
        asked = (user("ann"), anonymous("x"), MAIL, CARD, anonymous("y"), anonymous("z"), PHONE, anonymous("alone"))
        before = [seen(omitting, one) for one in asked]
        omitting.omit_identifiers(LATER, "test")
        assert [seen(omitting, one) for one in asked] == before
        assert omitting.read(anonymous("x")).customer_id == "ann"
        assert omitting.read(PHONE).customer_id == digest_of(PHONE)
        assert omitting.read(anonymous("alone")).customer_id == digest_of(anonymous("alone"))
        strangers = sorted(digest_of(anonymous(name)) for name in ("y", "z"))
        assert {omitting.read(anonymous(name)).customer_id for name in ("y", "z")} == {strangers[0]}
        held = [omitting.identity(one) for one in asked]
        assert {one.value for identity in held if identity for one in identity.identifiers} == {"ann", None}
        assert {name for identity in held if identity for name in identity.names if not name.startswith("digest:")} == {
            "ann"
        }
        assert omitting.check().faults == ()

    def test_what_is_told_afterwards_joins_as_before(self, omitting: Store) -> None:
        omitting.omit_identifiers(LATER, "test")
        tell(omitting, anonymous("new"), viewed("n"), also=[Identifier("device", "d1")])
        assert seen(omitting, anonymous("y")) == {"y", "z", "n"}
        assert omitting.kept_identifiers() == 0
        assert omitting.check().faults == ()

    def test_where_values_are_kept_none_is_forgotten(self, store: Store) -> None:
        fill(store)
        with pytest.raises(StoreError, match=r"^identifiers is encrypted; .*; set NEXTBEST_IDENTIFIERS=omitted$"):
            store.omit_identifiers(LATER, "test")
        assert store.kept_identifiers() == 8
