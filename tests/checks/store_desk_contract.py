"""Accounts, sessions, links, failed sign-ins, views and answers of the console; part of the store's contract."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial

from features.event import Kind
from features.live_response import Expectation, expected_text
from features.naming import key_of
from features.stores.desk import (
    Account,
    Answered,
    AnswerFate,
    Asked,
    DeskSession,
    KeptAnswer,
    Lately,
    RecordView,
    Sampled,
)
from features.stores.protocol import Append, Store
from tests.checks.store_examples import NOON, append, event, log_decision, user
from tests.checks.store_people_examples import tell

ADA = Account("ada", frozenset({"agent", "lead"}), "$argon2$", "", NOON)
BOB = Account("bob", frozenset(), "", "https://id.example", NOON + 1)
DAY = 86_400_000


def session(digest: str, account: str = "ada", expires_at: int = NOON + DAY) -> DeskSession:
    return DeskSession(digest, account, NOON, NOON, expires_at)


def view(customer: str, what: str = "viewed", of: str = "s-1") -> RecordView:
    return RecordView(NOON, "ada", of, customer, what)


class DeskContract:
    """Takes the fixtures `store` and `other`, a second handle on the same store."""

    def test_accounts_are_there_for_every_process(self, store: Store, other: Store) -> None:
        assert (store.accounts(), store.account("ada"), store.remove_account("ada")) == ((), None, False)
        store.put_account(BOB)
        store.put_account(ADA)
        assert other.accounts() == (ADA, BOB)
        changed = replace(ADA, roles=frozenset({"agent"}))
        other.put_account(changed)
        assert store.account("ada") == changed
        assert other.remove_account("bob")
        assert store.accounts() == (changed,)

    def test_a_session_ends_with_its_time_its_closing_and_its_account(self, store: Store, other: Store) -> None:
        store.put_account(ADA)
        for one in (session("a"), session("b"), session("c", expires_at=NOON + 5), session("d", "bob")):
            store.open_session(one)
        other.touch_session("a", NOON + 9)
        other.touch_session("a", NOON + 3)
        assert store.session("a") == replace(session("a"), seen_at=NOON + 9)
        store.close_session("b")
        assert (other.session("b"), other.session("absent")) == (None, None)
        store.open_session(replace(session("e"), created_at=NOON + 5))
        assert other.session("c") is None
        assert store.close_sessions("bob") == 1
        assert store.remove_account("ada")
        assert [other.session(digest) for digest in "ade"] == [None] * 3

    def test_a_link_is_taken_once_however_many_take_it(self, store: Store, other: Store) -> None:
        store.add_link("x", "ada", NOON + 10)
        store.add_link("late", "ada", NOON + 10)
        with ThreadPoolExecutor(4) as pool:
            taken = list(pool.map(lambda one: one.take_link("x", NOON), [store, other] * 4))
        assert sorted(filter(None, taken)) == ["ada"]
        assert store.take_link("late", NOON + 10) is None
        assert store.take_link("absent", NOON) is None

    def test_failures_are_counted_by_name_and_leave(self, store: Store, other: Store) -> None:
        for at in range(3):
            store.note_failures(["ada", "10.0.0.1"], NOON + at, NOON)
        store.note_failures(["10.0.0.1"], NOON + 3, NOON)
        assert other.failures(["ada"], NOON) == 3
        assert other.failures(["ada", "10.0.0.1"], NOON) == 4
        assert other.failures(["ada", "10.0.0.1"], NOON + 3) == 1
        assert other.failures([], NOON) == 0
        store.forget_failures(["ada"])
        assert other.failures(["ada"], NOON) == 0
        store.note_failures(["eve"], NOON + DAY, NOON + DAY)
        assert other.failures(["10.0.0.1"], NOON) == 0

    def test_who_looked_at_whom_is_kept_without_a_name(self, store: Store, other: Store) -> None:
        append(store, "c-17", event("m-1"))
        views = store.log_views([view("c-17"), view("c-18")])
        assert views.result(30) is None
        store.log_views([view("c-17", "confirmed")]).result(30)
        newest = other.views(10)
        assert [(one.account, one.what) for one in newest] == [
            ("ada", "confirmed"),
            ("ada", "viewed"),
            ("ada", "viewed"),
        ]
        assert [one.what for one in other.views(10, "c-17")] == ["confirmed", "viewed"]
        assert "c-17" not in repr(newest)
        copy = json.loads(other.export(user("c-17"), NOON, "test") or "")
        assert [one["what"] for one in copy["views"]] == ["viewed", "confirmed"]
        assert "ada" not in json.dumps(copy["views"])
        assert other.confirmed("s-1", "c-17")
        assert not other.confirmed("s-2", "c-17")
        assert not other.confirmed("s-1", "c-18")

    def test_a_view_leaves_the_record_as_it_is(self, store: Store) -> None:
        append(store, "c-1", event("m-1"))
        before = store.read(user("c-1")).version
        store.log_views([view("c-1")]).result(30)
        assert store.read(user("c-1")).version == before
        assert store.check().faults == ()

    def test_whatever_is_told_of_a_person_is_seen_by_who_watches(self, store: Store, other: Store) -> None:
        assert other.newest_told(user("c-1")) == 0
        append(store, "c-1", event("m-1"))
        first = other.newest_told(user("c-1"))
        version = store.read(user("c-1")).version
        append(store, "c-1", event("m-2", kind=Kind.NOTE_WRITTEN))
        assert other.newest_told(user("c-1")) > first > 0
        assert store.read(user("c-1")).version == version
        assert store.check().faults == ()
        seen = other.newest_told(user("c-1"))
        store.log_decisions([log_decision("c-1", "d-1")]).result(30)
        assert other.newest_told(user("c-1")) == seen
        append(store, "c-2", event("m-3"))
        assert other.newest_told(user("c-1")) < other.newest_told(user("c-2"))

    def test_promises_are_found_by_whose_they_are_and_follow_their_customer(self, store: Store, other: Store) -> None:
        note = partial(event, kind=Kind.NOTE_WRITTEN, at=NOON)
        append(store, "ann", note("n-1", decision="ada"), note("n-2", decision="bo"), note("n-3"), event("m-1"))
        append(store, "bob", note("n-4", at=NOON + 9, decision="ada"), event("m-2", kind=Kind.VIEWED, decision="ada"))

        def found(account: str | None, limit: int = 9) -> list[tuple[str, str]]:
            return [(customer, one.event.message_id) for customer, one in other.promises(account, limit)]

        assert found(None) == [("bob", "n-4"), ("ann", "n-2"), ("ann", "n-1")]
        assert found(None, 2) == [("bob", "n-4"), ("ann", "n-2")]
        assert found("ada") == [("bob", "n-4"), ("ann", "n-1")]
        assert found("ada", 1) == [("bob", "n-4")]
        assert (found("bo"), found("nobody")) == ([("ann", "n-2")], [])
        assert [one.event.decision for _, one in other.promises("ada", 9)] == ["ada", "ada"]
        store.erase(user("bob"), NOON + 10, "dpo")
        assert found("ada") == [("ann", "n-1")]
        assert store.check().faults == ()

    def test_what_was_promised_to_one_is_found_however_much_was_noted_since(self, store: Store, other: Store) -> None:
        note = partial(event, kind=Kind.NOTE_WRITTEN, at=NOON)
        append(store, "ann", note("n-1", decision="ada"), note("n-2", decision="bo"), note("n-3"), event("m-1"))
        append(store, "bob", note("n-4", at=NOON + 9, decision="ada"), event("m-2", kind=Kind.VIEWED, decision="ada"))

        def found(name: str, limit: int = 9) -> list[str]:
            return [one.event.message_id for one in other.promises_to(user(name), limit)]

        assert (found("ann"), found("ann", 1), found("bob"), found("nobody")) == (["n-2", "n-1"], ["n-2"], ["n-4"], [])
        store.erase(user("bob"), NOON + 10, "dpo")
        assert found("bob") == []

    def test_what_was_decided_lately_is_read_with_what_came_of_it(self, store: Store, other: Store) -> None:
        assert other.decided_lately(0, 10) == Lately((), ())
        expected = expected_text([Expectation("a-1", "email", 0.25, int(Kind.CLICKED), DAY)])
        made = log_decision("ann", "d-1")
        made = replace(made, decision=replace(made.decision, expected=expected))
        store.log_decisions([made, log_decision("bob", "d-2")]).result(30)
        seen = other.decided_lately(0, 10)
        assert sorted(arm for arm, *_ in seen.decisions) == [made.decision.arm] * 2
        assert (seen.contacts, other.decided_lately(0, 1).decisions[0][1]) == ((), store.resolve(user("bob")))
        sent = event("s", kind=Kind.SENT, action="a-1", channel="email", decision="d-1")
        append(store, "ann", sent)
        (contact,) = other.decided_lately(0, 10).contacts
        assert (contact.person, contact.succeeded) == (store.resolve(user("ann")), False)
        append(store, "ann", event("k", kind=Kind.CLICKED, action="a-1", channel="email", decision="d-1"))
        (contact,) = other.decided_lately(0, 10).contacts
        assert (contact.action, contact.channel, contact.expected, contact.succeeded) == ("a-1", "email", 0.25, True)

    def test_who_was_asked_about_in_which_arm_and_the_rows_that_were_kept(self, store: Store, other: Store) -> None:
        assert (other.asked_lately(0, 9), other.sampled_lately("aa", 0, 9, 9)) == ((), ())
        made = [log_decision(*of) for of in (("ann", "d-1"), ("bob", "d-2"), ("ann", "d-3"), ("ann", "d-4"))]
        told = [
            (NOON, "full", None),
            (NOON, "holdout", b"rows"),
            (NOON + 5, "full", b"more"),
            (NOON + 9, "random", None),
        ]
        for one, (at, arm, rows) in zip(made, told, strict=True):
            logged = replace(one.decision, decided_at=at, arm=arm, feature_rows=rows, model_digest="aa")
            store.log_decisions([replace(one, decision=logged)]).result(30)
        ann, bob = (store.resolve(user(name)) or 0 for name in ("ann", "bob"))
        asked = {Asked("full", ann, NOON), Asked("holdout", bob, NOON), Asked("random", ann, NOON + 9)}
        assert set(other.asked_lately(0, 9)) == asked
        assert set(other.asked_lately(0, 2)) == {Asked("full", ann, NOON + 5), Asked("random", ann, NOON + 9)}
        assert other.sampled_lately("bb", 0, 9, 9) == ()
        newest = (Sampled(ann, "aa", b"more"),)
        assert other.sampled_lately("aa", 0, 9, 1) == newest
        assert other.sampled_lately("aa", 0, 9, 9) == (Sampled(ann, "aa", b"more"), Sampled(bob, "aa", b"rows"))
        assert other.sampled_lately("aa", NOON + 1, 9, 9) == other.sampled_lately("aa", 0, 2, 9) == newest
        found = {one.person: one for one in other.records_of([ann, bob, 10_000])}
        assert {person: one.customer_id for person, one in found.items()} == {ann: "ann", bob: "bob"}
        store.erase(user("bob"), NOON, "test")
        assert [one.customer_id for one in other.records_of([ann, bob])] == ["ann"]

    def test_a_name_with_a_postcode_leads_to_whoever_told_it_until_they_are_erased(
        self, store: Store, other: Store
    ) -> None:
        key = key_of("Müller", "sw1a 1aa")
        assert key is not None
        told = [Append(user("ann"), (event("m-1"),), {"lastName": "MULLER", "first_name": "Ann"})]
        store.append(told).result(30)
        assert other.named(key, 5) == ()
        store.append([Append(user("ann"), (event("m-2"),), {"postcode": "SW1A1AA"})]).result(30)
        store.append([Append(user("bob"), (event("m-3"),), {"name": "Bob Müller", "address": {"zip": "SW1A 1AA"}})])
        store.append([Append(user("eve"), (event("m-4"),), {"name": "Eve", "postcode": "E1"})]).result(30)
        assert other.named(key, 5) == ("ann", "bob")
        assert len(other.named(key, 1)) == 1
        store.append([Append(user("ann"), (event("m-5"),), {"postcode": "E1"})]).result(30)
        assert other.named(key, 5) == ("ann", "bob")  # who asks looks at the traits of now
        store.erase(user("bob"), NOON, "test")
        assert other.named(key, 5) == ("ann",)

    def test_an_answer_is_told_or_taken_back_and_never_both(self, store: Store, other: Store) -> None:
        kept = [Answered(f"n-{number}", "ada", NOON + number, f"told {number} ☎") for number in range(3)]
        assert all(store.keep_answer(one) for one in kept)
        assert other.due_answers(NOON + 1, 10) == tuple(kept[:2])
        assert other.due_answers(NOON + 1, 1) == (kept[0],)
        assert not other.take_back("n-0", "bob", NOON)
        assert not other.take_back("n-0", "ada", NOON + 1)
        assert other.take_back("n-0", "ada", NOON)
        assert not store.take_back("n-0", "ada", NOON)
        assert fates(other, "n-") == [AnswerFate.OPEN, AnswerFate.WAITING, AnswerFate.WAITING]
        assert store.claim_answer("n-1", NOON + 1)
        assert not other.take_back("n-1", "ada", NOON + 1)
        assert not store.claim_answer("n-0", NOON)
        assert other.due_answers(NOON + 1, 10) == (kept[1],)
        assert fates(other, "n-1") == [AnswerFate.TELLING]
        store.answer_told("n-1", NOON + 1, "remains ☎")
        assert not store.take_back("n-1", "ada", NOON + 1)
        assert not store.claim_answer("n-1", NOON + 1)
        assert other.due_answers(NOON + 9, 10) == (kept[2],)
        assert other.answers("n-1") == (KeptAnswer(replace(kept[1], body="remains ☎"), AnswerFate.TOLD),)
        store.drop_answer("n-2", NOON + 2, "")
        assert fates(other, "n-2") == [AnswerFate.WAITING]  # nobody claimed it
        assert store.claim_answer("n-2", NOON + 2)
        store.drop_answer("n-2", NOON + 2, "")
        assert (fates(other, "n-2"), other.due_answers(NOON + 9, 10)) == ([AnswerFate.DROPPED], ())
        assert not other.claim_answer("n-2", NOON + 2)
        assert store.keep_answer(replace(kept[0], answer_id="n-3", due_at=NOON + 3 + DAY))
        assert [one.answer.answer_id for one in other.answers("n-")] == ["n-3"]

    def test_one_answer_stands_whoever_answers_and_another_comes_after_it_was_taken_back(
        self, store: Store, other: Store
    ) -> None:
        yes, no = Answered("a-1-x", "ada", NOON, "yes"), Answered("a-1-x", "bob", NOON + 1, "no")
        elsewhere = Answered("a-10-x", "bob", NOON, "yes")
        assert store.keep_answer(yes)
        assert other.keep_answer(elsewhere)
        assert not other.keep_answer(no)
        assert not other.keep_answer(no, [NOON])  # it waits
        assert other.answers("a-1-") == (KeptAnswer(yes, AnswerFate.WAITING),)
        assert other.answers("a-") == (KeptAnswer(yes, AnswerFate.WAITING), KeptAnswer(elsewhere, AnswerFate.WAITING))
        assert other.answers("b") == ()
        assert store.take_back("a-1-x", "ada", NOON)
        assert other.keep_answer(no)
        assert not store.claim_answer("a-1-x", NOON)  # whoever was about to tell what was taken back
        assert not store.take_back("a-1-x", "ada", NOON)
        assert store.claim_answer("a-1-x", NOON + 1)
        assert not store.keep_answer(yes, [NOON + 1])
        store.answer_told("a-1-x", NOON + 1, "no")
        assert not store.keep_answer(yes)
        assert not store.keep_answer(yes, [NOON])
        later = replace(yes, due_at=NOON + 9)
        assert store.keep_answer(later, [NOON + 1])
        assert not other.keep_answer(replace(no, due_at=NOON + 10), [NOON + 1])
        assert store.claim_answer("a-1-x", NOON + 9)
        store.drop_answer("a-1-x", NOON + 9, "")
        assert other.keep_answer(replace(no, due_at=NOON + 10))

    def test_an_answer_is_kept_where_nothing_stands_in_its_place_or_beside_it(self, store: Store, other: Store) -> None:
        both = ["a-1-x", "a-2-x"]
        yes, no = Answered("a-1-x", "ada", NOON, "yes"), Answered("a-2-x", "bob", NOON + 1, "no")
        assert store.keep_answer(yes, (), both)
        assert not other.keep_answer(no, (), both)
        assert not other.keep_answer(no, [NOON], both)  # it waits
        assert store.claim_answer("a-1-x", NOON)
        assert not other.keep_answer(no, [NOON], both)
        store.answer_told("a-1-x", NOON, "yes")
        assert not other.keep_answer(no, [NOON + 1], both)
        assert other.keep_answer(no, [NOON], both)
        assert other.answers("a-2-", "a-1-", "a-2-", "a-3-") == (
            KeptAnswer(yes, AnswerFate.TOLD),
            KeptAnswer(no, AnswerFate.WAITING),
        )
        assert other.answers() == ()
        assert store.take_back("a-2-x", "bob", NOON + 1)
        again = replace(yes, due_at=NOON + 2)
        assert store.keep_answer(again, [NOON], both)
        assert fates(other, "a-") == [AnswerFate.WAITING, AnswerFate.OPEN]  # what was taken back elsewhere stays

    def test_of_answers_in_places_beside_one_another_at_one_moment_one_is_kept(
        self, store: Store, other: Store
    ) -> None:
        places = [f"a-{one}-x" for one in range(8)]
        told = [Answered(one, "ada", NOON + at, one) for at, one in enumerate(places)]
        with ThreadPoolExecutor(4) as pool:
            kept = list(pool.map(lambda one: (store, other)[one.due_at % 2].keep_answer(one, (), places), told))
        won = [one for one, was in zip(told, kept, strict=True) if was]
        assert [one.answer for one in store.answers("a-")] == won
        assert len(won) == 1

    def test_all_numbers_of_a_person_lead_to_all_of_them_until_a_split_and_an_erasure(
        self, store: Store, other: Store
    ) -> None:
        for name in ("ann", "ann2", "bob"):
            append(store, name, event(f"in-{name}"))
            store.log_decisions([log_decision(name, f"by-{name}")]).result(30)
        own = {name: store.read(user(name)).person for name in ("ann", "ann2", "bob")}
        assert {name: other.numbers_of(number) for name, number in own.items()} == {
            name: (number,) for name, number in own.items()
        }
        assert other.numbers_of(max(own.values()) + 1) == other.numbers_of(-1) == ()
        tell(store, user("ann2"), event("alias"), previous=[user("ann")])
        one = tuple(sorted((own["ann"], own["ann2"])))
        assert [other.numbers_of(own[name]) for name in own] == [one, one, (own["bob"],)]
        assert store.read(user("ann")).person in one
        assert {name: other.filed_under(f"by-{name}") for name in own} == own
        assert other.filed_under("by-nobody") is None
        store.split(user("ann2"), user("ann"), NOON + 8, "dpo")
        assert [other.numbers_of(number) for number in own.values()] == [(number,) for number in own.values()]
        assert {name: other.filed_under(f"by-{name}") for name in own} == own
        tell(store, user("bob"), event("alias-2"), previous=[user("ann2")])
        store.erase(user("ann2"), NOON + 9, "dpo")
        assert [other.numbers_of(number) for number in own.values()] == [(own["ann"],), (), ()]
        assert [other.filed_under(f"by-{name}") for name in own] == [own["ann"], None, None]
        append(store, "ann2", event("again"))
        assert store.read(user("ann2")).person not in own.values()

    def test_a_slow_worker_ends_only_the_answer_that_it_claimed(self, store: Store, other: Store) -> None:
        yes, no = Answered("a-1-x", "ada", NOON, "yes"), Answered("a-1-x", "bob", NOON + 9, "no")
        assert store.keep_answer(yes)
        assert store.claim_answer("a-1-x", NOON)
        assert other.claim_answer("a-1-x", NOON)  # the first may have been killed
        store.drop_answer("a-1-x", NOON, "remains")
        other.answer_told("a-1-x", NOON, "too late")
        assert other.answers("a-1-x") == (KeptAnswer(replace(yes, body="remains"), AnswerFate.DROPPED),)
        assert store.keep_answer(no)
        for fate in (AnswerFate.WAITING, AnswerFate.TELLING):
            other.answer_told("a-1-x", NOON, "yes")
            other.drop_answer("a-1-x", NOON, "yes")
            assert store.answers("a-1-x") == (KeptAnswer(no, fate),)
            assert store.due_answers(NOON + 9, 10) == (no,)
            assert store.claim_answer("a-1-x", NOON + 9)
        store.answer_told("a-1-x", NOON + 9, "no")
        assert fates(other, "a-1-x") == [AnswerFate.TOLD]

    def test_of_answers_at_one_moment_one_is_kept(self, store: Store, other: Store) -> None:
        told = [Answered("a-1", f"agent-{one}", NOON + one, str(one)) for one in range(8)]
        with ThreadPoolExecutor(4) as pool:
            kept = list(pool.map(lambda one: (store, other)[one.due_at % 2].keep_answer(one), told))
        ((standing,), won) = store.answers("a-1"), [one for one, was in zip(told, kept, strict=True) if was]
        assert won == [standing.answer]


def fates(store: Store, beginning: str) -> list[AnswerFate]:
    return [one.fate for one in store.answers(beginning)]
