"""Pages for those who look after actions, models and what was refused; they show figures of everybody and nobody's
record. Everything here only looks, and reads beside the event loop."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TypeVar

from starlette.responses import Response

from features.consent import objects_to_profiling
from features.stores.desk import Asked
from features.stores.protocol import Store
from models.drift import GREAT, SOME, Reference
from models.kept_verdict import KeptVerdict
from models.policy.spending import day_of
from models.policy_rules import DAY
from serving import metrics
from serving.console import earned, figures, plots
from serving.console.answering import page
from serving.console.drifting import LEAST, Drifted, drifted
from serving.console.earned import ArmSales
from serving.console.figures import ActionFigures
from serving.console.visit import Visit
from serving.errors import invalid
from serving.model_loader import LiveModel
from serving.notices import notices_among
from serving.registry import RegistryError
from serving.reigns import Reign, reigns, verdicts
from serving.runtime import Runtime
from serving.watching import compared
from serving.words import label

DAYS, MOST_DECISIONS = 28, 2_000
MOST_ASKED = 20_000
"""Decisions among whose people sales are compared, and among which those are whose feature rows were kept."""
MOST_SAMPLED = 100
"""Decisions whose feature rows are in memory at once."""
LETTERS = 50
FEATURES = 15
T = TypeVar("T")


async def actions(visit: Visit) -> Response:
    runtime = visit.runtime
    found, sold = await asyncio.gather(asyncio.to_thread(_overview, runtime), asyncio.to_thread(_sales, runtime))
    channel = visit.request.query_params.get("channel", "")
    shown = found.by_channel.get(channel, found.funnel)
    most = max((one.response.interval[1] for one in found.actions if one.response.trials), default=0.0)
    return page(
        "actions.html",
        visit,
        overview=found,
        funnel=shown,
        channel=channel if channel in found.by_channel else "",
        funnel_plot=plots.funnel_plot(shown),
        arms_plot=plots.arms_plot(found.arms),
        sales=sold,
        sales_plot=plots.sales_plot(sold),
        currency=runtime.catalogue().catalogue.currency,
        response_plot=partial(_response_plot, most),
        days=DAYS,
        most=MOST_DECISIONS,
        most_asked=MOST_ASKED,
        most_people=earned.MOST,
        sales_days=earned.SPAN,
    )


def _response_plot(most: float, one: ActionFigures) -> str:
    low, high = one.response.interval
    return plots.response_plot(low, one.response.rate, high, one.expected, most)


def _overview(runtime: Runtime) -> figures.Overview:
    compiled, in_force = runtime.catalogue(), runtime.in_force
    catalogue, present = compiled.catalogue, in_force.clock.present(None)
    lately = runtime.store.decided_lately(present - DAYS * DAY, MOST_DECISIONS)
    day = day_of(catalogue.time_zone, present)
    chosen = figures.chosen_by(lately)
    notices = notices_among(runtime, chosen)
    shown = {*chosen, *(one.action for one in lately.contacts)}
    gone = shown.difference(one.id for one in catalogue.actions)
    names = runtime.action_names.of(gone, in_force.catalogue_version)

    def spent(action: str) -> int:
        return in_force.published.spent_by(action, day).contacts_ever

    return figures.overview(lately, catalogue, spent, present, notices, names)


def _sales(runtime: Runtime) -> tuple[ArmSales, ...]:
    """Of nobody while nobody is held out: there is nothing to compare with."""
    present = runtime.in_force.clock.present(None)
    asked = runtime.store.asked_lately(present - DAYS * DAY, MOST_ASKED)
    if not any(one.arm == earned.REFERENCE for one in asked):
        return ()
    return sales_of(runtime.store, asked, present)


def sales_of(store: Store, asked: Sequence[Asked], present: int) -> tuple[ArmSales, ...]:
    """present: ms UTC. Whoever objects to profiling is left out, as from everything that is judged by."""
    staying = earned.stays(asked, present)
    records = store.records_of(sorted({one.person for one in staying}))
    pages = {one.person: one.page for one in records if not objects_to_profiling(one.consents, present)}
    return earned.by_arm(staying, pages)


@dataclass(frozen=True, slots=True)
class Drift:
    """Of the last day, by channel: PSI of scores, and successes per expected one."""

    scores: tuple[tuple[str, float], ...]
    calibration: tuple[tuple[str, float], ...]


@dataclass(frozen=True, slots=True)
class Told:
    """What the registry tells of the model, or why it does not."""

    history: tuple[Reign, ...]
    verdicts: tuple[tuple[str, KeptVerdict], ...]
    away: str


async def models(visit: Visit) -> Response:
    runtime = visit.runtime
    settings, live, reference = runtime.settings, runtime.in_force.model, runtime.watch.reference
    asked = settings.effective_tracking_uri, settings.model_name
    told, drift, moved = await asyncio.gather(
        _told(*asked), asyncio.to_thread(_drift, reference), asyncio.to_thread(_features, runtime, live, reference)
    )
    return page(
        "models.html",
        visit,
        live=live,
        trials=runtime.in_force.trials,
        told=told,
        drift=drift,
        drift_plot=plots.drift_plot("Drift of scores", [(label(one), psi) for one, psi in drift.scores], GREAT),
        moved=moved,
        moved_plot=plots.drift_plot("Drift of features", _named(moved), GREAT),
        features=FEATURES,
        least=LEAST,
        days=DAYS,
        some=SOME,
        zone=visit.zone,
        mlflow=settings.mlflow_pages,
        name=settings.model_name,
    )


async def _told(tracking_uri: str, model: str) -> Told:
    """Both are asked for at once: a server that does not answer keeps nobody waiting twice."""
    history, judged = await asyncio.gather(
        _or_away(lambda: reigns(tracking_uri, model)), _or_away(lambda: verdicts(tracking_uri, model))
    )
    away = next((one for one in (history, judged) if isinstance(one, str)), "")
    return Told(() if isinstance(history, str) else history, () if isinstance(judged, str) else judged, away)


async def _or_away(read: Callable[[], T]) -> T | str:
    try:
        return await asyncio.to_thread(read)
    except RegistryError as error:
        return str(error)


def _drift(reference: Reference | None) -> Drift:
    """As the metrics tell it, summed over the workers."""
    values: Mapping[str, tuple[tuple[str, float], ...]] = {
        family.name: tuple((sample.labels["channel"], sample.value) for sample in family.samples)
        for family in compared(metrics.collected(), reference)
    }
    return Drift(values["nextbest_score_psi"], values["nextbest_calibration_in_the_large"])


def _features(runtime: Runtime, live: LiveModel, reference: Reference | None) -> Drifted:
    if reference is None:
        return Drifted(0, ())
    present, store = runtime.in_force.clock.present(None), runtime.store
    samples = store.sampled_lately(live.digest, present - DAYS * DAY, MOST_ASKED, MOST_SAMPLED)
    records = store.records_of(sorted({one.person for one in samples}))
    kept = {one.person for one in records if not objects_to_profiling(one.consents, present)}
    return drifted([one for one in samples if one.person in kept], reference)


def _named(moved: Drifted) -> list[tuple[str, float]]:
    return [(one.feature, one.found.psi) for one in moved.features[:FEATURES]]


async def letters(visit: Visit) -> Response:
    """Reasons and moments; what was sent may hold anything of anybody, and is not shown here."""
    before = visit.request.query_params.get("before")
    if before is not None and not (before.isascii() and before.isdecimal() and len(before) < 19):
        raise invalid("before", before, "the number of a letter", "leave it out for the newest")
    number = None if before is None else int(before)
    found = await asyncio.to_thread(visit.runtime.store.buried, LETTERS + 1, number)
    zone = visit.zone
    following = found[LETTERS - 1].number if len(found) > LETTERS else None
    return page("letters.html", visit, letters=found[:LETTERS], following=following, zone=zone)
