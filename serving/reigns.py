"""Who was champion since when, and why, as the registry's tags tell it; read without importing MLflow.

training.champions writes the entries, one tag of the registered model each.
"""

from __future__ import annotations

import json
import sqlite3
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterable
from contextlib import closing
from typing import Final

import msgspec

from serving.registry import RegistryUnreachable

TAG: Final = "champion."
_PATIENCE = 2.0
_QUERY = "SELECT key, value FROM registered_model_tags WHERE name = ? AND key LIKE 'champion.%'"


class Grounds(msgspec.Struct, frozen=True):
    """how: "verdict", "forced" or "rollback". reason, by: in somebody's own words, "" when not told."""

    how: str
    reason: str = ""
    by: str = ""


class Reign(msgspec.Struct, frozen=True):
    """since: ms UTC by the store's clock."""

    version: str
    digest: str
    since: int
    grounds: Grounds


def reigns(tracking_uri: str, model: str) -> tuple[Reign, ...]:
    """The newest first. Raises RegistryUnreachable."""
    scheme = tracking_uri.partition(":")[0]
    if scheme == "sqlite":
        tags = _of_file(tracking_uri.removeprefix("sqlite:///"), model)
    elif scheme in {"http", "https"}:
        tags = _of_server(tracking_uri.rstrip("/"), model)
    else:
        return ()
    found = []
    for _, text in sorted(tags, reverse=True):
        try:
            found.append(msgspec.json.decode(text, type=Reign))
        except msgspec.DecodeError:  # somebody else's tag
            continue
    return tuple(found)


def _of_file(path: str, model: str) -> Iterable[tuple[str, str]]:
    location = f"file:{urllib.parse.quote(path)}?mode=ro"
    try:
        with closing(sqlite3.connect(location, uri=True, timeout=_PATIENCE)) as connection:
            return [(str(key), str(text)) for key, text in connection.execute(_QUERY, (model,))]
    except sqlite3.Error as error:
        raise RegistryUnreachable(f"registry cannot be read ({error}); start or repair MLflow") from error


def _of_server(uri: str, model: str) -> Iterable[tuple[str, str]]:
    address = f"{uri}/api/2.0/mlflow/registered-models/get?{urllib.parse.urlencode({'name': model})}"
    try:
        with urllib.request.urlopen(address, timeout=_PATIENCE) as answer:  # noqa: S310 - the scheme was checked above
            tags = json.load(answer)["registered_model"].get("tags", [])
        return [(tag["key"], tag["value"]) for tag in tags if tag["key"].startswith(TAG)]
    except urllib.error.HTTPError as error:
        if error.code == 404:
            return []
        raise RegistryUnreachable(f"registry answered {error.code}; look at its log") from error
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise RegistryUnreachable(f"registry does not answer ({error}); start it") from error
