"""Trials as rows, and what a shadow scored with the decision that it stood beside."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from features.stores.protocol import StoreError
from features.stores.sql.session import Session, table, value
from features.stores.trials import Trial

_ROWS = table("trial", number="integer", document="text")


def add_trial(session: Session, trial: Trial) -> int:
    if trial.share and not session.rows("SELECT 1 FROM bundle WHERE digest = ? LIMIT 1", (trial.digest,)):
        raise StoreError(
            f"bundle is {trial.digest[:12]}; what is tried is stored first; put the bundle and begin again"
        )
    number = trial_version(session) + 1  # nobody else writes meanwhile
    session.insert(_ROWS, [(number, msgspec.json.encode(trial).decode())])
    return number


def trials(session: Session, limit: int) -> tuple[Trial, ...]:
    rows = session.rows("SELECT document FROM trial ORDER BY number DESC LIMIT ?", (limit,))
    return tuple(msgspec.json.decode(document, type=Trial) for (document,) in rows)


def trial_version(session: Session) -> int:
    return int(value(session, "SELECT coalesce(max(number), 0) FROM trial"))


def log_shadows(session: Session, scores: Sequence[tuple[str, str]]) -> int:
    """In the order of the ids, so that two who write the same ones wait for each other in turn."""
    statement = "UPDATE decision SET shadow = ? WHERE decision_id = ?"
    return sum(session.execute(statement, (text, decision_id)) for decision_id, text in sorted(scores))
