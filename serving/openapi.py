"""The OpenAPI 3.1 description of every endpoint, made from their declarations."""

from __future__ import annotations

import re
from typing import Any

from pydantic import TypeAdapter

from serving.endpoint import JSON, YAML, Endpoint
from serving.endpoints import ENDPOINTS
from serving.schemas import ErrorFields

Schema = dict[str, object]

_REFERENCE = "#/components/schemas/{model}"
_PARAMETER = re.compile(r"{(\w+)(?::path)?}")
ERRORS = {
    400: "malformed",
    401: "no key, or an unknown one",
    403: "the key lacks the right",
    404: "not found",
    405: "another method is answered here",
    409: "conflict with what is stored",
    410: "it was there; the person was erased",
    413: "too large",
    422: "unknown field or invalid value",
    428: "a change must say what it was made to",
    429: "too many requests in flight; see Retry-After",
    503: "the store is away; see Retry-After",
}


def description() -> Schema:
    components: dict[str, object] = {}
    error = _schema(ErrorFields, components)
    components["Error"] = {"type": "object", "required": ["error"], "properties": {"error": error}}
    paths: dict[str, dict[str, object]] = {}
    for endpoint in ENDPOINTS:
        path = _PARAMETER.sub(r"{\1}", endpoint.path)
        paths.setdefault(path, {})[endpoint.method.lower()] = _operation(endpoint, components)
    return {
        "openapi": "3.1.0",
        "info": {"title": "nextbest", "version": "1", "description": "The next best action for each customer."},
        "servers": [{"url": "."}],
        "paths": paths,
        "components": {
            "schemas": components,
            "securitySchemes": {"key": {"type": "http", "scheme": "bearer"}},
        },
    }


def _operation(endpoint: Endpoint, components: dict[str, object]) -> Schema:
    answer: Schema = {"type": "object"} if endpoint.answer is None else _schema(endpoint.answer, components)
    media: Schema = {"schema": answer if endpoint.media_type == JSON else {"type": "string"}}
    failed = {"$ref": _REFERENCE.format(model="Error")}
    operation: Schema = {
        "summary": endpoint.summary,
        "operationId": re.sub(r"\W+", "_", endpoint.name).strip("_"),
        "parameters": _parameters(endpoint),
        "responses": {
            "200": {"description": "answered", "content": {endpoint.media_type: media, **_as_text(endpoint)}},
            **{
                str(status): {"description": words, "content": {JSON: {"schema": failed}}}
                for status, words in ERRORS.items()
            },
        },
        "security": [{"key": []}] if endpoint.right else [],
    }
    if endpoint.body_limit:
        body: Schema = {"type": "object"} if endpoint.request is None else _schema(endpoint.request, components)
        operation["requestBody"] = {"required": True, "content": {JSON: {"schema": body}, **_as_text(endpoint)}}
    return operation


def _parameters(endpoint: Endpoint) -> list[Schema]:
    names = [(name, "path", True) for name in _PARAMETER.findall(endpoint.path)]
    names += [(name, "query", True) for name in endpoint.query]
    names += [(name, "query", False) for name in endpoint.optional]
    names += [(name, "header", False) for name in endpoint.request_headers]
    return [
        {"name": name, "in": place, "required": required, "schema": {"type": "string"}}
        for name, place, required in names
    ]


def _as_text(endpoint: Endpoint) -> Schema:
    return {YAML: {"schema": {"type": "string"}}} if endpoint.yaml else {}


def _schema(declared: Any, components: dict[str, object]) -> Schema:
    """A reference to the type's schema, whose parts are put into `components`."""
    schema = TypeAdapter(declared).json_schema(ref_template=_REFERENCE)
    components.update(schema.pop("$defs", {}))
    title = schema.get("title")
    if not isinstance(title, str) or schema.get("type") != "object":
        return schema
    components[title] = schema
    return {"$ref": _REFERENCE.format(model=title)}
