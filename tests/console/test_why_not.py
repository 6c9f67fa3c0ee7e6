"""Of what is held back, the first of many are put into words, and the rest is counted."""

from __future__ import annotations

import asyncio
from pathlib import Path

from serving.console.answering import rendered
from serving.console.suggesting import MOST, REFUSED, why_not
from tests.console.call_centre import CATALOGUE
from tests.console.test_live import begun, known_now, publish
from tests.console.test_one_person import Desk


def test_of_all_that_is_held_back_the_first_are_put_into_words(tmp_path: Path) -> None:
    many = 40
    entry = CATALOGUE[CATALOGUE.index("  - id: offer-vacuum\n") : CATALOGUE.index("  - id: offer-plan\n")]
    more = "".join(
        entry.replace("offer-vacuum", f"offer-v{at}").replace("id: vacuum-", f"id: v{at}-")
        for at in range(REFUSED + many)
    )
    with begun(tmp_path) as runtime:
        publish(runtime, CATALOGUE.replace(entry, entry + more))
        told = asyncio.run(why_not(runtime, known_now(runtime), "UTC"))
        shown = rendered("why_not.html", Desk(runtime).visit(), refusals=told, zone="UTC")
    assert len(told.refused) == REFUSED
    assert REFUSED + many <= told.candidates - MOST <= REFUSED + told.more < told.candidates
    assert shown.count("<details>") == REFUSED
    assert f"and {told.more} more" in shown
