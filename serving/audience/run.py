"""One run over an audience: what it asks, of whom, with which catalogue and model; kept beside its parts, so that the
same command goes on where another was killed."""

from __future__ import annotations

import fcntl
import os
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from serving.schemas import RecommendBatchRequest

if TYPE_CHECKING:
    from pydantic import JsonValue

WINDOW = 100
"""Customers whose decisions are made and committed together."""
_FORMAT = 1


class AudienceError(Exception):
    """A run that cannot be begun, or cannot go on; the text says why and what to do."""


class Versions(msgspec.Struct, frozen=True):
    """What decides. model_digest: of its bundle, "" of none."""

    catalogue: int
    model: str
    model_digest: str
    policy: str


class Question(msgspec.Struct, frozen=True):
    """What is asked about everybody, as /recommend_batch takes it: JSON of its fields but the customers."""

    asked: str
    dry_run: bool
    strangers: bool

    def of(self, customer_ids: list[JsonValue], decision_id: str | None) -> RecommendBatchRequest:
        """decision_id: None where nothing is logged."""
        fields = msgspec.json.decode(self.asked, type=dict[str, object])
        told = {**fields, "customer_ids": customer_ids, "dry_run": self.dry_run, "decision_id": decision_id}
        return RecommendBatchRequest.model_validate(told)


class Run(msgspec.Struct, frozen=True):
    """run: names its decisions; secret as long as they are not handed on. begun_at: ms UTC by the store's clock.
    audience: in words; of a file with a digest of its contents. store: a number of the store's own. part: customers in
    one part. customers: how many the audience has, None until it is listed. together: in one window. format: of the
    folder."""

    run: str
    begun_at: int
    question: Question
    audience: str
    store: str
    versions: Versions
    part: int
    customers: int | None = None
    together: int = WINDOW
    format: int = _FORMAT

    @classmethod
    def new(cls, begun_at: int, question: Question, audience: str, store: str, versions: Versions, part: int) -> Run:
        return cls(f"{begun_at:012x}{secrets.token_hex(8)}", begun_at, question, audience, store, versions, part)

    @property
    def parts(self) -> int:
        return -(-(self.customers or 0) // self.part)

    def decisions(self, window: int) -> str | None:
        """What the decisions of the window are called, which adds their places to it; the same again when it is made
        again, so that what stands in the log already is answered and not made."""
        return None if self.question.dry_run else f"{self.run}-{window}"

    def window(self, part: int, start: int) -> int:
        """The number of the window that begins with customer `start` of the part."""
        return part * -(-self.part // self.together) + start // self.together


class Folder:
    """Where a run lives until it is put together: beside its output, under the same name and ".parts"."""

    def __init__(self, out: Path) -> None:
        self.out = out
        self.path = out.with_name(out.name + ".parts")

    def load(self) -> Run | None:
        """None where none was begun. Raises AudienceError."""
        file = self.path / "run.json"
        if not file.exists():
            return None
        try:
            run = msgspec.json.decode(file.read_bytes(), type=Run)
        except msgspec.DecodeError as error:
            raise AudienceError(f"{file} is no run of this version ({error}); {self.anew()}") from error
        if run.format != _FORMAT:
            raise AudienceError(f"{file} has format {run.format}; this version reads {_FORMAT}; {self.anew()}")
        return run

    def save(self, run: Run) -> None:
        write_whole(self.path / "run.json", msgspec.json.format(msgspec.json.encode(run)))

    def require_same(self, kept: Run, asked: Run, accept_changes: bool) -> Run:
        """The run to go on with. accept_changes: of catalogue and model, from here on. Raises AudienceError."""
        for name, before, now in (
            ("store", kept.store, asked.store),
            ("audience", kept.audience, asked.audience),
            ("question", _words(kept.question), _words(asked.question)),
        ):
            if before != now:
                told = "another" if name == "store" else now
                raise AudienceError(
                    f"{name} is {told}; the run in {self.path} was begun with {before if name != 'store' else 'this'}; "
                    f"repeat its command, or {self.anew()}"
                )
        if kept.versions == asked.versions or accept_changes:
            return msgspec.structs.replace(kept, versions=asked.versions)
        raise AudienceError(changed(self.path, kept.versions, asked.versions))

    def anew(self) -> str:
        return f"name another --out, or remove {self.path} to begin anew (what was decided stays logged and reserved)"

    def remove(self) -> None:
        """All at once for whoever looks: half a folder would be taken for a run that was not begun."""
        gone = self.path.with_name(f".{self.path.name}.{os.getpid()}")
        self.path.rename(gone)
        shutil.rmtree(gone)

    def listed(self, part: int) -> Path:
        return self.path / f"customers-{part:06d}.parquet"

    def made(self, part: int) -> Path:
        return self.path / f"decisions-{part:06d}.parquet"

    @contextmanager
    def held(self) -> Iterator[None]:
        """By one process at a time; let go when that ends in whatever way. Raises AudienceError."""
        self.path.mkdir(parents=True, exist_ok=True)
        with (self.path / "lock").open("w") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise AudienceError(
                    f"out is {self.out}; another process makes it at this moment; wait for it, or name another"
                ) from None
            try:
                if self.out.exists() and not (self.path / "run.json").exists():
                    raise AudienceError(f"out is {self.out}; there is a file already; name another, or remove it")
                yield
            finally:
                if self.path.exists() and not (self.path / "run.json").exists():  # nothing was decided yet
                    shutil.rmtree(self.path)


def changed(folder: Path, before: Versions, now: Versions) -> str:
    """The line that says what differs."""
    told = [
        f"{name} is {getattr(now, field)}, and was {getattr(before, field)} when the run in {folder} began"
        for name, field in (
            ("catalogue", "catalogue"),
            ("model", "model"),
            ("bundle", "model_digest"),
            ("policy", "policy"),
        )
        if getattr(before, field) != getattr(now, field)
    ]
    return (
        f"{told[0]}; one list is made by one of them; the same command with --accept-changes goes on with the present"
    )


def _words(question: Question) -> str:
    kinds = [name for name, on in (("dry run", question.dry_run), ("strangers", question.strangers)) if on]
    return ", ".join([question.asked, *kinds])


def write_whole(path: Path, content: bytes) -> None:
    """All of it or nothing, whatever ends this process."""
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    with draft.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    draft.replace(path)
