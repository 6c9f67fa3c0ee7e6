"""On the path of a process, this hides what no replica installs, so that it is served with what a replica has: whatever
of locks/all.txt is for training stays out of locks/service.txt."""

import sys
from collections.abc import Sequence
from types import ModuleType

HIDDEN = frozenset(
    {
        "implicit",
        "lightgbm",
        "matplotlib",
        "mlflow",
        "narwhals",
        "optuna",
        "pandas",
        "polars",
        "scipy",
        "sklearn",
        "threadpoolctl",
    }
)


class _Hidden:
    def find_spec(self, name: str, path: Sequence[str] | None = None, target: ModuleType | None = None) -> None:
        del path, target
        if name.partition(".")[0] in HIDDEN:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)


sys.meta_path.insert(0, _Hidden())  # type: ignore[arg-type]
