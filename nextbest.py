"""The command line: the only module that reaches both training and serving.

Exit codes: 0 done; 1 something was found to be wrong (a failed check); 2 it could not be done, and one line says why;
130 Ctrl-C.
"""

from __future__ import annotations

import importlib.metadata
import os
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from features.progress import Terminal
from serving.commands import (
    accounts,
    asking,
    cases,
    catalogue,
    customers,
    decisions,
    identity,
    items,
    keys,
    letters,
    scoring,
    shell,
    trials,
)
from serving.commands.asking import dry_run
from serving.commands.checking import check
from serving.commands.naming import operator
from serving.commands.output import AsJson, Rows, counted, show
from serving.commands.serving import mlflow, serve
from serving.commands.shell import console, moment, present_of, settings, stop, the_store, the_store_or_an_empty_one
from serving.commands.touring import what_to_try
from training import commands
from training.options import Evaluated, Minutes, Seed, Trees, Trials, Until
from training.simulation.command import simulate
from training.sources.demos import Demo, history_of

if TYPE_CHECKING:
    from features.stores import Store
    from features.stores.protocol import BulkReceipt
    from training.champions import Grounds
    from training.judging import Replay, Terms
    from training.registry import Registered, Registry
    from training.settings import TrainingSettings

os.environ.setdefault("BENTOML_DO_NOT_TRACK", "True")
os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")

app = typer.Typer(
    name="nextbest",
    help="Next-best-action: one history per customer, one calibrated model, one honest decision per channel.",
    epilog="Exit codes: 0 done; 1 something is wrong, or was refused; 2 it could not be done, and why; 130 Ctrl-C.",
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
    """As for every command, and with what training foresees."""
    from training.errors import TrainingError
    from training.sources.errors import SourceError

    with shell.one_line(TrainingError, SourceError):
        yield


@contextmanager
def open_log() -> Iterator[commands.Log]:
    from serving.redrawing import rows_again, withheld
    from serving.replaying import Replayer
    from serving.runtime import code_revision

    with the_store() as store:
        replayer = Replayer(store, code_revision())
        yield commands.Log(store, present_of(store), withheld(replayer), rows_again(replayer), code_revision())


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
    with one_line(), the_store_or_an_empty_one() if dry_run else the_store(create=True) as store:
        from training.sources import columns_file, complete_journey

        if demo_data:
            journey = complete_journey.import_into(store, Terminal(console))
            taken: dict[str, BulkReceipt | None] = {"events": journey.events, "customers": journey.customers}
        else:
            report = columns_file.import_files(
                store,
                Terminal(console),
                present_of(store),
                events,
                customers,
                catalogue,
                region=settings().region,
                dry_run=dry_run,
            )
            taken = {
                "events": report.events,
                "customers": report.customers,
                "told of customers": report.consents_and_holdings,
            }
            checked = f"{counted(report.event_rows, 'event')} and {counted(report.customer_rows, 'customer')}"
            print(f"checked {checked}; no faults")
            for remark in report.remarks():
                print(remark)
    for what, receipt in taken.items():
        if receipt is not None:
            print(f"{what}: {receipt.stored:,} new, {receipt.duplicates:,} known already, {receipt.people:,} people")


app.command()(check)
app.command()(asking.recommend)
app.command()(scoring.score)
app.command()(serve)
app.command()(mlflow)


@app.command()
def train(
    seed: Seed = None,
    until: Until = None,
    evaluated: Evaluated = False,
    minutes: Minutes = None,
    trials: Trials = None,
    trees: Trees = "",
) -> None:
    """Learn from the store's history, judge on its latest contacts, register a version. `nextbest models` lists it,
    `nextbest mlflow` shows its run (figures, plots, model card); it serves once `nextbest promote` has judged it."""
    with one_line(), open_log() as log:
        from training.run import learn
        from training.tuning import Search

        search = None if minutes is None and trials is None else Search(trials, minutes)
        shaped, known_at = told(seed, trees), moment(until)
        skew = commands.skew_of(log, 90, known_at, console)
        to_see = (known_at, Terminal(console), log.again)
        run = learn(
            log.store, registry(), shaped, *to_see, evaluated=evaluated, skew=skew, search=search, tell=shell.tell
        )
        if run.evaluation is not None:
            print(run.evaluation.markdown())
        shell.tell(run.remarks)
        console.print(
            f"version {run.registered.version} is registered (run {run.registered.run_id}, see `nextbest mlflow`); "
            f"`nextbest promote {run.registered.version}` judges it and lets it serve"
        )


@app.command()
def evaluate(
    seed: Seed = None,
    until: Until = None,
    trees: Trees = "",
) -> None:
    """Compare our models with the baselines on the latest contacts and purchases; Markdown on standard output."""
    with one_line(), the_store() as store:
        from training.run import judge

        print(judge(store, registry(), told(seed, trees), moment(until), Terminal(console)).markdown())


@app.command("off-policy")
def off_policy(
    catalogue: Annotated[int | None, typer.Option(help="What this version of the catalogue would have earned.")] = None,
    random: Annotated[bool, typer.Option("--random", help="What the random arm's policy would have earned.")] = False,
    days: Annotated[int, typer.Option(min=1, max=3650, help="Decisions of the last so many days.")] = 90,
    sample: Annotated[int, typer.Option(min=2, help="Of their draws so many at most, at random.")] = 10_000,
    value: trials.Value = False,
    seed: Annotated[int, typer.Option(help="Of the intervals' draws.")] = 20240229,
) -> None:
    """What another policy would have earned in the place of the logged one, in the full and the random arm, and how far
    ahead it is; with 95 % intervals over people, and doubts; Markdown on standard output."""
    if random == (catalogue is not None):
        stop("target is missing or doubled; name a --catalogue or --random; see `nextbest off-policy --help`")
    with one_line(), the_store() as store:
        import numpy as np

        from serving.redrawing import as_logged, at_random, by_catalogue
        from serving.replaying import Replayer
        from serving.runtime import code_revision
        from training.offpolicy.logged import Reward, of_arms, read_draws, sampled
        from training.offpolicy.redrawn import redrawn
        from training.offpolicy.report import report

        if catalogue is not None and store.catalogue(catalogue) is None:
            stop(f"catalogue is {catalogue}; the store has no such version; look at `nextbest catalogue history`")
        now, replayer, rng = present_of(store), Replayer(store, code_revision()), np.random.default_rng(seed)
        reading = read_draws(store, now - days * 86_400_000, now, Terminal(console))
        target = at_random(replayer) if catalogue is None else by_catalogue(replayer, catalogue)
        reward = Reward.VALUE if value else Reward.SUCCESS
        draws = sampled(of_arms(reading.draws, ("full", "random")), sample, rng)
        log = redrawn(draws, as_logged(replayer), target, store.vocabulary, Terminal(console), reward)
        shell.tell((*reading.remarks, *log.remarks))
        print(report(log, rng).markdown())


Reason = Annotated[str, typer.Option("--reason", help="Why, for the history of champions.")]


@app.command(epilog='nextbest promote 7 --force --reason "new season, nothing is logged yet" --by "Ann Smith"')
def promote(
    version: Annotated[str | None, typer.Argument(help="Of the registered model; none means the newest.")] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only judge, and leave nothing behind.")] = False,
    force: Annotated[bool, typer.Option("--force", help="Whatever the verdict; needs --reason and --by.")] = False,
    reason: Reason = "",
    by: trials.By = "",
    days: Annotated[int, typer.Option(min=1, max=3650, help="Judge by decisions of the last so many days.")] = 90,
    tolerance: Annotated[float, typer.Option(help="The share of its reward by which it may be behind.")] = 0.05,
    successes: Annotated[bool, typer.Option("--successes", help="A success counts 1, not what it is worth.")] = False,
    as_json: AsJson = False,
) -> None:
    """Judge a registered version beside the champion on what was logged, and let it serve when it is no worse: its
    bundle goes into the store, checked, and the alias champion moves to it. Exit code 1 when it is refused."""
    with one_line(), the_store() as store:
        from training.champions import Grounds, How
        from training.judging import terms_of

        grounds = Grounds(How.FORCED if force else How.VERDICT, reason, by or ("" if force else operator()))
        terms = terms_of(present_of(store), days, tolerance, successes=successes)
        if not put_forward(store, version, terms, None if dry_run else grounds, as_json):
            raise typer.Exit(1)


def put_forward(store: Store, version: str | None, terms: Terms, grounds: Grounds | None, as_json: bool) -> bool:
    """Whether it may serve, or does when grounds are given; without them nothing is left behind."""
    from training import promotion_text
    from training.judging import contest, judged, promoted

    models = registry()
    them = contest(store, models, version)
    made, remarks = judged(store, models, them, replay(store), terms, told(None), Terminal(console))
    shell.tell(remarks)
    print(promotion_text.as_json(made, grounds) if as_json else promotion_text.markdown(made, grounds))
    if grounds is None:
        return made.promoted
    champion = promoted(store, models, them, made, grounds, terms.known_at)
    if champion is not None:
        let_serve(store, champion)
    return champion is not None


def replay(store: Store) -> Replay:
    from serving.redrawing import ByModel, as_logged, rows_again
    from serving.replaying import Replayer
    from serving.runtime import code_revision
    from training.judging import Replay

    replayer = Replayer(store, code_revision())
    return Replay(as_logged(replayer), partial(ByModel, replayer), rows_again(replayer), code_revision())


def bench(store: Store) -> trials.Bench:
    from training.trials import Bench

    return Bench(store, registry(), replay(store), told(None), Terminal(console))


def let_serve(store: Store, champion: Registered) -> None:
    console.print(
        f"version {champion.version} is champion (bundle {champion.digest[:12]}); running services take it up"
    )
    trials.end_shadow_of(store, champion.version)


@app.command()
def rollback(reason: Reason = "", by: trials.By = "") -> None:
    """Make the champion before this one the champion again, at once and without judging; again brings this one back."""
    with one_line(), the_store() as store:
        let_serve(store, registry().rollback(store, present_of(store), reason, by or operator()))


@app.command("models")
def list_models(
    history: Annotated[bool, typer.Option("--history", help="Who was champion since when, and why.")] = False,
    as_json: AsJson = False,
) -> None:
    """Registered versions, the newest first: their aliases, figures, and since when the champion serves."""
    from training.listing import champions, versions

    with one_line(), the_store() as store:
        found = champions(registry()) if history else versions(registry())
        clocks = shell.clocks_told(store, found.real, found.own) if found.rows else ()
    show(Rows(found.columns, found.rows, found.empty), as_json)
    shell.tell(clocks)


def registry() -> Registry:
    where = settings()
    with shell.the_first_time(where):
        from training.registry import Registry

        return Registry(where.effective_tracking_uri, where.absolute_home / "artifacts", where.model_name)


def told(seed: int | None, trees: str = "") -> TrainingSettings:
    from training.settings import DEFAULT_SEED, TrainingSettings, read_trees

    chosen = DEFAULT_SEED if seed is None else seed
    return TrainingSettings(chosen, os.cpu_count() or 1, settings().training_people, response=read_trees(trees))


@app.command()
def demo(
    port: Annotated[int | None, typer.Option(min=1, max=65535, help="Default: NEXTBEST_PORT, else 3000.")] = None,
    only_prepare: Annotated[bool, typer.Option("--only-prepare", help="Everything but the service.")] = False,
    data: Annotated[Demo, typer.Option(help="Public data, or made-up people on every channel.")] = Demo.REAL,
) -> None:
    """Data in, a model trained, evaluated and promoted, the service running. A second run reuses what is there."""
    from serving.deployment import NotStartable, require_free_port
    from serving.launch import serve as run
    from serving.redrawing import withheld
    from serving.replaying import Replayer
    from serving.runtime import code_revision

    with one_line():
        from training.champions import Grounds, How
        from training.judging import terms_of
        from training.run import learn

        chosen, source = settings(port=port), history_of(data)
        try:
            if not only_prepare:
                require_free_port(chosen.host, chosen.port)
            with the_store(create=True) as store:
                source.import_once(store, Terminal(console))
                if dry_run(chosen, source.HOUSEHOLD, ["mail"], 1, explain=False)["degraded"]:
                    again = withheld(Replayer(store, code_revision()))
                    made = learn(store, registry(), told(None), None, Terminal(console), again, evaluated=True)
                    shell.tell(made.remarks)
                    print(made.evaluation.markdown() if made.evaluation else "", end="\n\n")
                    first = Grounds(How.VERDICT, "the demo's first model", operator())
                    terms = terms_of(present_of(store))
                    if not put_forward(store, made.registered.version, terms, first, as_json=False):
                        raise typer.Exit(1)
                else:
                    console.print("history and model are there already and serve as they are")
                welcome = what_to_try(chosen, source, store)
            raise typer.Exit(0 if only_prepare else run(chosen, chosen.workers, welcome))
        except NotStartable as error:
            stop(str(error))


commands.add_to(app, commands.House(open_log, one_line, moment, console, registry))
app.add_typer(catalogue.app, name="catalogue")
app.add_typer(keys.app, name="keys")
app.add_typer(accounts.app, name="accounts")
app.add_typer(identity.app, name="identity")
app.add_typer(customers.app, name="customers")
app.add_typer(cases.app, name="cases")
app.add_typer(letters.app, name="letters")
app.add_typer(items.app, name="items")
app.add_typer(decisions.app, name="decisions")
app.add_typer(trials.ab(trials.Lent(bench, one_line)), name="ab")
app.add_typer(trials.shadow(trials.Lent(bench, one_line)), name="shadow")
app.command()(customers.audit)
app.command()(customers.compact)
app.command()(simulate)


def main() -> None:
    app()


if __name__ == "__main__":
    main()
