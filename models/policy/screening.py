"""Running the gates: closed when one fails, and every refusal counted once, at the first gate that refuses."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from models.policy.gate import Account, Gate, Unjudged
from models.policy.situation import Situation

ELIGIBLE = 0


@dataclass(frozen=True, slots=True)
class Screening:
    """first: uint8[candidates], 1 + the place of the first gate that refuses, or ELIGIBLE. failed: the gates that
    raised, by name, and for which candidates (bool[candidates]). faults: what they raised, a line each."""

    gates: tuple[Gate, ...]
    first: NDArray[np.uint8]
    failed: dict[str, NDArray[np.bool_]]
    faults: tuple[str, ...]

    @property
    def eligible(self) -> NDArray[np.intp]:
        """Places of the candidates that every gate lets through, ascending."""
        return np.flatnonzero(self.first == ELIGIBLE)


def screen(gates: Sequence[Gate], situation: Situation) -> Screening:
    """Every gate over every candidate."""
    first, nobody = np.zeros(len(situation.candidates), np.uint8), situation.nobody
    failed: dict[str, NDArray[np.bool_]] = {}
    faults: list[str] = []
    for number in range(len(gates), 0, -1):
        gate = gates[number - 1]
        try:
            refused = _verdict(gate, situation)
            if refused is nobody:
                continue
        except Exception as error:  # noqa: BLE001 a gate that fails, however it fails, must close
            faults.append(f"gate {gate.name}: {type(error).__name__}: {error}")
            refused, failed[gate.name] = _one_by_one(gate, situation)
        first[refused] = number
    return Screening(tuple(gates), first, failed, tuple(reversed(faults)))


def account_of(screening: Screening, situation: Situation, place: int) -> tuple[Gate, Account]:
    """The gate that refused the candidate first, and why."""
    gate = screening.gates[screening.first[place] - 1]
    broken = screening.failed.get(gate.name)
    if broken is not None and broken[place]:
        return gate, _failure(gate, situation, place)
    try:
        return gate, gate.account(situation, place)
    except Exception as error:  # noqa: BLE001 explaining must not change what it explains
        return gate, Account("unexplained", type(error).__name__, "", f"{gate.name} refuses it and could not say why")


def _verdict(gate: Gate, situation: Situation) -> NDArray[np.bool_]:
    refused = gate.refuses(situation)
    if refused is situation.nobody:
        return refused
    if refused.shape != (len(situation.candidates),) or refused.dtype != np.bool_:
        raise ValueError(f"verdict is {refused.dtype}{refused.shape}; one bool a candidate is needed; mend the gate")
    return refused


def _one_by_one(gate: Gate, situation: Situation) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """The verdicts, and where there was none: only a candidate for which the gate itself fails pays for it."""
    count = len(situation.candidates)
    refused, broken = np.ones(count, np.bool_), np.zeros(count, np.bool_)
    for place in range(count):
        try:
            refused[place] = _verdict(gate, situation.at(np.array([place], np.intp)))[0]
        except Exception:  # noqa: BLE001 a gate that fails, however it fails, must close
            broken[place] = True
    return refused, broken


def _failure(gate: Gate, situation: Situation, place: int) -> Account:
    """Asked again, about this candidate alone, why there was no verdict; only what a gate says for that is shown."""
    observed = "an error"
    try:
        _verdict(gate, situation.at(np.array([place], np.intp)))
    except Unjudged as error:
        observed = str(error)
    except Exception as error:  # noqa: BLE001 explaining must not change what it explains
        observed = type(error).__name__
    reason = f"{gate.name} could not judge it, and what is not judged is refused"
    return Account("gate_failed", observed, "a verdict", reason)
