"""Runs and versions in MLflow: the only module that imports it.

A version of the registered model carries the digest of its bundle as a tag; promotion copies the bundle into the store,
from where alone replicas load it. Aliases: `champion` serves, `previous` served before it, `challenger` is the newest
that was registered or judged and does not serve. Who was champion when is kept in tags of the registered model.
"""

from __future__ import annotations

import io
import logging
import os
import sqlite3
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, redirect_stderr
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, cast

os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
os.environ.setdefault("MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR", "false")

import mlflow
import numpy as np
import pandas as pd
from mlflow.entities import Metric, Param
from mlflow.entities.model_registry import ModelVersion
from mlflow.exceptions import MlflowException
from mlflow.models import ModelSignature
from mlflow.models.signature import infer_signature
from mlflow.tracking import MlflowClient

from features.stores.keeping import BundleStore
from models import bundle, kept_verdict, self_test
from models.kept_verdict import KeptVerdict
from training.champions import Grounds, How, Reign, history, tag_of
from training.errors import NotRegistered, RegistryAway

if TYPE_CHECKING:
    from matplotlib.figure import Figure
    from mlflow.entities import Run

EXPERIMENT = "nextbest"
MODEL_NAME = "nextbest"
CHAMPION, PREVIOUS, CHALLENGER = "champion", "previous", "challenger"
DIGEST_TAG = "bundle_digest"
LOADER = "models.pyfunc"
_ABSENT = {"RESOURCE_DOES_NOT_EXIST", "INVALID_PARAMETER_VALUE"}
"""What MLflow answers when there is no such alias or run."""
_ARTIFACT = "bundle"
_INPUT_ROWS = 3


@dataclass(frozen=True, slots=True)
class Registered:
    """version: the registry's number, as text. digest: of the bundle, hex."""

    version: str
    digest: str
    run_id: str


@dataclass(frozen=True, slots=True)
class Listed:
    """aliases: in alphabetical order. created: ms UTC by the registry's clock. metrics: of its run, none where that is
    gone. champion_since: ms UTC by the store's clock; None while it is not the champion, or where nobody noted it."""

    registered: Registered
    aliases: tuple[str, ...]
    created: int
    metrics: Mapping[str, float]
    champion_since: int | None


@dataclass(frozen=True, slots=True)
class RunFigures:
    """Empty where the run is gone."""

    metrics: Mapping[str, float]
    tags: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class ChildRun:
    """A run below another. curve: (step, value) by metric. began, ended: ms UTC."""

    name: str
    params: Mapping[str, str]
    metrics: Mapping[str, float]
    curve: Mapping[str, Sequence[tuple[int, float]]]
    tags: Mapping[str, str]
    began: int
    ended: int


@dataclass(frozen=True, slots=True)
class RunRecord:
    """What a run keeps beside the bundle. params, metrics, tags: flat. figures, texts: by file
    name. children: of a search, in order."""

    params: Mapping[str, str]
    metrics: Mapping[str, float]
    tags: Mapping[str, str]
    figures: Mapping[str, Figure]
    texts: Mapping[str, str]
    children: tuple[ChildRun, ...] = ()


class Registry:
    """tracking_uri: of runs and registry. artifacts: folder of a new experiment's files, for a database of our own; a
    server decides for itself."""

    def __init__(self, tracking_uri: str, artifacts: Path, name: str = MODEL_NAME) -> None:
        self.name = name
        self._uri = tracking_uri
        self._artifacts = artifacts
        _quiet()
        with _reachable(tracking_uri):
            self._client = _opened(tracking_uri)

    def register(self, trained: bundle.Bundle, record: RunRecord) -> Registered:
        """A run with everything in it, and a new version of the model. Raises RegistryAway."""
        files = bundle.serialise(trained)
        digest = bundle.digest(files)
        with _reachable(self._uri), tempfile.TemporaryDirectory() as folder:
            place = Path(folder) / _ARTIFACT
            bundle.write(trained, place)
            with mlflow.start_run(experiment_id=self._experiment(), tags=dict(record.tags)) as run:
                _log(record)
                for child in record.children:
                    self._keep_child(child, run.info.run_id)
                version = self._version(trained, place)
                self._client.set_model_version_tag(self.name, version, DIGEST_TAG, digest)
                self._client.set_registered_model_alias(self.name, CHALLENGER, version)
        return Registered(version, digest, run.info.run_id)

    def promote(self, store: BundleStore, version: str, since: int, grounds: Grounds) -> Registered:
        """Make `version` the champion: its bundle goes into the store, checked, and only then the alias moves. since:
        ms UTC. Raises NotRegistered, RegistryAway, BundleError."""
        with _reachable(self._uri):
            chosen = self._found(version)
            files = self._files(chosen)
            self_test.check_recorded(bundle.load(files))
            registered = Registered(str(chosen.version), bundle.digest(files), chosen.run_id or "")
            store.put_bundle(registered.digest, files)
            self._client.set_model_version_tag(self.name, registered.version, DIGEST_TAG, registered.digest)
            before = self.champion()
            if before is not None and before.version != registered.version:
                self._client.set_registered_model_alias(self.name, PREVIOUS, before.version)
            self._client.set_registered_model_alias(self.name, CHAMPION, registered.version)
            model = self._client.get_registered_model(self.name)
            if str(model.aliases.get(CHALLENGER)) == registered.version:
                self._client.delete_registered_model_alias(self.name, CHALLENGER)
            reign = Reign(registered.version, registered.digest, since, grounds)
            self._client.set_registered_model_tag(self.name, *tag_of(reign, len(history(model.tags))))
        store.set_serving(registered.version, registered.digest, registered.run_id, since)
        return registered

    def rollback(self, store: BundleStore, since: int, reason: str, by: str) -> Registered:
        """Make whoever was champion before the champion again, and this one the previous. since: ms UTC. Raises
        NotRegistered, RegistryAway, BundleError."""
        before, now = self._holder(PREVIOUS), self.champion()
        if before is None or before == now:
            raise NotRegistered(
                f"previous is {'absent' if before is None else before.version}; a rollback needs another champion "
                "before this one; promote a version that `nextbest models` lists"
            )
        return self.promote(store, before.version, since, Grounds(How.ROLLBACK, reason, by))

    def challenge(self, version: str) -> None:
        """The alias challenger moves to it. Raises RegistryAway."""
        with _reachable(self._uri):
            self._client.set_registered_model_alias(self.name, CHALLENGER, version)

    def tell_verdict(self, version: str, verdict: KeptVerdict) -> None:
        """In the place of an earlier one about it. Raises RegistryAway."""
        with _reachable(self._uri):
            self._client.set_model_version_tag(self.name, version, kept_verdict.TAG, kept_verdict.to_text(verdict))

    def find(self, version: str | None) -> Registered:
        """None: the newest. Raises NotRegistered, RegistryAway."""
        with _reachable(self._uri):
            return _registered(self._newest() if version is None else self._found(version))

    def bundle_files(self, version: str) -> Mapping[str, bytes]:
        """Raises NotRegistered, RegistryAway, BundleCorrupt."""
        with _reachable(self._uri):
            return self._files(self._found(version))

    def champion(self) -> Registered | None:
        """Who serves; None when nobody was promoted. Raises RegistryAway."""
        return self._holder(CHAMPION)

    def challenger(self) -> Registered | None:
        """Who was registered or judged last and does not serve; None: nobody. Raises RegistryAway."""
        return self._holder(CHALLENGER)

    def champions(self) -> Sequence[Reign]:
        """Who became champion when and why, the oldest first. Raises RegistryAway."""
        with _reachable(self._uri):
            found = self._client.search_registered_models(f"name = '{self.name}'")
        return [reign for model in found for reign in history(model.tags)]

    def versions(self) -> Sequence[Registered]:
        """Newest first. Raises RegistryAway."""
        return [_registered(one) for one in self._search()]

    def listed(self) -> Sequence[Listed]:
        """Newest first, with what is known of each. Raises RegistryAway."""
        with _reachable(self._uri):
            found = self._search()
            aliases = self._client.get_registered_model(self.name).aliases if found else {}
        last = next(iter(reversed(self.champions())), None)
        rows = []
        for one in found:
            version = str(one.version)
            names = tuple(sorted(name for name, holder in aliases.items() if str(holder) == version))
            since = last.since if last is not None and CHAMPION in names and last.version == version else None
            metrics = self.figures(one.run_id or "").metrics
            rows.append(Listed(_registered(one), names, int(one.creation_timestamp), metrics, since))
        return rows

    def figures(self, run_id: str) -> RunFigures:
        """What a run measured. Raises RegistryAway."""
        with _reachable(self._uri):
            try:
                found = self._client.get_run(run_id).data
            except MlflowException as error:
                if error.error_code not in _ABSENT:
                    raise
                return RunFigures({}, {})
        return RunFigures(found.metrics, found.tags)

    def text(self, run_id: str, name: str) -> str | None:
        """A file of a run; None where the run, or the file, is not there. Raises RegistryAway."""
        with _reachable(self._uri):
            try:
                if all(one.path != name for one in self._client.list_artifacts(run_id)):
                    return None
                place = self._client.get_run(run_id).info.artifact_uri
            except MlflowException as error:
                if error.error_code not in _ABSENT:
                    raise
                return None
            return str(mlflow.artifacts.load_text(f"{place}/{name}"))

    def keep(self, run_id: str, texts: Mapping[str, str]) -> None:
        """Files of a run by name, instead of those of the same name. Raises RegistryAway."""
        with _reachable(self._uri):
            for name, text in texts.items():
                self._client.log_text(run_id, text, name)

    def note(self, experiment: str, record: RunRecord) -> str:
        """A run of its own, without a model, in the experiment of that name; its id. Raises RegistryAway."""
        with (
            _reachable(self._uri),
            mlflow.start_run(experiment_id=self._experiment(experiment), tags=dict(record.tags)) as run,
        ):
            _log(record)
        return str(run.info.run_id)

    def attach(
        self, tags: Mapping[str, str], params: Mapping[str, str], metrics: Mapping[str, float], texts: Mapping[str, str]
    ) -> int:
        """Add to the finished runs that carry all of `tags`; how many there were. A parameter that a run has already
        stays as it is. Raises RegistryAway."""
        with _reachable(self._uri):
            found = cast("list[Run]", mlflow.search_runs([self._experiment()], output_format="list"))  # page by page
            matching = [run for run in found if tags.items() <= run.data.tags.items()]
            for run in matching:
                with mlflow.start_run(run_id=run.info.run_id):
                    mlflow.log_params({name: text for name, text in params.items() if name not in run.data.params})
                    mlflow.log_metrics(dict(metrics))
                    for name, text in texts.items():
                        mlflow.log_text(text, name)
        return len(matching)

    def _keep_child(self, child: ChildRun, parent: str) -> None:
        tags = {**child.tags, "mlflow.parentRunId": parent}
        run = self._client.create_run(self._experiment(), child.began, tags, child.name).info.run_id
        steps = [(name, value, step) for name, curve in child.curve.items() for step, value in curve]
        metrics = [Metric(name, value, child.ended, step) for name, value, step in steps]
        metrics += [Metric(name, value, child.ended, 0) for name, value in child.metrics.items()]
        self._client.log_batch(run, metrics, [Param(name, text) for name, text in child.params.items()])
        self._client.set_terminated(run, end_time=child.ended)

    def _experiment(self, name: str = EXPERIMENT) -> str:
        found = self._client.get_experiment_by_name(name)
        if found is not None:
            return str(found.experiment_id)
        own = self._uri.startswith("sqlite:")
        return str(self._client.create_experiment(name, self._artifacts.as_uri() if own else None))

    def _version(self, trained: bundle.Bundle, place: Path) -> str:
        with redirect_stderr(io.StringIO()):  # MLflow prints its progress there, past logging
            model = mlflow.pyfunc.log_model(
                name=_ARTIFACT,
                loader_module=LOADER,
                data_path=str(place),
                signature=_signature(trained),
                input_example=_example(trained),
                registered_model_name=self.name,
                pip_requirements=[],  # whoever loads it has this package, which no index knows
                await_registration_for=30,
            )
        return str(model.registered_model_version)

    def _holder(self, alias: str) -> Registered | None:
        with _reachable(self._uri):
            try:
                return _registered(self._client.get_model_version_by_alias(self.name, alias))
            except MlflowException as error:
                if error.error_code in _ABSENT:
                    return None
                raise

    def _search(self) -> Sequence[ModelVersion]:
        """Newest first."""
        with _reachable(self._uri):
            found = self._client.search_model_versions(f"name = '{self.name}'")
        return sorted(found, key=lambda one: int(one.version), reverse=True)

    def _found(self, version: str) -> ModelVersion:
        try:
            return self._client.get_model_version(self.name, version)
        except MlflowException as error:
            known = ", ".join(one.version for one in self.versions()) or "none"
            raise NotRegistered(f"version is {version}; the registry has {known}; name one of them") from error

    def _newest(self) -> ModelVersion:
        known = self.versions()
        if not known:
            raise NotRegistered(f"model {self.name} has no version; one must be trained first; run `nextbest train`")
        return self._found(known[0].version)

    def _files(self, version: ModelVersion) -> dict[str, bytes]:
        with tempfile.TemporaryDirectory() as folder:
            place = mlflow.artifacts.download_artifacts(f"models:/{self.name}/{version.version}", dst_path=folder)
            manifest = next(Path(place).rglob(bundle.MANIFEST), None)
            if manifest is None:
                raise NotRegistered(
                    f"version is {version.version}; it holds no bundle; promote one made by `nextbest train`"
                )
            return bundle.read_files(manifest.parent)


def _registered(found: ModelVersion) -> Registered:
    return Registered(str(found.version), found.tags.get(DIGEST_TAG, ""), found.run_id or "")


def _opened(uri: str) -> MlflowClient:
    if uri.startswith("sqlite:///"):
        path = Path(uri.removeprefix("sqlite:///"))
        path.parent.mkdir(parents=True, exist_ok=True)
        connection = sqlite3.connect(path)  # readers beside the writer: serving looks in every second
        connection.execute("PRAGMA journal_mode = WAL")
        connection.close()
    mlflow.set_tracking_uri(uri)
    mlflow.set_registry_uri(uri)
    client = MlflowClient(uri, uri)
    client.search_experiments(max_results=1)
    return client


@contextmanager
def _reachable(uri: str) -> Iterator[None]:
    try:
        yield
    except (MlflowException, sqlite3.Error) as error:
        first = str(error).partition("\n")[0]
        raise RegistryAway(f"MLFLOW_TRACKING_URI is {uri}; it must answer ({first}); start or correct it") from error


def _quiet() -> None:
    """Migrations of a fresh database and hints for notebooks are no news to our users."""
    for name in ("alembic", "mlflow"):
        logging.getLogger(name).setLevel(logging.ERROR)


def _log(record: RunRecord) -> None:
    mlflow.log_params(dict(record.params))
    mlflow.log_metrics(dict(record.metrics))
    for name, figure in record.figures.items():
        mlflow.log_figure(figure, name)
    for name, text in record.texts.items():
        mlflow.log_text(text, name)


def _example(trained: bundle.Bundle) -> pd.DataFrame:
    """Synthetic: zeros, ones and twos, of the shape that the response model takes."""
    columns = trained.response.inputs
    rows = np.repeat(np.arange(_INPUT_ROWS, dtype=np.float64)[:, None], len(columns), axis=1)
    return pd.DataFrame(rows, columns=list(columns))


def _signature(trained: bundle.Bundle) -> ModelSignature:
    """From a frame without NaN: a column may hold NaN, but none may be missing."""
    return infer_signature(_example(trained), np.zeros(_INPUT_ROWS))
