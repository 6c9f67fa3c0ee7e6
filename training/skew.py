"""Whether features are in training what they were in serving: logged decisions made again and compared.

A decision logs a digest of its feature rows, and a sample of them the rows themselves. Each is made again from the
record that it had read, which is cut by sequence, so that what was told later is no difference: by serving's code, and
the sampled rows by training's, too, from the histories that it reads (training.rows_as_trained). Rows are equal when
their bits are, a missing value being equal to a missing value. A decision that was made by another revision of the code
is compared and counted apart: what it tells of is a change, and no skew of what serves now.
"""

from __future__ import annotations

import io
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from features.definitions import names
from features.progress import Progress
from features.stores.protocol import DecisionLog, LoggedDecision
from models.rows_digest import digest_like
from models.rows_of_then import RowsOfThen
from training.promotion import NotEvaluable, Skewed
from training.rows_as_trained import AsTrained, Training
from training.table import TrainingStore

LOOKED_AT = 20_000
MADE_AGAIN = 1_000
"""Of the newest decisions so many are looked at; of these so many are made again, and as many that have logged rows."""

RowsAgain = Callable[[LoggedDecision], RowsOfThen | None]
"""The feature rows of a logged decision, made again by serving's code (serving.redrawing.rows_again). None: something
of it is not kept."""


class SkewStore(DecisionLog, TrainingStore, Protocol):
    """What measuring asks of a store."""


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
    by now. rows: compared with what serving makes of them. features: those that differ anywhere, the worst first.
    trained_rows, trained_features: the same of what training makes; untrained: decisions of which it must make another,
    by why (training.rows_as_trained.Other). unmade: decisions that could not be made again. other_revision: decisions
    made by another revision; changed: of them, how many have another digest."""

    decisions: int
    other_digest: int
    sampled: int
    other_shape: int
    rows: int
    features: tuple[FeatureSkew, ...]
    trained_rows: int
    trained_features: tuple[FeatureSkew, ...]
    untrained: Mapping[str, int]
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
        shares |= {f"rows with another {one.name} in serving": one.share for one in self.features[:1]}
        shares |= {f"rows with another {one.name} in training": one.share for one in self.trained_features[:1]}
        worst = max(shares, key=shares.__getitem__)
        told = f"of {self.decisions:,} logged decisions made again and {self.rows:,} logged rows"
        told += f", {self.trained_rows:,} of them as training makes them, too"
        return Skewed(shares[worst], f"{worst} are {shares[worst]:.2%}; {told}" if shares[worst] else f"none {told}")

    @property
    def metrics(self) -> dict[str, float]:
        """By names that tracking accepts; none while no decision is logged."""
        counts = {
            "decisions": self.decisions,
            "rows": self.rows,
            "features": len(self.features),
            "trained_rows": self.trained_rows,
            "trained_features": len(self.trained_features),
        }
        found = self.judged()
        worst = {} if isinstance(found, NotEvaluable) else {"skew.worst_share": found.share}
        return {**{f"skew.{name}": float(count) for name, count in counts.items()}, **worst} if self.decisions else {}


@dataclass(slots=True)
class _Differing:
    """What was compared by feature."""

    rows: int = 0
    different: NDArray[np.int64] = field(default_factory=lambda: np.zeros(len(names()), np.int64))
    largest: NDArray[np.float64] = field(default_factory=lambda: np.full(len(names()), np.nan))

    def count(self, then: NDArray[np.float64], *made: NDArray[np.float64]) -> None:
        """float64[m, F]: as they were logged, and as they are made in each of several ways; all must be equal."""
        differs = np.zeros(then.shape, np.bool_)
        for now in made:
            other = (then != now) & ~(np.isnan(then) & np.isnan(now))
            far = np.where(other, np.abs(then - now), np.nan)
            self.largest = np.fmax(self.largest, np.fmax.reduce(far, axis=0, initial=np.nan))
            differs |= other
        self.rows += len(then)
        self.different += differs.sum(axis=0)

    @property
    def features(self) -> tuple[FeatureSkew, ...]:
        order = np.argsort(-self.different, kind="stable").tolist()
        return tuple(self._feature(at) for at in order if self.different[at])

    def _feature(self, at: int) -> FeatureSkew:
        largest, count = float(self.largest[at]), int(self.different[at])
        return FeatureSkew(names()[at], count, count / self.rows, None if np.isnan(largest) else largest)


@dataclass(slots=True)
class _Counts:
    decisions: int = 0
    other_digest: int = 0
    sampled: int = 0
    other_shape: int = 0
    unmade: int = 0
    other_revision: int = 0
    changed: int = 0
    served: _Differing = field(default_factory=_Differing)
    trained: _Differing = field(default_factory=_Differing)
    untrained: Counter[str] = field(default_factory=Counter)


def measure_skew(
    store: SkewStore, rows_again: RowsAgain, revision: str, since: int, known_at: int, progress: Progress
) -> Skew:
    """Of decisions in [since, known_at] (ms UTC). revision: of the code that runs. Raises StoreError."""
    found = _Counts()
    chosen = _chosen(store, since, known_at)
    training = Training(store, known_at, chosen.people) if chosen.people else None
    with progress.step("Make decisions again", total=len(chosen.decisions)) as advance:
        for decision_id in chosen.decisions:
            advance()
            logged = store.decision(decision_id)
            if logged is not None:  # else its person was erased meanwhile
                _compare(logged, rows_again(logged), training, revision, found)
    return Skew(
        decisions=found.decisions,
        other_digest=found.other_digest,
        sampled=found.sampled,
        other_shape=found.other_shape,
        rows=found.served.rows,
        features=found.served.features,
        trained_rows=found.trained.rows,
        trained_features=found.trained.features,
        untrained=dict(found.untrained),
        unmade=found.unmade,
        other_revision=found.other_revision,
        changed=found.changed,
    )


@dataclass(frozen=True, slots=True)
class _Chosen:
    """people: of those that logged their rows."""

    decisions: Sequence[str]
    people: Sequence[int]


def _chosen(log: DecisionLog, since: int, known_at: int) -> _Chosen:
    """Those that logged their rows, and others at equal distances."""
    sampled, rest = dict[str, int](), list[str]()
    for one in _newest(log, since, known_at):
        if one.feature_rows is None:
            rest.append(one.decision_id)
        elif len(sampled) < MADE_AGAIN:
            sampled[one.decision_id] = one.person
    step = max(1, -(-len(rest) // MADE_AGAIN))
    return _Chosen([*sampled, *rest[::step]], sorted(set(sampled.values())))


def _newest(log: DecisionLog, since: int, known_at: int) -> Iterator[LoggedDecision]:
    for decision_id in log.newest_decisions(since, LOOKED_AT):
        logged = log.decision(decision_id)
        if logged is not None and logged.decided_at <= known_at:
            yield logged


def _compare(
    logged: LoggedDecision, again: RowsOfThen | None, training: Training | None, revision: str, found: _Counts
) -> None:
    if again is None:
        found.unmade += 1
        return
    other = digest_like(logged.feature_digest, again.rows) != logged.feature_digest
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
    if then.shape != again.rows.shape:
        found.other_shape += 1
    elif then.shape[1] == len(names()):
        found.served.count(then, again.rows)
        if training is not None and len(then):
            _compare_training(then, training, logged, again, found)


def _compare_training(
    then: NDArray[np.float64], training: Training, logged: LoggedDecision, again: RowsOfThen, found: _Counts
) -> None:
    made = training.rows(logged, again)
    if isinstance(made, AsTrained):
        found.trained.count(then[made.kept], *made.made)
    else:
        found.untrained[made.value] += 1


def _logged_rows(stored: bytes | None) -> NDArray[np.float64] | None:
    """Without any, where what was logged cannot be read."""
    if stored is None:
        return None
    try:
        return np.asarray(np.load(io.BytesIO(stored), allow_pickle=False), np.float64)
    except (ValueError, EOFError):
        return np.zeros(0)


def remarks(skew: Skew) -> tuple[str, ...]:
    """Lines for people."""
    left = {
        "decisions that could not be made again": skew.unmade,
        "decisions by another revision of the code": skew.other_revision,
    }
    lines = [f"{what} are {count:,}; they are not judged by" for what, count in left.items() if count]
    if skew.other_revision:
        lines.append(f"of those by another revision {skew.changed:,} have other feature rows by now")
    lines += [
        f"sampled decisions {why} are {count:,}; training must make others, so only serving's are compared"
        for why, count in skew.untrained.items()
    ]
    return tuple(lines)


def markdown(skew: Skew) -> str:
    """A sentence, and a table of the features that differ."""
    judged = skew.judged()
    lines = [judged.why if isinstance(judged, NotEvaluable) else judged.sentence]
    told = [("serving", one) for one in skew.features] + [("training", one) for one in skew.trained_features]
    if told:
        lines += ["", "| in | feature | different rows | share | largest difference |", "|---|---|---|---|---|"]
    for path, one in told:
        largest = "" if one.largest is None else f"{one.largest:g}"
        lines.append(f"| {path} | {one.name} | {one.different:,} | {one.share:.2%} | {largest} |")
    return "\n".join(lines)
