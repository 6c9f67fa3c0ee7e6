"""Who is in an audience, written down in parts before anything is decided: what a killed run goes on with is the same
people, whatever has happened to them since."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping
from itertools import islice
from pathlib import Path

import msgspec
import pyarrow as pa

from features.customer_lists import COLUMN, NotAList, names_in
from features.identity import IdentityError, customer_identifier
from features.progress import Progress
from features.stores import Store
from features.stores.protocol import AmbiguousIdentifier
from models.catalogue_document import CatalogueDocument
from models.columns import CompiledCatalogue
from models.conditions.asked import AskedCondition
from models.conditions.check import condition_faults
from serving.audience.rows import parquet
from serving.audience.run import AudienceError, Folder, Run, write_whole

ALL = "all"
_PORTION = 10_000


def described(audience: str) -> str:
    """In words, a file with a digest of what it says. Raises OSError."""
    if not _is_file(audience):
        return audience
    with Path(audience).open("rb") as file:
        return f"{audience} ({hashlib.file_digest(file, 'sha256').hexdigest()[:16]})"


def checked(audience: str, store: Store, compiled: CompiledCatalogue) -> AskedCondition | None:
    """The condition where it is one. Raises AudienceError with the first of its faults."""
    if audience == ALL or _is_file(audience):
        return None
    stored = store.catalogue(compiled.version)
    document = CatalogueDocument.model_validate_json("{}" if stored is None else stored.document)
    for fault in condition_faults(audience, document):
        raise AudienceError(f"audience is {audience}; it is not `all`, no file is there, and as a condition: {fault}")
    return AskedCondition.of(audience, compiled)


def _is_file(audience: str) -> bool:
    try:
        return audience != ALL and Path(audience).is_file()
    except (OSError, ValueError):  # a condition may be too long for a name, or have what none may
        return False


def write_down(run: Run, folder: Folder, named: Iterable[str], progress: Progress, expected: int | None) -> Run:
    """The same run with the number of its customers, their names in parts of the folder. Raises AudienceError where
    there is nobody."""
    customers = 0
    names = iter(named)
    with progress.step("List the audience", total=expected) as advance:
        for part in range(10**6):
            portion = list(islice(names, run.part))
            if not portion:
                break
            write_whole(folder.listed(part), parquet(pa.table({COLUMN: pa.array(portion, pa.string())})))
            customers += len(portion)
            advance(len(portion))
    if not customers:
        raise AudienceError(f"audience is {run.audience}; nobody is in it; name another")
    listed = msgspec.structs.replace(run, customers=customers)
    folder.save(listed)
    return listed


def everybody(store: Store) -> Iterator[str]:
    """By ascending person."""
    for _, name in _people(store):
        yield name


def meeting(
    store: Store, condition: AskedCondition, context: Mapping[str, object], moment: int, deliver_at: int
) -> Iterator[str]:
    """Who meets the condition at `moment` (ms UTC). Raises AudienceError where it cannot be evaluated."""
    for _, name in _people(store):
        record = store.read(customer_identifier(name))
        try:
            if condition.met(record, context, moment, deliver_at):
                yield name
        except ValueError as error:
            raise AudienceError(str(error)) from error


def of_file(path: Path, store: Store) -> Iterator[str]:
    """As the file names them, each person once, the first time. What names nobody that is known comes through, that its
    row may say so. Raises AudienceError for a table without the column."""
    people, others = bytearray(), set[bytes]()
    for name in _names(path):
        try:
            person = store.resolve(customer_identifier(name))
        except (IdentityError, AmbiguousIdentifier):
            person = None
        if person is not None:
            if _marked(people, person):
                yield name
        elif (digest := hashlib.blake2b(name.encode("utf-8", "surrogatepass"), digest_size=12).digest()) not in others:
            others.add(digest)
            yield name


def _marked(people: bytearray, person: int) -> bool:
    """Whether it was not marked before; one bit for each person that there is."""
    place, bit = divmod(person, 8)
    if place >= len(people):
        people.extend(bytes(place + 1 - len(people)))
    fresh = not people[place] & (1 << bit)
    people[place] |= 1 << bit
    return fresh


def _people(store: Store) -> Iterator[tuple[int, str]]:
    after = -1
    while portion := store.names(after, _PORTION):
        yield from portion
        after = portion[-1][0]


def _names(path: Path) -> Iterator[str]:
    """Raises AudienceError."""
    try:
        yield from names_in(path)
    except NotAList as error:
        raise AudienceError(f"audience is {path}; {error}") from error
