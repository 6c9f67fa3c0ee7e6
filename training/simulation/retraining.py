"""The data scientist of a simulation: trains on everything so far, reads the verdict, and decides as one would."""

from __future__ import annotations

from typing import Final

import msgspec

from training.promotion import DIFFERENCE, Result
from training.simulation.client import Client
from training.simulation.running import Home, unexpected
from training.train import TOO_FEW

_REFUSED: Final = 1
_INVALID: Final = 2
"""Exit codes of `nextbest promote` and `nextbest train`."""
REASON: Final = "it learned from everything so far, so that no later draw can tell; nothing else speaks against it"


class Judged(msgspec.Struct, frozen=True):
    """A criterion of a verdict, as far as it is read here."""

    name: str
    result: Result


class Told(msgspec.Struct, frozen=True):
    """What `nextbest promote --json` prints, as far as it is read here."""

    promoted: bool
    criteria: tuple[Judged, ...]

    @property
    def only_too_early(self) -> bool:
        """Whether all that speaks against it is that no draw is later than what it learned from."""
        failed = any(one.result is Result.FAILED for one in self.criteria)
        return not failed and Judged(DIFFERENCE, Result.NOT_EVALUABLE) in self.criteria


def retrained_by(home: Home, seed: int, client: Client) -> bool:
    """Whether another model serves now; none where there is too little even for a first one. Raises ServiceRefused."""
    before = client.model_version()
    train = ["train", "--seed", str(seed)]
    ended = home.run(train, 0, _INVALID)
    if ended.code == _INVALID:
        if not ended.fault.startswith(TOO_FEW):
            raise unexpected(train, ended, (0,))
        return False
    return _promoted(home) and client.took_up_another(before)


def _promoted(home: Home) -> bool:
    told = msgspec.json.decode(home.run(["promote", "--json"], 0, _REFUSED).said, type=Told)
    if told.promoted:
        return True
    if not told.only_too_early:
        return False
    forced = ["promote", "--force", "--reason", REASON, "--by", "simulator"]
    home.run(forced, 0)
    return True
