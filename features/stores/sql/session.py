"""What the store's logic asks of a database.

Statements are written once: `?` marks a value (never inside a quoted text), conflicts are resolved by ON CONFLICT,
texts compare by their bytes. Where engines differ in more than words, the difference is a method here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any, Literal, Protocol, TypeVar

T = TypeVar("T")

Type = Literal["integer", "text", "bytes"]
"""64 bits signed; Unicode without NUL; any bytes."""

Columns = tuple[tuple[str, Type], ...]
"""Names and types, in order."""

Row = tuple[Any, ...]
Rows = Sequence[Row]

Counter = Literal["sequence", "person", "dead_letter", "audit", "snapshot"]
"""Who gives numbers that are never given twice."""

Column = Any
"""Values of one column of a bulk load: a pyarrow.Array of strings, or a numpy array of integers or of records that are
kept as their bytes."""


@dataclass(frozen=True, slots=True)
class Dialect:
    """Words for a schema. name: of the engine. clustered: after a table's definition, where rows lie by primary key.
    numbered: a column whose value the database gives, ascending."""

    name: Literal["sqlite", "postgresql"]
    integer: str
    bytes: str
    text: str
    clustered: str
    numbered: str


@dataclass(frozen=True, slots=True)
class Table:
    """Columns of a table as rows are put in."""

    name: str
    columns: Columns


def columns(**types: Type) -> Columns:
    return tuple(types.items())


def table(name: str, /, **types: Type) -> Table:
    return Table(name, columns(**types))


class MustBeAlone(Exception):
    """Raised by the logic in a transaction that others write beside: what it found needs the store for itself. The
    engine rolls back and runs the work again, alone."""


class Session(Protocol):
    """One connection, inside a transaction when it writes."""

    @property
    def dialect(self) -> Dialect: ...

    @property
    def alone(self) -> bool:
        """Nobody else writes until this transaction ends."""

    def rows(self, query: str, values: Sequence[object] = ()) -> list[Row]: ...

    def stream(self, query: str, values: Sequence[object] = ()) -> Iterator[Row]:
        """The rows one by one, however many; only in a snapshot, where other queries may run meanwhile."""

    def wanted(self, keys: Columns, query: str, rows: Rows) -> Iterator[Row]:
        """`query` reads from a table `wanted` that has the columns `keys` and holds `rows`. Write
        `wanted w CROSS JOIN t WHERE t.key = w.key`, so that the few look up the many."""

    def execute(self, statement: str, values: Sequence[object] = ()) -> int:
        """How many rows it changed."""

    def insert(self, into: Table, rows: Rows, conflict: str = "") -> None:
        """conflict: an ON CONFLICT clause. Without one a row that is there is refused."""

    def load(self, into: Table, values: Sequence[Column]) -> None:
        """Many rows by columns, as fast as the engine can."""

    def locking(self, aliases: str) -> str:
        """What follows a query whose rows of the tables `aliases` ("p, c") this transaction is about to change: where
        others write beside it, locks them in the order in which they come, and shows them as they then are."""

    def numbers(self, counter: Counter, count: int) -> Sequence[int]:
        """So many numbers above all that were given before, ascending. Ask once all that they order is locked: a
        number once taken may stay unused."""

    def given(self, counter: Counter) -> int:
        """The highest number given so far."""

    def version(self) -> int:
        """Another number whenever something may have been committed since the last one."""


class Engine(Protocol):
    """One database. Its errors come out as features.stores.protocol.StoreError."""

    def reading(self) -> AbstractContextManager[Session]:
        """This thread's connection for reading; every statement sees all that is committed."""

    def moment(self) -> AbstractContextManager[Session]:
        """This thread's connection for reading; all statements inside see one moment of the store. For what is soon
        read."""

    def snapshot(self) -> AbstractContextManager[Session]:
        """A connection that sees one moment of the store throughout, and holds nobody up."""

    def write(self, work: Callable[[Session], T], alone: bool) -> T:
        """Run `work` in one durable transaction, more than once where the engine or MustBeAlone demands it. What it
        raises is raised, and nothing of it is stored. alone: nobody else may write meanwhile. Only the writer's thread
        calls this."""

    def wipe(self) -> None:
        """Let nothing of what was deleted remain in the engine's own files, as far as that is quickly done. Only the
        writer's thread calls this, between transactions; never raises."""

    def compact(self) -> None:
        """Write the engine's own files anew without what was deleted, however long that takes; others wait. Only the
        writer's thread calls this, between transactions. Raises StoreError."""

    def close(self) -> None: ...


def value(session: Session, query: str, values: Sequence[object] = ()) -> Any:
    """The first column of the first row; None when there is no row."""
    found = session.rows(query, values)
    return found[0][0] if found else None
