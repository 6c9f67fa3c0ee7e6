"""How late successes come: learned in training, by channel, and read where what came of contacts is held against what
was expected of them (models.live_response)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass

import msgspec
import numpy as np
from numpy.typing import NDArray

from features.live_response import PACES

_ROUNDING = 1e-6


@dataclass(frozen=True, slots=True)
class ResponseDelay:
    """The chance that a success is told of later than some time after its contact is the sum of `weights` times the
    chances that Erlang distributions of two stages, of PACES each, last longer; what the weights lack to 1 comes at
    once. as_of: ms UTC, nothing recorded later was seen. channels: by id, of those with enough successes. anywhere: of
    all together, for the others."""

    as_of: int
    channels: Mapping[str, tuple[float, ...]]
    anywhere: tuple[float, ...]

    def __post_init__(self) -> None:
        for name, weights in {**self.channels, "": self.anywhere}.items():
            if len(weights) != len(PACES) or min(weights) < 0.0 or not sum(weights) <= 1.0 + _ROUNDING:
                where = f"on {name}" if name else "anywhere"
                raise ValueError(
                    f"delay {where} is {weights}; {len(PACES)} weights of 0 or more make at most 1; train again"
                )

    def of(self, channel: str) -> NDArray[np.float64]:
        """float64[PACES], the weights."""
        return np.array(self.channels.get(channel, self.anywhere))


def later(ages: NDArray[np.float64]) -> NDArray[np.float64]:
    """float64[n, PACES]: the chance that a delay of each pace is longer. ages: float64[n], ms."""
    steps = ages[:, None] / np.array(PACES)
    chance: NDArray[np.float64] = (1.0 + steps) * np.exp(-steps)
    return chance


def to_object(delay: ResponseDelay) -> dict[str, object]:
    return asdict(delay)


def from_object(content: Mapping[str, object]) -> ResponseDelay:
    """Raises ValueError when it is not what to_object makes."""
    try:
        return msgspec.convert(content, ResponseDelay)
    except msgspec.ValidationError as error:
        raise ValueError(f"delays are unreadable: {error}") from error
