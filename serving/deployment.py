"""What must hold before the service starts, checked once, in the parent of the workers."""

from __future__ import annotations

import os
import socket
import sys
from dataclasses import dataclass

import click

from features.stores.protocol import StoreError
from features.vault import VaultError
from serving.opening import open_configured
from serving.security import UnsafeAddress, require_safe_address
from serving.settings import Settings
from serving.tokens import signing_secret


class NotStartable(Exception):
    """The service cannot start; the message is one line for people."""


def require_free_port(host: str, port: int) -> None:
    """Raises NotStartable when something listens there, or when we may not."""
    try:
        family = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0][0]
        with socket.socket(family, socket.SOCK_STREAM) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind((host, port))
    except PermissionError as error:
        raise NotStartable(f"port is {port}; this user may not listen there; use a port above 1023") from error
    except OSError as error:
        raise NotStartable(
            f"port is {port}; it is not free at {host} ({error.strerror}); stop what is there, or use another port"
        ) from error


@dataclass(frozen=True, slots=True)
class Prepared:
    """keys: how many there are. kept: identifiers whose values are kept though they are to be omitted."""

    keys: int
    kept: int


def prepare(settings: Settings, host: str) -> Prepared:
    """Open the store once, make its signing secret before several workers would, and hold to the rule for keyless
    services. Raises NotStartable."""
    try:
        settings.absolute_home.mkdir(parents=True, exist_ok=True)
        store = open_configured(settings)
        try:
            signing_secret(store)
            keys = len(store.keys())
            kept = store.kept_identifiers() if settings.omits_identifiers else 0
        finally:
            store.close()
        require_safe_address(host, keys)
    except (UnsafeAddress, StoreError, VaultError) as error:
        raise NotStartable(str(error)) from error
    except OSError as error:
        raise NotStartable(
            f"NEXTBEST_HOME is {settings.absolute_home}; {error.strerror}; mend it or use another"
        ) from error
    return Prepared(keys, kept)


def prepare_from_command_line(settings: Settings) -> None:
    """The same for `bentoml serve`, whose --host is known to its command line only. Ends the process with one line."""
    context = click.get_current_context(silent=True)
    host = (context.params.get("host") if context else None) or settings.host
    os.environ.update(settings.environment())
    try:
        prepared = prepare(settings, host)
    except NotStartable as error:
        sys.exit(f"nextbest: {error}")
    sys.stderr.write(greeting(prepared))


def greeting(prepared: Prepared) -> str:
    keys, kept = prepared.keys, prepared.kept
    told = "no access key is configured; only this machine is answered"
    if keys:
        told = f"{keys} access {'key is' if keys == 1 else 'keys are'} in force"
    lines = [told]
    if kept:
        of = "1 identifier" if kept == 1 else f"{kept:,} identifiers"
        lines.append(f"warning: the store still keeps the values of {of} told before; run `nextbest identity omit`")
    return "".join(f"nextbest: {line}\n" for line in lines)
