"""The conditions of one catalogue version, compiled: each distinct text once, and where its verdict counts.

The runtime is told no types of fields, so that numbers compare whatever they are written as (`history.orders_28d > 3`);
models.conditions.check has looked at the types before.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import product

import numpy as np
from cel_expr_python import cel
from numpy.typing import NDArray

from features.declared_traits import TraitType
from features.definitions import columns_of_customer
from models.catalogue import Catalogue, CatalogueInvalid, Fault
from models.conditions.memory import Memory
from models.conditions.names import CONTEXT, CUSTOMER, HISTORY, LOCAL, NOW, Name, asked_for, names_in, reads_clock
from models.conditions.truth import Answer
from models.policy_rules import ContextWeight

NONE = -1
"""In the place of a condition: there is none."""

BATCH = 50
"""Conditions evaluated together: a call of the runtime costs as much as five of them."""

WANTED = "wanted"
"""To a batch only: which of its conditions are asked, a list."""


@dataclass(frozen=True, slots=True)
class Condition:
    """names: everything that it reads but now and local; reads: the same as texts, and needs: those that it nowhere
    asks about with has(). reads_history: some of it is of the history. reads_clock: it may read now or local."""

    text: str
    program: cel.Expression
    names: tuple[Name, ...]
    reads: frozenset[str]
    needs: frozenset[str]
    reads_history: bool
    reads_clock: bool


@dataclass(frozen=True, slots=True)
class Batch:
    """Conditions (their places) in one program, whose value is the list of theirs: false where one is not wanted.
    names: what they read of the customer and the context. reads_history, reads_clock: as in Condition, of all."""

    numbers: tuple[int, ...]
    program: cel.Expression
    names: tuple[Name, ...]
    reads_history: bool
    reads_clock: bool


@dataclass(frozen=True, slots=True)
class Weighing:
    """condition: its place. factor: of the rows where it holds. rows: bool[rows of the catalogue's `all`]."""

    condition: int
    factor: float
    rows: NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Conditions:
    """all: the distinct ones. names: all that they read, by text. batches: of those that can be evaluated together.
    of_action: intp[actions], the place of each one's eligibility, or NONE. weights: in the order of the catalogue.
    traits: those that some condition reads, with their types. features: the same of the history, and columns:
    intp[features], theirs among all features. environment: the runtime. memory: of what batches that read no clock
    said."""

    all: tuple[Condition, ...]
    names: dict[str, Name]
    batches: tuple[Batch, ...]
    of_action: NDArray[np.intp]
    weights: tuple[Weighing, ...]
    traits: dict[str, TraitType]
    features: tuple[str, ...]
    columns: NDArray[np.intp]
    environment: cel.Env
    memory: Memory[tuple[Answer, ...]]


def compile_conditions(catalogue: Catalogue, row_start: NDArray[np.intp], action: NDArray[np.intp]) -> Conditions:
    """row_start: intp[channels + 1], the rows of each channel; action: intp[rows], the action of each. Raises
    CatalogueInvalid when a text is no CEL, which a checked catalogue has not."""
    eligibility = [one.eligibility for one in catalogue.actions]
    texts = tuple(dict.fromkeys([*(text for text in eligibility if text), *(one.when for one in catalogue.weights)]))
    place = {text: number for number, text in enumerate(texts)}
    conditions = tuple(compiled(text) for text in texts)
    read = dict.fromkeys(name for condition in conditions for name in condition.names)
    known = columns_of_customer()
    features = tuple(name for name in known if Name(HISTORY, name) in read)
    return Conditions(
        all=conditions,
        names={str(name): name for name in read},
        batches=tuple(_batches(conditions)),
        of_action=np.array([NONE if text is None else place[text] for text in eligibility], np.intp),
        weights=tuple(
            Weighing(place[one.when], one.weight, _rows(one, catalogue, row_start, action)) for one in catalogue.weights
        ),
        traits={name: kind for name, kind in catalogue.traits.items() if Name(CUSTOMER, name) in read},
        features=features,
        columns=np.array([known[name] for name in features], np.intp),
        environment=environment(),
        memory=Memory(),
    )


def compiled(text: str) -> Condition:
    """Raises CatalogueInvalid."""
    try:
        program = environment().compile(text, disable_check=True)
    except RuntimeError as error:
        message = f"condition is {text!r}; it must be CEL ({error}); publish the catalogue again"
        raise CatalogueInvalid((Fault(None, "condition", message),)) from error
    names, tested = names_in(text), asked_for(text)
    return Condition(
        text=text,
        program=program,
        names=names,
        reads=frozenset(str(name) for name in names),
        needs=frozenset(str(name) for name in names if name not in tested),
        reads_history=any(name.root == HISTORY for name in names),
        reads_clock=reads_clock(text),
    )


def _batches(conditions: Sequence[Condition]) -> Iterator[Batch]:
    """Those that read the history apart from those that do not, and those that read a clock likewise. A batch that is
    too much for the parser is left out: what is in no batch is evaluated by itself."""
    kinds = [(one.reads_history, one.reads_clock) for one in conditions]
    for lived, timed in product((False, True), repeat=2):
        places = [number for number, kind in enumerate(kinds) if kind == (lived, timed)]
        for start in range(0, len(places), BATCH):
            numbers = tuple(places[start : start + BATCH])
            parts = [
                f"{WANTED}[{place}] ? ({conditions[number].text}\n) : false" for place, number in enumerate(numbers)
            ]
            try:
                program = environment().compile(f"[{', '.join(parts)}]", disable_check=True)
            except RuntimeError:
                continue
            read = dict.fromkeys(name for number in numbers for name in conditions[number].names)
            names = tuple(name for name in read if name.root != HISTORY)
            yield Batch(numbers, program, names, lived, timed)


@cache
def environment() -> cel.Env:
    """The runtime: what is read, and no types inside."""
    kind = cel.Type
    free = kind.Map(kind.STRING, kind.DYN)
    moments = {NOW: kind.TIMESTAMP, LOCAL: kind.TIMESTAMP}
    asked = {WANTED: kind.List(kind.BOOL)}
    return cel.NewEnv(variables={CUSTOMER: free, HISTORY: free, CONTEXT: free, **moments, **asked})


def _rows(
    weight: ContextWeight, catalogue: Catalogue, row_start: NDArray[np.intp], action: NDArray[np.intp]
) -> NDArray[np.bool_]:
    """bool[rows]: what the weight names; an empty list names all."""
    actions = catalogue.actions
    named = [
        (not weight.actions or one.id in weight.actions) and (not weight.groups or one.group in weight.groups)
        for one in actions
    ]
    channels = [not weight.channels or name in weight.channels for name in catalogue.channels]
    return np.array(named, np.bool_)[action] & np.repeat(np.array(channels, np.bool_), np.diff(row_start))
