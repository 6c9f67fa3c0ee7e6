"""Everything that is wrong with the conditions of a catalogue, before anybody is asked about by them.

The language's own checker knows the declared traits and the features by name and type. It is stricter than the runtime
in one thing, which is let pass: numbers of different types may be compared.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from difflib import get_close_matches
from typing import Final

from cel_expr_python import cel
from google.protobuf import descriptor_pb2, struct_pb2, timestamp_pb2
from google.protobuf.descriptor_pool import DescriptorPool

from features.definitions import columns_of_customer
from models.catalogue_document import CatalogueDocument
from models.conditions.constants import WrongConstant, wrong_constants
from models.conditions.names import CONTEXT, CUSTOMER, HISTORY, LOCAL, NOW, ROOTS, names_in
from models.finding import Finding, Path, sentence

_PACKAGE: Final = "known"
_FIELD = descriptor_pb2.FieldDescriptorProto
_UNTYPED = "untyped"
"""Instead of the type of a trait whose declaration was refused: everything fits it."""

_TYPES: Mapping[str, tuple[int, int]] = {
    "text": (_FIELD.TYPE_STRING, _FIELD.LABEL_OPTIONAL),
    "number": (_FIELD.TYPE_DOUBLE, _FIELD.LABEL_OPTIONAL),
    "yes_no": (_FIELD.TYPE_BOOL, _FIELD.LABEL_OPTIONAL),
    "time": (_FIELD.TYPE_MESSAGE, _FIELD.LABEL_OPTIONAL),
    "texts": (_FIELD.TYPE_STRING, _FIELD.LABEL_REPEATED),
    _UNTYPED: (_FIELD.TYPE_MESSAGE, _FIELD.LABEL_OPTIONAL),
}
_MESSAGES: Mapping[str, str] = {
    "time": f".{timestamp_pb2.Timestamp.DESCRIPTOR.full_name}",
    _UNTYPED: f".{struct_pb2.Value.DESCRIPTOR.full_name}",
}

_FAULT = re.compile(r"ERROR: <input>:(\d+):(\d+): (.*?)(?: \[[A-Z_]+\])?$", re.MULTILINE)
_OVERLOAD = re.compile(r"found no matching overload for '(.+)' applied to '(.*)'")
_NO_FIELD = re.compile(rf"undefined field '(.+)' not found in struct '{_PACKAGE}\.(\w+)'")
_UNDECLARED = re.compile(r"undeclared reference to '(.+?)' \(in container ''\)")
_FOLLOWS = "'*error*'"
"""In what is said of an operand that was found wrong already."""

_COMPARING = frozenset({"_<_", "_<=_", "_>_", "_>=_", "_==_", "_!=_"})
_NUMBERS = frozenset({"int", "uint", "double"})
Said = tuple[str, str]
"""The rule that was broken, and what to do."""

_CONSTANTS: Mapping[str, Said] = {
    "timestamp": (
        "it must be RFC 3339 with a day that there is, a time and an offset",
        'write e.g. timestamp("2026-06-01T00:00:00Z")',
    ),
    "duration": (
        "it must be numbers with h, m, s, ms, us or ns, and has no longer unit",
        'write e.g. duration("72h") for three days',
    ),
}
"""Where the runtime does not say what is right. By function."""


def condition_findings(document: CatalogueDocument, refused: Sequence[Path] = ()) -> Iterator[Finding]:
    """Unknown names, types that do not fit, conditions that are neither true nor false, constants that fail, and what
    is no CEL at all. refused: what is wrong with the document already; a trait among it is known, of any type, and
    where none could be read every trait is."""
    checker, seen = _Checker(_fields(document, refused)), dict[str, list[Said]]()
    for path, text in _conditions(document):
        said = seen.get(text)
        if said is None:
            said = seen[text] = list(checker.faults(text))
        yield from ((path, sentence(path, text, rule, remedy)) for rule, remedy in said)


def condition_faults(text: str, document: CatalogueDocument) -> Iterator[str]:
    """What is wrong with a condition that stands in no catalogue, as a condition of this one would be read."""
    checker = _Checker(_fields(document, ()))
    yield from (f"condition is {text}; {rule}; {remedy}" for rule, remedy in checker.faults(text))


def _conditions(document: CatalogueDocument) -> Iterator[tuple[Path, str]]:
    for place, entry in enumerate(document.weights):
        yield ("weights", place, "when"), entry.when
    for place, action in enumerate(document.actions):
        if action.eligibility is not None:
            yield ("actions", place, "eligibility"), action.eligibility


def _fields(document: CatalogueDocument, refused: Sequence[Path]) -> dict[str, Mapping[str, str]]:
    """The types of the fields of each root; of a root that has none here, any field is known."""
    fields: dict[str, Mapping[str, str]] = {HISTORY: dict.fromkeys(columns_of_customer(), "number")}
    of_traits = [path[1:] for path in refused if path[:1] == ("traits",)]
    if () not in of_traits:
        names = (str(path[0]) for path in of_traits)
        fields[CUSTOMER] = {**document.traits, **{name: _UNTYPED for name in names if name.isidentifier()}}
    return fields


class _Checker:
    """Of one catalogue. fields: as _fields gives them."""

    def __init__(self, fields: Mapping[str, Mapping[str, str]]) -> None:
        self._fields = fields
        kind = cel.Type
        free = kind.Map(kind.STRING, kind.DYN)
        self._environment = cel.NewEnv(
            descriptor_pool=_pool(self._fields),
            variables={
                CUSTOMER: kind(f"{_PACKAGE}.{CUSTOMER}") if CUSTOMER in fields else free,
                HISTORY: kind(f"{_PACKAGE}.{HISTORY}"),
                CONTEXT: free,
                NOW: kind.TIMESTAMP,
                LOCAL: kind.TIMESTAMP,
            },
        )

    def faults(self, text: str) -> Iterator[Said]:
        for name in names_in(text):
            if name.field is None and name.root != CONTEXT:
                yield f"{name.root} stands by itself", f"write {name.root}. and the name of what you mean"
        said = list(self._typed(text))
        yield from said
        try:
            yield from (_constant(text, one) for one in wrong_constants(text))
        except RuntimeError as error:
            if not said:
                yield f"it cannot be evaluated ({error})", "correct the text"

    def _typed(self, text: str) -> Iterator[Said]:
        try:
            result = self._environment.compile(text).return_type()
        except RuntimeError as error:
            found = [self._said(text, *one) for one in _serious(error)]
            yield from found or self._compared(text)
            return
        if result != cel.Type.BOOL:
            yield f"it is of type {result.name()} and must be true or false", "compare it with something"

    def _compared(self, text: str) -> Iterator[Said]:
        """For a text that compares different numbers, and so has no type of its own: whether it is true or false."""
        ends = text.count("\n") + 2
        try:
            self._environment.compile(f"({text}\n) && true")
        except RuntimeError as error:
            for line, _, message in _serious(error):
                if line == ends:
                    kind = _kinds(message)[0]
                    yield f"it is of type {kind} and must be true or false", "compare it with something"

    def _said(self, text: str, line: int, column: int, message: str) -> Said:
        here = _place(text, line, column)
        if found := _NO_FIELD.fullmatch(message):
            return self._no_field(found[2], found[1], here)
        if found := _UNDECLARED.fullmatch(message):
            known = ", ".join(ROOTS)
            rule = f"{found[1]!r} {here} is unknown; a condition reads {known}, and has the functions of CEL"
            near = get_close_matches(found[1].partition(".")[0], ROOTS, 1)
            return rule, f"write {near[0]}" if near else "correct it"
        if found := _OVERLOAD.fullmatch(message):
            kinds = _kinds(message)
            rule = f"{found[1].replace('_', ' ').strip().removeprefix('@')} {here} is not for ({', '.join(kinds)})"
            if {"double", "int"} <= set(kinds) or "list(int)" in kinds:
                return rule, "write whole numbers with a point there, like 1.0"
            return rule, "compare and combine what is of one type"
        return f"{_lowered(message.partition(' expecting {')[0])} {here}", "correct the text there"

    def _no_field(self, root: str, field: str, here: str) -> Said:
        known = self._fields[root]
        near = get_close_matches(field, known, 1, 0.5)
        if root == CUSTOMER:
            rule = f"{root}.{field} {here} is no declared trait; traits are {sorted(known)}"
            remedy = f"declare {field} in traits"
        else:
            rule = f"{root}.{field} {here} is no feature of the customer"
            remedy = "take one of docs/features.md"
        return rule, f"write {root}.{near[0]}, or {remedy}" if near else remedy


def _constant(text: str, wrong: WrongConstant) -> Said:
    """What is wrong with a constant for everybody."""
    before = text[: wrong.at]
    line, column = before.count("\n") + 1, wrong.at - (before.rfind("\n") + 1) + 1
    name = wrong.function.replace("_", " ").strip() or "it"
    rule, remedy = _CONSTANTS.get(wrong.function, (_lowered(wrong.message), "correct it"))
    return f"{name} {_place(text, line, column)} fails for everybody: {rule}", remedy


def _place(text: str, line: int, column: int) -> str:
    return f"at character {column}" if "\n" not in text else f"at line {line}, character {column}"


def _lowered(message: str) -> str:
    """As a part of a sentence."""
    return message[:1].lower() + message[1:] if message[1:2].islower() else message


def _serious(error: RuntimeError) -> list[tuple[int, int, str]]:
    """Line, column and message; without comparisons of numbers, and without what follows from another fault."""
    found = [(int(line), int(column), message) for line, column, message in _FAULT.findall(str(error))]
    if not found:
        return [(1, 1, str(error))]
    return [one for one in found if not _compares_numbers(one[2]) and _FOLLOWS not in one[2]]


def _compares_numbers(message: str) -> bool:
    found = _OVERLOAD.fullmatch(message)
    return found is not None and found[1] in _COMPARING and set(_kinds(message)) <= _NUMBERS


def _kinds(message: str) -> list[str]:
    """The types that an operator was applied to, the first being (a, b, ...)."""
    found = _OVERLOAD.fullmatch(message)
    listed = "" if found is None else found[2].removeprefix("(").removesuffix(")")
    return [kind.replace(f"{_PACKAGE}.", "") for kind in listed.split(", ")]


def _pool(fields: Mapping[str, Mapping[str, str]]) -> DescriptorPool:
    """A message type for each root that has declared fields."""
    pool, needed = DescriptorPool(), (timestamp_pb2.DESCRIPTOR, struct_pb2.DESCRIPTOR)
    for descriptor in needed:
        file = descriptor_pb2.FileDescriptorProto()
        descriptor.CopyToProto(file)
        pool.Add(file)
    known = descriptor_pb2.FileDescriptorProto(
        name="known.proto", package=_PACKAGE, syntax="proto2", dependency=[one.name for one in needed]
    )
    for root, kinds in fields.items():
        message = known.message_type.add(name=root)
        for number, (name, kind) in enumerate(kinds.items(), start=1):
            type_, label = _TYPES[kind]
            entry = message.field.add(name=name, number=number, type=type_, label=label)
            if kind in _MESSAGES:
                entry.type_name = _MESSAGES[kind]
    pool.Add(known)
    return pool
