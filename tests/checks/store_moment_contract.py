"""What any store must answer while others write in the middle of a question: as it was before, or as it is after."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from features.event import Identifier
from features.stores import open_store
from features.stores.protocol import Store
from features.vault import Vault
from tests.checks.store_examples import NOON, SECRET, user
from tests.checks.store_people_examples import MAIL, tell, viewed


def _record(store: Store, who: Identifier) -> object:
    record = store.read_as_of(who, NOON + 9)
    return record.customer_id, record.version, record.page.tobytes(), record.consents.tobytes()


ASKED: dict[str, Callable[[Store, Identifier], object]] = {
    "identity": lambda store, who: store.identity(who),
    # An unknown quantity is not equal to itself.
    "timeline": lambda store, who: repr(store.timeline(who, None, 9)),
    "as of": _record,
}


def merge(store: Store) -> None:
    tell(store, user("b-new"), viewed("c", NOON + 5), previous=[user("a-old"), user("c-other")])


def part(store: Store) -> None:
    store.split(user("b-new"), user("a-old"), NOON + 8, "dpo")


def erase(store: Store) -> None:
    store.erase(user("a-old"), NOON + 8, "dpo")


class Interrupted(Vault):
    """Something happens when the first name is read."""

    meanwhile: Callable[[], object] | None = None

    def open(self, sealed: bytes) -> str:
        happens, self.meanwhile = self.meanwhile, None
        if happens is not None:
            happens()
        return super().open(sealed)


class MomentContract:
    """Takes the fixtures `place` and `store`."""

    @pytest.fixture
    def vault(self) -> Interrupted:
        return Interrupted(SECRET)

    @pytest.fixture
    def interrupted(self, place: str, store: Store, vault: Interrupted) -> Iterator[Store]:
        del store
        opened = open_store(place, vault=vault)
        yield opened
        opened.close()

    @pytest.fixture
    def hurried(self, place: str, store: Store) -> Iterator[Store]:
        """Whoever erases while somebody reads waits for the reader, who here waits for them."""
        del store
        opened = open_store(place, patience=1.0, vault=Vault(SECRET))
        yield opened
        opened.close()

    @pytest.mark.parametrize("what", ASKED)
    @pytest.mark.parametrize("name", ["a-old", "b-new"])
    @pytest.mark.parametrize(("first", "meanwhile"), [(tell, merge), (merge, part), (merge, erase)])
    def test_an_answer_is_of_one_moment(
        self,
        store: Store,
        interrupted: Store,
        hurried: Store,
        vault: Interrupted,
        what: str,
        name: str,
        first: Callable[..., object],
        meanwhile: Callable[[Store], None],
    ) -> None:
        for one in ("b-new", "a-old", "c-other"):
            tell(store, user(one), viewed(one), also=[MAIL])
        if first is not tell:
            first(store)
        ask = ASKED[what]
        before = ask(store, user(name))
        vault.meanwhile = lambda: meanwhile(hurried)
        got = ask(interrupted, user(name))
        assert vault.meanwhile is None
        assert got in (before, ask(store, user(name)))
