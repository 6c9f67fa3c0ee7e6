"""Pages for those who look after actions, models and what was refused; they show figures of everybody and nobody's
record. Everything here only looks."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from functools import partial

from prometheus_client.parser import text_string_to_metric_families
from starlette.responses import Response

from models.policy.spending import day_of
from serving import metrics
from serving.console import figures, plots
from serving.console.answering import page
from serving.console.figures import ActionFigures
from serving.console.visit import Visit
from serving.errors import invalid
from serving.registry import RegistryError
from serving.reigns import Reign, reigns
from serving.runtime import Runtime
from serving.watching import compared

DAYS, MOST_DECISIONS = 28, 2_000
LETTERS = 50
DRIFT_LIMIT = 0.25
"""A PSI from which a distribution counts as another one."""


async def actions(visit: Visit) -> Response:
    runtime = visit.runtime
    found = await asyncio.to_thread(_overview, runtime)
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
        response_plot=partial(_response_plot, most),
        days=DAYS,
        most=MOST_DECISIONS,
    )


def _response_plot(most: float, one: ActionFigures) -> str:
    low, high = one.response.interval
    return plots.response_plot(low, one.response.rate, high, one.expected, most)


def _overview(runtime: Runtime) -> figures.Overview:
    compiled, in_force = runtime.catalogue(), runtime.in_force
    catalogue, present = compiled.catalogue, in_force.clock.present(None)
    lately = runtime.store.decided_lately(present - DAYS * 86_400_000, MOST_DECISIONS)
    day = day_of(catalogue.time_zone, present)
    return figures.overview(lately, catalogue, lambda one: in_force.published.spent_by(one, day).contacts_ever, present)


@dataclass(frozen=True, slots=True)
class Drift:
    """Of the last day, by channel: PSI of scores, and successes per expected one."""

    scores: tuple[tuple[str, float], ...]
    calibration: tuple[tuple[str, float], ...]


async def models(visit: Visit) -> Response:
    runtime = visit.runtime
    settings = runtime.settings
    history: tuple[Reign, ...] = ()
    away = ""
    try:
        history = await asyncio.to_thread(reigns, settings.effective_tracking_uri, settings.model_name)
    except RegistryError as error:
        away = str(error)
    await runtime.publish_watch()
    drift = _drift(runtime)
    return page(
        "models.html",
        visit,
        live=runtime.in_force.model,
        trials=runtime.in_force.trials,
        history=history,
        away=away,
        drift=drift,
        drift_plot=plots.drift_plot(drift.scores, DRIFT_LIMIT),
        zone=runtime.catalogue().catalogue.time_zone,
        mlflow=settings.mlflow_pages,
        name=settings.model_name,
    )


def _drift(runtime: Runtime) -> Drift:
    """As the metrics tell it, summed over the workers."""
    told = metrics.exposition(partial(compared, reference=runtime.watch.reference)).decode()
    values = {
        family.name: tuple((sample.labels["channel"], sample.value) for sample in family.samples)
        for family in text_string_to_metric_families(told)
        if family.name in {"nextbest_score_psi", "nextbest_calibration_in_the_large"}
    }
    return Drift(values.get("nextbest_score_psi", ()), values.get("nextbest_calibration_in_the_large", ()))


async def letters(visit: Visit) -> Response:
    """Reasons and moments; what was sent may hold anything of anybody, and is not shown here."""
    before = visit.request.query_params.get("before")
    if before is not None and not (before.isascii() and before.isdecimal() and len(before) < 19):
        raise invalid("before", before, "the number of a letter", "leave it out for the newest")
    number = None if before is None else int(before)
    found = await asyncio.to_thread(visit.runtime.store.buried, LETTERS + 1, number)
    zone = visit.runtime.catalogue().catalogue.time_zone
    following = found[LETTERS - 1].number if len(found) > LETTERS else None
    return page("letters.html", visit, letters=found[:LETTERS], following=following, zone=zone)
