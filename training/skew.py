"""Whether features are in training what they were in serving: logged decisions made again and compared.

A decision logs a digest of its feature rows, and a sample of them the rows themselves. Each is made again from the
record that it had read, which is cut by sequence, so that what was told later is no difference. Rows are equal when
their bits are, a missing value being equal to a missing value. A decision that was made by another revision of the code
is compared and counted apart: what it tells of is a change, and no skew of what serves now.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from features.definitions import names
from features.progress import Progress
from features.stores.protocol import DecisionLog, LoggedDecision
from models.rows_digest import digest_like
from training.promotion import NotEvaluable, Skewed

LOOKED_AT = 20_000
MADE_AGAIN = 1_000
"""Of the newest decisions so many are looked at; of these so many are made again, and as many that have logged rows."""

RowsAgain = Callable[[LoggedDecision], NDArray[np.float64] | None]
"""The feature rows of a logged decision, made again (serving.redrawing.rows_again): float64[m, F]. None: something of
it is not kept."""


@dataclass(frozen=True, slots=True)
class FeatureSkew:
    """share: of the compared rows, those that differ in this feature. largest: absolute difference; None where one of
    the two was missing whenever they differed."""

    name: str
    different: int
    share: float
    largest: float | None


@dataclass(frozen=True, slots=True)
class Skew:
    """decisions: made again by the revision that made them. other_digest: of them, how many have another digest.
    sampled: of them, how many had logged their rows; other_shape: of those, how many have other candidates or features
    by now. rows: compared. features: those that differ anywhere, the worst first. unmade: decisions that could not be
    made again. other_revision: decisions made by another revision; changed: of them, how many have another digest."""

    decisions: int
    other_digest: int
    sampled: int
    other_shape: int
    rows: int
    features: tuple[FeatureSkew, ...]
    unmade: int
    other_revision: int
    changed: int

    def judged(self) -> Skewed | NotEvaluable:
        """As a ground of promotion: the worst share of all."""
        if not self.decisions:
            return NotEvaluable("no logged decision of this revision of the code could be made again")
        shares = {"decisions with another digest": self.other_digest / self.decisions}
        if self.sampled:
            shares["sampled decisions with other candidates"] = self.other_shape / self.sampled
        shares |= {f"rows with another {one.name}": one.share for one in self.features[:1]}
        worst = max(shares, key=shares.__getitem__)
        told = f"of {self.decisions:,} logged decisions made again and {self.rows:,} logged rows"
        return Skewed(shares[worst], f"{worst} are {shares[worst]:.2%}; {told}" if shares[worst] else f"none {told}")

    @property
    def metrics(self) -> dict[str, float]:
        """By names that tracking accepts; none while no decision is logged."""
        counts = {"decisions": self.decisions, "rows": self.rows, "features": len(self.features)}
        found = self.judged()
        worst = {} if isinstance(found, NotEvaluable) else {"skew.worst_share": found.share}
        return {**{f"skew.{name}": float(count) for name, count in counts.items()}, **worst} if self.decisions else {}


@dataclass(slots=True)
class _Counts:
    decisions: int = 0
    other_digest: int = 0
    sampled: int = 0
    other_shape: int = 0
    rows: int = 0
    unmade: int = 0
    other_revision: int = 0
    changed: int = 0
    different: NDArray[np.int64] = field(default_factory=lambda: np.zeros(len(names()), np.int64))
    largest: NDArray[np.float64] = field(default_factory=lambda: np.full(len(names()), np.nan))


def measure_skew(
    log: DecisionLog, rows_again: RowsAgain, revision: str, since: int, known_at: int, progress: Progress
) -> Skew:
    """Of decisions in [since, known_at] (ms UTC). revision: of the code that runs. Raises StoreError."""
    found = _Counts()
    chosen = _chosen(log, since, known_at)
    with progress.step("Make decisions again", total=len(chosen)) as advance:
        for decision_id in chosen:
            advance()
            logged = log.decision(decision_id)
            if logged is not None:  # else its person was erased meanwhile
                _compare(logged, rows_again(logged), revision, found)
    order = np.argsort(-found.different, kind="stable")
    return Skew(
        decisions=found.decisions,
        other_digest=found.other_digest,
        sampled=found.sampled,
        other_shape=found.other_shape,
        rows=found.rows,
        features=tuple(_feature(found, int(at)) for at in order if found.different[at]),
        unmade=found.unmade,
        other_revision=found.other_revision,
        changed=found.changed,
    )


def _chosen(log: DecisionLog, since: int, known_at: int) -> list[str]:
    """Those that logged their rows, and others at equal distances."""
    sampled, rest = list[str](), list[str]()
    for one in _newest(log, since, known_at):
        (rest if one.feature_rows is None else sampled).append(one.decision_id)
    step = max(1, -(-len(rest) // MADE_AGAIN))
    return [*sampled[:MADE_AGAIN], *rest[::step]]


def _newest(log: DecisionLog, since: int, known_at: int) -> Iterator[LoggedDecision]:
    for decision_id in log.newest_decisions(since, LOOKED_AT):
        logged = log.decision(decision_id)
        if logged is not None and logged.decided_at <= known_at:
            yield logged


def _compare(logged: LoggedDecision, now: NDArray[np.float64] | None, revision: str, found: _Counts) -> None:
    if now is None:
        found.unmade += 1
        return
    other = digest_like(logged.feature_digest, now) != logged.feature_digest
    if logged.code_revision != revision:
        found.other_revision += 1
        found.changed += other
        return
    found.decisions += 1
    found.other_digest += other
    then = _logged_rows(logged.feature_rows)
    if then is None:
        return
    found.sampled += 1
    if then.shape != now.shape:
        found.other_shape += 1
    elif now.shape[1] == len(names()):
        _count(then, now, found)


def _logged_rows(stored: bytes | None) -> NDArray[np.float64] | None:
    """Without any, where what was logged cannot be read."""
    if stored is None:
        return None
    try:
        return np.asarray(np.load(io.BytesIO(stored), allow_pickle=False), np.float64)
    except (ValueError, EOFError):
        return np.zeros(0)


def _count(then: NDArray[np.float64], now: NDArray[np.float64], found: _Counts) -> None:
    differs = (then != now) & ~(np.isnan(then) & np.isnan(now))
    found.rows += len(now)
    found.different += differs.sum(axis=0)
    far = np.where(differs, np.abs(then - now), np.nan)
    found.largest = np.fmax(found.largest, np.fmax.reduce(far, axis=0, initial=np.nan))


def _feature(found: _Counts, at: int) -> FeatureSkew:
    largest = float(found.largest[at])
    count = int(found.different[at])
    return FeatureSkew(names()[at], count, count / found.rows, None if np.isnan(largest) else largest)


def remarks(skew: Skew) -> tuple[str, ...]:
    """Lines for people."""
    left = {
        "decisions that could not be made again": skew.unmade,
        "decisions by another revision of the code": skew.other_revision,
    }
    lines = [f"{what} are {count:,}; they are not judged by" for what, count in left.items() if count]
    if skew.other_revision:
        lines.append(f"of those by another revision {skew.changed:,} have other feature rows by now")
    return tuple(lines)


def markdown(skew: Skew) -> str:
    """A sentence, and a table of the features that differ."""
    judged = skew.judged()
    lines = [judged.why if isinstance(judged, NotEvaluable) else judged.sentence]
    if skew.features:
        lines += ["", "| feature | different rows | share | largest difference |", "|---|---|---|---|"]
        for one in skew.features:
            largest = "" if one.largest is None else f"{one.largest:g}"
            lines.append(f"| {one.name} | {one.different:,} | {one.share:.2%} | {largest} |")
    return "\n".join(lines)
