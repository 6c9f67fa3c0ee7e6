"""What was watched, as a run of the registry."""

from __future__ import annotations

import math
from collections.abc import Mapping

from matplotlib.figure import Figure

from models.document_fields import text_of
from training import plots
from training.registry import Registry, RunRecord
from training.watching.figures import Against
from training.watching.report import FEATURES, Report, as_json, markdown

EXPERIMENT = "nextbest-watching"
TEXT, JSON = "watching.md", "watching.json"


def keep(report: Report, registry: Registry) -> str:
    """A run of its own in the registry; its id. Raises RegistryAway."""
    return registry.note(EXPERIMENT, record(report))


def record(report: Report) -> RunRecord:
    found = report.found
    span = {"since": text_of(found.since), "until": text_of(found.until)}
    texts = {TEXT: markdown(report) + "\n", JSON: as_json(report) + "\n"}
    return RunRecord(params=span, metrics=_metrics(report), tags=span, figures=_figures(report), texts=texts)


def _metrics(report: Report) -> dict[str, float]:
    """By channel, of the version with most scores or contacts there; finite ones."""
    found: dict[str, float] = {"findings": float(len(report.findings))}
    for one in sorted(report.found.scores, key=lambda row: row.scores):
        kind = "learned" if one.against is Against.LEARNED else "before"
        found[f"score_psi.{kind}.{one.channel}"] = one.found.psi
    for row in sorted(report.found.responses, key=lambda row: row.contacts):
        if row.action is None:
            found[f"calibration_in_the_large.{row.channel}"] = row.found.ratio
    for features in report.found.features:
        if features.against is Against.LEARNED:
            found["feature_psi.greatest"] = max(found.get("feature_psi.greatest", 0.0), features.found.psi)
    for one_channel in report.served:
        found[f"underserved_people.{one_channel.channel or 'all'}"] = one_channel.people.share
    return {name: value for name, value in found.items() if math.isfinite(value)}


def _figures(report: Report) -> Mapping[str, Figure]:
    found = report.found
    made: dict[str, Figure] = {}
    rows = [one for one in found.responses if one.action is None and one.contacts]
    if rows:
        intervals = {f"{one.channel}, model {one.model}": one.found for one in rows}
        made["calibration_in_the_large.png"] = plots.in_the_large(
            {name: (one.ratio, one.low, one.high) for name, one in intervals.items()}
        )
    psis = {f"score, {one.channel}, model {one.model}, {one.against.value}": one.found for one in found.scores}
    psis |= {f"{one.feature}, {one.against.value}": one.found for one in found.features[:FEATURES]}
    if psis:
        made["psi.png"] = plots.psi({name: (one.psi, one.noise) for name, one in psis.items()})
    if report.served:
        made["underserved.png"] = plots.underserved(
            {one.channel or "all": dict(one.people.lost_to) for one in report.served},
            {one.channel or "all": one.people.total for one in report.served},
        )
    return made
