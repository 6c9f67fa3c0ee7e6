"""The interactive page at /, and the description that it reads. Nothing is loaded from outside; its policy forbids it.

BentoML ships Swagger UI's files and serves them under /static_content/; its own page around them calls a tag manager,
so the page here is ours.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import msgspec

from serving.openapi import description

_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; "
    "connect-src 'self'; font-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)

_INDEX = """<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<title>nextbest</title>
<link rel="stylesheet" href="./static_content/swagger-ui.css">
<link rel="icon" href="./static_content/favicon-light-32x32.png">
</head>
<body>
<div id="swagger-ui"></div>
<script src="./static_content/swagger-ui-bundle.js"></script>
<script src="./static_content/swagger-ui-standalone-preset.js"></script>
<script src="./static_content/swagger-initializer.js"></script>
</body>
</html>
"""


@dataclass(frozen=True, slots=True)
class Page:
    media_type: str
    content: Callable[[], bytes]
    headers: tuple[tuple[str, str], ...] = ()


@functools.cache
def _index() -> bytes:
    return _INDEX.encode()


@functools.cache
def _openapi() -> bytes:
    return msgspec.json.encode(description())


PAGES: Mapping[str, Page] = {
    "/": Page("text/html; charset=utf-8", _index, (("Content-Security-Policy", _POLICY),)),
    "/openapi.json": Page("application/json", _openapi),
    # Where BentoML's initializer of Swagger UI looks.
    "/docs.json": Page("application/json", _openapi),
}
