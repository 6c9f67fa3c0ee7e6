"""What was answered stays answered when the customer is found to be somebody else too, and goes with whoever is parted
from them; and what another system tells meanwhile was there first. By the console's handlers, without a server."""

from __future__ import annotations

import asyncio
import re
from dataclasses import dataclass
from itertools import product
from pathlib import Path

import pytest
from starlette.requests import Request

from features.event import Event, Kind
from features.identity import customer_identifier
from features.stores.desk import Account, Answered, AnswerFate, DeskSession, KeptAnswer
from features.stores.protocol import Append
from serving import deciding
from serving.console import accounts, answers, telling
from serving.console.live import Looks
from serving.console.said import WORDS, Outcome, conversation_of, key_of
from serving.console.suggesting import suggestions
from serving.console.visit import Person, Visit
from serving.errors import Refusal
from serving.feedback import feedback
from serving.person import Known, known_customer
from serving.runtime import Runtime
from serving.schemas import RecommendRequest
from serving.settings import Settings
from tests.console.test_answered import NAME
from tests.console.test_live import NOBODY, begun, publish

ACTION = "offer-vacuum"
ANSWERS: tuple[Outcome, ...] = ("accepted", "rejected", "later")
WAITED = answers.UNDO_TIME + 60_000


@dataclass(frozen=True, slots=True)
class Desk:
    """Of one agent. Each customer is known by nothing but a user id."""

    runtime: Runtime
    account: str = "ada"

    def come(self, customer: str, *, previous: str | None = None) -> None:
        """Something is told of them; previous: an older name of the same person, as is found by it."""
        at = self.runtime.in_force.clock.present(None)
        event = Event(f"in-{customer}-{previous}", Kind.IDENTIFIED, "Identify", at, at)
        older = () if previous is None else (customer_identifier(previous),)
        self.runtime.store.append([Append(customer_identifier(customer), (event,), previous=older)]).result(60)

    def known(self, customer: str) -> Known:
        return known_customer(self.runtime, customer, NOBODY)

    def token(self, customer: str) -> str:
        suggested = asyncio.run(suggestions(self.runtime, self.known(customer), NOBODY, "UTC"))
        return next(one.token for one in suggested.actions if one.name == NAME)

    def visit(self, query: str = "", **form: str) -> Visit:
        scope = {
            "type": "http",
            "method": "POST",
            "path": "/",
            "query_string": query.encode(),
            "headers": [],
            "client": ("::1", 1),
        }
        now = accounts.now()
        account = Account(self.account, frozenset({"agent"}), "", "", now)
        person = Person(account, DeskSession("0", self.account, now, now, now), "0")
        return Visit(self.runtime, Request(scope), person, form, {})

    def press(self, customer: str, token: str, outcome: str) -> str:
        """What the page then shows. Raises Refusal."""
        visit = self.visit(token=token, outcome=outcome)
        return bytes(asyncio.run(answers.answer(visit, self.known(customer))).body).decode()

    def undo(self, customer: str, shown: str) -> str:
        fields = dict(re.findall(r'name="(token|answer_id|due_at)" value="([^"]+)"', shown))
        return bytes(asyncio.run(answers.take_back(self.visit(**fields), self.known(customer))).body).decode()

    def page(self, customer: str, token: str) -> str:
        """What stands in the place of the buttons."""
        visit = self.visit(f"token={token}")
        return bytes(asyncio.run(answers.said(visit, self.known(customer))).body).decode()

    def by_another_system(self, customer: str, outcome: str) -> None:
        """Of a decision of its own."""
        decision = f"crm-{customer}"
        asked = RecommendRequest(customer_id=customer, channels=["agent"], limit=5, decision_id=decision)
        asyncio.run(deciding.recommend(self.runtime, asked, NOBODY))
        told = {"decision_id": decision, "action_id": ACTION, "channel": "agent", "outcome": outcome}
        asyncio.run(feedback(self.runtime, told, NOBODY))

    def shown(self, customer: str) -> tuple[str | None, str, str]:
        """(outcome, state, account) of the action."""
        said = conversation_of(self.runtime, self.known(customer)).said(key_of(self.runtime, ACTION))
        return said.outcome, said.state, said.account

    def lost(self, customer: str) -> tuple[str, set[Outcome | None]] | None:
        """(account, outcome) of an answer that is not recorded, for another was there first."""
        said = conversation_of(self.runtime, self.known(customer)).said(key_of(self.runtime, ACTION))
        return None if said.lost is None else (said.lost.account, {said.lost.outcome})

    def tell(self, now: int | None = None) -> int:
        return asyncio.run(telling.tell_those_due(self.runtime, accounts.now() + WAITED if now is None else now))

    def told(self, customer: str, *kinds: Kind) -> list[str]:
        """The newest first; without kinds, answers and notes."""
        of = frozenset(kinds or (Kind.ACCEPTED, Kind.REJECTED, Kind.NOTE_WRITTEN))
        found = self.runtime.store.timeline(customer_identifier(customer), None, 50, of)
        return [one.event.kind.name.lower() for one in found]

    def kept(self) -> dict[AnswerFate, list[str]]:
        """Whose, of all answers."""
        found: dict[AnswerFate, list[str]] = {}
        everything: tuple[KeptAnswer, ...] = self.runtime.store.answers("a-")
        for one in everything:
            found.setdefault(one.fate, []).append(one.answer.account)
        return found


@pytest.mark.parametrize("older", [True, False])
@pytest.mark.parametrize("recorded", [True, False])
def test_an_answer_under_either_name_stands_for_both(tmp_path: Path, older: bool, recorded: bool) -> None:
    """older: whether it was given to whom was known first, whose number stays."""
    with begun(tmp_path) as runtime:
        publish(runtime)
        ada, bob = Desk(runtime), Desk(runtime, "bob")
        for one in ("c-1", "c-2"):
            ada.come(one)
        mine, theirs = ("c-1", "c-2") if older else ("c-2", "c-1")
        token, long_open = ada.token(mine), bob.token(theirs)
        shown = ada.press(mine, token, "later")
        looks = Looks(runtime, bob.known(theirs))
        before = looks.look()
        if recorded:
            assert ada.tell() == 1
        ada.come("c-1", previous="c-2")
        state = "recorded" if recorded else "waiting"
        assert ada.shown(mine) == bob.shown(theirs) == ("later", state, "ada")
        for fresh in (long_open, bob.token(theirs), bob.token(mine), token):
            for outcome in ("accepted", "rejected"):
                with pytest.raises(Refusal) as refused:
                    bob.press(theirs, fresh, outcome)
                assert refused.value.status == 409
        after = looks.look()
        assert before is not None
        assert after is not None
        assert before.said == b"{}"
        assert key_of(runtime, ACTION).encode() in after.said
        assert ("could not be undone" if recorded else "Taken back.") in ada.undo(mine, shown)
        assert bob.shown(theirs)[0] == ("later" if recorded else None)
        if not recorded:
            bob.press(theirs, long_open, "accepted")
            assert ada.shown(mine) == ("accepted", "waiting", "bob")


@pytest.mark.parametrize(("first", "second"), [*product(ANSWERS, ANSWERS)])
def test_of_two_that_were_kept_before_one_stands_and_is_told(tmp_path: Path, first: Outcome, second: Outcome) -> None:
    """An answer before a *later*, else what was given first; to whichever of the two it was given."""
    with begun(tmp_path) as runtime:
        publish(runtime)
        ada, bob = Desk(runtime), Desk(runtime, "bob")
        for number in range(2):
            one, other = f"c-{number}-1", f"c-{number}-2"
            ada.come(one)
            ada.come(other)
            earlier, later = (one, other) if number else (other, one)
            ada.press(earlier, ada.token(earlier), first)
            token = bob.token(later)
            bob.press(later, token, second)
            ada.come(one, previous=other)
            won = ("bob", second) if first == "later" != second else ("ada", first)
            assert ada.shown(one) == bob.shown(other) == (won[1], "waiting", won[0])
            assert ada.tell() == 1
            assert ada.shown(one) == bob.shown(other) == (won[1], "recorded", won[0])
            assert ada.told(one) == ["note_written" if won[1] == "later" else won[1]]
            lost = "bob" if won[0] == "ada" else "ada"
            assert ada.lost(one) == bob.lost(other) == (None if first == second else (lost, {first, second} - {won[1]}))
            assert ada.kept() == {AnswerFate.TOLD: [won[0]] * (number + 1), AnswerFate.DROPPED: [lost] * (number + 1)}
            for desk in (ada, bob):
                whose = "" if lost == desk.account else f" of {lost}"
                by = "you" if won[0] == desk.account else won[0]
                words = WORDS[first if lost == "ada" else second]
                told = f"Not recorded: “{words}”{whose}; “{NAME}” was already answered by {by}<"
                assert (told in desk.page(later, token)) == (first != second)


@pytest.mark.parametrize("ours", ANSWERS)
def test_what_another_system_tells_of_its_own_decision_while_an_answer_waits_was_there_first(
    tmp_path: Path, ours: Outcome
) -> None:
    """One conversation is one answer, whichever decision it is to. The same answer is told once, and nobody hears of
    it."""
    with begun(tmp_path) as runtime:
        publish(runtime)
        ada = Desk(runtime)
        for theirs in ("accepted", "rejected"):
            customer = f"c-{theirs}"
            ada.come(customer)
            ada.press(customer, ada.token(customer), ours)
            looks = Looks(runtime, ada.known(customer))
            before = looks.look()
            ada.by_another_system(customer, theirs)
            after = looks.look()
            assert before is not None
            assert after is not None
            assert (b" dropped:" in after.said, b"dropped:" in before.said) == (ours != theirs, False)
            assert ada.shown(customer) == (theirs, "recorded", "")
            for told_already in (False, True):
                assert ada.lost(customer) == (("ada", {ours}) if ours != theirs else None)
                assert ada.tell() == 0
                assert (ada.told(customer), ada.shown(customer)) == ([theirs], (theirs, "recorded", "")), told_already


def test_what_was_recorded_for_both_before_is_left_and_the_first_is_shown(tmp_path: Path) -> None:
    with begun(tmp_path) as runtime:
        publish(runtime)
        ada, bob = Desk(runtime), Desk(runtime, "bob")
        for one in ("c-1", "c-2"):
            ada.come(one)
        ada.press("c-2", ada.token("c-2"), "rejected")
        bob.press("c-1", bob.token("c-1"), "accepted")
        assert ada.tell() == 2
        ada.come("c-1", previous="c-2")
        assert ada.shown("c-1") == ada.shown("c-2") == ("rejected", "recorded", "ada")
        assert sorted(ada.told("c-1")) == ["accepted", "rejected"]


def test_a_split_takes_each_answer_along_and_an_erasure_and_a_restart_leave_nothing_wrong(tmp_path: Path) -> None:
    with begun(tmp_path) as runtime:
        publish(runtime)
        ada = Desk(runtime)
        for one in ("c-1", "c-2"):
            ada.come(one)
        long_open = ada.token("c-2")
        ada.come("c-1", previous="c-2")
        ada.press("c-1", long_open, "accepted")  # of a decision that is c-2's: so what is told of it goes there
        assert ada.shown("c-1") == ada.shown("c-2") == ("accepted", "waiting", "ada")
        runtime.store.split(customer_identifier("c-1"), customer_identifier("c-2"), accounts.now(), "dpo")
        assert ada.shown("c-1") == (None, "open", "")
        assert ada.shown("c-2") == ("accepted", "waiting", "ada")
        ada.press("c-1", ada.token("c-1"), "rejected")
        assert ada.tell() == 2
    again = Runtime(Settings(home=tmp_path))
    try:
        asyncio.run(again.look())
        after = Desk(again)
        assert (after.told("c-1"), after.shown("c-1")) == (["rejected"], ("rejected", "recorded", "ada"))
        assert (after.told("c-2"), after.shown("c-2")) == (["accepted"], ("accepted", "recorded", "ada"))
        again.store.erase(customer_identifier("c-2"), accounts.now(), "dpo")
        after.come("c-2")
        assert after.shown("c-2") == (None, "open", "")
        after.press("c-2", after.token("c-2"), "later")
        assert after.shown("c-1") == ("rejected", "recorded", "ada")
    finally:
        again.store.close()


def test_who_is_erased_while_an_answer_waits_has_it_dropped(tmp_path: Path) -> None:
    with begun(tmp_path) as runtime:
        publish(runtime)
        ada = Desk(runtime)
        for one in ("c-1", "c-2"):
            ada.come(one)
        ada.press("c-2", ada.token("c-2"), "accepted")
        ada.come("c-1", previous="c-2")
        runtime.store.erase(customer_identifier("c-1"), accounts.now(), "dpo")
        assert ada.tell() == 0
        assert ada.kept() == {AnswerFate.DROPPED: ["ada"]}


def test_while_a_worker_has_no_catalogue_what_is_due_waits(tmp_path: Path) -> None:
    with begun(tmp_path) as runtime:
        ada = Desk(runtime)
        assert runtime.store.keep_answer(Answered("a-1", "ada", accounts.now(), "of an earlier version"))
        assert (ada.tell(), ada.kept()) == (0, {AnswerFate.WAITING: ["ada"]})
        publish(runtime)
        assert (ada.tell(), ada.kept()) == (0, {AnswerFate.DROPPED: ["ada"]})
