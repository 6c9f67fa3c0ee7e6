"""One answer stands for an action in a conversation: on every page, at every desk, however many press and however it
arrives; and nothing is learned twice."""

from __future__ import annotations

import re
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest
from playwright.sync_api import expect

from features.event import Kind
from features.identity import customer_identifier
from features.stores import open_store
from features.stores.desk import Answered, AnswerFate
from features.stores.protocol import Store
from serving.desk_answers import DESK_DECISION
from tests.console.call_centre import DAY, MINUTE, CallCentre
from tests.console.conftest import SignedIn, at_two_desks
from tests.console.test_access import violations
from tests.console.test_acting import made_sure, make_sure
from tests.console.test_call import CONTACTS, logged
from tests.console.test_sign_in import HERE, entered, proof
from tests.serving.running import until
from tests.serving.synthetic import store_url
from tests.serving.test_bad_input import fault

ACTION = "offer-vacuum"
NAME = "Vacuum cleaner"
OTHER = "Dryer to go with the washing machine"
PATIENCE = 30_000
"""ms, and LONG in seconds: far more than anything takes, for how long it takes is nothing that is asked here."""
LONG = 30.0


def token_of(client: httpx.Client, customer: str, name: str = NAME) -> str:
    page = client.get(f"/console/customers/{customer}").text
    (mine,) = [one for one in page.split('<li class="action')[1:] if f"<bdi>{name}</bdi>" in one.partition("</h3>")[0]]
    found = re.search(r"/said\?token=([\w.%-]+)", mine)
    assert found
    return found[1].replace("%3D", "=")


def press(client: httpx.Client, customer: str, token: str, outcome: str, sure: bool = True) -> httpx.Response:
    """sure: who it is is made sure of before a note is written of them."""
    if sure and outcome == "later":
        made_sure(client, customer)
    form = {"proof": proof(client.get("/console/find").text), "token": token, "outcome": outcome}
    return client.post(f"/console/customers/{customer}/answer", data=form, headers={**HERE, "HX-Request": "true"})


def told(centre: CallCentre, customer: str) -> list[str]:
    return [kind for kind, _ in logged(centre, customer, *CONTACTS)]


def soon_told(centre: CallCentre, customer: str, *kinds: str) -> bool:
    """Whether these come to be what is told, once nothing can be undone any more."""
    centre.undo_time_passes()
    return until(lambda: told(centre, customer) == list(kinds), LONG)


def told_after_another_look(centre: CallCentre, client: httpx.Client, customer: str) -> list[str]:
    """Of the action, once something that was answered after it is told as well."""
    assert press(client, customer, token_of(client, customer, OTHER), "presented").status_code == 200
    centre.undo_time_passes()
    assert until(lambda: ("displayed", "offer-dryer") in logged(centre, customer, *CONTACTS), LONG)
    return [kind for kind, action in logged(centre, customer, *CONTACTS) if action == ACTION]


def report(centre: CallCentre, *reports: dict[str, str]) -> httpx.Response:
    """By another system, one or a list."""
    body = list(reports) if len(reports) > 1 else reports[0]
    return centre.client.post("/feedback", json=body, headers={"Authorization": f"Bearer {centre.key}"})


@pytest.fixture
def store(centre: CallCentre) -> Iterator[Store]:
    opened = open_store(store_url(centre.running.home))
    yield opened
    opened.close()


def kept_of(store: Store, shown: str) -> Answered:
    """The one that may be undone there."""
    (answer_id,) = re.findall(r'name="answer_id" value="([^"]+)"', shown)
    (one,) = store.answers(answer_id)
    return one.answer


def undo(client: httpx.Client, customer: str, shown: str) -> httpx.Response:
    fields = dict(re.findall(r'name="(token|answer_id|due_at)" value="([^"]+)"', shown))
    form = {"proof": proof(client.get("/console/find").text), **fields}
    return client.post(f"/console/customers/{customer}/take-back", data=form, headers=HERE)


@pytest.mark.parametrize("button", ["Accepted", "Not interested", "Later", "Presented"])
def test_an_answer_is_shown_after_a_reload_and_at_every_other_desk(
    sign_in: SignedIn, centre: CallCentre, button: str
) -> None:
    customer = centre.customer()
    page, other = at_two_desks(sign_in, customer)
    mine, theirs = (one.locator("li.action").filter(has_text=NAME) for one in (page, other))
    make_sure(page)
    theirs.get_by_role("button", name="Accepted").hover()
    mine.get_by_role("button", name=button, exact=True).click()
    expect(mine.locator("strong").filter(has_text=button).last).to_be_visible()
    expect(theirs.locator(".answers strong")).to_have_text(button, timeout=PATIENCE)
    expect(theirs.locator(".answers")).to_contain_text("by agent")
    expect(theirs.get_by_role("button", name="Undo")).to_have_count(0)
    page.reload()
    expect(mine.locator(".answers strong")).to_have_text(button)
    expect(mine.get_by_role("button", name="Undo")).to_be_visible()
    assert mine.get_by_role("button", name="Accepted").count() == (button == "Presented")
    assert logged(centre, customer, *CONTACTS) == []  # looking at what was answered is no contact either
    mine.get_by_role("button", name="Undo").click()
    for shown in (mine, theirs):
        expect(shown.get_by_role("button", name="Accepted")).to_be_visible(timeout=PATIENCE)
        expect(shown.locator(".answers strong")).to_have_count(0)
    mine.get_by_role("button", name=button, exact=True).click()
    expect(theirs.locator(".answers strong")).to_have_text(button, timeout=PATIENCE)
    assert violations(page) == violations(other) == []


@pytest.mark.parametrize("button", ["Later", "Presented"])
def test_what_was_recorded_and_is_suggested_still_shows_it(sign_in: SignedIn, centre: CallCentre, button: str) -> None:
    customer = centre.customer()
    page = sign_in("agent")
    page.goto(f"/console/customers/{customer}")
    make_sure(page)
    mine = page.locator("li.action").filter(has_text=NAME)
    mine.get_by_role("button", name=button, exact=True).click()
    expect(mine.get_by_role("button", name="Undo")).to_be_visible()
    centre.undo_time_passes()
    expect(mine.locator(".answers")).to_contain_text(re.compile(r"\brecorded\s*$|recorded\s+(?!in)"), timeout=PATIENCE)
    assert until(lambda: told(centre, customer) == ["displayed"])
    page.reload()
    expect(mine.locator(".answers strong")).to_have_text(button)
    expect(mine.get_by_role("button", name="Undo")).to_have_count(0)
    expect(mine.get_by_role("button", name="Presented", exact=True)).to_have_count(0)
    assert mine.get_by_role("button", name="Accepted").count() == (button == "Presented")


def test_what_is_turned_down_leaves_the_list_and_why_not_says_so(sign_in: SignedIn, centre: CallCentre) -> None:
    customer = centre.customer()
    page = sign_in("agent")
    page.goto(f"/console/customers/{customer}")
    mine = page.locator("li.action").filter(has_text=NAME)
    mine.get_by_role("button", name="Not interested").click()
    expect(mine.get_by_role("button", name="Undo")).to_be_visible()
    centre.undo_time_passes()
    page.get_by_role("button", name="Decide again").click(timeout=PATIENCE)
    expect(page.locator("#fresh")).to_be_hidden()
    expect(mine).to_have_count(0)
    page.get_by_text("Why not something else?").click()
    vacuum = page.locator(".refusals details").filter(has_text=NAME)
    expect(vacuum.locator("summary")).to_contain_text("They were not interested in it on")
    vacuum.locator("summary").click()
    expect(vacuum.locator("dl")).to_contain_text("the action rests until")


CONTRADICTING = [
    (first, second)
    for first in ("accepted", "rejected", "later")
    for second in ("accepted", "rejected", "later")
    if first != second
]


@pytest.mark.parametrize("recorded", [False, True])
def test_a_contradicting_answer_is_refused_whoever_gives_it(centre: CallCentre, recorded: bool) -> None:
    of = {centre.customer(): pair for pair in CONTRADICTING}
    with entered(centre, "agent") as ada, entered(centre, "second") as bob:
        tokens = {customer: token_of(bob, customer) for customer in of}
        for customer, (first, _) in of.items():
            assert press(ada, customer, tokens[customer], first).status_code == 200
        if recorded:
            centre.undo_time_passes()
            assert until(lambda: all("displayed" in told(centre, customer) for customer in of), LONG)
        for customer, (first, second) in of.items():
            token = tokens[customer]
            for client in (bob, ada):
                refused = press(client, customer, token, second)
                assert refused.status_code == 409, refused.text
                assert "one answer counts" in refused.text
                assert press(client, customer, token, "presented").status_code == 200
                assert press(client, customer, token, first).status_code == 200
    centre.undo_time_passes()
    wanted = {customer: ["displayed"] + [first] * (first != "later") for customer, (first, _) in of.items()}
    assert until(lambda: {customer: told(centre, customer) for customer in of} == wanted, LONG)


def test_of_many_who_press_at_once_one_is_recorded(centre: CallCentre) -> None:
    """On two workers, with contradicting answers, also to decisions that were made meanwhile."""
    customer = centre.customer()
    with entered(centre, "agent") as ada, entered(centre, "second") as bob:
        token, shown = token_of(bob, customer), proof(ada.get("/console/find").text)
        for one in (ada, bob):
            made_sure(one, customer)
        ours = [(one, shown if one is ada else proof(bob.get("/console/find").text)) for one in (ada, bob)]

        def pressed(number: int) -> tuple[str, int]:
            (client, proof_), outcome = ours[number % 2], ("accepted", "rejected", "later")[number % 3]
            form = {"proof": proof_, "token": token, "outcome": outcome}
            return outcome, client.post(f"/console/customers/{customer}/answer", data=form, headers=HERE).status_code

        with ThreadPoolExecutor(8) as pool:
            answers = list(pool.map(pressed, range(24)))
        won = {outcome for outcome, status in answers if status == 200}
        assert len(won) == 1
        assert {status for _, status in answers} == {200, 409}
        (outcome,) = won
        wanted = ["displayed"] if outcome == "later" else ["displayed", outcome]
        assert soon_told(centre, customer, *wanted)
        assert told_after_another_look(centre, ada, customer) == wanted


def test_after_an_undo_another_answer_takes_its_place_and_is_the_one_that_is_told(centre: CallCentre) -> None:
    customer = centre.customer()
    with entered(centre, "agent") as ada, entered(centre, "second") as bob:
        token = token_of(ada, customer)
        first = press(ada, customer, token, "accepted").text
        assert undo(bob, customer, first).text.count("could not be undone") == 2  # shown, and said
        assert "Taken back." in undo(ada, customer, first).text
        second = press(bob, customer, token, "rejected")
        assert second.status_code == 200
        assert "could not be undone" in undo(ada, customer, first).text
        assert press(ada, customer, token, "accepted").status_code == 409
        assert soon_told(centre, customer, "displayed", "rejected")
        assert told_after_another_look(centre, ada, customer) == ["displayed", "rejected"]


def test_what_they_say_to_something_presented_is_of_the_decision_that_was_presented(centre: CallCentre) -> None:
    """Else one conversation would be two contacts, one of them without success."""
    customer = centre.customer()
    with entered(centre, "agent") as ada:
        first = token_of(ada, customer)
        assert press(ada, customer, first, "presented").status_code == 200
        assert soon_told(centre, customer, "displayed")
        second = token_of(ada, customer)
        assert second != first  # the contact is known: it was decided anew
        assert press(ada, customer, second, "accepted").status_code == 200
    assert soon_told(centre, customer, "displayed", "accepted")
    (shown,) = centre.get(f"/customers/{customer}/context")["shown"]  # type: ignore[misc]
    assert (shown["action_id"], shown["outcome"]) == (ACTION, "accepted")


def test_an_answer_that_another_system_told_stands_too(sign_in: SignedIn, centre: CallCentre) -> None:
    customer = centre.customer()
    page = sign_in("agent")
    page.goto(f"/console/customers/{customer}")
    with entered(centre, "agent") as ada:
        token = token_of(ada, customer)
        assert report(centre, {"token": token, "outcome": "accepted"}).status_code == 200
        mine = page.locator("li.action").filter(has_text=NAME)
        expect(mine.locator(".answers strong")).to_have_text("Accepted", timeout=PATIENCE)
        assert press(ada, customer, token, "rejected").status_code == 409
        for number, outcome in enumerate(("accepted", "rejected", "accepted")):
            answer = report(centre, {"token": token, "outcome": outcome, "message_id": f"crm-{customer}-{number}"})
            assert answer.status_code == (409 if outcome == "rejected" else 200), answer.text
    assert told(centre, customer) == ["accepted"]


def test_a_page_that_stayed_open_over_night_answers_nothing_twice(centre: CallCentre) -> None:
    customer = centre.customer()
    with entered(centre, "agent") as ada:
        token = token_of(ada, customer)
        assert press(ada, customer, token, "later").status_code == 200
        assert soon_told(centre, customer, "displayed")
        centre.later(2 * DAY)
        centre.track(customer, "Store Visited", store_id="s-4")
        centre.later(MINUTE)
        centre.track(customer, "Call Started")
        new = token_of(ada, customer)
        assert new != token
        assert press(ada, customer, new, "accepted").status_code == 200  # a conversation of its own
        assert soon_told(centre, customer, "displayed", "displayed", "accepted")
        centre.later(2 * DAY)
        centre.track(customer, "Store Visited", store_id="s-4")
        assert press(ada, customer, new, "rejected").status_code == 409
    assert told(centre, customer) == ["displayed", "displayed", "accepted"]


def test_a_token_answers_for_its_own_customer_and_for_the_desk(centre: CallCentre) -> None:
    customer, other = centre.customer(), centre.customer()
    headers = {"Authorization": f"Bearer {centre.key}"}
    asked = {"customer_id": customer, "channels": ["web"]}
    slate = centre.client.post("/recommend", json=asked, headers=headers).json()["channels"][0]
    with entered(centre, "agent") as ada:
        assert press(ada, other, token_of(ada, customer), "accepted").status_code == 422
        assert press(ada, customer, slate["actions"][0]["token"], "accepted").status_code == 422
    assert told(centre, customer) == told(centre, other) == []


def test_what_waits_and_is_contradicted_meanwhile_is_dropped_and_the_page_says_so(
    centre: CallCentre, store: Store
) -> None:
    """Told twice it is nothing more, as after a worker that was killed."""
    customer = centre.customer()
    with entered(centre, "agent") as ada:
        token = token_of(ada, customer)
        kept = kept_of(store, press(ada, customer, token, "accepted").text)
        assert report(centre, {"token": token, "outcome": "rejected"}).status_code == 200
        centre.undo_time_passes()
        assert until(lambda: fate(store, kept) is AnswerFate.DROPPED, LONG)
        assert sorted(told(centre, customer)) == ["displayed", "rejected"]  # the agent did say it
        shown = ada.get(f"/console/customers/{customer}/said", params={"token": token}).text
        assert "Not interested" in shown


def test_an_answer_told_again_after_a_killed_worker_is_the_same(centre: CallCentre, store: Store) -> None:
    """It was told, and nobody noted it."""
    customer = centre.customer()
    with entered(centre, "agent") as ada:
        shown = press(ada, customer, token_of(ada, customer), "accepted").text
    centre.undo_time_passes()
    kept = kept_of(store, shown)
    assert until(lambda: told(centre, customer) == ["displayed", "accepted"], LONG)
    assert until(lambda: fate(store, kept) is AnswerFate.TOLD, LONG)
    assert store.keep_answer(kept, [kept.due_at])
    assert until(lambda: fate(store, kept) is AnswerFate.TOLD, LONG)
    assert told(centre, customer) == ["displayed", "accepted"]


def test_what_they_answer_elsewhere_after_they_put_it_off_is_stored_and_shown(centre: CallCentre, store: Store) -> None:
    customer = centre.customer()
    with entered(centre, "agent") as ada:
        token = token_of(ada, customer)
        kept = kept_of(store, press(ada, customer, token, "later").text)
        centre.undo_time_passes()
        assert until(lambda: fate(store, kept) is AnswerFate.TOLD, LONG)
        accepted = {"token": token, "outcome": "accepted"}
        assert report(centre, accepted).json() == {"stored": 1, "duplicates": 0}
        assert report(centre, accepted).json() == {"stored": 0, "duplicates": 1}
        assert report(centre, {"token": token, "outcome": "rejected"}).status_code == 409
        assert told(centre, customer) == ["displayed", "accepted"]
        assert logged(centre, customer, Kind.NOTE_WRITTEN) == [("note_written", None)]
        shown = ada.get(f"/console/customers/{customer}/said", params={"token": token}).text
        assert "<strong>Accepted" in shown
        assert "Later" not in shown
        assert press(ada, customer, token, "later").status_code == 409


def test_a_list_that_contradicts_itself_is_refused_and_nothing_of_it_is_stored(centre: CallCentre) -> None:
    customer = centre.customer()
    with entered(centre, "agent") as ada:
        token = token_of(ada, customer)
    yes, no = ({"token": token, "outcome": one} for one in ("accepted", "rejected"))
    refused = report(centre, {"token": token, "outcome": "displayed"}, yes, no)
    assert fault(refused) == (409, "conflict", "[2].outcome")
    assert "[1].outcome is “accepted”" in refused.json()["error"]["message"]
    assert told(centre, customer) == []
    assert report(centre, yes, yes).json() == {"stored": 1, "duplicates": 1}


def test_of_two_answers_reported_at_once_one_is_refused(centre: CallCentre) -> None:
    with entered(centre, "agent") as ada:
        tokens = {customer: token_of(ada, customer) for customer in (centre.customer() for _ in range(8))}
    with ThreadPoolExecutor(4) as pool:
        for customer, token in tokens.items():
            reports = [{"token": token, "outcome": one} for one in ("accepted", "rejected") * 2]
            statuses = [one.status_code for one in pool.map(lambda one: report(centre, one), reports)]
            (kept,) = told(centre, customer)
            assert statuses == [200 if one["outcome"] == kept else 409 for one in reports]


def test_the_answer_to_what_another_system_presented_is_of_the_decision_of_the_desk(
    centre: CallCentre, store: Store
) -> None:
    """Else what that system tells of it would be stored beside it, by an id of its own."""
    customer = centre.customer()
    asked = {"customer_id": customer, "channels": ["agent"], "decision_id": f"crm-{customer}", "limit": 5}
    headers = {"Authorization": f"Bearer {centre.key}"}
    (slate,) = centre.client.post("/recommend", json=asked, headers=headers).json()["channels"]
    (theirs,) = [one["token"] for one in slate["actions"] if one["action_id"] == ACTION]
    assert report(centre, {"token": theirs, "outcome": "displayed"}).status_code == 200
    with entered(centre, "agent") as ada:
        assert press(ada, customer, theirs, "accepted").status_code == 422
        token = token_of(ada, customer)
        kept = kept_of(store, press(ada, customer, token, "accepted").text)
    centre.undo_time_passes()
    assert until(lambda: fate(store, kept) is AnswerFate.TOLD, LONG)
    assert report(centre, {"token": token, "outcome": "accepted"}).json() == {"stored": 0, "duplicates": 1}
    found = store.timeline(customer_identifier(customer), None, 100, frozenset({Kind.ACCEPTED}))
    assert [DESK_DECISION.fullmatch(one.event.decision or "") is not None for one in found] == [True]


def fate(store: Store, kept: Answered) -> AnswerFate:
    (one,) = store.answers(kept.answer_id)
    return one.fate
