"""A customer is found by whatever is at hand, and no record is opened before it is certain whose it is."""

from __future__ import annotations

import re
from urllib.parse import urlencode

import pytest
from playwright.sync_api import expect

from features.history import CustomerRecord
from serving.console.finding import clean, readings, telling_apart
from serving.console.naming import Named, further
from serving.console.wording import masked
from tests.console.browser import picture
from tests.console.call_centre import CallCentre
from tests.console.conftest import SignedIn


def test_one_field_finds_by_whatever_is_typed_or_pasted(sign_in: SignedIn, centre: CallCentre) -> None:
    customer = centre.customer("Grace Hopper")
    centre.identify(customer, loyalty_card=f"77 00 {customer}")
    phone = centre.phone(customer)
    page = sign_in("agent")
    expect(page.get_by_role("heading", level=1)).to_have_text("Who is it?")
    picture(page, "find")
    typed = [
        phone,
        f" tel:{phone} ",
        f"{phone[:3]} (0){phone[3:5]} {phone[5:9]}-{phone[9:]}".replace("(0)", ""),
        f"{customer}@EXAMPLE.com",
        f"00{phone[1:]}",
        f"mailto:{customer}@example.com",
        f"Grace Hopper <{customer}@example.com>",
        f"Order no. o-{customer.removeprefix('c-')}",
        f"“o-{customer.removeprefix('c-')}”",
        f"77-00-{customer}",
        customer,
        f"\u202a{customer}\u202c",
    ]
    for text in typed:
        page.goto("/console/find")
        page.keyboard.press("/")
        page.keyboard.type(text)
        page.keyboard.press("Enter")
        expect(page.get_by_role("heading", level=1)).to_have_text("Grace Hopper")
        expect(page).to_have_url(re.compile(f"/console/customers/{customer}$"))


@pytest.mark.parametrize("parameter", ["phone", "email", "order", "card", "customer_id"])
def test_a_telephone_system_opens_the_record_at_once(sign_in: SignedIn, centre: CallCentre, parameter: str) -> None:
    customer = centre.customer("Ada Lovelace")
    centre.identify(customer, loyalty_card=f"88{customer}")
    told = {
        "phone": centre.phone(customer),  # its + comes as a blank, as telephone systems send it
        "email": f"{customer}@example.com",
        "order": f"o-{customer.removeprefix('c-')}",
        "card": f"88{customer}",
        "customer_id": customer,
    }
    page = sign_in("agent")
    page.goto(f"/console?{parameter}={told[parameter]}")
    expect(page.get_by_role("heading", level=1)).to_have_text("Ada Lovelace")


def test_nobody_is_said_plainly(sign_in: SignedIn) -> None:
    page = sign_in("agent")
    page.goto("/console/find?q=<script>alert(1)</script>")
    expect(page.get_by_role("alert").first).to_contain_text("Nobody has “script>alert(1)</script”")
    page.goto("/console/find?q=%2B442079999999")
    expect(page.get_by_role("alert").first).to_contain_text("telephone number, order number")
    expect(page.get_by_role("alert").first).to_contain_text("NEXTBEST_REGION")
    picture(page, "nobody")


def test_of_two_who_share_a_number_only_the_answer_to_a_question_is_shown(
    sign_in: SignedIn, centre: CallCentre
) -> None:
    first, second = centre.customer("Mary Shelley", phone=False), centre.customer("Percy Shelley", phone=False)
    shared = "+442071110001"
    for one in (first, second):
        centre.identify(one, phone=shared)
    page = sign_in("agent")
    page.goto("/console/find?phone=%2B442071110001")
    expect(page.get_by_role("heading", level=1)).to_contain_text("2 people answer to")
    expect(page.get_by_text("What is your first name?")).to_be_visible()
    shown = page.get_by_role("main").inner_text()
    assert "Shelley" not in shown
    assert "SW1A" not in shown
    assert "@" not in shown
    picture(page, "choice")
    page.get_by_role("link", name="Percy").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Percy Shelley")


def test_of_two_whom_nothing_tells_apart_neither_is_opened(sign_in: SignedIn, centre: CallCentre) -> None:
    same = {"firstName": "Ann", "lastName": "Lee", "phone": "+442071110009"}
    for number in range(2):
        centre.tell("identify", {"userId": f"twin-{number}", "traits": same})
    page = sign_in("agent")
    page.goto("/console?phone=%2B442071110009")
    expect(page.get_by_role("main")).to_contain_text("neither is opened")
    expect(page.get_by_role("main").get_by_role("link")).to_have_count(0)


def test_without_a_number_a_name_and_a_postcode_lead_to_a_question(sign_in: SignedIn, centre: CallCentre) -> None:
    first, second = centre.customer("Vera Rubinstein"), centre.customer("Otto Rubinstein")
    page = sign_in("agent")
    page.goto("/console/find")
    page.get_by_text("No number at hand?").click()
    page.get_by_label("Last name").fill("rubinstein")
    page.get_by_label("Postcode").fill("sw1a1aa")
    page.get_by_role("button", name="Find by name").click()
    expect(page.get_by_text("What is your first name?")).to_be_visible()
    centre.identify(second, postcode="E1 6AN")
    page.reload()
    expect(page.get_by_role("heading", level=1)).to_contain_text("Somebody answers")
    page.get_by_role("link", name="Vera").click()
    expect(page).to_have_url(re.compile(f"/console/customers/{first}$"))
    page.goto("/console/find?name=Rubinstein&postcode=X9")
    expect(page.get_by_role("alert").first).to_contain_text("last name with postcode")


def person(number: int, **traits: object) -> CustomerRecord:
    return CustomerRecord(number, f"c-{number}", known=True, traits=traits)


def test_the_question_is_one_that_tells_all_apart() -> None:
    same = {"firstName": "Ann"}
    asked, choices = telling_apart(
        [person(1, **same, postcode="SW1A 1AA"), person(2, **same, postcode="E1 6AN")], "UTC"
    )
    assert asked == ("How does your postcode begin?",)
    assert [one.tells for one in choices] == [("SW1A",), ("E1",)]
    three = [person(1, **same, city="Leeds"), person(2, **same, city="York"), person(3, firstName="Eve", city="York")]
    asked, choices = telling_apart(three, "UTC")
    assert asked == ("What is your first name?", "In which town do you live?")
    assert [one.tells for one in choices] == [("Ann", "Leeds"), ("Ann", "York"), ("Eve", "York")]
    asked, choices = telling_apart([person(1, **same, lastName="Lee"), person(2, **same, lastName="Day")], "UTC")
    assert (asked, [one.tells for one in choices]) == (("What is your last name?",), [("Lee",), ("Day",)])
    asked, choices = telling_apart([person(1), person(2)], "UTC")
    assert (asked, [one.tells for one in choices]) == ((), [(), ()])


@pytest.mark.parametrize(
    ("pasted", "plain"),
    [
        ("  tel:+44 20 7946 0018 ", "+44 20 7946 0018"),
        ("“c-17”,", "c-17"),
        ("<a@b.example>", "a@b.example"),
        ("MAILTO:a@b.example", "a@b.example"),
        ("\ufeffc-17\u200b", "c-17"),
        ("", ""),
        (" \t\n", ""),
    ],
)
def test_what_comes_along_with_pasting_is_left_out(pasted: str, plain: str) -> None:
    assert clean(pasted) == plain


def test_a_text_is_read_as_everything_that_it_may_be() -> None:
    assert next(one.identifier.type for one in readings("a@b.example", None)) == "email"
    types = [one.identifier.type for one in readings("+44 20 7946 0018", None)]
    assert types[:2] == ["phone", "order_number"]
    assert "phone" not in [one.identifier.type for one in readings("020 7946 0018", None)]
    assert next(one.identifier.value for one in readings("020 7946 0018", "GB")) == "+442079460018"
    assert [one.identifier.type for one in readings("anon:91ab", None)][-1] == "anonymous_id"
    assert "crm_id" in [one.identifier.type for one in readings("5", None, frozenset({"crm_id"}))]


@pytest.mark.parametrize("region", [None, "GB", "US"])
@pytest.mark.parametrize(
    ("text", "type_", "value"),
    [
        ("00442079460018", "phone", "+442079460018"),
        ("00 44 20 7946 0018", "phone", "+442079460018"),
        ("Björn <sim.001@example.com", "email", "sim.001@example.com"),
        ('"Lee, Ann" <a.lee@b.example>; c@d.example', "email", "a.lee@b.example"),
        ("E-mail: o'brien@b.example", "email", "o'brien@b.example"),
        ("#sim-1-40541", "order_number", "sim-1-40541"),
        ("Order: sim-1-40541", "order_number", "sim-1-40541"),
        ("order no. sim-1-40541", "order_number", "sim-1-40541"),
        ("Order number #sim-1-40541", "order_number", "sim-1-40541"),
        ("order-17", "order_number", "order-17"),
        ("Card: sim-000001", "loyalty_card", "SIM000001"),
        ("Loyalty card #SIM 000001", "loyalty_card", "SIM000001"),
        ("Customer id: c-17", "user_id", "c-17"),
        ("customer c-17", "user_id", "c-17"),
        ("card", "order_number", "card"),
        ("order", "order_number", "order"),
    ],
)
def test_an_identifier_is_found_in_what_stands_around_it(text: str, type_: str, value: str, region: str | None) -> None:
    assert next((one.identifier.type, one.identifier.value) for one in readings(text, region)) == (type_, value)


@pytest.mark.parametrize("text", ["#17", "Order: 17", "order no. 17"])
def test_what_is_named_an_order_is_no_card_or_customer_of_that_number(text: str) -> None:
    assert [one.identifier.type for one in readings(text, None) if one.identifier.value == "17"] == ["order_number"]


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        ("+442079460018", "+4•••••••••18"),
        ("anna@example.com", "a•••@•••••••.•om"),
        ("12345", "1••••"),
        ("", ""),
        ("äöü ßx1", "ä•• •x1"),
    ],
)
def test_what_is_masked_cannot_be_written_down(value: str, shown: str) -> None:
    assert masked(value) == shown


def test_a_name_is_found_under_whatever_it_is_sent() -> None:
    assert Named.of({"first_name": "Ann", "last_name": "Lee"}).whole == "Ann Lee"
    assert Named.of({"name": "Ann Mary Lee"}).first == "Ann"
    assert Named.of({"address": {"postalCode": "10115", "city": "Berlin"}}).area == "101"
    assert Named.of({"postcode": "SW1A 1AA"}).area == "SW1A"
    assert Named.of({}).whole == ""
    assert further({"vip": True, "name": "x", "list": [1], "note": "4111 1111 1111 1111", "a_b": 3}) == {
        "a b": "3",
        "note": "card number ending in 1111",
        "vip": "yes",
    }


def test_who_types_a_name_is_shown_where_names_are_looked_for(sign_in: SignedIn) -> None:
    page = sign_in("agent")
    for asked, shown in (("Anna Smith", True), ("Smith SW1A 1AA", True), ("A-17", False), ("+44 20 7946 0018", False)):
        page.goto("/console/find?" + urlencode({"q": asked}))
        last_name = page.get_by_label("Last name")
        expect(last_name).to_be_visible() if shown else expect(last_name).to_be_hidden()


def test_what_was_looked_for_in_vain_is_written_over(sign_in: SignedIn) -> None:
    page = sign_in("agent")
    page.goto("/console/find?q=nobody-has-it")
    field = page.get_by_label("Find a customer")
    expect(field).to_be_focused()
    page.keyboard.press("/")
    expect(field).to_have_value("nobody-has-it")
    page.reload()
    expect(field).to_be_focused()
    page.keyboard.type("c-1/2")
    expect(field).to_have_value("c-1/2")
