"""One training run from store to registry: read, judge and learn, evaluate when asked, and record all of it."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace

from features.progress import Progress
from models.document_fields import text_of
from training import affinity, contact_reasons, cool_off, cool_off_report, plots, repurchase, repurchase_report, table
from training.contact_reasons import Learned
from training.evaluate import Evaluation, evaluate
from training.metrics import auc, calibration_error, log_loss
from training.registry import Registered, Registry, RunRecord
from training.settings import AFFINITY, CONTACT_REASON, RESPONSE, TrainingSettings
from training.train import Backtest, Trained, backtest, train

TABLES = "evaluation.md"
CARD = "model_card.md"
REASONS = "contact_reasons.md"
WINDOWS = "repurchase.md"
COOL_OFFS = "cool_off.md"
DATASET_TAG = "dataset_digest"


@dataclass(frozen=True, slots=True)
class Run:
    """registered: the new version. evaluation: None when it was not asked for. remarks: lines for people."""

    registered: Registered
    evaluation: Evaluation | None
    remarks: tuple[str, ...]


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
    learned = contact_reasons.learn(trained.dataset, settings, progress)
    again = repurchase.learn(trained.dataset, store.vocabulary, progress)
    rests = cool_off.learn(trained.dataset, store.vocabulary, progress)
    with progress.step("Record the run", total=None):
        bundle = replace(
            trained.bundle,
            contact_reason=learned.model,
            repurchase=None if again.windows is None else again.windows.model,
            cool_off=None if rests.cool_offs is None else rests.cool_offs.model,
        )
        record = _with_windows(_record(trained, learned, evaluation, settings), again)
        registered = registry.register(bundle, _with_cool_offs(record, rests))
    return Run(registered, evaluation, (*trained.dataset.remarks, learned.remark, again.remark, rests.remark))


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
    found = (_prefixed("baseline", evaluation.settings), evaluation.flat(), {TABLES: evaluation.markdown()})
    registry.attach(_identity(dataset.digest, settings), *found)
    return evaluation


def _identity(dataset_digest: str, settings: TrainingSettings) -> dict[str, str]:
    """Whatever the result depends on; threads are the machine's."""
    shaping = {name: value for name, value in asdict(settings).items() if name != "threads"}
    return {DATASET_TAG: dataset_digest, "training_settings": json.dumps(shaping, sort_keys=True)}


def _prefixed(prefix: str, values: Mapping[str, object]) -> dict[str, str]:
    """By names that tracking accepts."""
    return {f"{prefix}.{re.sub(r'[^a-zA-Z0-9_./ -]', '', name)}": str(value) for name, value in values.items()}


def _params(trained: Trained, evaluation: Evaluation | None, settings: TrainingSettings) -> dict[str, str]:
    """All that shaped the model and, when they were tuned, its rivals. Dates: RFC 3339."""
    drawn = {
        "drawn_bought": affinity.DRAWN_BOUGHT,
        "drawn_own": affinity.DRAWN_OWN,
        "drawn_other": affinity.DRAWN_OTHER,
    }
    splits = {name: text_of(moment) for name, moment in asdict(trained.backtest.splits).items()}
    return {
        **settings.flat(),
        **_prefixed("provenance", asdict(trained.bundle.provenance)),
        **_prefixed("response", RESPONSE),
        **_prefixed("affinity", {**AFFINITY, **drawn}),
        **_prefixed("contact_reason", CONTACT_REASON),
        **_prefixed("split", {**splits, "known_at": text_of(trained.dataset.known_at)}),
        **(_prefixed("baseline", evaluation.settings) if evaluation else {}),
    }


def _record(trained: Trained, learned: Learned, evaluation: Evaluation | None, settings: TrainingSettings) -> RunRecord:
    tested, dataset = trained.backtest, trained.dataset
    test = tested.parts["test"].sample
    probability = tested.calibration.apply(tested.raw)
    remarks = "\n".join([*dataset.remarks, learned.remark])
    texts = {CARD: f"{model_card(trained)}\n{remarks}\n"}
    figures = plots.figures(probability, test.label, test.weight, trained.bundle.response)
    metrics = {**_metrics(tested), **(evaluation.flat() if evaluation else {})}
    if learned.judged is not None:
        judged = learned.judged
        texts[REASONS] = judged.table.markdown()
        figures["contact_reasons.png"] = plots.reasons(judged.probability, judged.test.label, judged.test.classes)
        metrics |= {**judged.table.flat(), "contact_reasons.rounds": float(judged.rounds)}
    if evaluation is not None:
        texts[TABLES] = evaluation.markdown()
    return RunRecord(
        params=_params(trained, evaluation, settings),
        metrics=metrics,
        tags=_identity(dataset.digest, settings),
        figures=figures,
        texts=texts,
    )


def _with_windows(record: RunRecord, learned: repurchase.Learned) -> RunRecord:
    """The record with what was learned of when things are bought again, or why nothing was."""
    texts = {**record.texts, CARD: f"{record.texts[CARD]}{learned.remark}\n"}
    windows = learned.windows
    if windows is None:
        return replace(record, texts=texts)
    return replace(
        record,
        params={**record.params, **repurchase_report.params(windows)},
        metrics={**record.metrics, **repurchase_report.metrics(windows)},
        texts={**texts, WINDOWS: repurchase_report.markdown(windows)},
        figures={**record.figures, "repurchase.png": repurchase_report.figure(windows)},
    )


def _with_cool_offs(record: RunRecord, learned: cool_off.Learned) -> RunRecord:
    """The record with what was learned of how long rejections are felt, or why nothing was."""
    texts = {**record.texts, CARD: f"{record.texts[CARD]}{learned.remark}\n"}
    found = learned.cool_offs
    if found is None:
        return replace(record, texts=texts)
    return replace(
        record,
        params={**record.params, **cool_off_report.params(found)},
        metrics={**record.metrics, **cool_off_report.metrics(found)},
        texts={**texts, COOL_OFFS: cool_off_report.markdown(found)},
        figures={**record.figures, "cool_off.png": cool_off_report.figure(found)},
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
    figures = _metrics(trained.backtest)
    judged = {name: value for name, value in figures.items() if name.startswith("test.")}
    measured = "\n".join(f"- {name.removeprefix('test.')}: {value:,.6g}" for name, value in judged.items())
    return f"""# Model card

Answers: the probability, calibrated, that a contact with an action on a channel succeeds inside the channel's reward
window.

- learned from {origin.exposures:,} matured exposures, {origin.positives:,} of them successes, and from the purchases of
  {trained.dataset.people:,} people
- {trained.backtest.rounds} trees; sees nothing recorded after {text_of(origin.trained_until)}
- dataset {origin.dataset_digest}
- catalogue version {origin.catalogue_version}; seed {origin.seed}
- contacts were seen on: {", ".join(seen) or "no channel"}; any other is an extrapolation: {", ".join(unseen) or "none"}
- exposures were chosen by whoever sent them, not at random: differences between actions are associations

Judged on contacts after the cutoff, by a model that had not seen them (exposures are a weighted sample's estimate):

{measured}
"""
