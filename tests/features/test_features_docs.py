"""The page of features is the one that the declarations make."""

from __future__ import annotations

from pathlib import Path

from features.feature_table import markdown

PAGE = Path(__file__).parents[2] / "docs" / "features.md"


def test_the_page_of_features_is_current() -> None:
    assert PAGE.read_text(encoding="utf-8") == markdown(), (
        "docs/features.md is stale; run python -m features.feature_table > docs/features.md"
    )
