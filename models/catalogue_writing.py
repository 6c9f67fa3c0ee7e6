"""A stored catalogue as people and programs read it: what was written is what reading it gives again.

JSON has every field. YAML leaves out what is as it is by default, and has one item a line.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping

import pyarrow as pa
import yaml

from models.catalogue_document import CatalogueDocument
from models.yaml_lines import PLAIN_SCALARS

_UNWRITABLE = re.compile("[\x7f-\x9f\u2028\u2029\ufeff\ufffe\uffff]")
"""What JSON takes as it is, and YAML refuses or folds."""

_WIDTH = 120
_BATCH = 1000

ItemValue = str | float | list[str] | None


class _Dumper(yaml.CSafeDumper):
    """Quotes every text that a reader could take for something else, by our rules or by those of YAML 1.1."""

    def ignore_aliases(self, _data: object) -> bool:
        return True


_Dumper.yaml_implicit_resolvers = {
    first: [*yaml.CSafeDumper.yaml_implicit_resolvers.get(first, []), *PLAIN_SCALARS.get(first, [])]
    for first in {*yaml.CSafeDumper.yaml_implicit_resolvers, *PLAIN_SCALARS}
}


def as_json(document: str, items: pa.Table | None) -> str:
    """document: canonical JSON, as stored. items: ITEM_SCHEMA, None to leave them out, which keeps them when it is
    published again. Raises ValidationError when the document has not the shape of one."""
    text = _json(CatalogueDocument.model_validate_json(document).model_dump(mode="json"))
    if items is None:
        return text
    return f'{text[:-1]}, "items": [{", ".join(_json(item) for item in _each(items))}]}}'


def as_yaml(document: str, items: pa.Table | None) -> str:
    """The same for people."""
    whole = CatalogueDocument.model_validate_json(document).model_dump(mode="json", exclude_defaults=True)
    text: str = yaml.dump(whole, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=_WIDTH)
    return text if items is None else text + "".join(_items(items))


def _items(items: pa.Table) -> Iterator[str]:
    """Each on a line of its own, its values as JSON: ten times as fast as the library, and no longer."""
    yield "items:\n" if items.num_rows else "items: []\n"
    for item in _each(items):
        fields = ", ".join(f"{name}: {_value(value)}" for name, value in item.items() if value not in (None, []))
        yield f"  - {{{fields}}}\n"


def _each(items: pa.Table) -> Iterator[Mapping[str, ItemValue]]:
    """No list is null. A batch at a time, so that other threads have their turn."""
    lists = [column.name for column in items.schema if pa.types.is_list(column.type)]
    for batch in items.to_batches(max_chunksize=_BATCH):
        for item in batch.to_pylist():
            yield {**item, **{name: item[name] or [] for name in lists}}


def _value(value: ItemValue) -> str:
    return _UNWRITABLE.sub(lambda found: f"\\u{ord(found[0]):04x}", _json(value))


def _json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, allow_nan=False)
