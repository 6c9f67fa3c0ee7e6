"""Challengers beside the champion: entries are only added, and shadow scores stay with their decision; part of the
store's contract."""

from __future__ import annotations

import pytest

from features.stores.protocol import Store, StoreError
from features.stores.trials import Trial, TrialKind, running
from tests.checks.store_examples import log_decision

AB = Trial(TrialKind.AB, "3", "aa", "run-3", "2", 0.1, 1_000, 2_000, "Ann", "to see")
SHADOW = Trial(TrialKind.SHADOW, "3", "aa", "run-3", "", 0.5, 1_000, 0, "Ann", "to look")
END = Trial(TrialKind.AB, "", "", "", "", 0.0, 1_500, 1_500, "Bob", "enough")


class TrialContract:
    """Takes the fixtures `store` and `other`, a second handle on the same store."""

    def test_trials_are_added_and_the_newest_of_a_kind_holds(self, store: Store, other: Store) -> None:
        assert (store.trial_version(), store.trials(5)) == (0, ())
        with pytest.raises(StoreError, match="stored first"):
            store.add_trial(AB)
        store.put_bundle("aa", {"manifest.json": b"{}"})
        assert [store.add_trial(one) for one in (AB, SHADOW)] == [1, 2]
        assert (other.trial_version(), other.trials(5), other.trials(1)) == (2, (SHADOW, AB), (SHADOW,))
        assert running(other.trials(5), TrialKind.AB, 1_200) == AB
        assert running(other.trials(5), TrialKind.AB, 2_000) is None
        assert other.add_trial(END) == 3
        assert running(store.trials(5), TrialKind.AB, 1_200) is None
        assert running(store.trials(5), TrialKind.SHADOW, 10**15) == SHADOW

    def test_shadow_scores_stay_with_their_decision(self, store: Store, other: Store) -> None:
        store.log_decisions([log_decision("ann", "d-1")]).result(30)
        assert store.log_shadows([("d-1", '{"version":"3"}'), ("d-absent", "{}")]) == 1
        found = other.decision("d-1")
        assert found is not None
        assert found.shadow == '{"version":"3"}'
        (again,) = store.log_decisions([log_decision("ann", "d-1")]).result(30)
        assert (again.replayed, again.decision.shadow) == (True, found.shadow)
