"""What the console's view of a customer costs beside a decision, on SYNTHETIC data: `python benchmarks/console.py`.

One customer with a history of 1,000 events, one worker, one connection each; decisions and views are asked for in
turns, so that both meet the same machine. What may be compared between machines is the ratio. Each decision is durable,
and each view is written down before it is answered. `--quick` shows that it works and measures nothing.
"""

from __future__ import annotations

import re
import statistics
import sys
import tempfile
import time
from dataclasses import dataclass
from http.cookies import SimpleCookie
from pathlib import Path

import httpx

sys.path.insert(0, str(Path(__file__).parents[1]))

from benchmarks.parts.rows import finish, parser, row
from serving.console.answering import static_files
from serving.console.visit import COOKIE
from tests.console.call_centre import HOUR, CallCentre, call_centre, link

GOAL_RATIO, GOAL_WEIGHT = 5.0, 150_000
_FILES = re.compile(r'(?:href|src)="/console/static/([^"?]+)')


@dataclass(frozen=True, slots=True)
class Size:
    events: int = 1_000
    turns: int = 300


QUICK = Size(events=40, turns=5)


@dataclass(frozen=True, slots=True)
class Measured:
    """ms of each decision and view; bytes of the page with its files."""

    decisions: list[float]
    views: list[float]
    weight: int


def long_history(centre: CallCentre, events: int) -> str:
    """Of everything that a page shows."""
    customer = centre.customer()
    for number in range(events // 10):
        centre.later(3 * HOUR)
        for item in ("washer-1", "dryer-1", "vacuum-1", "plan-1", "dryer-1"):
            centre.track(customer, "Product Viewed", product_id=item)
        product = {"product_id": "vacuum-1" if number % 7 else "plan-1", "quantity": 1, "price": 10.0}
        centre.track(customer, "Order Completed", order_id=f"b-{number}", products=[product])
        centre.track(customer, "Order Shipped", order_id=f"b-{number}", products=[product])
        centre.track(customer, "Call Started", reason="delivery")
        centre.track(customer, "Call Ended")
        centre.track(customer, "Note Written", told=f"told {number}", agent_id="bench")
    return customer


def timed(ask: httpx.Client, method: str, path: str, body: object = None) -> tuple[float, httpx.Response]:
    began = time.perf_counter()
    answer = ask.request(method, path, json=body)
    return (time.perf_counter() - began) * 1_000, answer.raise_for_status()


def measure(size: Size) -> Measured:
    with tempfile.TemporaryDirectory() as folder, call_centre(Path(folder), NEXTBEST_WORKERS="1") as centre:
        customer = long_history(centre, size.events)
        url = centre.running.url
        entered = SimpleCookie(httpx.get(url + link(centre, "agent")).headers["set-cookie"])
        session = {COOKIE: entered[COOKIE].value}
        body = {"customer_id": customer, "channels": ["agent"], "limit": 5}
        path = f"/console/customers/{customer}"
        decisions, views, page = [], [], ""
        with (
            httpx.Client(base_url=url, headers={"Authorization": f"Bearer {centre.key}"}, timeout=20) as system,
            httpx.Client(base_url=url, cookies=session, timeout=20) as agent,
        ):
            for turn in range(size.turns + 5):
                taken, _ = timed(system, "POST", "/recommend", body)
                seen, answer = timed(agent, "GET", path)
                page = answer.text
                if turn >= 5:  # the first few warm up
                    decisions.append(taken)
                    views.append(seen)
        files = {name: len(static_files()[name][0]) for name in _FILES.findall(page)}
        return Measured(decisions, views, len(page.encode()) + sum(files.values()))


def main() -> None:
    chosen = parser(__doc__).parse_args()
    found = measure(QUICK if chosen.quick else Size())
    middle = [statistics.median(one) for one in (found.decisions, found.views)]
    late = [statistics.quantiles(one, n=20)[-1] for one in (found.decisions, found.views)]
    ratios = [view / decision for view, decision in zip(found.views, found.decisions, strict=True)]
    ratio = statistics.median(ratios)
    print(f"decision           p50 {middle[0]:7.2f} ms   p95 {late[0]:7.2f} ms")
    print(f"customer's view    p50 {middle[1]:7.2f} ms   p95 {late[1]:7.2f} ms")
    print(f"view / decision    {middle[1] / middle[0]:.2f} of the medians, {ratio:.2f} in turns; goal {GOAL_RATIO:g}")
    print(f"weight             {found.weight:,} bytes with style and scripts; goal {GOAL_WEIGHT:,}")
    stretches = [statistics.median(ratios[at :: min(5, len(ratios))]) for at in range(min(5, len(ratios)))]
    told = f"p50 {middle[1]:.1f} and {middle[0]:.1f} ms"
    finish(
        [
            row("console's view of a customer", "/recommend, in turns", stretches, GOAL_RATIO, "at_most", told),
            row("console's page with its files", "-", [found.weight], GOAL_WEIGHT, "at_most", unit="bytes"),
        ],
        chosen.json,
    )


if __name__ == "__main__":
    main()
