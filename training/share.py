"""Of how many people histories are held where there are too many to hold everybody's."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Share:
    """everybody: people in the store, of whom one in `one_in` is read."""

    everybody: int
    one_in: int

    @classmethod
    def of(cls, everybody: int, people: int | None) -> Share:
        """The largest that leaves about `people` at most; None: all."""
        return cls(everybody, 1 if people is None else max(1, -(-everybody // people)))

    def remark(self, left: int) -> str:
        """left: people who are learned from. Empty where that is everybody's share."""
        if self.one_in == 1:
            return ""
        return (
            f"people are {self.everybody:,}; one in {self.one_in} is learned from, {left:,} (NEXTBEST_TRAINING_PEOPLE)"
        )
