"""The example alerts are rules that Prometheus reads, about series that there are."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml
from prometheus_client import Counter, Gauge, Histogram, Metric
from prometheus_client.metrics_core import GaugeMetricFamily

from serving import metrics
from serving.watching import by_action, compared

ROOT = Path(__file__).resolve().parents[1]
RULES = yaml.safe_load((ROOT / "docs" / "alerts.yaml").read_text())
_DURATION = re.compile(r"\d+[smhdw]")


def told() -> set[str]:
    """The names of everything that /metrics may tell, as samples are called."""
    made = [one for one in vars(metrics).values() if isinstance(one, Counter | Gauge | Histogram)]
    described: list[Metric] = [family for one in made for family in one.describe()]
    found = set()
    for family in [*described, *compared([], None), by_action({})]:
        found.add(family.name)
        if family.type == "counter":
            found |= {f"{family.name}_total"}
        if family.type == "histogram":
            found |= {f"{family.name}_{part}" for part in ("bucket", "sum", "count")}
    return found


def rules() -> list[dict[str, object]]:
    return [rule for group in RULES["groups"] for rule in group["rules"]]


@pytest.mark.parametrize("rule", rules(), ids=lambda rule: str(rule.get("alert") or rule.get("record")))
def test_every_series_of_a_rule_is_told_or_recorded(rule: dict[str, object]) -> None:
    recorded = {str(one["record"]) for one in rules() if "record" in one}
    known = told()
    named = set(re.findall(r"\bnextbest[a-z0-9_:]*", str(rule["expr"])))
    assert named
    assert named <= known | recorded


@pytest.mark.parametrize("rule", rules(), ids=lambda rule: str(rule.get("alert") or rule.get("record")))
def test_a_rule_has_the_fields_of_its_kind(rule: dict[str, object]) -> None:
    assert ("alert" in rule) != ("record" in rule)
    assert str(rule["expr"]).count("(") == str(rule["expr"]).count(")")
    if "record" in rule:
        assert set(rule) == {"record", "expr"}
        return
    assert set(rule) == {"alert", "expr", "for", "labels", "annotations"}
    assert _DURATION.fullmatch(str(rule["for"]))
    assert set(rule["annotations"]) == {"summary", "what_to_do"}  # type: ignore[call-overload]


def test_every_series_of_the_page_is_told_and_what_is_watched_is_on_it() -> None:
    page = (ROOT / "docs" / "watching.md").read_text()
    on_page = set(re.findall(r"`(nextbest_[a-z_]+)`", page))
    assert on_page <= told()
    watched = {"nextbest_slates", "nextbest_refusals", "nextbest_score_psi", "nextbest_feature_psi"}
    watched |= {"nextbest_calibration_in_the_large", "nextbest_action_calibration_in_the_large"}
    assert watched <= {one.removesuffix("_total") for one in on_page}


def test_too_few_scores_tell_nothing() -> None:
    few = GaugeMetricFamily(metrics.WINDOW_SCORES_NAME, "", labels=["channel", "bin"])
    few.add_metric(["web", "0"], 499.0)
    assert [one.samples for one in compared([few], None)] == [[], [], [], []]
