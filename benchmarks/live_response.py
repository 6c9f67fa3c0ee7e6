"""How many exposures it takes until an offer that starts badly or takes off is noticed, on SYNTHETIC contacts:
`python benchmarks/live_response.py [--repeats N]`.

Every figure is of invented offers in an invented shop: the model expects the same of each, and one of them succeeds
0.25, 1 or 3 times as often. Ten contacts a minute; successes come 16 minutes after theirs in the mean. After each
portion of contacts what is published is worked out by the code that serves, and asked: is the probability within 25 %
of the truth (for the first time, and from when on at every later look of the same run), and does the offer stand on the
right side of a rival that does as expected and is worth 1.5 times as much (0.67 times, for the offer that does badly)?
The second table is of an offer that nobody has seen yet, in a group whose four others succeed 3 times as often as
expected.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

sys.path.insert(0, str(Path(__file__).parents[1]))

from features.live_response import PACES, Contact, Tallies, Tally, tally_of
from models.catalogue_file import checked
from models.columns import CompiledCatalogue
from models.live_response import lifted, lifts
from models.response_delay import ResponseDelay
from tests.models.shop import compiled, items_table

START, BETWEEN, SEED = 1_767_225_600_000, 6_000, 20260101
CHANCES = (0.01, 0.03, 0.1)
RATIOS = (0.25, 1.0, 3.0)
LONGEST, NEVER = 20_000, 2**62
LOOKS = np.unique(np.geomspace(1, LONGEST, 60).round().astype(int))
NEAR = 0.25
DELAY = ResponseDelay(START, {}, tuple(float(place == 3) for place in range(len(PACES))))
"""Two stages of 7.8 minutes."""
NEW, OFFER, GROUP = "new", "offer", tuple(f"other-{number}" for number in range(4))


def shop() -> CompiledCatalogue:
    """The offer is alone in its group; the new one has four others."""
    groups = {OFFER: "alone", NEW: "together", **dict.fromkeys(GROUP, "together")}
    actions = [
        {
            "id": name,
            "kind": "offer",
            "group": group,
            "items": ["i"],
            "value": 1,
            "success": "clicked",
            "suppression": {"rule": "always"},
            "treatments": [{"id": name, "channel": "web"}],
        }
        for name, group in groups.items()
    ]
    channels = {"web": {"direction": "inbound", "consent": "not_needed", "reward_window_days": 1}}
    document = {
        "currency": "EUR",
        "time_zone": "Europe/London",
        "channels": channels,
        "categories": [{"id": "c"}],
        "actions": actions,
    }
    return compiled(checked(document, items_table({"i": "c"})))[0]


@dataclass(frozen=True, slots=True)
class Stream:
    """Contacts from START on, BETWEEN ms each. told_at: int64[n] ms UTC, of each one's success; NEVER none."""

    chance: float
    told_at: NDArray[np.int64]

    @classmethod
    def drawn(cls, chance: float, ratio: float, contacts: int, rng: np.random.Generator) -> Stream:
        at = START + BETWEEN * np.arange(contacts)
        delays = rng.gamma(2.0, PACES[3], contacts).astype(np.int64)
        return cls(chance, np.where(rng.random(contacts) < chance * ratio, at + delays, NEVER))

    def tallies(self, looks: Sequence[int]) -> Iterator[Tally]:
        """At each look, after so many contacts, with what is told of by then; counted as a store does."""
        tally, before, moment = tally_of([Contact(START, 0.0, succeeded=False, times=0)]), 0, START
        for contacts in looks:
            since, moment = moment, START + BETWEEN * contacts
            new = [self._contact(place, succeeded=False) for place in range(before, contacts)]
            known = self.told_at[:contacts]
            for place in np.flatnonzero((known <= moment) & ((known > since) | (np.arange(contacts) >= before))):
                new += [self._contact(place, succeeded=False)._replace(times=-1), self._contact(place, succeeded=True)]
            tally, before = tally.beside(tally_of(new)) if new else tally, contacts
            yield tally

    def _contact(self, place: int, succeeded: bool) -> Contact:
        return Contact(START + BETWEEN * int(place), self.chance, succeeded)


def probability(tallies: Tallies, action: str, chance: float, shown: CompiledCatalogue, moment: int) -> float:
    found = lifts(tallies, shown, DELAY, "synthetic", moment)
    offset = found.log_odds(shown.action_number, "web")[[shown.action_number[action]]]
    return float(lifted(np.array([chance]), offset)[0])


def noticed(chance: float, ratio: float, shown: CompiledCatalogue, rng: np.random.Generator) -> tuple[int, int, int]:
    """Exposures until the probability is near the truth first and for good, and until the offer is ranked rightly for
    good."""
    stream, truth = Stream.drawn(chance, ratio, LONGEST, rng), chance * ratio
    found = np.empty(len(LOOKS))
    for place, tally in enumerate(stream.tallies(LOOKS.tolist())):
        moment = START + BETWEEN * int(LOOKS[place])
        found[place] = probability({(OFFER, "web"): tally}, OFFER, chance, shown, moment)
    rival = chance * (1.5 if ratio > 1.0 else 0.67)
    right = found > rival if ratio > 1.0 else found < rival if ratio < 1.0 else np.ones(len(found), np.bool_)
    near = np.abs(found / truth - 1.0) <= NEAR
    first = int(LOOKS[near.argmax()]) if near.any() else LONGEST + 1
    return first, _for_good(near), _for_good(right)


def _for_good(holds: NDArray[np.bool_]) -> int:
    """The exposures at the look from which on it holds; LONGEST + 1 where it does not in the end. 0: always."""
    wrong = np.flatnonzero(~holds)
    if len(wrong) == 0:
        return 0
    return int(LOOKS[wrong[-1] + 1]) if wrong[-1] + 1 < len(LOOKS) else LONGEST + 1


def _told(counts: Sequence[int]) -> str:
    half, most = np.percentile(counts, [50, 90], method="higher")
    return " / ".join(f"{int(one):,}" if one <= LONGEST else f"over {LONGEST:,}" for one in (half, most))


def newcomer(chance: float, seen: int, shown: CompiledCatalogue, rng: np.random.Generator) -> float:
    """The probability of the new offer before anybody has seen it; `seen` contacts with each other of its group."""
    streams = {(name, "web"): [*Stream.drawn(chance, 3.0, seen, rng).tallies([seen])][-1] for name in GROUP}
    return probability(streams, NEW, chance, shown, START + BETWEEN * seen)


def main() -> int:
    reading = argparse.ArgumentParser(description="Exposures until an offer is noticed (SYNTHETIC)")
    reading.add_argument("--repeats", type=int, default=30)
    repeats: int = reading.parse_args().repeats
    shown, rng = shop(), np.random.default_rng(SEED)
    print("SYNTHETIC. Exposures, median / 90 % of runs\n")
    print("| expected | truth | first within 25 % of the truth | for good | ranked rightly for good |")
    print("|---|---|---|---|---|")
    for chance in CHANCES:
        for ratio in RATIOS:
            first, near, right = zip(*(noticed(chance, ratio, shown, rng) for _ in range(repeats)), strict=True)
            ranked = "-" if ratio == 1.0 else _told(right)
            print(f"| {chance:.0%} | {ratio:g}x | {_told(first)} | {_told(near)} | {ranked} |", flush=True)
    print("\nSYNTHETIC. A new offer, its group 3x: error of its probability before its first exposure, median / 90 %\n")
    print("| expected | contacts with each of four others | without prior | with the group's |\n|---|---|---|---|")
    for chance in CHANCES:
        for seen in (100, 1000):
            errors = [abs(newcomer(chance, seen, shown, rng) / (3.0 * chance) - 1.0) for _ in range(repeats)]
            half, most = np.percentile(errors, [50, 90])
            print(f"| {chance:.0%} | {seen:,} | {2 / 3:.0%} | {half:.0%} / {most:.0%} |", flush=True)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
