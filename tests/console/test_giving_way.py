"""An answer that gives way to another is not lost before that one is told, and one call is one contact. By the
console's handlers, without a server."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from pydantic import JsonValue

from features.event import Event, Identifier, Kind
from features.identity import customer_identifier
from features.stores.desk import AnswerFate
from features.stores.protocol import Append
from serving import deciding
from serving.console import accounts, telling
from serving.console.said import Outcome
from serving.errors import Refusal
from serving.feedback import feedback
from serving.runtime import Runtime
from serving.schemas import RecommendRequest
from tests.console.test_live import NOBODY, begun, publish
from tests.console.test_one_person import ACTION, ANSWERS, Desk

CONTACT = (Kind.DISPLAYED, Kind.ACCEPTED, Kind.REJECTED)


def both_answered(ada: Desk, bob: Desk, first: Outcome, then: Outcome) -> tuple[str, int, int]:
    """`first` of c-2 by Ada, `then` of c-1 by Bob, who are found to be one after that: what Bob's page shows, and when
    each is due."""
    for one in ("c-1", "c-2"):
        ada.come(one)
    ada.press("c-2", ada.token("c-2"), first)
    shown = bob.press("c-1", bob.token("c-1"), then)
    due = {one.answer.account: one.answer.due_at for one in ada.runtime.store.answers("a-")}
    ada.come("c-1", previous="c-2")
    assert due["ada"] < due["bob"]
    return shown, due["ada"], due["bob"]


@pytest.mark.parametrize("first", ["later", "presented"])
@pytest.mark.parametrize("undone", [True, False])
def test_what_gives_way_to_an_answer_that_can_be_undone_waits_for_it(
    tmp_path: Path, first: Outcome, undone: bool
) -> None:
    with begun(tmp_path) as runtime:
        publish(runtime)
        ada, bob = Desk(runtime), Desk(runtime, "bob")
        shown, earlier, later = both_answered(ada, bob, first, "accepted")
        assert ada.tell(earlier) == 0
        assert {fate: sorted(whose) for fate, whose in ada.kept().items()} == {AnswerFate.WAITING: ["ada", "bob"]}
        assert ada.shown("c-1") == ("accepted", "waiting", "bob")
        if undone:
            said = "Yours was taken back; another stands." if first == "later" else "Taken back."
            assert said in bob.undo("c-1", shown)
            assert ada.shown("c-1") == (first, "waiting", "ada")
            assert (ada.tell(earlier), ada.tell()) == (1, 0)
            assert ada.shown("c-1") == (first, "recorded", "ada")
            assert ada.told("c-1", *CONTACT) == ["displayed"]
            assert ada.told("c-1") == ["note_written"] * (first == "later")
        else:
            assert (ada.tell(later), ada.tell()) == (1, 0)
            assert ada.told("c-1", *CONTACT) == ["accepted", "displayed"]
            assert ada.kept() == {AnswerFate.TOLD: ["bob"], AnswerFate.DROPPED: ["ada"]}


def test_what_waits_for_another_keeps_nobody_waiting_though_a_look_takes_few(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(telling, "_AT_ONCE", 1)
    with begun(tmp_path) as runtime:
        publish(runtime)
        ada, bob = Desk(runtime), Desk(runtime, "bob")
        _, _, later = both_answered(ada, bob, "later", "accepted")
        assert ada.tell(later) == 1
        assert ada.told("c-1") == ["accepted"]
        assert ada.kept() == {AnswerFate.TOLD: ["bob"], AnswerFate.DROPPED: ["ada"]}


def test_what_was_presented_is_told_before_the_answer_to_the_same_decision(tmp_path: Path) -> None:
    """It waits for no answer that follows it: both are of one contact."""
    with begun(tmp_path) as runtime:
        publish(runtime)
        ada = Desk(runtime)
        ada.come("c-1")
        token = ada.token("c-1")
        ada.press("c-1", token, "presented")
        (presented,) = runtime.store.answers("a-")
        ada.press("c-1", token, "accepted")
        assert ada.tell(presented.answer.due_at) == 1
        assert ada.told("c-1", *CONTACT) == ["displayed"]
        assert ada.tell() == 1
        assert ada.told("c-1", *CONTACT) == ["accepted", "displayed"]
        assert ada.kept() == {AnswerFate.TOLD: ["ada", "ada"]}


def test_of_two_who_presented_it_before_they_were_found_to_be_one_the_first_is_the_contact(tmp_path: Path) -> None:
    with begun(tmp_path) as runtime:
        publish(runtime)
        ada, bob = Desk(runtime), Desk(runtime, "bob")
        both_answered(ada, bob, "presented", "presented")
        assert (ada.tell(), ada.tell()) == (1, 0)
        assert ada.told("c-1", *CONTACT) == ["displayed"]
        assert ada.kept() == {AnswerFate.TOLD: ["ada"], AnswerFate.DROPPED: ["bob"]}
        assert ada.shown("c-1") == ("presented", "recorded", "ada")


@pytest.mark.parametrize("ours", [*ANSWERS, "presented"])
@pytest.mark.parametrize("theirs", ["accepted", "rejected"])
@pytest.mark.parametrize("displayed", [True, False])
def test_the_contact_is_told_where_another_system_told_an_answer_alone(
    tmp_path: Path, ours: Outcome, theirs: str, displayed: bool
) -> None:
    """The agent did say it; but of a contact that the other system told, the log has one."""
    with begun(tmp_path) as runtime:
        publish(runtime)
        ada = Desk(runtime)
        ada.come("c-1")
        token = ada.token("c-1")
        shown = ada.press("c-1", token, ours)
        for outcome in ["displayed"] * displayed + [theirs]:
            ada.by_another_system("c-1", outcome)
        if ours == theirs:
            assert ada.shown("c-1") == (theirs, "recorded", "")
            assert "Undo" not in ada.page("c-1", token)
        ada.tell()
        assert sorted(ada.told("c-1", *CONTACT)) == sorted(["displayed", theirs])
        assert ada.tell() == 0
        assert "could not be undone" in ada.undo("c-1", shown)


@pytest.mark.parametrize("theirs", ["accepted", "rejected"])
def test_whoever_takes_back_what_another_system_told_too_hears_that_it_stays(tmp_path: Path, theirs: str) -> None:
    with begun(tmp_path) as runtime:
        publish(runtime)
        ada = Desk(runtime)
        ada.come("c-1")
        shown = ada.press("c-1", ada.token("c-1"), "accepted")
        ada.by_another_system("c-1", theirs)
        assert "Yours was taken back; another stands." in ada.undo("c-1", shown)
        assert ada.shown("c-1") == (theirs, "recorded", "")
        assert ada.tell() == 0


def test_a_refusal_names_whoever_can_undo(tmp_path: Path) -> None:
    with begun(tmp_path) as runtime:
        publish(runtime)
        ada, bob = Desk(runtime), Desk(runtime, "bob")
        ada.come("c-1")
        token = ada.token("c-1")
        ada.press("c-1", token, "accepted")
        for desk, words in ((ada, "undo that one"), (bob, "ask ada to undo it")):
            with pytest.raises(Refusal) as refused:
                desk.press("c-1", token, "rejected")
            assert f"; {words} while it can be, or write a note" in str(refused.value)
        ada.come("c-2")
        token = ada.token("c-2")
        ada.by_another_system("c-2", "accepted")
        with pytest.raises(Refusal) as refused:
            ada.press("c-2", token, "rejected")
        assert str(refused.value).endswith("; write a note")
        assert "undo" not in str(refused.value)


@pytest.mark.parametrize("beside", [True, False])
def test_a_report_is_judged_by_whom_its_own_decision_was_asked_about(tmp_path: Path, beside: bool) -> None:
    """beside: a report of another who was once the same person stands before it in the list."""
    phone = Identifier("phone", "+442079460018")
    with begun(tmp_path) as runtime:
        publish(runtime)
        at = runtime.in_force.clock.present(None)
        event = Event("in", Kind.IDENTIFIED, "Identify", at, at)
        runtime.store.append([Append(customer_identifier("c-1"), (event,), also=(phone,))]).result(60)
        asked: list[dict[str, JsonValue]] = [
            {"customer_id": "c-1"},
            {"identifier": {"type": "phone", "value": phone.value}},
        ]
        by_name, by_phone = (decided(runtime, number, about) for number, about in enumerate(asked))
        reported(runtime, (by_name, "accepted"), (by_phone, "accepted"))
        runtime.store.split(customer_identifier("c-1"), phone, accounts.now(), "dpo")
        with pytest.raises(Refusal) as refused:
            reported(runtime, *[(by_phone, "accepted")] * beside, (by_name, "rejected"))
        assert refused.value.status == 409


def decided(runtime: Runtime, number: int, about: dict[str, JsonValue]) -> str:
    """As for the desk; its id."""
    decision = f"desk-{number:032x}"
    request = {"channels": ["agent"], "limit": 5, "decision_id": decision, **about}
    asyncio.run(deciding.recommend(runtime, RecommendRequest.model_validate(request), NOBODY))
    return decision


def reported(runtime: Runtime, *answers: tuple[str, str]) -> None:
    about = {"action_id": ACTION, "channel": "agent"}
    reports: list[JsonValue] = [{"decision_id": one, "outcome": outcome, **about} for one, outcome in answers]
    asyncio.run(feedback(runtime, reports, NOBODY))
