"""The service with a sampler in its worker: which part of the code its CPU time goes to, thread by thread. A part that
was never met is told with 0.

`bentoml serve benchmarks.parts.profiled:NextBest`; what was found so far is rewritten twice a second as JSON, seconds
of CPU by part, in NEXTBEST_PROFILE/<process id>.json.
"""

from __future__ import annotations

import os
import sys
import threading
import time
from collections import Counter
from functools import cache
from pathlib import Path
from types import CodeType, FrameType

import msgspec

from serving.service import NextBest

__all__ = ["NextBest"]

ROOT = f"{Path(__file__).resolve().parents[2]}/"
PACE, TOLD_EVERY = 0.001, 0.5
"""Seconds between two looks, and between two tellings."""
WRITER = "store-writer"
LOG, REST = "log: group, rows, commit", "the rest of Python"

FUNCTIONS = {
    ("serving/deciding.py", "_to_log"): LOG,
    ("serving/deciding.py", "_submitted"): LOG,
    ("serving/deciding.py", "_note"): LOG,
    ("serving/question_text.py", "request_text"): "serialising",
    ("serving/body.py", "read"): "HTTP: reading, routing, turns, answering",
    ("models/policy/arbitration.py", "rank"): "ranking: weights, levers, value",
}
"""Where a file has parts of several kinds."""
FILES = {
    "features/stores/": "store: reading the customer",
    "features/vault.py": "store: reading the customer",
    "serving/addresses.py": "store: reading the customer",
    "features/": "features",
    "models/inputs.py": "features",
    "models/policy/gates/": "gates and conditions",
    "models/policy/screening.py": "gates and conditions",
    "models/conditions/": "gates and conditions",
    "models/contact_limits.py": "gates and conditions",
    "models/policy/": "gates and conditions",
    "models/policy/exploration.py": "exploration: draws",
    "models/policy/slates.py": "exploration: draws",
    "models/policy/maturity.py": "exploration: draws",
    "models/policy/allowance.py": "exploration: draws",
    "models/policy/arms.py": "exploration: draws",
    "models/policy/arbitration.py": "ranking: weights, levers, value",
    "models/live_response.py": "ranking: weights, levers, value",
    "models/forest": "forest and the scores around it",
    "models/response.py": "forest and the scores around it",
    "models/affinity.py": "forest and the scores around it",
    "models/calibration.py": "forest and the scores around it",
    "models/scoring.py": "forest and the scores around it",
    "models/population.py": "forest and the scores around it",
    "models/track_record.py": "forest and the scores around it",
    "models/rows_digest.py": LOG,
    "serving/decided_events.py": LOG,
    "serving/sampled_rows.py": LOG,
    "serving/logs.py": LOG,
    "serving/answers.py": "serialising",
    "serving/tokens.py": "serialising",
    "serving/body.py": "parsing and checking the question",
    "serving/schemas.py": "parsing and checking the question",
    "serving/endpoints.py": "parsing and checking the question",
    "serving/lane.py": "HTTP: reading, routing, turns, answering",
    "serving/admission.py": "HTTP: reading, routing, turns, answering",
    "serving/origins.py": "HTTP: reading, routing, turns, answering",
    "serving/security.py": "HTTP: reading, routing, turns, answering",
    "serving/call.py": "HTTP: reading, routing, turns, answering",
    "serving/metrics.py": "metrics and watching",
    "serving/watching.py": "metrics and watching",
    "serving/deciding.py": "the decision's frame",
    "models/": "the decision's frame",
}
"""By the beginning of the path; the longest that fits."""
FUNCTIONS_TOO = "NEXTBEST_PROFILE_FUNCTIONS" in os.environ
BENEATH = ("/uvicorn/", "/starlette/", "/asyncio/", "/uvloop/")


@cache
def part_of(code: CodeType) -> str | None:
    """None where the caller is to be asked: a library that many parts use."""
    path = code.co_filename.removeprefix(ROOT)
    told = FUNCTIONS.get((path, code.co_name))
    if told is not None:
        return told
    fitting = [beginning for beginning in FILES if path.startswith(beginning)]
    return FILES[max(fitting, key=len)] if fitting else None


def part(frame: FrameType | None) -> str:
    """The innermost frame that is of a part; else whether it is of the server's own loop."""
    beneath = False
    while frame is not None:
        found = part_of(frame.f_code)
        if found is not None:
            return found
        beneath = beneath or any(one in frame.f_code.co_filename for one in BENEATH)
        frame = frame.f_back
    return "HTTP: reading, routing, turns, answering" if beneath else REST


class Sampler:
    """Looks at every thread's stack and CPU clock, and adds what the thread has used since to the part it is in."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / f"{os.getpid()}.json"
        self._used = dict[int, float]()
        self._seconds = Counter(dict.fromkeys([LOG, REST, *FUNCTIONS.values(), *FILES.values()], 0.0))

    def run(self) -> None:
        told = 0.0
        while True:
            time.sleep(PACE)
            self._look()
            if time.monotonic() - told > TOLD_EVERY:
                told = time.monotonic()
                beside = self._path.with_suffix(".new")
                beside.write_bytes(msgspec.json.encode(dict(self._seconds)))
                beside.replace(self._path)

    def _look(self) -> None:
        frames = sys._current_frames()  # noqa: SLF001 - the way in that Python has
        for thread in threading.enumerate():
            ident = thread.ident
            if ident is None or ident == threading.get_ident() or ident not in frames:
                continue
            used = time.clock_gettime(time.pthread_getcpuclockid(ident))
            spent = used - self._used.get(ident, used)
            self._used[ident] = used
            if spent > 0:
                self._seconds[self._where(thread, frames[ident])] += spent

    @staticmethod
    def _where(thread: threading.Thread, frame: FrameType) -> str:
        if thread is threading.main_thread():
            return f"{part(frame)}: {frame.f_code.co_qualname}" if FUNCTIONS_TOO else part(frame)
        return LOG if thread.name == WRITER else f"beside: {thread.name.rstrip('_0123456789')}"


if "NEXTBEST_PROFILE" in os.environ:
    # The default, 5 ms, would let the sampler look only where the loop waits.
    sys.setswitchinterval(0.0002)
    threading.Thread(target=Sampler(Path(os.environ["NEXTBEST_PROFILE"])).run, name="sampler", daemon=True).start()
