"""The champion's name tag in the MLflow registry, read without importing MLflow.

RegistryError
+-- RegistryUnreachable     the database or server does not answer
+-- RegistryUnreadable      it answers, but not with what we understand
"""

from __future__ import annotations

import http.client
import json
import re
import sqlite3
import urllib.error
import urllib.parse
import urllib.request
from contextlib import closing
from dataclasses import dataclass

ALIAS = "champion"
DIGEST_TAG = "bundle_digest"
_PATIENCE = 2.0  # seconds


class RegistryError(Exception):
    """The registry gave no champion for a reason other than that there is none."""


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


def champion(tracking_uri: str, model: str) -> Champion | None:
    """Who holds the alias, None when nobody does. Raises RegistryError."""
    scheme = tracking_uri.partition(":")[0]
    if scheme == "sqlite":
        return _from_sqlite(tracking_uri.removeprefix("sqlite:///"), model)
    if scheme in {"http", "https"}:
        return _from_server(tracking_uri.rstrip("/"), model)
    raise RegistryUnreadable(
        f"MLFLOW_TRACKING_URI is {_open(tracking_uri)}; sqlite:///, http:// and https:// can be asked; use one of them"
    )


_QUERY = """
SELECT a.version, t.value, v.run_id
FROM registered_model_aliases a
JOIN model_versions v ON v.name = a.name AND v.version = a.version
LEFT JOIN model_version_tags t ON t.name = a.name AND t.version = a.version AND t.key = ?
WHERE a.name = ? AND a.alias = ?
"""


def _from_sqlite(path: str, model: str) -> Champion | None:
    location = f"file:{urllib.parse.quote(path)}?mode=ro"
    try:
        with closing(sqlite3.connect(location, uri=True, timeout=_PATIENCE)) as connection:
            row = connection.execute(_QUERY, (DIGEST_TAG, model, ALIAS)).fetchone()
    except sqlite3.Error as error:
        raise RegistryUnreachable(f"registry is {path}; it cannot be read ({error}); start or repair MLflow") from error
    return None if row is None else _champion(str(row[0]), row[1], row[2])


def _from_server(uri: str, model: str) -> Champion | None:
    query = urllib.parse.urlencode({"name": model, "alias": ALIAS})
    shown = _open(uri)
    address = f"{uri}/api/2.0/mlflow/registered-models/alias?{query}"
    try:
        with urllib.request.urlopen(address, timeout=_PATIENCE) as answer:  # noqa: S310 - the scheme was checked above
            found = json.load(answer)["model_version"]
        tags = {tag["key"]: tag["value"] for tag in found.get("tags", [])}
        return _champion(str(found["version"]), tags.get(DIGEST_TAG), found.get("run_id"))
    except urllib.error.HTTPError as error:
        if error.code == 404:
            return None
        raise RegistryUnreachable(f"registry is {shown}; it answered {error.code}; look at its log") from error
    except OSError as error:
        raise RegistryUnreachable(f"registry is {shown}; it does not answer ({error}); start it") from error
    except (http.client.HTTPException, ValueError, KeyError, TypeError, AttributeError) as error:
        message = f"registry is {shown}; its answer is not MLflow's; mend MLFLOW_TRACKING_URI"
        raise RegistryUnreadable(message) from error


def _open(uri: str) -> str:
    """The address without the user and password that it may hold: GET /model shows it."""
    return re.sub(r"//[^/]*@", "//", uri)


def _champion(version: str, digest: str | None, run_id: str | None) -> Champion:
    if not digest:
        raise RegistryUnreadable(
            f"model version is {version}; it lacks the tag {DIGEST_TAG}; promote with `nextbest promote`"
        )
    return Champion(version, digest, run_id or "")
