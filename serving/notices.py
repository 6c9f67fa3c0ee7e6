"""Which suggestions are of service notices: by the version of the catalogue that made them, which is read once."""

from __future__ import annotations

from collections.abc import Mapping

from features.stores.protocol import LoggedDecision
from models.notices import only_told
from serving.runtime import Runtime


def is_notice(runtime: Runtime, action_id: str, version: int | None) -> bool:
    """version: of the catalogue that the suggestion was made by; None of one that nobody knows any more."""
    then = None if version is None else runtime.noticed.then(version)
    return action_id in (_now(runtime) if then is None else then)


def suggests_notice(runtime: Runtime, action_id: str, decision: LoggedDecision | None) -> bool:
    """decision: the one that suggested it; None of one that is not there any more."""
    return is_notice(runtime, action_id, None if decision is None else decision.catalogue_version)


def notices_among(runtime: Runtime, chosen: Mapping[str, int]) -> frozenset[str]:
    """chosen: actions, with the version of the catalogue that one of them was chosen by."""
    return frozenset(action for action, version in chosen.items() if is_notice(runtime, action, version))


def _now(runtime: Runtime) -> frozenset[str]:
    compiled = runtime.in_force.catalogue
    return frozenset(() if compiled is None else (one.id for one in compiled.catalogue.actions if only_told(one)))
