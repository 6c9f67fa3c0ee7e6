"""What the console answers: pages, parts of pages, and its own files; nothing of it may load anything from outside."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from functools import cache
from importlib import resources
from typing import Final

from jinja2 import Environment, PackageLoader, StrictUndefined
from starlette.responses import HTMLResponse, RedirectResponse, Response

from serving.console import accounts, faults, wording
from serving.console.places import customer_address, run_in_mlflow, version_in_mlflow
from serving.console.plain_reasons import feature_words, in_full, plain
from serving.console.pressing import first_told, pressure
from serving.console.refusals import gate_words
from serving.console.roles import May
from serving.console.visit import PROOF_FIELD, PROOF_HEADER, Visit
from serving.settings import Settings

_TYPES: Final[Mapping[str, str]] = {
    ".js": "text/javascript; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".svg": "image/svg+xml",
    ".txt": "text/plain; charset=utf-8",
}
FOREVER: Final = "public, max-age=31536000, immutable"
"""For files whose address has their digest in it."""


@cache
def _environment() -> Environment:
    made = Environment(
        loader=PackageLoader("serving.console"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
    )
    made.filters.update(wording.FILTERS, in_words=faults.in_words, plain=plain, in_full=in_full)
    made.filters.update(first_told=first_told, pressure=pressure, gate_words=gate_words, feature_words=feature_words)
    made.globals.update(
        static=static_address,
        at=customer_address,
        version_in_mlflow=version_in_mlflow,
        run_in_mlflow=run_in_mlflow,
        heading=faults.heading,
        May=May,
        now_ms=accounts.now,
        PROOF_FIELD=PROOF_FIELD,
        PROOF_HEADER=PROOF_HEADER,
    )
    return made


@cache
def static_files() -> Mapping[str, tuple[bytes, str]]:
    """Content and media type by name."""
    folder = resources.files("serving.console") / "static"
    found = {one.name: one.read_bytes() for one in folder.iterdir() if one.is_file()}
    return {name: (content, _TYPES["." + name.rsplit(".", 1)[1]]) for name, content in found.items()}


@cache
def static_address(name: str) -> str:
    return f"/console/static/{name}?{hashlib.sha256(static_files()[name][0]).hexdigest()[:12]}"


def rendered(template: str, visit: Visit, **values: object) -> str:
    return _environment().get_template(template).render(visit=visit, person=visit.person, **values)


def page(template: str, visit: Visit, status: int = 200, **values: object) -> Response:
    return HTMLResponse(rendered(template, visit, **values), status)


def redirect(address: str) -> Response:
    return RedirectResponse(address, 303)


def security_headers(settings: Settings) -> Mapping[str, str]:
    """Of every answer of the console."""
    ancestors = " ".join(settings.console_ancestors) or "'none'"
    policy = (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
        f"font-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors {ancestors}"
    )
    return {
        "Content-Security-Policy": policy,
        "X-Content-Type-Options": "nosniff",
        "Referrer-Policy": "same-origin",
        "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
    }
