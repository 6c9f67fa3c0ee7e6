"""What the importers raise on purpose.

SourceError         the history cannot be imported; nothing of it is stored
+-- SourceMissing   it is not installed or not there
+-- InvalidRows     rows or columns contradict the documented columns (docs/importing.md)
"""

from __future__ import annotations


class SourceError(Exception):
    """The history cannot be imported; nothing of it is stored."""


class SourceMissing(SourceError):
    """What should be imported is not installed or not there."""


class InvalidRows(SourceError):
    """faults: one sentence each, at most the first of many. total: how many there are in all."""

    def __init__(self, faults: tuple[str, ...], total: int) -> None:
        self.faults = faults
        self.total = total
        more = f"\n... and {total - len(faults)} more" if total > len(faults) else ""
        super().__init__("\n".join(faults) + more)
