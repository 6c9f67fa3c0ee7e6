"""What every command shares: how it ends, where its settings and its store come from.

Exit codes: 0 done; 1 something was found to be wrong; 2 it could not be done, and one line says why; 130 Ctrl-C.
"""

from __future__ import annotations

import errno
import logging
import sqlite3
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, NoReturn
from urllib.parse import quote

import typer
from rich.console import Console

if TYPE_CHECKING:
    from features.stores import Store
    from serving.settings import Settings

console = Console(stderr=True, soft_wrap=True)
"""For what people read; results go to standard output."""
_UNITS = {"h": 3_600_000, "d": 86_400_000}


@contextmanager
def one_line(*foreseen: type[Exception]) -> Iterator[None]:
    """What we foresee ends in one line and exit code 2, Ctrl-C in 130; any other fault is ours and keeps its trace.
    foreseen: further exceptions whose text is that line."""
    from pydantic import ValidationError

    from features.stores.protocol import StoreError
    from features.vault import VaultError
    from models.bundle import BundleError
    from models.catalogue import CatalogueError
    from models.fault_rules import rule_of

    expected: tuple[type[Exception], ...] = (StoreError, VaultError, CatalogueError, BundleError, *foreseen)
    try:
        yield
    except expected as error:
        stop(str(error))
    except ValidationError as error:
        first = error.errors()[0]
        if ours := first.get("ctx", {}).get("error"):  # whole sentences already
            stop(str(ours))
        name = str(first["loc"][0])
        stop(f"{name} is {first['input']!r}; {rule_of(first)}; correct NEXTBEST_{name.upper()}")
    except ModuleNotFoundError as error:
        stop(f"package is {error.name}; this command needs it; install nextbest[train]")
    except sqlite3.OperationalError as error:
        stop(f"database is unusable; {error}; free disk space or mend it and try again")
    except OSError as error:
        if error.errno == errno.ENOSPC:
            stop("disk is full; nothing half-written was kept; free some space and run the same command again")
        if error.filename is None:
            raise
        stop(f"file is {error.filename}; {error.strerror}; name another or mend it")
    except KeyboardInterrupt as stopped:  # what was stopped may say more of what is left
        console.print(str(stopped) or "stopped; what was finished is kept, the rest starts over", markup=False)
        raise typer.Exit(130) from None


def stop(line: str) -> NoReturn:
    console.print(line, markup=False, highlight=False, soft_wrap=True)
    raise typer.Exit(2)


def settings(**given: object) -> Settings:
    """From the environment; what was given (is not None) instead."""
    from serving.settings import Settings

    return Settings().model_copy(update={name: value for name, value in given.items() if value is not None})


@contextmanager
def the_store(create: bool = False) -> Iterator[Store]:
    """create: make one where none is; else the command ends."""
    from serving.opening import open_configured

    where = settings()
    if create:
        where.absolute_home.mkdir(parents=True, exist_ok=True)
    else:
        require_there(where)
    hush()
    store = open_configured(where)
    try:
        yield store
    finally:
        store.close()


@contextmanager
def the_store_or_an_empty_one() -> Iterator[Store]:
    """For what only looks: where none is, an empty one that is gone afterwards."""
    from features.stores import open_store
    from serving.opening import is_there

    where = settings()
    if is_there(where):
        with the_store() as store:
            yield store
        return
    console.print(f"store is {where.effective_store_url}; nothing is there yet ...", markup=False, highlight=False)
    with tempfile.TemporaryDirectory() as folder:
        store = open_store(f"sqlite:///{quote(folder)}/store.db")
        try:
            yield store
        finally:
            store.close()


def require_there(where: Settings) -> None:
    """Ends the command where no store is."""
    from serving.opening import is_there

    if not is_there(where):
        stop(f"store is {where.effective_store_url}; nothing is there yet; run `nextbest import` or set NEXTBEST_HOME")


@contextmanager
def the_first_time(where: Settings) -> Iterator[None]:
    """Says that MLflow makes its database, where it will: that takes ten seconds and more, and says nothing itself."""
    from features.progress import Silent, Terminal

    absent = not where.tracking_uri and not (where.absolute_home / "mlflow.db").exists()
    with (Terminal(console) if absent else Silent()).step("Set up MLflow's database, once"):
        yield


def hush() -> None:
    """The service's log is not for a terminal, but for what the store says of itself."""
    logging.getLogger("nextbest").addHandler(logging.NullHandler())
    if logging.lastResort is not None:  # plain lines on standard error
        logging.getLogger("nextbest.store").addHandler(logging.lastResort)


def present_of(store: Store) -> int:
    """ms UTC: the store's own present when its clock is driven, else the system's."""
    import time

    from features.stores.keeping import CLOCK_SETTING, DRIVEN

    if store.setting(CLOCK_SETTING) == DRIVEN:
        return store.advance_present(0)
    return time.time_ns() // 1_000_000


def tell(remarks: Iterable[str]) -> None:
    for remark in remarks:
        console.print(remark, markup=False, highlight=False)


def clocks_told(store: Store, real: Sequence[str], own: Sequence[str]) -> tuple[str, ...]:
    """Which of a table's columns are by which clock, a line where the two differ: in a demo or a simulation. real: by
    the real one. own: by the store's."""
    from features.stores.keeping import CLOCK_SETTING, DRIVEN
    from models.document_fields import text_of

    if store.setting(CLOCK_SETTING) != DRIVEN:
        return ()
    told = "".join(f"{name} is by the real clock; " for name in real)
    stands = f"the clock of its demo or simulation, which stands at {text_of(present_of(store))}"
    return (told + "; ".join(f"{name} is by {stands}" for name in own),)


def moment(text: str | None, name: str = "until") -> int | None:
    """ms UTC of the option `name`; ends the command when it is none."""
    from features.instants import parse_instant

    try:
        return None if text is None else parse_instant(text)
    except ValueError as error:
        stop(f"{name} is {text}; {error}; correct it")


def span_of(since: str) -> int:
    """ms of a span as people write it; ends the command when it is none."""
    number, unit = since[:-1], since[-1:]
    if unit not in _UNITS or not (number.isascii() and number.isdecimal() and len(number) < 6):
        stop(f"since is {since}; it is a number of hours or days; write 12h or 7d")
    return int(number) * _UNITS[unit]
