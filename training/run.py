"""One training run from store to registry: read, judge and learn, evaluate when asked, and record all of it."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Protocol

from features.progress import Progress
from models import bundle as bundles
from models.bundle import BundleError
from models.document_fields import text_of
from training import (
    affinity,
    contact_reasons,
    cool_off,
    cool_off_report,
    first_model,
    holdout,
    plots,
    reliability,
    repurchase,
    repurchase_report,
    response_delay,
    table,
)
from training.contact_reasons import Learned
from training.decision_rows import MadeAgain, RowStore
from training.errors import NothingToLearn, NotRegistered, RegistryAway, TooFewSuccesses
from training.evaluate import Evaluation, evaluate
from training.incremental import learning, report
from training.metrics import auc, calibration_chance, calibration_error, log_loss
from training.recording import self_test_of
from training.registry import Registered, Registry, RunRecord
from training.reliability import by_channel_and_action
from training.segments import by_channel
from training.settings import AFFINITY, CONTACT_REASON, TrainingSettings
from training.skew import Skew
from training.train import Backtest, Trained, backtest, begins_with_backbone, drawn_parts, train
from training.tuning import Search, tune
from training.tuning_report import with_search
from training.watching.reference import reference_of

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


class LearningStore(table.TrainingStore, RowStore, Protocol):
    """What a run asks of a store."""


def learn(
    store: LearningStore,
    registry: Registry,
    settings: TrainingSettings,
    known_at: int | None,
    progress: Progress,
    made_again: MadeAgain | None = None,
    *,
    evaluated: bool,
    skew: Skew | None = None,
    search: Search | None = None,
    tell: Callable[[Sequence[str]], None] | None = None,
) -> Run:
    """known_at: ms UTC, nothing recorded later is seen; None: everything. made_again: for what was withheld; None:
    logged decisions are not learned from. skew: of logged decisions, None where it was not measured. search: for better
    trees of the response model than those told; None: none is made. tell: takes what the search chose as soon as that
    is known, for what follows may fail. Where too few contacts have succeeded it is a first model, which is not judged
    and for which nothing is searched. Raises TrainingError, StoreError."""
    dataset = table.read_share(store, known_at, progress, settings.people)
    try:
        drawn, tuned = drawn_parts(dataset, settings, progress), None
    except TooFewSuccesses as why:
        return _first(store, registry, dataset, settings, progress, why)
    if search is not None:
        backbone = begins_with_backbone(dataset.exposures)
        parts = (drawn.parts["train"].sample, drawn.parts["validation"].sample)
        tuned = tune(*parts, settings, search, progress, backbone=backbone)
        settings = tuned.settings
        if tell is not None:
            tell((tuned.remark,))
    trained = train(dataset, settings, progress, drawn)
    evaluation = evaluate(trained.dataset, trained.backtest, settings, progress) if evaluated else None
    learned = contact_reasons.learn(trained.dataset, settings, progress)
    again = repurchase.learn(trained.dataset, store.vocabulary, progress)
    rests = cool_off.learn(trained.dataset, store.vocabulary, progress)
    late = response_delay.learn(trained.dataset, store.vocabulary, progress)
    past = (trained.backtest.fits, trained.backtest.records)
    against_none = learning.learn(trained.dataset, *past, store, made_again, settings, progress)
    incremental = None if against_none.chosen is None else against_none.chosen.model
    with progress.step("Record the run", total=None):
        first = trained.bundle
        bundle = replace(
            first,
            contact_reason=learned.model,
            repurchase=None if again.windows is None else again.windows.model,
            cool_off=None if rests.cool_offs is None else rests.cool_offs.model,
            response_delay=late.delay,
            self_test=self_test_of(first.affinity, first.response, incremental, settings.seed, first.interest),
            reference=reference_of(trained, settings.seed),
            incremental=incremental,
        )
        record = _with_windows(_record(trained, learned, evaluation, settings), again)
        record = replace(record, metrics={**record.metrics, **(skew.metrics if skew is not None else {})})
        record = _with_champion(record, registry, trained)
        kept = report.added(_with_cool_offs(record, rests), against_none, CARD)
        registered = registry.register(bundle, with_search(kept, tuned, CARD))
    remarks = (learned.remark, again.remark, rests.remark, late.remark, against_none.remark)
    return Run(registered, evaluation, (*trained.dataset.remarks, *remarks))


def _first(
    store: LearningStore,
    registry: Registry,
    dataset: table.Dataset,
    settings: TrainingSettings,
    progress: Progress,
    why: TooFewSuccesses,
) -> Run:
    """Raises TooFewSuccesses where there are too few purchases, too."""
    try:
        made = first_model.first_model(dataset, settings, progress)
    except NothingToLearn as fault:
        raise TooFewSuccesses(f"{why}; nor is there enough for a first model: {fault}") from None
    learned = contact_reasons.learn(dataset, settings, progress)
    again = repurchase.learn(dataset, store.vocabulary, progress)
    rests = cool_off.learn(dataset, store.vocabulary, progress)
    bundle = replace(
        made,
        contact_reason=learned.model,
        repurchase=None if again.windows is None else again.windows.model,
        cool_off=None if rests.cool_offs is None else rests.cool_offs.model,
        self_test=self_test_of(made.affinity, made.response, None, settings.seed, made.interest),
    )
    remark = (
        "a first model, of what people turn to; nothing was evaluated or searched, it promises no more than an order, "
        f"and nothing but a champion keeps it from serving: {why}"
    )
    params = {**settings.flat(), **_prefixed("provenance", asdict(made.provenance))}
    card = {CARD: f"{first_model.card(dataset, made, str(why))}\n{learned.remark}\n"}
    record = RunRecord(params, {}, _identity(dataset.digest, settings), {}, card)
    record = _with_cool_offs(_with_windows(record, again), rests)
    registered = registry.register(bundle, record)
    return Run(registered, None, (*dataset.remarks, remark, learned.remark, again.remark, rests.remark))


def judge(
    store: table.TrainingStore,
    registry: Registry,
    settings: TrainingSettings,
    known_at: int | None,
    progress: Progress,
) -> Evaluation:
    """The tables alone, without a new version; added to the runs that learned from the very same dataset and
    settings. Raises TrainingError."""
    dataset = table.read_share(store, known_at, progress, settings.people)
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
        **_prefixed("response", settings.response.told()),
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
    calibrated = by_channel_and_action(dataset, tested.parts["test"], probability)
    texts[CARD] += f"\n{reliability.markdown(calibrated)}\n\n"
    channels = {one.name: one.rows for one in by_channel(dataset, tested.parts["test"].exposures.pairs)}
    figures["calibration_by_channel.png"] = plots.calibration_by(channels, probability, test.label, test.weight)
    metrics = {**_metrics(tested), **reliability.flat(calibrated), **(evaluation.flat() if evaluation else {})}
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


def _with_champion(record: RunRecord, registry: Registry, trained: Trained) -> RunRecord:
    """The record with what the champion makes of the contacts by which the new model was judged; as it is where there
    is none, it had seen some of them, or this version cannot read it."""
    champion = registry.champion()
    if champion is None:
        return record
    try:
        found = holdout.beside(trained.dataset, bundles.load(registry.bundle_files(champion.version)), trained.backtest)
    except (BundleError, NotRegistered, RegistryAway):  # no reason to lose what was learned
        return record
    tags = {**record.tags, **({holdout.BESIDE_TAG: champion.version} if found else {})}
    return replace(record, metrics={**record.metrics, **found}, tags=tags)


def _metrics(tested: Backtest) -> dict[str, float]:
    test = tested.parts["test"].sample
    probability = tested.calibration.apply(tested.raw)
    return {
        "test.auc": auc(probability, test.label, test.weight),
        "test.log_loss": log_loss(probability, test.label, test.weight),
        "test.calibration_error": calibration_error(probability, test.label, test.weight),
        "test.calibration_chance": calibration_chance(probability, test.weight),
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
