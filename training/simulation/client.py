"""A client of the service, as a shop's systems are: HTTP and nothing else."""

from __future__ import annotations

import http.client
import json
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from http import HTTPStatus
from typing import Final, TypeVar
from urllib.parse import urlsplit

import msgspec

from features.instants import render_instant
from training.errors import ServiceRefused
from training.simulation.events import Happening

_MOST: Final = 1_000
_CALLS: Final = 800
"""In one batch of events; with its bytes below the limit of 500 KB."""
_PATIENCE: Final = 120.0
_NOTICES: Final = 120.0
_KEPT: Final = 2.0
"""Seconds; servers close a connection that is idle for longer than about five."""
_Any = TypeVar("_Any")


class Chosen(msgspec.Struct, frozen=True):
    action_id: str
    token: str | None


class Refused(msgspec.Struct, frozen=True):
    action_id: str


class Slate(msgspec.Struct, frozen=True):
    actions: list[Chosen]
    refused: list[Refused]
    funnel: dict[str, int]


class Decided(msgspec.Struct, frozen=True):
    """Of an answer to a recommendation what the simulator reads."""

    customer_id: str
    channels: list[Slate]


class Batch(msgspec.Struct, frozen=True):
    decisions: list[Decided]


class Taken(msgspec.Struct, frozen=True):
    refused: int


class Model(msgspec.Struct, frozen=True):
    version: str


class Report(msgspec.Struct, frozen=True, omit_defaults=True):
    """One outcome, as /feedback takes it. occurred_at: RFC 3339."""

    token: str
    outcome: str
    occurred_at: str
    value: float | None = None


class Client:
    """Of one service over one kept connection. present: ms UTC, sent with every request; a service on another clock
    than a driven one refuses it."""

    def __init__(self, url: str) -> None:
        where = urlsplit(url)
        if where.scheme != "http" or not where.hostname:
            raise ServiceRefused(f"url is {url}; it is that of a service, like http://127.0.0.1:3000; correct it")
        self.present = 0
        self._sent = 0
        self._heard_at = 0.0
        self._connection = http.client.HTTPConnection(where.hostname, where.port or 80, timeout=_PATIENCE)

    def close(self) -> None:
        self._connection.close()

    def tell(self, happenings: Sequence[Happening]) -> None:
        """Raises ServiceRefused when an event does not come in."""
        for some in _parts(happenings, _CALLS):
            calls = []
            for one in some:
                self._sent += 1
                calls.append(one.payload(f"sim-{self.present}-{self._sent}"))
            taken = msgspec.json.decode(self._post("/v1/batch", json.dumps({"batch": calls}).encode()), type=Taken)
            if taken.refused:
                raise ServiceRefused(
                    f"events refused are {taken.refused}; all are well-formed; look at `nextbest letters`"
                )

    def recommend(self, customers: Sequence[str], channel: str, *, dry_run: bool) -> list[Decided]:
        """In their order, each with what the gates refuse."""
        found: list[Decided] = []
        for some in _parts(customers, _MOST):
            asked = {"customer_ids": list(some), "channels": [channel], "explain": True, "dry_run": dry_run}
            body = self._post("/recommend_batch", json.dumps(asked).encode())
            found += msgspec.json.decode(body, type=Batch).decisions
        return found

    def report(self, reports: Sequence[Report]) -> None:
        for some in _parts(reports, _MOST):
            self._post("/feedback", msgspec.json.encode(list(some)))

    def publish(self, document: str) -> None:
        """In the place of whatever is there; the items stay."""
        self._ask("PUT", "/catalogue", document.encode(), {"If-Match": "*"})

    def model_version(self) -> str:
        return msgspec.json.decode(self._ask("GET", "/model", None, {}), type=Model).version

    def took_up_another(self, before: str) -> bool:
        """Whether another model than `before` serves within the time that a service takes to notice."""
        end = time.monotonic() + _NOTICES
        while time.monotonic() < end:
            if self.model_version() != before:
                return True
            time.sleep(0.2)
        return False

    def _post(self, path: str, body: bytes) -> bytes:
        return self._ask("POST", path, body, {"Nextbest-Now": render_instant(self.present)})

    def _ask(self, method: str, path: str, body: bytes | None, headers: dict[str, str]) -> bytes:
        if time.monotonic() > self._heard_at + _KEPT:
            self._connection.close()
        with self._heard(path):
            self._connection.request(method, path, body, {"Content-Type": "application/json", **headers})
            answer = self._connection.getresponse()
            content = answer.read()
        self._heard_at = time.monotonic()
        if answer.status != HTTPStatus.OK:
            said = content[:400].decode(errors="replace")
            raise ServiceRefused(
                f"{path} answered {answer.status}; it is 200 for what a simulation asks; it said {said}"
            )
        return content

    @contextmanager
    def _heard(self, path: str) -> Iterator[None]:
        try:
            yield
        except (OSError, http.client.HTTPException) as error:
            self._connection.close()
            raise ServiceRefused(
                f"{path} did not answer ({error}); a simulation needs its service; start it"
            ) from error


def _parts(whole: Sequence[_Any], most: int) -> Iterator[Sequence[_Any]]:
    for first in range(0, len(whole), most):
        yield whole[first : first + most]
