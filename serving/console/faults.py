"""What is wrong, in plain sentences for whoever sits before the page: the field as the page calls it, its value, the
rule, and what to do."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Final

from serving.console.wording import sentence
from serving.errors import Refusal

_CALLED: Final[Mapping[str, str]] = {
    "until": "Until",
    "name": "What has happened",
    "text": "What to say",
    "areas": "Postcodes begin with",
    "told": "What you told them",
    "promised": "What you promised",
    "due": "By when",
    "inquiry": "What the customer wants",
    "severity": "How bad",
    "to_channel": "Where to",
    "version": "The catalogue's version",
    "customer_id": "Customer",
}
"""Labels of fields, by their names; others are called by their names."""
_OF_FORMS: Final[Mapping[str, Mapping[str, str]]] = {
    "call": {"reason": "What they call about"},
    "case/open": {"reason": "What is wrong"},
    "case/close": {"reason": "How it ended", "case_id": "Case to close"},
    "hand-over": {"reason": "Why it is passed on"},
    "consent": {"about": "May we contact them", "answer": "They say"},
    "notice": {"reason": "Why you publish it"},
    "pause": {"reason": "Why"},
    "end": {"reason": "Why it ends"},
    "resume": {"reason": "Why it goes on"},
}
"""Labels that a field has on one form, by the form: the end of its address, or what its page calls it."""

_HEADINGS: Final[Mapping[HTTPStatus, str]] = {
    HTTPStatus.UNPROCESSABLE_ENTITY: "That cannot be",
    HTTPStatus.CONFLICT: "Something else came first",
    HTTPStatus.GONE: "Not there any more",
    HTTPStatus.TOO_MANY_REQUESTS: "Too many at once",
    HTTPStatus.INTERNAL_SERVER_ERROR: "A fault of ours",
    HTTPStatus.SERVICE_UNAVAILABLE: "Not just now",
}


@dataclass(frozen=True, slots=True)
class Fault:
    """On a page with several forms. form: which. field: by its name. words: one or two sentences."""

    form: str
    field: str
    words: str
    status: HTTPStatus

    @classmethod
    def of(cls, form: str, refusal: Refusal) -> Fault:
        return cls(form, refusal.body.field, in_words(refusal, form), refusal.status)


def heading(status: HTTPStatus) -> str:
    return _HEADINGS.get(status, status.phrase)


def sent_to(path: str) -> str:
    """The form that is sent to an address; "" where its fields are called the same on every form."""
    return next((form for form in _OF_FORMS if path.endswith(f"/{form}")), "")


def in_words(refusal: Refusal, form: str = "") -> str:
    """Never a path into a request, and no null: what has no value is not said to have one. form: that was sent, whose
    labels are used."""
    body = refusal.body
    if body.faults:
        return f"The catalogue does not take it: {sentence(body.faults[0].message)}"
    remedy = body.message.rpartition(f"{body.rule}; ")[2]
    told = sentence(body.rule if not body.field else f"{_subject(form, body.field, body.value)}: {body.rule}")
    return told if remedy == body.message else f"{told} {sentence(remedy)}"


def _subject(form: str, field: str, value: str | None) -> str:
    called = _OF_FORMS.get(form, {}).get(field) or _CALLED.get(field)
    called = called or re.sub(r"[_\-.]|\[\d+\]", " ", field).strip()
    return called if value is None else f"{called} “{_shown(value)}”"


def _shown(value: str) -> str:
    """What a form tells as a time of day is written as pages write it."""
    if not re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d", value):
        return value
    try:
        at = dt.datetime.fromisoformat(value)
    except ValueError:
        return value
    return f"{at.day} {at:%b %Y, %H:%M}"
