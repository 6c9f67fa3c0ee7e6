"""Finding a customer by whatever is at hand, and never opening a record before it is certain whose it is."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from starlette.responses import Response

from features.event import Identifier, Kind
from features.history import CustomerRecord
from features.identity import ANONYMOUS_ID, USER_ID, IdentityError, customer_identifier, normalise
from features.naming import key_of, name_key
from features.stores.protocol import AmbiguousIdentifier, Store
from serving.console import wording
from serving.console.answering import page, redirect
from serving.console.customer import note_views
from serving.console.naming import Named
from serving.console.places import customer_address
from serving.console.promises import overdue, waiting
from serving.console.visit import Visit
from serving.customers import WAS_PLUS

MOST: Final = 12
"""People among whom one can be chosen; more need another question."""

_TYPES: Final = {
    "phone": "phone",
    "email": "email",
    "order": "order_number",
    "order_number": "order_number",
    "card": "loyalty_card",
    "loyalty_card": "loyalty_card",
    "customer_id": USER_ID,
}
"""Parameters of the address, as a telephone system or a CRM sends them, and the type of identifier that each is."""

_WORDS: Final = {
    "phone": "telephone number",
    "email": "e-mail address",
    "order_number": "order number",
    "loyalty_card": "loyalty card",
    USER_ID: "customer id",
}
_PASTED = re.compile(r"^(?:tel|sip|sips|mailto|callto):", re.IGNORECASE)
_UNSEEN = dict.fromkeys(map(ord, "\u200b\u200c\u200d\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2060\ufeff\u00ad"))
"""Signs without a shape that come along with what is copied from a web page."""
_DIGITS = re.compile(r"\d")
_ADDRESS = re.compile(r"[^\s<>(),;:\"]+@[^\s<>(),;:\"]+")
_CALLED = r"(?:\s*(?:no|nr|number|id)\b)?[\s.:#]+"
_NAMED: Final = {
    "order_number": re.compile(rf"(?:order{_CALLED}|#\s*)(?=\S)", re.IGNORECASE),
    "loyalty_card": re.compile(rf"(?:loyalty\s*)?card{_CALLED}(?=\S)", re.IGNORECASE),
    USER_ID: re.compile(rf"customer{_CALLED}(?=\S)", re.IGNORECASE),
}
"""What stands before one where somebody names it: "Order: ", "order no. ", "#", "Loyalty card "."""
_NAME = re.compile(r"[^\W\d_]{2,}[\s,]+\w")
_ABROAD = re.compile(r"\s*00")
"""What is dialled for the + in most countries."""


@dataclass(frozen=True, slots=True)
class Attempt:
    """One reading of what was asked. words: what it would be."""

    identifier: Identifier
    words: str


@dataclass(frozen=True, slots=True)
class Choice:
    """Somebody it may be. tells: what the answer to the question would be."""

    customer_id: str
    tells: tuple[str, ...]


async def find(visit: Visit) -> Response:
    query = visit.request.query_params
    if query.get("name") or query.get("postcode"):
        return await _by_name(visit, clean(query.get("name", "")), clean(query.get("postcode", "")))
    asked, attempts = _asked(visit)
    if not asked:
        open_ = await asyncio.to_thread(waiting, visit.runtime.store, visit.who.name)
        today = wording.date_at(visit.runtime.in_force.clock.present(None), visit.zone)
        return page(
            "find.html", visit, asked="", tried=(), named=False, promised=len(open_), overdue=overdue(open_, today)
        )
    found = await asyncio.to_thread(_found, visit.runtime.store, attempts)
    if len(found) == 1:
        return redirect(customer_address(found[0].customer_id))
    if not found:
        tried = [*dict.fromkeys(one.words for one in attempts)]
        return page("find.html", visit, 404, asked=asked, tried=tried, named=_NAME.match(asked) is not None)
    return await _choose(visit, asked, found)


async def _by_name(visit: Visit, name: str, postcode: str) -> Response:
    """Names repeat: even one who answers to it is asked for something more before the record is opened."""
    key = key_of(name.rpartition(" ")[2], postcode)
    shown = f"{name}, {postcode}"
    found = [] if key is None else await asyncio.to_thread(_called, visit.runtime.store, key)
    if not found:
        return page("find.html", visit, 404, asked=shown, tried=["last name with postcode"], named=True)
    return await _choose(visit, shown, found)


def _called(store: Store, key: str) -> list[CustomerRecord]:
    """Whoever is still called so and lives there."""
    people: dict[int, CustomerRecord] = {}
    for customer_id in store.named(key, MOST * 4):
        for record in _records(store, customer_identifier(customer_id)):
            if record.known and name_key(record.traits) == key:
                people.setdefault(record.person, record)
    return list(people.values())


async def _choose(visit: Visit, asked: str, found: Sequence[CustomerRecord]) -> Response:
    if len(found) > MOST:
        return page("choice.html", visit, asked=asked, questions=(), choices=(), many=len(found))
    zone = visit.runtime.catalogue().catalogue.time_zone
    questions, choices = telling_apart(found, zone)
    await note_views(visit, "offered", *(one.customer_id for one in found))
    return page("choice.html", visit, asked=asked, questions=questions, choices=choices, many=0)


def _asked(visit: Visit) -> tuple[str, list[Attempt]]:
    """What was asked for, and its readings; the + of a telephone number in an address is read as a blank."""
    query, region = visit.request.query_params, visit.runtime.settings.region
    for parameter, type_ in _TYPES.items():
        told = query.get(parameter)
        if told and told.strip():
            text = f"+{told.strip()}" if type_ == "phone" and WAS_PLUS.match(told) else clean(told)
            return text, list(_reading(type_, text, region))
    text = clean(query.get("q", ""))
    return text, list(readings(text, region, visit.runtime.settings.declared_strong)) if text else []


def clean(text: str) -> str:
    """Without what comes along when something is pasted: quotes, brackets, `tel:`, signs that are not seen."""
    plain = " ".join(text.translate(_UNSEEN).split())
    return _PASTED.sub("", plain.strip("\"'<>“”„«» ,;")).strip()[:256]


def readings(text: str, region: str | None, declared: frozenset[str] = frozenset()) -> Iterator[Attempt]:
    """Everything that it may be. A text with an @ holds an address before all; one of seven digits may be a telephone
    number. declared: types of external ids that are of one person alone."""
    address = _ADDRESS.search(text)
    if address is not None:
        yield from _reading("email", address[0], region)
    elif len(_DIGITS.findall(text)) >= 7 and not re.search(r"[A-Za-z]{3}", text):
        yield from _reading("phone", text, region)
    for type_, told in _NAMED.items():
        if named := told.match(text):
            yield from _reading(type_, text[named.end() :], region)
    for type_ in ("order_number", "loyalty_card", USER_ID, *sorted(declared)):
        yield from _reading(type_, text, region)


def _reading(type_: str, text: str, region: str | None) -> Iterator[Attempt]:
    text = _ABROAD.sub("+", text, count=1) if type_ == "phone" and _ABROAD.match(text) else text
    try:
        identifier = customer_identifier(text, region) if type_ == USER_ID else normalise(type_, text, region)
    except IdentityError:
        return
    words = _WORDS.get(type_, type_.replace("_", " "))
    yield Attempt(identifier, "name of somebody anonymous" if identifier.type == ANONYMOUS_ID else words)


def _found(store: Store, attempts: Sequence[Attempt]) -> list[CustomerRecord]:
    """Everybody whom one of the readings names, each once."""
    people: dict[int, CustomerRecord] = {}
    for attempt in attempts:
        for record in _records(store, attempt.identifier):
            if record.known:
                people.setdefault(record.person, record)
    return list(people.values())


def _records(store: Store, identifier: Identifier) -> Iterator[CustomerRecord]:
    try:
        yield store.read(identifier)
    except AmbiguousIdentifier as error:
        for customer_id in error.customer_ids:
            yield store.read(customer_identifier(customer_id))


def telling_apart(found: Sequence[CustomerRecord], zone: str) -> tuple[tuple[str, ...], list[Choice]]:
    """The question whose answer tells them apart, and each one's answer: nothing else of anybody is shown. Where no
    single question does, those that help."""
    answers = {question: [answer(one, zone) for one in found] for question, answer in _QUESTIONS.items()}
    if len(found) == 1:
        known = [(question, tells[0]) for question, tells in answers.items() if tells[0]][:1]
        return tuple(question for question, _ in known), [Choice(found[0].customer_id, tuple(one for _, one in known))]
    for question, told in answers.items():
        if "" not in told and len({one.casefold() for one in told}) == len(told):
            return (question,), [Choice(one.customer_id, (tells,)) for one, tells in zip(found, told, strict=True)]
    helping = tuple(question for question, told in answers.items() if len({one.casefold() for one in told}) > 1)
    rows = zip(*(answers[question] for question in helping), strict=True) if helping else [() for _ in found]
    return helping, [Choice(one.customer_id, tuple(row)) for one, row in zip(found, rows, strict=True)]


def _newest_order(record: CustomerRecord, zone: str) -> str:
    orders = record.page["occurred_at"][record.page["kind"] == Kind.ORDERED]
    return wording.month(int(np.max(orders)), zone) if len(orders) else ""


_QUESTIONS: Final[dict[str, Callable[[CustomerRecord, str], str]]] = {
    "What is your first name?": lambda record, _: Named.of(record.traits).first,
    "How does your postcode begin?": lambda record, _: Named.of(record.traits).area,
    "In which town do you live?": lambda record, _: Named.of(record.traits).city,
    "When did you order last?": _newest_order,
    "What is your last name?": lambda record, _: Named.of(record.traits).last,
}
