"""What the MLflow registry tells of a model, read without importing MLflow: who holds the champion's name, and tags.

RegistryError
+-- RegistryUnreachable     the database or server does not answer
+-- RegistryUnreadable      it answers, but not with what we understand
"""

from __future__ import annotations

import http.client
import re
import sqlite3
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from typing import Final, TypeVar

import msgspec

ALIAS: Final = "champion"
DIGEST_TAG: Final = "bundle_digest"
_PATIENCE: Final = 2.0  # seconds
_VERSIONS: Final = 200
"""At most so many versions of a model, the newest, are asked for."""


class RegistryError(Exception):
    """The registry did not tell what it was asked."""


class RegistryUnreachable(RegistryError):
    """The database or server does not answer."""


class RegistryUnreadable(RegistryError):
    """It answers, but not with what we understand."""


@dataclass(frozen=True, slots=True)
class Champion:
    """version: the registry's number of the model version, as text. digest: of the bundle, from the version's tag."""

    version: str
    digest: str
    run_id: str


class _Tag(msgspec.Struct, frozen=True):
    key: str
    value: str = ""


class _Version(msgspec.Struct, frozen=True):
    version: str
    run_id: str | None = None
    tags: tuple[_Tag, ...] = ()


class _Aliased(msgspec.Struct, frozen=True):
    model_version: _Version


class _Found(msgspec.Struct, frozen=True):
    model_versions: tuple[_Version, ...] = ()


class _Model(msgspec.Struct, frozen=True):
    tags: tuple[_Tag, ...] = ()


class _Registered(msgspec.Struct, frozen=True):
    registered_model: _Model


T = TypeVar("T")

_CHAMPION = """
SELECT a.version, t.value, v.run_id
FROM registered_model_aliases a
JOIN model_versions v ON v.name = a.name AND v.version = a.version
LEFT JOIN model_version_tags t ON t.name = a.name AND t.version = a.version AND t.key = ?
WHERE a.name = ? AND a.alias = ?
"""
_MODEL_TAGS = "SELECT key, value FROM registered_model_tags WHERE name = ?"
_VERSION_TAGS = """
SELECT version, value FROM model_version_tags WHERE name = ? AND key = ?
ORDER BY CAST(version AS INTEGER) DESC LIMIT ?
"""


def champion(tracking_uri: str, model: str) -> Champion | None:
    """Who holds the alias, None when nobody does. Raises RegistryError."""
    path = _file(tracking_uri)
    if path is not None:
        row = next(iter(_rows(path, _CHAMPION, (DIGEST_TAG, model, ALIAS))), None)
        return None if row is None else _champion(str(row[0]), _text(row[1]), _text(row[2]))
    found = _asked(tracking_uri, "registered-models/alias", {"name": model, "alias": ALIAS}, _Aliased)
    if found is None:
        return None
    version = found.model_version
    return _champion(version.version, _by_key(version.tags).get(DIGEST_TAG), version.run_id)


def model_tags(tracking_uri: str, model: str) -> Mapping[str, str]:
    """Of the registered model, none of one that is not there. Raises RegistryError."""
    path = _file(tracking_uri)
    if path is not None:
        return {str(key): str(value) for key, value in _rows(path, _MODEL_TAGS, (model,))}
    found = _asked(tracking_uri, "registered-models/get", {"name": model}, _Registered)
    return {} if found is None else _by_key(found.registered_model.tags)


def version_tags(tracking_uri: str, model: str, key: str) -> Mapping[str, str]:
    """What `key` says of each of the newest versions that have it, by version, the newest first. Raises
    RegistryError."""
    path = _file(tracking_uri)
    if path is not None:
        rows = _rows(path, _VERSION_TAGS, (model, key, _VERSIONS))
        return {str(version): str(value) for version, value in rows}
    name = model.replace("'", "")  # no name that a registry takes has one
    asked = {"filter": f"name='{name}'", "max_results": str(_VERSIONS), "order_by": "version_number DESC"}
    found = _asked(tracking_uri, "model-versions/search", asked, _Found)
    told = {} if found is None else {one.version: _by_key(one.tags) for one in found.model_versions}
    return {version: tags[key] for version, tags in told.items() if key in tags}


def _file(tracking_uri: str) -> str | None:
    """The path of a database; None for a server. Raises RegistryUnreadable."""
    scheme = tracking_uri.partition(":")[0]
    if scheme == "sqlite":
        return tracking_uri.removeprefix("sqlite:///")
    if scheme in {"http", "https"}:
        return None
    raise RegistryUnreadable(
        f"MLFLOW_TRACKING_URI is {_open(tracking_uri)}; sqlite:///, http:// and https:// can be asked; use one of them"
    )


def _rows(path: str, query: str, values: Sequence[str | int]) -> list[tuple[object, ...]]:
    location = f"file:{urllib.parse.quote(path)}?mode=ro"
    try:
        with closing(sqlite3.connect(location, uri=True, timeout=_PATIENCE)) as connection:
            return connection.execute(query, values).fetchall()
    except sqlite3.Error as error:
        raise RegistryUnreachable(f"registry is {path}; it cannot be read ({error}); start or repair MLflow") from error


def _asked(tracking_uri: str, path: str, query: Mapping[str, str], kind: type[T]) -> T | None:
    """What a server answers, None where there is no such thing."""
    uri = tracking_uri.rstrip("/")
    shown, address = _open(uri), f"{uri}/api/2.0/mlflow/{path}?{urllib.parse.urlencode(query)}"
    try:
        with urllib.request.urlopen(address, timeout=_PATIENCE) as answer:  # noqa: S310 - the scheme was looked at
            return msgspec.json.decode(answer.read(), type=kind)
    except urllib.error.HTTPError as error:
        if error.code == 404:
            return None
        raise RegistryUnreachable(f"registry is {shown}; it answered {error.code}; look at its log") from error
    except OSError as error:
        raise RegistryUnreachable(f"registry is {shown}; it does not answer ({error}); start it") from error
    except (http.client.HTTPException, ValueError) as error:  # msgspec's too
        message = f"registry is {shown}; its answer is not MLflow's; mend MLFLOW_TRACKING_URI"
        raise RegistryUnreadable(message) from error


def _by_key(tags: Sequence[_Tag]) -> Mapping[str, str]:
    return {one.key: one.value for one in tags}


def _text(value: object) -> str | None:
    return None if value is None else str(value)


def _open(uri: str) -> str:
    """The address without the user and password that it may hold: GET /model shows it."""
    return re.sub(r"//[^/]*@", "//", uri)


def _champion(version: str, digest: str | None, run_id: str | None) -> Champion:
    if not digest:
        raise RegistryUnreadable(
            f"model version is {version}; it lacks the tag {DIGEST_TAG}; promote with `nextbest promote`"
        )
    return Champion(version, digest, run_id or "")
