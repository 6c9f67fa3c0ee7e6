"""Whether a store holds what a service promised its clients over HTTP, once every client has its last answer: then the
log is what was acknowledged, no more and no less."""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence

from features.event import Identifier, Kind
from features.identity import customer_identifier
from features.stores.people import LoggedEvent
from features.stores.protocol import Store
from tests.checks.http_load import Ledger, Meaning
from tests.checks.reconcile import Logged, projection_faults

OUTBOUND = ("email", "sms")
"""Of the synthetic shop."""

Lines = Mapping[str, Sequence[LoggedEvent]]


def counted(ledgers: Sequence[Ledger]) -> str:
    """What was promised and how often there was which answer, to be quoted."""
    answered = sum((ledger.answered for ledger in ledgers), Counter[str]())
    messages, decisions, letters = (
        sum(len(getattr(ledger, name)) for ledger in ledgers) for name in ("messages", "answers", "letters")
    )
    return (
        f"{messages:,} messages, {decisions:,} decisions and {letters} refusals acknowledged; answers {dict(answered)}"
    )


def faults_of(store: Store, ledgers: Sequence[Ledger]) -> list[str]:
    log = Logged.of(store)
    lines: dict[str, list[LoggedEvent]] = defaultdict(list)
    for (message, _), logged in sorted(log.events.items()):
        lines[message].append(logged)
    messages = {name: one for ledger in ledgers for name, one in ledger.messages.items()}
    answers = {name: one for ledger in ledgers for name, one in ledger.answers.items()}
    letters = {name for ledger in ledgers for name in ledger.letters}
    profiles: set[Identifier] = {customer_identifier(one.profile) for one in log.events.values()}
    return [
        *(f"unexpected answer: {refusal}" for ledger in ledgers for refusal in ledger.refused),
        *(f"{key} is in the log twice" for key in log.twice),
        *_message_faults(lines, messages),
        *_decision_faults(store, lines, answers),
        *(f"{name} is in the log and nobody was promised it" for name in lines if not _known(name, messages, answers)),
        *_letter_faults(store, letters),
        *_people_faults(store, messages.values()),
        *projection_faults(store, log, profiles),
        *(f"check: {fault}" for fault in store.check().faults),
    ]


def _known(name: str, messages: Mapping[str, Meaning], answers: Mapping[str, bytes]) -> bool:
    return name in messages or name.removeprefix("decided:").removeprefix("reserved:") in answers


def _message_faults(lines: Lines, messages: Mapping[str, Meaning]) -> Iterator[str]:
    for name, meaning in messages.items():
        held = lines.get(name, ())
        if not held:
            yield f"{name} was acknowledged and is lost"
            continue
        kinds = tuple(one.event.kind for one in held)
        if kinds != meaning.kinds:
            yield f"{name} was told as {meaning.kinds} and is logged as {kinds}"
        if any(customer_identifier(one.profile) != meaning.profile for one in held):
            yield f"{name} was told of {meaning.profile} and is logged under {held[0].profile}"
        if meaning.units and {one.event.item: _units(one) for one in held} != dict(meaning.units):
            yield f"{name} was told with {dict(meaning.units)} and is logged with {[_units(one) for one in held]}"


def _units(logged: LoggedEvent) -> int:
    count = int(logged.event.quantity)
    return -count if logged.event.kind == Kind.REFUNDED else count


def _decision_faults(store: Store, lines: Lines, answers: Mapping[str, bytes]) -> Iterator[str]:
    for name, answer in answers.items():
        stored = store.decision(name)
        if stored is None:
            yield f"decision {name} was acknowledged and is lost"
        elif stored.response.encode() != answer:
            yield f"decision {name} stands with another answer than was given"
        if not lines.get(f"decided:{name}"):
            yield f"decision {name} has no event"
        held, due = len(lines.get(f"reserved:{name}", ())), _outbound(answer)
        if held != due:
            yield f"decision {name} chose {due} outbound actions and reserved {held}"


def _outbound(answer: bytes) -> int:
    return sum(len(one["actions"]) for one in json.loads(answer)["channels"] if one["channel"] in OUTBOUND)


def _people_faults(store: Store, meanings: Iterable[Meaning]) -> Iterator[str]:
    """Who was said to be one person is one, and no two customers are."""
    told = list(meanings)
    for one in told:
        if one.same is not None and store.resolve(one.same) != store.resolve(one.profile):
            yield f"{one.same} was said to be {one.profile} and is another person"
    customers = {one.profile for one in told if one.profile.type == "user_id"}
    if len({store.resolve(one) for one in customers}) < len(customers):
        yield "two customers are one person"


def _letter_faults(store: Store, letters: set[str]) -> Iterator[str]:
    """A dead letter has no id: an acknowledged one is there; one that was sent again may be there again."""
    held = " ".join(letter.payload for letter in store.dead_letters(10**9))
    yield from (f"dead letter {name} was acknowledged and is lost" for name in letters if f'"{name}"' not in held)
