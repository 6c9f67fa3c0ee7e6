"""What is imported where: half of a start is imports, and the workers begin once their parent has read the service."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from tests.serving.running import ROOT

OF_TRAINING = {"implicit", "lightgbm", "matplotlib", "mlflow", "optuna", "pandas", "polars", "sklearn"}
"""Not scipy, which numba takes where it is; a replica has none."""
RARE = {"alembic", "joserfc", "psycopg", "sqlalchemy", "training"}
"""For an older store, an OpenID provider, a store on PostgreSQL; of no use to a service."""
OF_A_WORKER = {
    "features.stores",
    "models.catalogue",
    "models.decide",
    "numba",
    "numpy",
    "pyarrow",
    "serving.lane",
    "serving.runtime",
}


def imported_by(module: str) -> set[str]:
    """Everything that a process has which imports it alone, with all of the project's packages at hand."""
    asked = f"import {module}, json, sys; print(json.dumps([*sys.modules]))"
    done = subprocess.run([sys.executable, "-c", asked], cwd=ROOT, capture_output=True, text=True, check=True)
    return set(json.loads(done.stdout))


@pytest.mark.parametrize(
    ("module", "left_out"),
    [("serving.worker", OF_TRAINING | RARE), ("serving.service", OF_TRAINING | RARE | OF_A_WORKER)],
)
def test_nothing_is_imported_in_vain(module: str, left_out: set[str]) -> None:
    assert imported_by(module) & left_out == set()
