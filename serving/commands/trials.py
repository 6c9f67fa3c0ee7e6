"""nextbest ab, nextbest shadow: a challenger beside the champion, on a few, and in the shadow.

What training has to say of it is lent by nextbest.py, for nothing in serving may reach training.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Protocol

import typer

from features.stores.trials import Trial, TrialKind, running
from serving.commands.naming import operator
from serving.commands.output import AsJson, Rows, show
from serving.commands.shell import console, moment, present_of, stop, the_store

if TYPE_CHECKING:
    from features.stores import Store

DAY = 86_400_000
MOST = 0.1
"""Of the people, unless more is asked for by --cap."""
USUAL_DAYS = 28

Share = Annotated[float, typer.Option(help="Above 0, at most 1.")]
Challenger = Annotated[
    str | None, typer.Option("--challenger", help="Its version; default: who has the alias challenger.")
]
Why = Annotated[str, typer.Option("--reason", help="Why, for the audit.")]
By = Annotated[str, typer.Option("--by", help="Who decides; default: the user of this machine.")]
Value = Annotated[
    bool, typer.Option("--value", help="A success counts what the action is worth, in the catalogue's currency.")
]


class Offered(Protocol):
    """A registered version whose bundle was loaded and tested. serves: it is champion, or its bundle is the
    champion's."""

    @property
    def version(self) -> str: ...

    @property
    def digest(self) -> str: ...

    @property
    def run_id(self) -> str: ...

    @property
    def files(self) -> Mapping[str, bytes]: ...

    @property
    def serves(self) -> bool: ...


class Judgement(Protocol):
    """champion: the version that holds the alias, None where nobody does. against: why it may not be tried, empty when
    it may. remarks: lines for people."""

    @property
    def champion(self) -> str | None: ...

    @property
    def against(self) -> tuple[str, ...]: ...

    @property
    def remarks(self) -> tuple[str, ...]: ...


class Bench(Protocol):
    """What training says of a challenger (training.trials.Bench)."""

    def offered(self, version: str | None, moment: int) -> Offered: ...

    def judged(self, version: str, moment: int) -> Judgement: ...

    def sides(self, trial: Trial, moment: int, *, value: bool, as_json: bool) -> str: ...

    def shadows(self, trial: Trial, moment: int, *, as_json: bool) -> str: ...


@dataclass(frozen=True, slots=True)
class Lent:
    """bench: for a store. foreseen: what ends a command in one line."""

    bench: Callable[[Store], Bench]
    foreseen: Callable[[], AbstractContextManager[None]]


def ab(lent: Lent) -> typer.Typer:
    app = typer.Typer(help="A challenger decides for a few, by lot and person, until a day.", no_args_is_help=True)

    @app.command(epilog='nextbest ab start --challenger 8 --share 0.05 --reason "nothing is logged by chance yet"')
    def start(
        reason: Why,
        challenger: Challenger = None,
        share: Share = MOST,
        until: Annotated[str | None, typer.Option(help="RFC 3339; default: in four weeks.")] = None,
        cap: Annotated[float, typer.Option(help="The most that --share may be.")] = MOST,
        by: By = "",
    ) -> None:
        """Let a challenger decide for a share of the people, unless what was logged speaks against it. That the log
        cannot tell the two apart does not. Exit code 1 when it is refused."""
        _check_share(share, cap)
        with lent.foreseen(), the_store() as store:
            now = present_of(store)
            ends = _until(until, now)
            _require_none(store, TrialKind.AB, now)
            bench = lent.bench(store)
            offered = bench.offered(challenger, now)
            judgement = bench.judged(offered.version, now)
            for line in (*judgement.remarks, *judgement.against):
                console.print(line, markup=False, highlight=False)
            if judgement.against:
                console.print(f"challenger {offered.version} is not tried")
                raise typer.Exit(1)
            champion = "none" if judgement.champion is None else judgement.champion
            _begin(store, TrialKind.AB, offered, champion, share, now, ends, by, reason)
            console.print(f"challenger {offered.version} decides for {share:.1%} of the people beside {champion}")

    @app.command("stop")
    def end(reason: Why, by: By = "") -> None:
        """The champion decides for everybody again."""
        _end(lent, TrialKind.AB, by, reason)

    @app.command()
    def status(as_json: AsJson = False) -> None:
        """What is tried and was tried, the newest first: since when, by whom and why."""
        _tell(lent, TrialKind.AB, as_json)

    @app.command()
    def report(value: Value = False, as_json: AsJson = False) -> None:
        """What each side has earned, by the model version logged, with 95 % intervals over people."""
        with lent.foreseen(), the_store() as store:
            now = present_of(store)
            print(lent.bench(store).sides(_newest(store, TrialKind.AB), now, value=value, as_json=as_json))

    return app


def shadow(lent: Lent) -> typer.Typer:
    app = typer.Typer(help="A challenger scores beside the champion and decides nothing.", no_args_is_help=True)

    @app.command("on", epilog="nextbest shadow on --challenger 8 --share 0.2")
    def begin(challenger: Challenger = None, share: Share = MOST, reason: Why = "", by: By = "") -> None:
        """Have a challenger score a share of the decisions, after they were answered."""
        _check_share(share, 1.0)
        with lent.foreseen(), the_store() as store:
            now = present_of(store)
            offered = lent.bench(store).offered(challenger, now)
            if offered.serves:
                why = "it is what serves, so that there is nothing to compare"
                stop(f"challenger is {offered.version}; {why}; name another")
            _begin(store, TrialKind.SHADOW, offered, "", share, now, 0, by, reason)
            console.print(f"challenger {offered.version} scores {share:.1%} of the decisions")

    @app.command("off")
    def end(reason: Why = "", by: By = "") -> None:
        """No challenger scores any more."""
        _end(lent, TrialKind.SHADOW, by, reason)

    @app.command()
    def status(as_json: AsJson = False) -> None:
        """Which challenger scores and which did, the newest first."""
        _tell(lent, TrialKind.SHADOW, as_json)

    @app.command()
    def report(as_json: AsJson = False) -> None:
        """How often the two choose alike, what they say, and which of them was nearer to what came of it."""
        with lent.foreseen(), the_store() as store:
            now = present_of(store)
            print(lent.bench(store).shadows(_newest(store, TrialKind.SHADOW), now, as_json=as_json))

    return app


def _check_share(share: float, cap: float) -> None:
    if not 0.0 < share <= min(cap, 1.0):
        another = "give another, or a larger --cap" if cap < 1.0 else "give another"
        stop(f"share is {share:g}; it is above 0 and at most {min(cap, 1.0):g}; {another}")


def _until(text: str | None, now: int) -> int:
    ends = moment(text)
    if ends is None:
        return now + USUAL_DAYS * DAY
    if ends <= now:
        stop(f"until is {text}; it is after the present; name a later moment")
    return ends


def _require_none(store: Store, kind: TrialKind, now: int) -> None:
    found = running(store.trials(100), kind, now)
    if found is not None:
        stop(f"challenger {found.version} is tried already; one at a time; stop it with `nextbest {kind.value} stop`")


def _begin(
    store: Store,
    kind: TrialKind,
    offered: Offered,
    champion: str,
    share: float,
    now: int,
    until: int,
    by: str,
    reason: str,
) -> None:
    store.put_bundle(offered.digest, offered.files)
    identity = (offered.version, offered.digest, offered.run_id)
    store.add_trial(Trial(kind, *identity, champion, share, now, until, by or operator(), reason))


def _end(lent: Lent, kind: TrialKind, by: str, reason: str) -> None:
    with lent.foreseen(), the_store() as store:
        now = present_of(store)
        found = running(store.trials(100), kind, now)
        if found is None:
            stop(f"nothing is tried in {kind.value}; there is nothing to end; look at `nextbest {kind.value} status`")
        store.add_trial(Trial(kind, "", "", "", "", 0.0, now, now, by or operator(), reason))
        console.print(f"challenger {found.version} is not tried any more")


def end_shadow_of(store: Store, champion: str) -> None:
    """champion: the version that serves from now on, beside whose decisions it has nothing to say."""
    now = present_of(store)
    found = running(store.trials(100), TrialKind.SHADOW, now)
    if found is not None and found.version == champion:
        reason = f"version {champion} became champion"
        store.add_trial(Trial(TrialKind.SHADOW, "", "", "", "", 0.0, now, now, operator(), reason))
        console.print(
            f"{reason}, so that its scoring in the shadow has ended; `nextbest shadow report` has what it said"
        )


def _newest(store: Store, kind: TrialKind) -> Trial:
    """Running or not."""
    found = next((one for one in store.trials(1_000) if one.kind is kind and one.share), None)
    if found is None:
        stop(f"nothing was tried in {kind.value} yet; there is nothing to tell; see `nextbest {kind.value} --help`")
    return found


def _tell(lent: Lent, kind: TrialKind, as_json: bool) -> None:
    from models.document_fields import text_of

    with lent.foreseen(), the_store() as store:
        entries, now = store.trials(1_000), present_of(store)
    live = running(entries, kind, now)
    rows = [
        (
            *(one.version or None, one.champion or None, one.share, text_of(one.since)),
            *(text_of(one.until) if one.until and one.share else None, one is live, one.by, one.reason),
        )
        for one in entries
        if one.kind is kind
    ]
    names = ("challenger", "champion", "share", "since", "until", "running", "by", "reason")
    show(Rows(names, rows, f"nothing was tried in {kind.value} yet"), as_json)
