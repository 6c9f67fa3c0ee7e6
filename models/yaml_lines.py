"""YAML as values with the line of every one of them.

Scalars are read by JSON's rules, so that a code 0123, a `no` or a date stays the text that it is; a key given twice, a
tag, or an alias that contains itself is a fault.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field

import yaml
from pydantic import JsonValue

from models.catalogue import CatalogueInvalid, Fault
from models.finding import Path, written

NODE_LIMIT = 5_000_000
"""Values in one file, aliases expanded."""

DEPTH_LIMIT = 100
"""Collections inside one another; libyaml composes by recursion and would end the process."""


class _Loader(yaml.CSafeLoader):
    """YAML whose plain scalars are JSON's: true, false, null, JSON numbers; everything else is text."""

    yaml_implicit_resolvers: dict[str, list[tuple[str, re.Pattern[str]]]] = {}  # noqa: RUF012 yaml reads it off the class


_Loader.add_implicit_resolver("tag:yaml.org,2002:bool", re.compile(r"^(?:true|false)$"), list("tf"))
_Loader.add_implicit_resolver("tag:yaml.org,2002:null", re.compile(r"^(?:null|~|)$"), ["n", "~", ""])
_Loader.add_implicit_resolver("tag:yaml.org,2002:int", re.compile(r"^-?(?:0|[1-9][0-9]*)$"), list("-0123456789"))
_Loader.add_implicit_resolver(
    "tag:yaml.org,2002:float",
    re.compile(r"^-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][-+]?[0-9]+)?$"),
    list("-0123456789"),
)

PLAIN_SCALARS = _Loader.yaml_implicit_resolvers
"""By first character: the tags of plain scalars and the patterns that give them."""

_DIGITS = 300
_SCALARS = {"bool", "null", "int", "float", "str"}


@dataclass(slots=True)
class _Building:
    """The values of the nodes seen so far, the line of every path, and what is wrong with the text itself."""

    lines: dict[Path, int] = field(default_factory=dict)
    faults: list[Fault] = field(default_factory=list)
    nodes: int = 0

    def fault(self, line: int, path: Path, message: str) -> None:
        self.faults.append(Fault(line, written(path), message))

    def value(self, node: yaml.Node, path: Path, above: frozenset[int]) -> JsonValue:
        line = node.start_mark.line + 1
        self.lines.setdefault(path, line)
        self.nodes += 1
        if id(node) in above or self.nodes > NODE_LIMIT:
            rule = "is an alias of what contains it" if id(node) in above else f"exceeds {NODE_LIMIT} values"
            raise CatalogueInvalid((Fault(line, written(path), f"{written(path)} {rule}; write it out; shorten it"),))
        if isinstance(node, yaml.MappingNode):
            return self.mapping(node, path, above | {id(node)})
        if isinstance(node, yaml.SequenceNode):
            inside = above | {id(node)}
            return [self.value(child, (*path, place), inside) for place, child in enumerate(node.value)]
        return self.scalar(node, path)

    def mapping(self, node: yaml.MappingNode, path: Path, above: frozenset[int]) -> JsonValue:
        values: dict[str, JsonValue] = {}
        for key, child in node.value:
            line = key.start_mark.line + 1
            if not isinstance(key, yaml.ScalarNode):
                self.fault(line, path, f"{written(path)} has a key that is not a text; keys are texts; correct it")
                continue
            here = (*path, str(key.value))
            if key.value in values:
                self.fault(line, here, f"{written(here)} is given twice; a field is given once; remove one")
            self.lines[here] = line
            values[key.value] = self.value(child, here, above)
        return values

    def scalar(self, node: yaml.Node, path: Path) -> JsonValue:
        kind, text = node.tag.removeprefix("tag:yaml.org,2002:"), str(node.value)
        if kind not in _SCALARS:
            line = node.start_mark.line + 1
            self.fault(line, path, f"{written(path)} has the tag {node.tag}; tags have no meaning here; remove it")
        if kind == "bool":
            return text == "true"
        if kind == "null":
            return None
        if kind == "int" and len(text) <= _DIGITS:
            return int(text)
        return float(text) if kind in ("int", "float") else text


def load(text: str) -> tuple[JsonValue, dict[Path, int]]:
    """The value, and the line of every path in it. Raises CatalogueInvalid."""
    building = _Building()
    try:
        _refuse_depth(text)
        root = yaml.compose(text, Loader=_Loader)
        value = None if root is None else building.value(root, (), frozenset())
    except yaml.MarkedYAMLError as error:
        line = None if error.problem_mark is None else error.problem_mark.line + 1
        message = f"catalogue is not YAML; {error.problem}; correct the text there"
        raise CatalogueInvalid((Fault(line, "catalogue", message),)) from error
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        message = f"catalogue is not readable; it must be YAML or JSON; correct the text ({error})"
        raise CatalogueInvalid((Fault(None, "catalogue", message),)) from error
    if building.faults:
        raise CatalogueInvalid(tuple(building.faults))
    return value, building.lines


def _refuse_depth(text: str) -> None:
    depth = 0
    for event in yaml.parse(text, Loader=_Loader):
        if isinstance(event, yaml.CollectionStartEvent):
            depth += 1
        elif isinstance(event, yaml.CollectionEndEvent):
            depth -= 1
        if depth > DEPTH_LIMIT:
            line = None if event.start_mark is None else event.start_mark.line + 1
            message = (
                f"catalogue is nested deeper than {DEPTH_LIMIT}; nothing in a catalogue is; correct the text there"
            )
            raise CatalogueInvalid((Fault(line, "catalogue", message),))
