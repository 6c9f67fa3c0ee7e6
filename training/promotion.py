"""Whether a challenger may serve in the champion's place: what was found goes in, a verdict with its reasons comes out.

Pure. Where each figure comes from: training.offpolicy.paired (the log), training.holdout (later contacts),
training.skew, training.pace and replay.
"""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from training.errors import InvalidLimits
from training.offpolicy.diagnostics import FEWEST
from training.offpolicy.intervals import Interval

if TYPE_CHECKING:
    from training.beside import Segments

TOLERANCE = 0.05
DIFFERENCE = "ahead of the champion"
LOSS = "log loss on later contacts"
FORCE = 'promote with --force --reason "..." --by NAME'
TRY = "to find out on a few people `nextbest ab start`"
OF_THE_LOG = ("effective people", "choices without support", "draws that do not come out again")
"""Criteria that say whether the log can tell, not whether the challenger is worse."""


class Result(StrEnum):
    PASSED = "passed"
    FAILED = "failed"
    NOT_EVALUABLE = "not evaluable"


class Bound(StrEnum):
    LEAST = "at least"
    MOST = "at most"


@dataclass(frozen=True, slots=True)
class Limits:
    """tolerance: how far the difference's lower bound may be below 0, as a share of what the champion earns per draw.
    effective_people: fewest. unsupported: the share of the challenger's choices that had no chance in the log. lost:
    the share of logged draws that do not come out again. log_loss: by how much it may be above the other's, both as
    multiples of what knowing only the rate of successes would cost. calibration: the same of calibration errors, as
    shares of that rate; first_calibration: the most of a first champion; what chance adds to it, as a
    root of squares, is allowed to both. skew: see Skewed.share. slower: the most of
    Paced.ratio. Raises InvalidLimits."""

    tolerance: float = TOLERANCE
    effective_people: float = FEWEST
    unsupported: float = 0.05
    lost: float = 0.1
    log_loss: float = 0.05
    calibration: float = 0.25
    first_calibration: float = 0.5
    skew: float = 0.001
    slower: float = 1.5

    def __post_init__(self) -> None:
        for name, value in asdict(self).items():
            if not 0.0 <= value < math.inf:
                raise InvalidLimits(f"{name} is {value}; it is 0 or more, and finite; give another")


@dataclass(frozen=True, slots=True)
class NotEvaluable:
    """why: half a sentence."""

    why: str


@dataclass(frozen=True, slots=True)
class Compared:
    """Challenger and champion on the same logged draws, each of which left something to chance, and from none of which
    the challenger learned. difference: of reward per draw, clustered by person. champion: its reward per draw.
    effective_people: of the policy that has fewer. unsupported, lost: as in Limits. certain: draws that were left out,
    for nothing was left to chance in them. champion_saw: draws of a time from which the champion learned, which
    flatters it."""

    difference: Interval
    champion: float
    draws: int
    people: int
    effective_people: float
    unsupported: float
    lost: float
    certain: int
    champion_saw: int


@dataclass(frozen=True, slots=True)
class Figures:
    """log_loss: as a multiple of what knowing only the rate of successes would cost. calibration_error: as a share of
    that rate. chance: up to what calibration error of the same kind probabilities that are right have 19 times in 20 on
    so many contacts; 0 where nobody worked it out."""

    log_loss: float
    calibration_error: float
    chance: float = 0.0


@dataclass(frozen=True, slots=True)
class Holdout:
    """champion: None where there is none. contacts: a sentence: which, and what each model had seen of them."""

    challenger: Figures
    champion: Figures | None
    contacts: str


@dataclass(frozen=True, slots=True)
class Replayed:
    """decisions: logged ones that the challenger decided anew. broken: of these, in words, what it would have offered
    within the window of a purchase."""

    decisions: int
    broken: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Skewed:
    """share: the largest, of logged rows that differ in one feature when they are made again, or of decisions with
    another digest or other candidates. sentence: which, of how many."""

    share: float
    sentence: str


@dataclass(frozen=True, slots=True)
class Paced:
    """ratio: the median over decisions of what the challenger took to what the champion did. challenger, champion:
    medians, CPU milliseconds."""

    ratio: float
    decisions: int
    challenger: float
    champion: float


@dataclass(frozen=True, slots=True)
class Criterion:
    """observed, required: None where there is no figure. result: NOT_EVALUABLE is neither good nor bad."""

    name: str
    observed: float | None
    bound: Bound
    required: float | None
    result: Result
    sentence: str

    @property
    def refusal(self) -> str:
        """What failed, by how much, and what it is of."""
        if self.observed is None or self.required is None:
            return f"{self.name}: {self.sentence}"
        allowed = "least" if self.bound is Bound.LEAST else "most"
        return f"{self.name}: {self.observed:.4g}, where at {allowed} {self.required:.4g} is needed; {self.sentence}"


@dataclass(frozen=True, slots=True)
class Verdict:
    """challenger, champion: versions of the registered model; None: there is no champion. reasons: why it is refused,
    empty when it is promoted. remark: what kind of verdict this is, for people. segments: of whom the challenger does
    better or worse; None where nothing was compared."""

    challenger: str
    champion: str | None
    criteria: tuple[Criterion, ...]
    reasons: tuple[str, ...]
    remark: str
    segments: Segments | None = None

    @property
    def warnings(self) -> tuple[str, ...]:
        """Who is clearly served worse. That is no ground to refuse: among so many segments somebody has to decide
        whether what all others gain is worth it, and the averages above are held to their limits anyway."""
        return () if self.segments is None else self.segments.warnings

    @property
    def promoted(self) -> bool:
        return not self.reasons

    @property
    def against_trying(self) -> tuple[str, ...]:
        """Why it may not decide for a few either, empty when it may: whatever speaks against it but that the log cannot
        tell, which is what a trial is for."""
        failed = (one for one in self.criteria if one.result is Result.FAILED and one.name not in OF_THE_LOG)
        return tuple(one.refusal for one in failed)


def verdict(
    challenger: str,
    champion: str | None,
    compared: Compared | NotEvaluable,
    holdout: Holdout | NotEvaluable,
    replayed: Replayed,
    limits: Limits,
    skew: Skewed | NotEvaluable,
    pace: Paced | NotEvaluable,
) -> Verdict:
    """Over a champion only with a difference that the log tells of; a first champion goes by the holdout, and never
    without one."""
    criteria = (
        *_off_policy(compared, limits),
        *_on_holdout(holdout, limits),
        _law(replayed),
        _skew(skew, limits),
        _pace(pace, limits),
    )
    reasons = [one.refusal for one in criteria if one.result is Result.FAILED]
    difference = criteria[0]
    if champion is None:
        if isinstance(holdout, NotEvaluable):
            reasons.insert(0, f"{LOSS}: {holdout.why}; to decide without it {FORCE}")
        remark = "no champion to compare with; a first one goes by later contacts alone"
    elif difference.result is Result.NOT_EVALUABLE:
        remark = f"over champion {champion}; not evaluable off-policy"
        reasons.insert(0, f"{difference.name}: {difference.sentence}; {TRY}; to decide without it {FORCE}")
    else:
        remark = f"over champion {champion}, on the same logged draws"
    return Verdict(challenger, champion, criteria, tuple(reasons), remark)


def unchanged(version: str, champion: str) -> Verdict:
    """Of the very bundle that serves: there is nothing to compare."""
    sentence = "it is the champion's bundle, byte for byte"
    criterion = Criterion(DIFFERENCE, 0.0, Bound.LEAST, 0.0, Result.PASSED, sentence)
    return Verdict(version, champion, (criterion,), (), "what serves already")


def _off_policy(compared: Compared | NotEvaluable, limits: Limits) -> tuple[Criterion, ...]:
    if isinstance(compared, NotEvaluable):
        sentence = f"not evaluable off-policy: {compared.why}"
        return (Criterion(DIFFERENCE, None, Bound.LEAST, None, Result.NOT_EVALUABLE, sentence),)
    people, required = compared.effective_people, -limits.tolerance * abs(compared.champion)
    return (
        _difference(compared, required, limits),
        _criterion(
            "effective people", people, Bound.LEAST, limits.effective_people,
            f"{compared.draws:,} draws of {compared.people:,} people are worth {people:.0f} people without weights",
        ),
        _criterion(
            "choices without support", compared.unsupported, Bound.MOST, limits.unsupported,
            f"{compared.unsupported:.1%} of what the challenger would choose had no chance in the log",
        ),
        _criterion(
            "draws that do not come out again", compared.lost, Bound.MOST, limits.lost,
            f"{compared.lost:.1%} of the logged draws cannot be decided anew as they were; the rest is no fair sample "
            "if that is many",
        ),
    )  # fmt: skip


def _difference(compared: Compared, required: float, limits: Limits) -> Criterion:
    found, low = compared.difference, compared.difference.low
    why = None
    if compared.effective_people < limits.effective_people:
        why = f"{compared.effective_people:.0f} effective people are too few for an interval"
    elif not math.isfinite(low):
        why = "what was earned in the log does not tell the two apart"
    if why is not None:
        sentence = f"not evaluable off-policy: {why}"
        return Criterion(DIFFERENCE, None, Bound.LEAST, required, Result.NOT_EVALUABLE, sentence)
    sentence = (
        f"the challenger earns {found.value:+.4f} per draw ({low:+.4f} to {found.high:+.4f} at {found.level:.0%}) "
        f"beside the champion's {compared.champion:.4f}, on draws that it did not learn from; the lower bound counts"
    )
    if compared.champion_saw:
        sentence += f"; from {compared.champion_saw:,} of them the champion learned"
    if compared.certain:
        sentence += f"; {compared.certain:,} draws that left nothing to chance tell nothing"
    return _criterion(DIFFERENCE, low, Bound.LEAST, required, sentence)


def _on_holdout(holdout: Holdout | NotEvaluable, limits: Limits) -> tuple[Criterion, ...]:
    names = (LOSS, "calibration error on later contacts")
    if isinstance(holdout, NotEvaluable):
        return tuple(Criterion(one, None, Bound.MOST, None, Result.NOT_EVALUABLE, holdout.why) for one in names)
    ours, theirs = holdout.challenger, holdout.champion
    if theirs is None:
        most = (1.0 + limits.log_loss, math.hypot(limits.first_calibration, ours.chance))
        beside = ("1 is knowing only the rate of successes", "as a share of the rate of successes")
    else:
        most = (
            theirs.log_loss + limits.log_loss,
            math.hypot(theirs.calibration_error + limits.calibration, ours.chance),
        )
        beside = (
            f"the champion's is {theirs.log_loss:.4f}; 1 is knowing only the rate of successes",
            f"the champion's is {theirs.calibration_error:.4f}; as a share of the rate of successes",
        )
    beside = (beside[0], f"{beside[1]}; chance alone makes it up to {ours.chance:.2f} on so many")
    values = (ours.log_loss, ours.calibration_error)
    return tuple(
        _criterion(name, value, Bound.MOST, required, f"{what}; {holdout.contacts}")
        for name, value, required, what in zip(names, values, most, beside, strict=True)
    )


def _law(replayed: Replayed) -> Criterion:
    name = "offers of what was bought within its window"
    if replayed.decisions == 0:
        sentence = "no logged decision could be decided anew by the challenger"
        return Criterion(name, None, Bound.MOST, 0.0, Result.NOT_EVALUABLE, sentence)
    sentence = f"in {replayed.decisions:,} logged decisions, decided anew by the challenger"
    if replayed.broken:
        sentence += f", the first: {replayed.broken[0]}"
    return _criterion(name, float(len(replayed.broken)), Bound.MOST, 0.0, sentence)


def _skew(found: Skewed | NotEvaluable, limits: Limits) -> Criterion:
    name = "feature skew"
    if isinstance(found, NotEvaluable):
        return Criterion(name, None, Bound.MOST, None, Result.NOT_EVALUABLE, found.why)
    return _criterion(name, found.share, Bound.MOST, limits.skew, found.sentence)


def _pace(found: Paced | NotEvaluable, limits: Limits) -> Criterion:
    name = "time of a decision"
    if isinstance(found, NotEvaluable):
        return Criterion(name, None, Bound.MOST, None, Result.NOT_EVALUABLE, found.why)
    sentence = (
        f"as a multiple of the champion's; medians {found.challenger:.2f} and {found.champion:.2f} ms of CPU on this "
        f"machine, on {found.decisions:,} logged decisions made again"
    )
    return _criterion(name, found.ratio, Bound.MOST, limits.slower, sentence)


def _criterion(name: str, observed: float, bound: Bound, required: float, sentence: str) -> Criterion:
    """NaN is not evaluable."""
    if math.isnan(observed) or math.isnan(required):
        return Criterion(name, None, bound, None, Result.NOT_EVALUABLE, sentence)
    kept = observed >= required if bound is Bound.LEAST else observed <= required
    return Criterion(name, observed, bound, required, Result.PASSED if kept else Result.FAILED, sentence)
