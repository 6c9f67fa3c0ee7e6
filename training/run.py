"""One training run from store to registry: read, judge and learn, evaluate when asked, and record all of it."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass

from features.progress import Progress
from training import plots, table
from training.evaluate import Evaluation, evaluate
from training.metrics import auc, calibration_error, log_loss
from training.registry import Registered, Registry, RunRecord
from training.settings import TrainingSettings
from training.train import Backtest, Trained, backtest, train

TABLES = "evaluation.md"
CARD = "model_card.md"
DATASET_TAG = "dataset_digest"


@dataclass(frozen=True, slots=True)
class Run:
    """registered: the new version. evaluation: None when it was not asked for."""

    registered: Registered
    evaluation: Evaluation | None


def learn(
    store: table.TrainingStore,
    registry: Registry,
    settings: TrainingSettings,
    known_at: int | None,
    progress: Progress,
    *,
    evaluated: bool,
) -> Run:
    """known_at: ms UTC, nothing recorded later is seen; None: everything. Raises TrainingError."""
    trained = train(table.read(store, known_at, progress), settings, progress)
    evaluation = evaluate(trained.dataset, trained.backtest, settings, progress) if evaluated else None
    with progress.step("Record the run", total=None):
        registered = registry.register(trained.bundle, _record(trained, evaluation, settings))
    return Run(registered, evaluation)


def judge(
    store: table.TrainingStore,
    registry: Registry,
    settings: TrainingSettings,
    known_at: int | None,
    progress: Progress,
) -> Evaluation:
    """The tables alone, without a new version; added to the runs that learned from the very same dataset and
    settings. Raises TrainingError."""
    dataset = table.read(store, known_at, progress)
    evaluation = evaluate(dataset, backtest(dataset, settings, progress), settings, progress)
    registry.attach(_identity(dataset.digest, settings), evaluation.flat(), {TABLES: evaluation.markdown()})
    return evaluation


def _identity(dataset_digest: str, settings: TrainingSettings) -> dict[str, str]:
    return {DATASET_TAG: dataset_digest, "training_settings": json.dumps(asdict(settings), sort_keys=True)}


def _record(trained: Trained, evaluation: Evaluation | None, settings: TrainingSettings) -> RunRecord:
    tested, dataset = trained.backtest, trained.dataset
    test = tested.parts["test"].sample
    probability = tested.calibration.apply(tested.raw)
    texts = {CARD: model_card(trained)}
    if evaluation is not None:
        texts[TABLES] = evaluation.markdown()
    return RunRecord(
        params={**settings.flat(), **{f"provenance.{k}": str(v) for k, v in asdict(trained.bundle.provenance).items()}},
        metrics={**_metrics(tested), **(evaluation.flat() if evaluation else {})},
        tags=_identity(dataset.digest, settings),
        figures=plots.figures(probability, test.label, test.weight, trained.bundle.response),
        texts=texts,
    )


def _metrics(tested: Backtest) -> dict[str, float]:
    test = tested.parts["test"].sample
    probability = tested.calibration.apply(tested.raw)
    return {
        "test.auc": auc(probability, test.label, test.weight),
        "test.log_loss": log_loss(probability, test.label, test.weight),
        "test.calibration_error": calibration_error(probability, test.label, test.weight),
        "rounds": float(tested.rounds),
        **{f"{name}.exposures": float(part.sample.weight.sum()) for name, part in tested.parts.items()},
        **{f"{name}.successes": float(part.sample.label.sum()) for name, part in tested.parts.items()},
    }


def model_card(trained: Trained) -> str:
    """What a person should know before trusting the model, from the run's own figures."""
    origin, exposures = trained.bundle.provenance, trained.dataset.exposures
    channels = trained.dataset.compiled.catalogue.channels
    codes = trained.dataset.compiled.channel_codes
    seen = [
        name
        for name in channels
        if (trained.dataset.compiled.all.channel[exposures.pairs.candidate] == codes[name]).any()
    ]
    unseen = [name for name in channels if name not in seen]
    measured = "\n".join(f"- {name}: {value:.6g}" for name, value in _metrics(trained.backtest).items())
    return f"""# Model card

Answers: the probability, calibrated, that a contact with an action on a channel succeeds inside the channel's reward
window.

- learned from {origin.exposures:,} matured exposures, {origin.positives:,} of them successes, and from the purchases of
  {trained.dataset.people:,} people
- sees nothing recorded after {origin.trained_until} (ms UTC); dataset {origin.dataset_digest}
- catalogue version {origin.catalogue_version}; seed {origin.seed}
- contacts were seen on: {", ".join(seen) or "no channel"}; any other is an extrapolation: {", ".join(unseen) or "none"}
- exposures were chosen by whoever sent them, not at random: differences between actions are associations

Judged on contacts after the cutoff, by a model that had not seen them:

{measured}
"""
