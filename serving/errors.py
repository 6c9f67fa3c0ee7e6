"""Every error that leaves the service, in one shape.

{"error": {"type", "field", "value", "rule", "message"}}

Refusal
+-- 400 malformed            not JSON, not gzip, not UTF-8, cut short
+-- 401 unauthorized         no key, or one that is not known
+-- 403 forbidden            the key lacks the right; or no key is configured and the caller is not on this machine
+-- 404 not_found
+-- 405 method_not_allowed
+-- 409 conflict             the same id for another request; an identifier that several people answer to
+-- 410 gone                 it was there; the person was erased
+-- 413 too_large
+-- 422 unknown_field, invalid_value
+-- 428 precondition_required    a change that does not say what it was made to
+-- 429 too_many_requests    with Retry-After
+-- 503 unavailable          the store cannot be reached; with Retry-After
"""

from __future__ import annotations

from collections.abc import Sequence
from http import HTTPStatus

import msgspec
from pydantic import ValidationError

from models.fault_rules import rule_of

VALUE_LIMIT = 120
"""Characters of an offending value that are echoed."""
FAULTS_TOLD = 1000


class FaultBody(msgspec.Struct, frozen=True):
    """line: of the body, from 1; null where it is on none. field: where, as "actions[3].value"."""

    line: int | None
    field: str
    message: str


class ErrorBody(msgspec.Struct, frozen=True):
    """field: where, as a path into the request ("channels[0]"), "" for the whole. value: what was there, shortened.
    candidates: the customers of whom one must be named, only where several people answer to an identifier. faults: all
    that is wrong with a catalogue, only where one was refused."""

    type: str
    field: str
    value: str | None
    rule: str
    message: str
    candidates: tuple[str, ...] | msgspec.UnsetType = msgspec.UNSET
    faults: tuple[FaultBody, ...] | msgspec.UnsetType = msgspec.UNSET


class ErrorAnswer(msgspec.Struct, frozen=True):
    error: ErrorBody


class Refusal(Exception):
    """A request that is answered with an error; raised anywhere in serving, rendered in one place."""

    def __init__(self, status: HTTPStatus, body: ErrorBody, headers: Sequence[tuple[str, str]] = ()) -> None:
        super().__init__(body.message)
        self.status = status
        self.body = body
        self.headers = tuple(headers)

    @property
    def answer(self) -> ErrorAnswer:
        return ErrorAnswer(self.body)


def shortened(value: object) -> str:
    """`value` as text of at most VALUE_LIMIT characters, printable."""
    text = value if isinstance(value, str) else repr(value)
    text = text.encode("unicode_escape", "backslashreplace").decode("ascii") if not text.isprintable() else text
    return text if len(text) <= VALUE_LIMIT else text[: VALUE_LIMIT - 1] + "…"


def _refusal(status: HTTPStatus, kind: str, field: str, value: object, rule: str, remedy: str) -> Refusal:
    shown = None if value is None else shortened(value)
    subject = field or "request"
    message = f"{subject} is {shown if shown is not None else 'null'}; {rule}; {remedy}"
    return Refusal(status, ErrorBody(kind, field, shown, rule, message))


def malformed(field: str, value: object, rule: str, remedy: str) -> Refusal:
    return _refusal(HTTPStatus.BAD_REQUEST, "malformed", field, value, rule, remedy)


def unauthorized(value: str, rule: str) -> Refusal:
    """`value` says what was presented ("absent", "unknown"), never the key itself."""
    refusal = _refusal(
        HTTPStatus.UNAUTHORIZED,
        "unauthorized",
        "authorization",
        value,
        rule,
        "send a key as bearer token or as basic-auth user",
    )
    refusal.headers = (("WWW-Authenticate", "Bearer"),)
    return refusal


def forbidden(field: str, value: str | None, rule: str, remedy: str) -> Refusal:
    return _refusal(HTTPStatus.FORBIDDEN, "forbidden", field, value, rule, remedy)


def not_found(field: str, value: str, rule: str, remedy: str) -> Refusal:
    return _refusal(HTTPStatus.NOT_FOUND, "not_found", field, value, rule, remedy)


def conflict(field: str, value: str, rule: str, remedy: str) -> Refusal:
    return _refusal(HTTPStatus.CONFLICT, "conflict", field, value, rule, remedy)


def ambiguous(field: str, value: str, customer_ids: Sequence[str]) -> Refusal:
    """409 with the candidates: known people are never mistaken for one another."""
    rule = f"several people answer to it: {', '.join(customer_ids)}"
    plain = conflict(field, value, rule, "name one of them by customer_id")
    return Refusal(plain.status, msgspec.structs.replace(plain.body, candidates=tuple(customer_ids)))


def no_catalogue() -> Refusal:
    return unavailable("no catalogue is published yet", "publish one with `nextbest catalogue apply` or PUT /catalogue")


def precondition_required(rule: str, remedy: str) -> Refusal:
    return _refusal(HTTPStatus.PRECONDITION_REQUIRED, "precondition_required", "if-match", None, rule, remedy)


def faulty(faults: Sequence[FaultBody]) -> Refusal:
    """422 with everything that is wrong, or the first FAULTS_TOLD of it."""
    found = "a catalogue with one fault" if len(faults) == 1 else f"a catalogue with {len(faults)} faults"
    plain = invalid("body", found, "it is taken whole or not at all", "mend what `faults` lists")
    return Refusal(plain.status, msgspec.structs.replace(plain.body, faults=tuple(faults[:FAULTS_TOLD])))


def gone(field: str, value: str, rule: str, remedy: str) -> Refusal:
    return _refusal(HTTPStatus.GONE, "gone", field, value, rule, remedy)


def too_large(field: str, value: str, rule: str, remedy: str) -> Refusal:
    return _refusal(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "too_large", field, value, rule, remedy)


def invalid(field: str, value: object, rule: str, remedy: str = "send a valid one") -> Refusal:
    return _refusal(HTTPStatus.UNPROCESSABLE_ENTITY, "invalid_value", field, value, rule, remedy)


def unknown_field(field: str, value: object) -> Refusal:
    return _refusal(
        HTTPStatus.UNPROCESSABLE_ENTITY, "unknown_field", field, value, "no such field here", "leave it out or mend it"
    )


def too_many_requests(found: str, rule: str) -> Refusal:
    """Nothing of the request was done."""
    refusal = _refusal(
        HTTPStatus.TOO_MANY_REQUESTS, "too_many_requests", "", found, rule, "retry after a second, then less often"
    )
    refusal.headers = (("Retry-After", "1"),)
    return refusal


def too_many_attempts(minutes: int) -> Refusal:
    rule = f"too many have failed; it is tried again within {minutes} minutes"
    refusal = _refusal(
        HTTPStatus.TOO_MANY_REQUESTS, "too_many_requests", "sign-in", "refused for now", rule, "wait, then try again"
    )
    refusal.headers = (("Retry-After", str(minutes * 60)),)
    return refusal


def unavailable(what: str, remedy: str = "retry after a second") -> Refusal:
    refusal = _refusal(HTTPStatus.SERVICE_UNAVAILABLE, "unavailable", "", "not answerable", what, remedy)
    refusal.headers = (("Retry-After", "1"),)
    return refusal


def method_not_allowed(path: str, allowed: str) -> Refusal:
    refusal = _refusal(
        HTTPStatus.METHOD_NOT_ALLOWED, "method_not_allowed", "", path, f"answers {allowed}", "use that method"
    )
    refusal.headers = (("Allow", allowed),)
    return refusal


def invalid_sentence(field: str, value: object, sentence: str) -> Refusal:
    """A refusal from one of our own sentences, `<name> is <value>; <rule>; <what to do>`."""
    _, _, rest = sentence.partition("; ")
    rule, _, remedy = (rest or sentence).partition("; ")
    return invalid(field, value, rule, remedy or "send a valid one")


def path_of(location: Sequence[int | str]) -> str:
    """("channels", 0) as "channels[0]"."""
    path = ""
    for step in location:
        path += f"[{step}]" if isinstance(step, int) else f".{step}" if path else step
    return path


def from_validation(error: ValidationError, at: Sequence[int | str] = ()) -> Refusal:
    """The first fault of a pydantic validation, in our shape; `at` is where the validated value stood."""
    fault = error.errors(include_url=False)[0]
    field = path_of((*at, *fault["loc"]))
    value = fault["input"]
    if fault["type"] == "extra_forbidden":
        return unknown_field(field, value)
    if fault["type"] == "missing":
        return invalid(field, None, "it is required", "add it")
    shown = f"{len(value)} entries" if isinstance(value, list | dict) else value
    return invalid(field, shown, rule_of(fault))
