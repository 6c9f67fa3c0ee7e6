"""Asking the conditions of a catalogue about one customer in one request: each distinct one once, when it is needed."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from cel_expr_python import cel
from numpy.typing import NDArray

from features.build import customer_row
from features.history import CustomerRecord
from models.columns import CompiledCatalogue
from models.conditions.compiled import WANTED, Batch, Condition
from models.conditions.known import Known, known_traits
from models.conditions.memory import key_of
from models.conditions.names import CONTEXT, CUSTOMER, HISTORY, LOCAL, NOW, Name
from models.conditions.truth import MET, UNMET, Answer, Truth
from models.local_time import utc_offset

_EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
_OVERLOAD = re.compile(r"UNKNOWN: No matching overloads found : ([^(<]+)(\([\w., ()]*\))?")
_KIND = re.compile(r"[A-Z_]+: ([A-Za-z0-9 -]+)")
_ABSENT = re.compile(r'NOT_FOUND: Key not found in map : "(.*)"')


@dataclass(slots=True)
class Answers:
    """customer: as of `moment` (ms UTC). deliver_at: ms UTC, what conditions call now. Whatever was asked is kept, so
    that nothing is evaluated twice; asking in another order gives the same answers."""

    compiled: CompiledCatalogue
    customer: CustomerRecord
    context: Mapping[str, object]
    moment: int
    deliver_at: int
    _given: dict[int, Answer] = field(default_factory=dict)
    _traits: dict[str, Known] | None = None
    _features: NDArray[np.float64] | None = None
    _history: dict[str, float] | None = None
    _known: dict[bool, set[str]] = field(default_factory=dict)
    _read: dict[bool, dict[str, object]] = field(default_factory=dict)
    _activations: dict[bool, cel.Activation] = field(default_factory=dict)

    def truths(self, numbers: Sequence[int]) -> list[Truth]:
        """Of the conditions in these places: as was said before of the same values, else evaluated together where
        everything that they read is known, or asked about with has(), else one by one."""
        pending = {number for number in numbers if number not in self._given}
        asked = [
            (batch, [one for one in batch.numbers if one in pending]) for batch in self.compiled.conditions.batches
        ]
        new = [(self._recalled(batch, these), these) for batch, these in asked if these]
        truths = [self.of(number).truth for number in numbers]
        for key, these in new:
            if key is not None:
                self.compiled.conditions.memory.keep(key, tuple(self._given[one] for one in these))
        return truths

    def _recalled(self, batch: Batch, asked: list[int]) -> bytes | None:
        """Gives what was said before; else asks, and returns what to keep it under, if it is to be kept."""
        key = None if batch.reads_clock else self._key(batch, asked)
        before = self.compiled.conditions.memory.get(key)
        if before is None:
            self._ask_together(batch, set(asked))
            return key
        self._given.update(zip(asked, before, strict=True))
        return None

    def _key(self, batch: Batch, asked: list[int]) -> bytes | None:
        try:
            history = self._row().tobytes() if batch.reads_history else b""
            return key_of(asked, batch.names, {CUSTOMER: self._told(), CONTEXT: self.context}, history)
        except Exception:  # noqa: BLE001 whatever it raises, each will be asked by itself
            return None

    def of(self, number: int) -> Answer:
        """The answer of the condition in place `number`."""
        answer = self._given.get(number)
        if answer is None:
            answer = self._given[number] = self._asked(self.compiled.conditions.all[number])
        return answer

    def observed(self, condition: Condition) -> dict[Name, object]:
        """What is known under each of the condition's names that has a field; None where nothing is."""
        held = self._held(condition.reads_history)
        return {name: held[name.root].get(name.field) for name in condition.names if name.field is not None}

    def _ask_together(self, batch: Batch, pending: set[int]) -> None:
        """Nothing is answered when one of them cannot be evaluated: which one shows when each is by itself."""
        conditions = self.compiled.conditions.all
        try:
            known = self._names(batch.reads_history)
        except Exception:  # noqa: BLE001 whatever it raises, each will be asked by itself
            return
        asked = {number for number in batch.numbers if number in pending and conditions[number].needs <= known}
        sure = {number for number in asked if conditions[number].reads <= known}
        if not self._evaluated(batch, asked) and sure != asked:
            self._evaluated(batch, sure)

    def _evaluated(self, batch: Batch, asked: set[int]) -> bool:
        """False when they could not be, all together; there is nothing to gain from fewer than two."""
        if len(asked) < 2:
            return True
        try:
            values = self._values(batch.reads_history) | {WANTED: [number in asked for number in batch.numbers]}
            found = batch.program.eval(self.compiled.conditions.environment.Activation(values)).plain_value()
        except Exception:  # noqa: BLE001 whatever it raises, each will be asked by itself
            return False
        if not isinstance(found, list):
            return False
        for number, value in zip(batch.numbers, found, strict=True):
            if number in asked and isinstance(value, bool):
                self._given[number] = MET if value else UNMET
        return True

    def _names(self, with_history: bool) -> set[str]:
        """Those of the names in conditions under which something is known."""
        known = self._known.get(with_history)
        if known is None:
            held = self._held(with_history)
            names = self.compiled.conditions.names.items()
            known = self._known[with_history] = {
                text for text, name in names if name.field is None or name.field in held[name.root]
            }
        return known

    def _held(self, with_history: bool) -> dict[str, Mapping[str, object]]:
        """What has fields of what conditions read; the history only for those that do."""
        return {
            CUSTOMER: self._told(),
            HISTORY: self._lived() if with_history else {},
            CONTEXT: self.context,
        }

    def _asked(self, condition: Condition) -> Answer:
        try:
            result = condition.program.eval(self._activation(condition.reads_history))
            value = result.value()
            kind = result.type() if value is not True and value is not False else cel.Type.BOOL
        except Exception as error:  # noqa: BLE001 whatever it raises, the condition could not be evaluated
            return Answer(Truth.BROKEN, _without_values(str(error)))
        if value is True:
            return MET
        if value is False:
            return UNMET
        if kind != cel.Type.ERROR:
            return Answer(Truth.BROKEN, f"it is a {kind.name().lower()}, and neither true nor false")
        absent = _ABSENT.fullmatch(value)
        if absent is None:
            return Answer(Truth.BROKEN, _without_values(str(value)))
        return Answer(Truth.UNKNOWN, self._called(condition, absent[1]))

    def _called(self, condition: Condition, key: str) -> str:
        """What the condition calls the key that was not found."""
        unknown = (name for name, value in self.observed(condition).items() if name.field == key and value is None)
        return str(next(unknown, key))

    def _told(self) -> dict[str, Known]:
        if self._traits is None:
            self._traits = known_traits(self.customer.traits, self.compiled.conditions.traits)
        return self._traits

    def _lived(self) -> dict[str, float]:
        """The features of the customer alone that conditions read, by the one compiled way; NaN is unknown."""
        if self._history is None:
            pairs = zip(self.compiled.conditions.features, self._row().tolist(), strict=True)
            self._history = {name: value for name, value in pairs if value == value}  # noqa: PLR0124 NaN alone differs
        return self._history

    def _row(self) -> NDArray[np.float64]:
        """float64[features]."""
        if self._features is None:
            offset = utc_offset(self.customer.time_zone, self.compiled.catalogue.time_zone, self.moment)
            columns, facts = self.compiled.conditions.columns, self.compiled.facts
            self._features = customer_row(self.customer.page, self.moment, offset, facts, columns)
        return self._features

    def _activation(self, with_history: bool) -> cel.Activation:
        found = self._activations.get(with_history)
        if found is None:
            values = self._values(with_history)
            found = self._activations[with_history] = self.compiled.conditions.environment.Activation(values)
        return found

    def _values(self, with_history: bool) -> dict[str, object]:
        values = self._read.get(with_history)
        if values is None:
            zones = self.customer.time_zone, self.compiled.catalogue.time_zone
            values = self._read[with_history] = {
                **self._held(with_history),
                NOW: _clock(self.deliver_at),
                LOCAL: _clock(self.deliver_at + utc_offset(*zones, self.deliver_at)),
            }
        return values


def _without_values(message: str) -> str:
    """What the runtime says went wrong: which operator met which types, else the kind of error. What stands behind that
    may be what it went wrong with."""
    overload = _OVERLOAD.fullmatch(message)
    if overload is not None:
        return f"{overload[1].replace('_', ' ').strip()} is not for {overload[2] or 'what it is given'}"
    found = _KIND.match(message)
    return found[1].strip().lower() if found else "it fails"


def _clock(moment: int) -> dt.datetime:
    return _EPOCH + dt.timedelta(milliseconds=moment)
