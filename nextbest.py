"""The command line: the only module that reaches both training and serving.

Exit codes: 0 done; 1 something was found to be wrong (a failed check); 2 it could not be done, and one line says why;
130 Ctrl-C.
"""

from __future__ import annotations

import errno
import importlib.metadata
import json
import os
import sqlite3
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NoReturn

import typer
from rich.console import Console

from features.progress import Terminal

if TYPE_CHECKING:
    from features.stores import Store
    from features.stores.protocol import BulkReceipt
    from serving.settings import Settings
    from training.registry import Registry
    from training.settings import TrainingSettings

os.environ.setdefault("BENTOML_DO_NOT_TRACK", "True")
os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")

console = Console(stderr=True, soft_wrap=True)
app = typer.Typer(
    name="nextbest",
    help="Next-best-action: one history per customer, one calibrated model, one honest decision per channel.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def show_version(asked: bool) -> None:
    if asked:
        print(importlib.metadata.version("nextbest"))
        raise typer.Exit


@app.callback()
def common(
    version: Annotated[bool, typer.Option("--version", callback=show_version, is_eager=True, help="Show it.")] = False,
) -> None: ...


@contextmanager
def one_line() -> Iterator[None]:
    """What we foresee ends in one line and exit code 2, Ctrl-C in 130; any other fault is ours and keeps its trace."""
    from pydantic import ValidationError

    from features.stores.protocol import StoreError
    from models.bundle import BundleError
    from models.catalogue import CatalogueError
    from training.errors import TrainingError
    from training.sources.errors import SourceError

    try:
        yield
    except (StoreError, CatalogueError, BundleError, TrainingError, SourceError) as error:
        stop(str(error))
    except ValidationError as error:
        first = error.errors()[0]
        name = str(first["loc"][0])
        stop(f"{name} is {first['input']!r}; {first['msg']}; correct NEXTBEST_{name.upper()}")
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
    except KeyboardInterrupt:
        console.print("stopped; what was finished is kept, the rest starts over")
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
    from features.stores import open_store

    where = settings()
    if create:
        where.absolute_home.mkdir(parents=True, exist_ok=True)
    elif where.effective_store_url.startswith("sqlite:///") and not Path(where.effective_store_url[10:]).exists():
        stop(f"store is {where.effective_store_url}; nothing is there yet; run `nextbest import` or set NEXTBEST_HOME")
    store = open_store(where.effective_store_url)
    try:
        yield store
    finally:
        store.close()


@app.command("import")
def import_(
    events: Annotated[Path | None, typer.Option(help="Events as .parquet or .csv.")] = None,
    customers: Annotated[Path | None, typer.Option(help="Customers as .parquet or .csv.")] = None,
    catalogue: Annotated[Path | None, typer.Option(help="The catalogue as .yaml.")] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Check the files and write nothing.")] = False,
    demo_data: Annotated[
        bool, typer.Option("--complete-journey", help="The demo's public data instead of files.")
    ] = False,
) -> None:
    """Bring history, customers and catalogue into the store. The columns are in docs/importing.md."""
    if demo_data == bool(events or customers or catalogue):
        stop("source is missing or doubled; name files or --complete-journey; see `nextbest import --help`")
    with one_line(), the_store(create=True) as store:
        from training.sources import columns_file, complete_journey

        if demo_data:
            journey = complete_journey.import_into(store, Terminal(console))
            taken: dict[str, BulkReceipt | None] = {"events": journey.events, "customers": journey.customers}
        else:
            report = columns_file.import_files(
                store, Terminal(console), present_of(store), events, customers, catalogue, dry_run=dry_run
            )
            taken = {
                "events": report.events,
                "customers": report.customers,
                "told of customers": report.consents_and_holdings,
            }
            print(f"checked {report.event_rows:,} events and {report.customer_rows:,} customers; no faults")
            for remark in report.remarks():
                print(remark)
    for what, receipt in taken.items():
        if receipt is not None:
            print(f"{what}: {receipt.stored:,} new, {receipt.duplicates:,} known already, {receipt.people:,} people")


def present_of(store: Store) -> int:
    """ms UTC: the store's own present when its clock is driven, else the system's."""
    import time

    if store.setting("clock") == "driven":
        return store.advance_present(0)
    return time.time_ns() // 1_000_000


@app.command()
def check() -> None:
    """Rebuild every page, ledger and consent from the log and compare; exit code 1 when anything differs."""
    with one_line(), the_store() as store:
        report = store.check()
    for fault in report.faults:
        console.print(fault, markup=False)
    print(f"{report.people:,} people, {report.events:,} events, {len(report.faults)} faults")
    if report.faults:
        raise typer.Exit(1)


@app.command()
def recommend(
    customer: Annotated[str, typer.Argument(help="The customer's id.")],
    channel: Annotated[list[str] | None, typer.Option(help="May be repeated; none means every channel.")] = None,
    limit: Annotated[int, typer.Option(min=1, max=20, help="Actions per channel.")] = 3,
    explain: Annotated[bool, typer.Option(help="Add what was refused, and why.")] = False,
) -> None:
    """Ask for a decision without a service and without leaving a trace (a dry run); JSON on standard output."""
    with one_line():
        answer = dry_run(settings(), customer, channel, limit, explain=explain)
    if answer["degraded"]:
        console.print("no model answers, so the ranking is value times lever; run `nextbest train`, `nextbest promote`")
    print(json.dumps(answer, indent=2, ensure_ascii=False))


def dry_run(
    where: Settings, customer: str, channels: list[str] | None, limit: int, *, explain: bool
) -> dict[str, object]:
    """The service's own answer. Whoever can read the store needs no key."""
    import asyncio
    import logging

    from pydantic import ValidationError

    from serving.deciding import look
    from serving.errors import Refusal
    from serving.runtime import Runtime
    from serving.schemas import RecommendRequest

    async def answer(request: RecommendRequest) -> bytes:
        runtime = Runtime(where)
        try:
            return await look(runtime, request)
        finally:
            await runtime.close()

    logging.getLogger("nextbest").addHandler(logging.NullHandler())
    try:
        request = RecommendRequest(customer_id=customer, channels=channels, limit=limit, explain=explain)
        found: dict[str, object] = json.loads(asyncio.run(answer(request)))
    except ValidationError as error:
        stop(f"customer or channel is not valid; {error.errors()[0]['msg']}; correct it")
    except Refusal as refusal:
        stop(str(refusal))
    return found


@app.command()
def serve(
    host: Annotated[str | None, typer.Option(help="Default: NEXTBEST_HOST, else 127.0.0.1.")] = None,
    port: Annotated[int | None, typer.Option(min=1, max=65535, help="Default: NEXTBEST_PORT, else 3000.")] = None,
    workers: Annotated[int | None, typer.Option(min=1, max=64, help="Default: NEXTBEST_WORKERS, else 1.")] = None,
) -> None:
    """Serve decisions over HTTP until Ctrl-C."""
    from serving.launch import NotStartable
    from serving.launch import serve as run

    with one_line():
        chosen = settings(host=host, port=port, workers=workers)
        try:
            raise typer.Exit(run(chosen, chosen.workers))
        except NotStartable as error:
            stop(str(error))


@app.command()
def train(
    seed: Annotated[
        int | None, typer.Option(help="Of every draw; the same seed and history give the same trees.")
    ] = None,
    until: Annotated[str | None, typer.Option(help="RFC 3339; nothing recorded later is learned from.")] = None,
    evaluated: Annotated[
        bool, typer.Option("--evaluate/--no-evaluate", help="Also compare with the baselines; takes as long again.")
    ] = False,
) -> None:
    """Learn from the store's history, judge on its latest contacts, register a version. It does not yet serve."""
    with one_line(), the_store() as store:
        from training.run import learn

        run = learn(store, registry(), told(seed), moment(until), Terminal(console), evaluated=evaluated)
        if run.evaluation is not None:
            print(run.evaluation.markdown())
        console.print(
            f"version {run.registered.version} is registered (run {run.registered.run_id}); "
            f"`nextbest promote {run.registered.version}` lets it serve"
        )


@app.command()
def evaluate(
    seed: Annotated[int | None, typer.Option(help="Of every draw.")] = None,
    until: Annotated[str | None, typer.Option(help="RFC 3339; nothing recorded later is looked at.")] = None,
) -> None:
    """Compare our models with the baselines on the latest contacts and purchases; Markdown on standard output."""
    with one_line(), the_store() as store:
        from training.run import judge

        print(judge(store, registry(), told(seed), moment(until), Terminal(console)).markdown())


@app.command()
def promote(
    version: Annotated[str | None, typer.Argument(help="Of the registered model; none means the newest.")] = None,
) -> None:
    """Let a registered version serve: its bundle goes into the store, checked, and the alias champion moves to it."""
    with one_line(), the_store() as store:
        champion = registry().promote(store, version, present_of(store))
    console.print(
        f"version {champion.version} is champion (bundle {champion.digest[:12]}); running services take it up"
    )


def registry() -> Registry:
    from training.registry import Registry

    where = settings()
    return Registry(where.effective_tracking_uri, where.absolute_home / "artifacts", where.model_name)


def told(seed: int | None) -> TrainingSettings:
    from training.settings import TrainingSettings

    threads = os.cpu_count() or 1
    return TrainingSettings(threads=threads) if seed is None else TrainingSettings(seed=seed, threads=threads)


def moment(text: str | None) -> int | None:
    from serving.clock import parse_instant

    try:
        return None if text is None else parse_instant(text)
    except ValueError as error:
        stop(f"until is {text}; {error}; correct it")


@app.command()
def demo(
    port: Annotated[int | None, typer.Option(min=1, max=65535, help="Default: NEXTBEST_PORT, else 3000.")] = None,
    only_prepare: Annotated[bool, typer.Option("--only-prepare", help="Everything but the service.")] = False,
) -> None:
    """Real data in, a model trained, evaluated and promoted, the service running. A second run reuses what is there."""
    from serving.deployment import NotStartable, require_free_port
    from serving.launch import serve as run

    with one_line():
        from training.run import learn
        from training.sources import complete_journey

        chosen = settings(port=port)
        try:
            if not only_prepare:
                require_free_port(chosen.host, chosen.port)
            with the_store(create=True) as store:
                complete_journey.import_once(store, Terminal(console))
                if dry_run(chosen, complete_journey.HOUSEHOLD, ["mail"], 1, explain=False)["degraded"]:
                    made = learn(store, registry(), told(None), None, Terminal(console), evaluated=True)
                    registry().promote(store, made.registered.version, present_of(store))
                    print(made.evaluation.markdown() if made.evaluation else "", end="\n\n")
                else:
                    console.print("history and model are there already and serve as they are")
                welcome = what_to_try(chosen, store)
            raise typer.Exit(0 if only_prepare else run(chosen, chosen.workers, welcome))
        except NotStartable as error:
            stop(str(error))


def what_to_try(where: Settings, store: Store) -> str:
    from serving.tour import tour
    from training.sources.complete_journey import HOUSEHOLD, an_item_of

    item = an_item_of(store, dry_run(where, HOUSEHOLD, ["mail"], 1, explain=False))
    mlflow = f"{Path(sys.executable).parent / 'mlflow'} ui --backend-store-uri {where.effective_tracking_uri}"
    return f"  MLflow           {mlflow} --port {where.port + 1}\n" + tour(
        f"http://{where.host}:{where.port}", HOUSEHOLD, item
    )


keys = typer.Typer(help="Access keys: who may write events, ask for decisions, read customers.", no_args_is_help=True)
app.add_typer(keys, name="keys")


@keys.command("add")
def add_key(
    right: Annotated[list[str], typer.Option(help="write, decide, read, admin or replay; may be repeated.")],
    note: Annotated[str, typer.Option(help="Who it is for.")] = "",
) -> None:
    """Make a key and show it once; only its hash is kept."""
    import time

    from serving.security import new_key

    with one_line(), the_store(create=True) as store:
        try:
            key, record = new_key(right, time.time_ns() // 1_000_000, note)
        except ValueError as error:
            stop(str(error))
        store.add_key(record)
    print(key)
    console.print(f"key {record.key_id} may {', '.join(sorted(record.rights))}; it is not shown again")


@keys.command("revoke")
def revoke_key(key_id: str) -> None:
    """Take a key out of force; running services notice within seconds."""
    with one_line(), the_store() as store:
        if not store.revoke_key(key_id):
            stop("key id is unknown; it is the short name of a key in force, not the key; see `nextbest keys list`")


@keys.command("list")
def list_keys() -> None:
    """The keys in force."""
    with one_line(), the_store() as store:
        for key in store.keys():  # noqa: SIM118 - a store is no mapping
            print(key.key_id, ",".join(sorted(key.rights)), key.note, sep="\t")


def main() -> None:
    app()


if __name__ == "__main__":
    main()
