"""What any store must do about refused events, which may be many: part of the store's contract."""

from __future__ import annotations

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from features.stores import open_store
from features.stores.protocol import DeadLetter, LetterLimits, Store
from tests.checks.store_examples import NOON, VAULT, append, event, user

DAY = 86_400_000
FEW = LetterLimits(letters=100, days=30)


def letter(number: int, name: str = "ann", at: int = NOON) -> DeadLetter:
    return DeadLetter(at + number, f"r{number}", json.dumps({"userId": name}), (user(name),))


def bury(store: Store, *letters: DeadLetter) -> int:
    return store.bury(letters).result(timeout=30)


def kept(store: Store) -> list[str]:
    return [one.reason for one in store.dead_letters(10_000)]


class LettersContract:
    """Takes the fixtures `place`, where the store is, and `store`, which is open with room for more letters."""

    @pytest.fixture
    def narrow(self, place: str, store: Store) -> Iterator[Store]:
        """The same store, with room for FEW."""
        del store
        opened = open_store(place, vault=VAULT, letters=FEW)
        yield opened
        opened.close()

    def test_the_oldest_letters_leave_when_there_are_too_many(self, narrow: Store) -> None:
        told = [bury(narrow, *(letter(number) for number in range(at, at + 7))) for at in range(0, 350, 7)]
        left = kept(narrow)
        assert FEW.letters - 10 < len(left) <= FEW.letters
        assert left == [f"r{number}" for number in reversed(range(350))][: len(left)]
        assert sum(told) == 350 - len(left)

    def test_one_call_of_more_than_may_stay_leaves_its_newest(self, narrow: Store) -> None:
        assert bury(narrow, *(letter(number) for number in range(250))) >= 150
        assert kept(narrow)[0] == "r249"
        assert len(kept(narrow)) <= FEW.letters

    def test_a_store_that_has_too_many_already_comes_down_to_what_may_stay(self, store: Store, narrow: Store) -> None:
        bury(store, *(letter(number) for number in range(2500)))
        for number in range(2500, 2503):
            assert bury(narrow, letter(number)) > 0
        assert len(kept(narrow)) <= FEW.letters
        assert kept(narrow)[0] == "r2502"

    def test_what_is_too_old_leaves_when_another_letter_comes(self, narrow: Store) -> None:
        bury(narrow, letter(0), letter(1))
        assert bury(narrow, letter(2, at=NOON + DAY)) == 0
        assert bury(narrow, letter(3, at=NOON + FEW.days * DAY)) == 2
        assert kept(narrow) == ["r3", "r2"]

    def test_a_letter_that_left_is_about_nobody_any_more(self, narrow: Store) -> None:
        for name in ("ann", "bob"):
            append(narrow, name, event(f"m-{name}"))
        bury(narrow, *(letter(number, "ann") for number in range(50)))
        bury(narrow, *(letter(number, "bob") for number in range(50, 200)))
        left = len(kept(narrow))
        for name, count in (("ann", 0), ("bob", left)):
            entry = narrow.erase(user(name), NOON + 9, "dpo")
            assert entry is not None
            assert json.loads(entry.counts)["dead_letters"] == count
        assert kept(narrow) == []

    def test_many_who_bury_at_once_stay_within_the_bound(self, store: Store, place: str) -> None:
        handles = [open_store(place, vault=VAULT, letters=FEW) for _ in range(3)]
        with ThreadPoolExecutor(6) as pool:
            jobs = [pool.submit(bury, handles[number % 3], letter(number), letter(number)) for number in range(300)]
            told = sum(job.result(timeout=60) for job in jobs)
        left = len(kept(store))
        for one in handles:
            one.close()
        assert told == 600 - left
        assert left <= FEW.letters
