"""How far a new action has come."""

from __future__ import annotations

import numpy as np
import pytest

from features.published import Published
from features.spending import Spent
from models.decide import decide
from tests.models.shop import NOW, ByAction, request
from tests.models.test_decide import NOBODY, small_shop


@pytest.mark.parametrize(("contacts", "expected"), [(None, 0.0), (0, 0.0), (50, 0.25), (200, 1.0), (9_000, 1.0)])
def test_maturity_is_how_much_of_the_ceiling_is_behind(contacts: int | None, expected: float) -> None:
    shop, _ = small_shop({"new": {"ceiling": {"contacts_per_day": 10, "until": 200}}, "old": {}})
    spent = {} if contacts is None else {"new": Spent(contacts_ever=contacts)}
    decision = decide(
        request("web", limit=2), NOBODY, shop, ByAction(), NOW, np.random.default_rng(1), Published(spent=spent)
    )
    found = {one.action_id: one.maturity for one in decision.slates[0].actions}
    assert found["old"] == 1.0
    assert found.get("new", expected) == expected
