"""The constant parts of a condition, worked out before anybody is asked about: what fails there fails for everybody.

The language's own parser gives the parts (cel.expr.ParsedExpr of the CEL specification, of which only the fields that
are read here are described), and its own runtime works them out.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from typing import Final

from cel_expr_python import cel
from google.protobuf import any_pb2, descriptor_pb2, message_factory
from google.protobuf.descriptor_pool import DescriptorPool
from google.protobuf.message import Message

from models.conditions.compiled import environment

_FIELD = descriptor_pb2.FieldDescriptorProto
_INT, _TEXT, _PART = _FIELD.TYPE_INT64, _FIELD.TYPE_STRING, _FIELD.TYPE_MESSAGE
_MESSAGES: Final[dict[str, tuple[tuple[str, int, int, str, bool], ...]]] = {
    "Constant": (("int64_value", 3, _INT, "", False), ("string_value", 6, _TEXT, "", False)),
    "Ident": (("name", 1, _TEXT, "", False),),
    "Select": (("operand", 1, _PART, "Expr", False),),
    "Call": (
        ("target", 1, _PART, "Expr", False),
        ("function", 2, _TEXT, "", False),
        ("args", 3, _PART, "Expr", True),
    ),
    "List": (("elements", 1, _PART, "Expr", True),),
    "Entry": (("map_key", 3, _PART, "Expr", False), ("value", 4, _PART, "Expr", False)),
    "Struct": (("entries", 2, _PART, "Entry", True),),
    "Comprehension": tuple((f"part_{number}", number, _PART, "Expr", False) for number in (2, 4, 5, 6, 7)),
    "Expr": (
        ("id", 2, _INT, "", False),
        ("const_expr", 3, _PART, "Constant", False),
        ("ident_expr", 4, _PART, "Ident", False),
        ("select_expr", 5, _PART, "Select", False),
        ("call_expr", 6, _PART, "Call", False),
        ("list_expr", 7, _PART, "List", False),
        ("struct_expr", 8, _PART, "Struct", False),
        ("comprehension_expr", 9, _PART, "Comprehension", False),
    ),
    "Position": (("key", 1, _INT, "", False), ("value", 2, _INT, "", False)),
    "SourceInfo": (("positions", 4, _PART, "Position", True),),
    "ParsedExpr": (("expr", 2, _PART, "Expr", False), ("source_info", 3, _PART, "SourceInfo", False)),
}
"""Fields as (name, number, type, message, whether repeated)."""

_OPEN = frozenset({"ident_expr", "comprehension_expr"})
"""Kinds of parts that are no constants, whatever is in them."""

_READS_CLOCK = frozenset(
    f"get{part}"
    for part in (
        *("FullYear", "Month", "Date", "DayOfMonth", "DayOfWeek", "DayOfYear"),
        *("Hours", "Minutes", "Seconds", "Milliseconds"),
    )
)
_SAMPLES: Final = {
    "matches": '""',
    "_/_": "1",
    "_%_": "1",
    **dict.fromkeys(_READS_CLOCK, "timestamp(0)"),
}
"""What stands for the first operand where only the last one is constant: it is that one which these fail of."""

_TYPES_DIFFER = "No matching overloads found"
"""The checker has said so already, and where the operands are constants better."""


@dataclass(frozen=True, slots=True)
class WrongConstant:
    """at: characters before it in the text. function: that could not be worked out, as CEL calls it. message: of the
    runtime."""

    at: int
    function: str
    message: str


@dataclass(frozen=True, slots=True)
class _Part:
    """Of a parsed condition. message: its Expr. function: of a call, else empty. children: the parts it is made of."""

    message: Message
    at: int
    function: str
    children: tuple[_Part, ...]
    constant: bool


def wrong_constants(text: str) -> tuple[WrongConstant, ...]:
    """The innermost parts that fail, in the order of the text. Raises RuntimeError when it is no CEL."""
    whole = _parsed(text)
    told = _list(_message(whole, "source_info"), "positions")
    positions = {_number(one, "key"): _number(one, "value") for one in told}
    part = _part(_message(whole, "expr"), positions)
    return tuple(sorted(dict.fromkeys(_wrong(part)), key=lambda one: one.at))


def _wrong(part: _Part) -> Iterator[WrongConstant]:
    inside = [found for child in part.children for found in _wrong(child)]
    yield from inside
    if inside:
        return
    message = _fails(_worked_out(part))
    if message is not None:
        yield WrongConstant(part.at, part.function, message)


def _worked_out(part: _Part) -> Message | None:
    """What is to be worked out of the part itself: all of it, or a constant operand with a sample of the other."""
    if part.constant:
        return part.message if part.children else None
    sample = _SAMPLES.get(part.function)
    if sample is None or len(part.children) != 2 or not part.children[-1].constant:
        return None
    expression = _new("Expr")
    call = _message(expression, "call_expr")
    call.MergeFrom(_message(part.message, "call_expr"))
    operand = _message(call, "target") if call.HasField("target") else _list(call, "args")[0]
    operand.CopyFrom(_message(_parsed(sample), "expr"))
    return expression


def _fails(expression: Message | None) -> str | None:
    """What the runtime says is wrong with it."""
    if expression is None:
        return None
    parsed = _new("ParsedExpr")
    _message(parsed, "expr").MergeFrom(expression)
    packed = any_pb2.Any(type_url="type.googleapis.com/cel.expr.ParsedExpr", value=parsed.SerializeToString())
    run = environment()
    try:
        result = run.deserialize(packed.SerializeToString()).eval(run.Activation({}))
    except RuntimeError as error:
        return str(error)
    message = str(result.value())
    if result.type() != cel.Type.ERROR or _TYPES_DIFFER in message:
        return None
    return message.partition(": ")[2]


def _part(message: Message, positions: dict[int, int]) -> _Part:
    children = tuple(_part(one, positions) for one in _expressions(message))
    kinds = {field.name for field, _ in message.ListFields()}
    function = _text(_message(message, "call_expr"), "function") if "call_expr" in kinds else ""
    constant = not kinds & _OPEN and all(child.constant for child in children)
    return _Part(message, positions.get(_number(message, "id"), 0), function, children, constant)


def _expressions(message: Message) -> Iterator[Message]:
    """The nearest Exprs inside, in their order."""
    for field, value in message.ListFields():
        if field.message_type is not None:
            for one in value if field.is_repeated else (value,):
                yield from (one,) if field.message_type.name == "Expr" else _expressions(one)


def _parsed(text: str) -> Message:
    packed = any_pb2.Any.FromString(environment().compile(text, disable_check=True).serialize())
    parsed = _new("ParsedExpr")
    parsed.ParseFromString(packed.value)
    return parsed


def _message(message: Message, field: str) -> Message:
    found: Message = getattr(message, field)
    return found


def _list(message: Message, field: str) -> list[Message]:
    return list(getattr(message, field))


def _number(message: Message, field: str) -> int:
    found: int = getattr(message, field)
    return found


def _text(message: Message, field: str) -> str:
    found: str = getattr(message, field)
    return found


def _new(name: str) -> Message:
    return message_factory.GetMessageClass(_pool().FindMessageTypeByName(f"condition.{name}"))()


@cache
def _pool() -> DescriptorPool:
    pool = DescriptorPool()
    file = descriptor_pb2.FileDescriptorProto(name="condition.proto", package="condition", syntax="proto2")
    for name, fields in _MESSAGES.items():
        message = file.message_type.add(name=name)
        for field, number, kind, of, repeated in fields:
            label = _FIELD.LABEL_REPEATED if repeated else _FIELD.LABEL_OPTIONAL
            entry = message.field.add(name=field, number=number, type=kind, label=label)
            if of:
                entry.type_name = f".condition.{of}"
    pool.Add(file)
    return pool
