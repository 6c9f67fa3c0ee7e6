"""Who is taken on, and in which order turns come."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine

import pytest

from serving.admission import Admission, Limits, Line, Why
from serving.errors import Refusal

FOREVER, OVER = 1e6, -1e-3
OPEN = dict.fromkeys(Line, FOREVER)


class Clock:
    """Seconds, which pass where a test says so: a busy machine changes nothing of what is tested."""

    now = 0.0

    def __call__(self) -> float:
        return self.now


CLOCK = Clock()


def admission(places: int = 1_000, **waits: float) -> Admission:
    return Admission(Limits(places, {**OPEN, **{Line[name.upper()]: wait for name, wait in waits.items()}}), CLOCK)


def run(work: Callable[[], Awaitable[None]]) -> None:
    async def main() -> None:
        await asyncio.wait_for(work(), 20)

    asyncio.run(main())


def busy(seconds: float) -> None:
    """So long a turn takes."""
    CLOCK.now += seconds


def test_turns_come_one_by_one_in_the_order_of_asking_and_the_loop_reads_in_between() -> None:
    door, seen = admission(), list[str]()

    async def ask(name: str) -> None:
        await door.turn(Line.ANSWERS, "decision", FOREVER)
        seen.append(name)
        asyncio.get_running_loop().call_soon(seen.append, "read")

    async def work() -> None:
        await asyncio.gather(*(ask(str(number)) for number in range(4)))

    run(work)
    assert seen[: seen.index("3") + 1] == ["0", "read", "1", "read", "2", "read", "3"]


def test_whoever_finds_the_line_empty_has_their_turn_at_once() -> None:
    door = admission()

    async def work() -> None:
        turn = door.turn(Line.ANSWERS, "decision", FOREVER)
        with pytest.raises(StopIteration) as ended:
            turn.send(None)
        assert ended.value.value == 0.0

    run(work)


def test_no_more_are_taken_than_there_are_places() -> None:
    door = admission(places=2)
    with door.place(), door.place():
        assert door.in_flight == 2
        assert {door.turned_away(line) for line in Line} == {Why.PLACES}
    assert door.turned_away(Line.ANSWERS) is None
    assert door.in_flight == 0


def test_a_line_that_is_too_long_takes_nobody_until_it_is_shorter() -> None:
    door, told = admission(answers=0.05), list[Why | None]()

    async def ask() -> None:
        await door.turn(Line.ANSWERS, "decision", FOREVER)
        busy(0.02)

    async def work() -> None:
        await ask()  # now it is known what one takes
        await asyncio.sleep(0)
        waiting = [asyncio.ensure_future(ask()) for _ in range(12)]
        await asyncio.sleep(0)
        told.append(door.turned_away(Line.ANSWERS))
        told.append(door.turned_away(Line.BACKGROUND))
        await asyncio.gather(*waiting)
        told.append(door.turned_away(Line.ANSWERS))

    run(work)
    assert told == [Why.WAIT, None, None]


def test_a_turn_that_comes_too_late_is_refused_and_holds_up_nobody() -> None:
    door = admission()

    async def ask(patience: float) -> str:
        try:
            await door.turn(Line.ANSWERS, "decision", patience)
        except Refusal as refusal:
            return refusal.body.type
        busy(0.01)
        return "decided"

    async def work() -> None:
        first, *others = await asyncio.gather(ask(FOREVER), ask(OVER), ask(OVER), ask(FOREVER))
        assert (first, others) == ("decided", ["too_many_requests", "too_many_requests", "decided"])
        assert door.length(Line.ANSWERS) == 0

    run(work)


def test_who_has_gone_keeps_nobody_waiting() -> None:
    door = admission()

    async def ask() -> None:
        await door.turn(Line.ANSWERS, "decision", FOREVER)

    async def work() -> None:
        tasks = [asyncio.ensure_future(ask()) for _ in range(5)]
        await asyncio.sleep(0)
        for task in tasks[1:4]:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        assert [task.cancelled() for task in tasks] == [False, True, True, True, False]
        assert door.length(Line.ANSWERS) == 0

    run(work)


def order_of(door: Admission, background: int, answers: int) -> list[Line]:
    """In which the turns of two full lines come, of which each of the background takes four times as long."""
    seen = list[Line]()

    async def ask(line: Line, seconds: float) -> None:
        await door.turn(line, line.value, FOREVER)
        seen.append(line)
        busy(seconds)

    async def work() -> None:
        told = [ask(Line.BACKGROUND, 0.02) for _ in range(background)]
        asked = [ask(Line.ANSWERS, 0.005) for _ in range(answers)]
        await asyncio.gather(*told, *asked)

    run(work)
    return seen


def test_a_long_line_of_events_does_not_keep_decisions_waiting() -> None:
    seen = order_of(admission(), background=12, answers=12)
    last = len(seen) - 1 - seen[::-1].index(Line.ANSWERS)
    assert seen[: last + 1].count(Line.BACKGROUND) < 12
    assert len(seen) == 24


def test_who_was_away_saves_no_turns_up() -> None:
    """After a long time of events alone, decisions get their share and not all that was used before."""
    door = admission()
    order_of(door, background=10, answers=0)
    seen = order_of(door, background=6, answers=60)
    last = len(seen) - 1 - seen[::-1].index(Line.BACKGROUND)
    assert seen[: last + 1].count(Line.ANSWERS) < 60


def test_what_is_refused_is_not_begun() -> None:
    door, begun = admission(places=1), list[bool]()

    async def decide() -> None:
        begun.append(True)

    async def work() -> None:
        with door.place(), pytest.raises(Refusal):
            await door.admitted(Line.ANSWERS, "decision", FOREVER, decide())
        await door.admitted(Line.ANSWERS, "decision", FOREVER, decide())

    run(work)
    assert begun == [True]


def test_work_has_the_time_that_is_left() -> None:
    door = admission()

    async def slow() -> None:
        await asyncio.sleep(FOREVER)

    def ask(patience: float) -> Coroutine[object, object, None]:
        return door.admitted(Line.ANSWERS, "decision", patience, slow())

    async def work() -> None:
        with pytest.raises(TimeoutError):
            await ask(0.05)
        assert door.in_flight == 0

    run(work)


def test_whoever_is_refused_and_asks_again_at_once_has_no_more_of_the_loop_than_who_is_answered() -> None:
    """Between two turns a flood is read for a while, and not for as long as it lasts."""
    door, passes, ended = admission(answers=0.0), list[int](), asyncio.Event()

    async def flood() -> None:
        while not ended.is_set():
            busy(0.001)
            door.turned_away(Line.ANSWERS)
            passes.append(1)
            await asyncio.sleep(0)

    async def ask() -> None:
        await door.turn(Line.ANSWERS, "decision", FOREVER)
        busy(0.005)

    async def work() -> None:
        flooding = asyncio.create_task(flood())
        await asyncio.gather(*(ask() for _ in range(5)))
        ended.set()
        await flooding

    run(work)
    assert len(passes) < 5 * 20  # of 64 each


def test_what_never_had_its_turn_is_closed() -> None:
    door, began = admission(), list[str]()

    async def late() -> None:
        began.append("late")

    async def first() -> None:
        await door.turn(Line.ANSWERS, "decision", FOREVER)
        busy(0.01)

    async def work() -> None:
        begun = asyncio.create_task(first())
        await asyncio.sleep(0)
        waiting = asyncio.create_task(first())
        await asyncio.sleep(0)
        with pytest.raises(Refusal):
            await door.admitted(Line.ANSWERS, "decision", OVER, late())
        await asyncio.gather(begun, waiting)

    run(work)  # a coroutine that nobody awaited would be a warning, which is an error
    assert began == []


def test_it_tells_whether_anybody_waits_in_any_line() -> None:
    door, seen = admission(), list[bool]()

    async def ask(line: Line) -> None:
        await door.turn(line, "decision", FOREVER)
        await asyncio.sleep(0)
        seen.append(door.somebody_waits())

    async def work() -> None:
        assert not door.somebody_waits()
        await asyncio.gather(ask(Line.ANSWERS), ask(Line.BACKGROUND))

    run(work)
    assert seen == [True, False]
