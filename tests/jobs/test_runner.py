"""Of many servers on one database one runs the jobs, and no second is counted twice."""

import asyncio
from itertools import chain, repeat

import pytest

from moorage.jobs.runner import Runner
from moorage.services.collect import CollectService


class Turns:
    """A duty that is ours as it is told, and no more when there is nothing left to tell; then `is_over` is set."""

    def __init__(self, turns: str) -> None:
        self._turns = chain(turns, repeat(None))
        self.is_over = asyncio.Event()

    async def is_ours(self) -> bool:
        turn = next(self._turns)
        if turn is None:
            self.is_over.set()
        return turn == "o"


class Ticks(CollectService):
    """A collection that notes what it is told."""

    def __init__(self) -> None:
        self.passed: list[float] = []

    async def tick(self, seconds: float) -> None:
        self.passed.append(seconds)


async def passed(turns: str) -> list[float]:
    """Return the ticks of a runner, by whose turn it is: `o` ours, `t` theirs."""
    duty, ticks = Turns(turns), Ticks()
    runner = Runner(ticks, 0.001, 0, lambda _: None, lambda _: None, duty)
    running = asyncio.create_task(runner.run())
    await duty.is_over.wait()
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    return ticks.passed


async def test_who_has_the_duty_from_the_beginning_counts_every_second() -> None:
    found = await passed("ooo")
    assert len(found) == 2
    assert all(seconds > 0 for seconds in found)


async def test_who_has_no_duty_does_nothing() -> None:
    assert await passed("ttt") == []


async def test_who_takes_the_duty_over_counts_from_then_on() -> None:
    first, *others = await passed("ttoo")
    assert first == 0
    assert [seconds > 0 for seconds in others] == [True]


async def test_who_had_the_duty_once_does_not_count_what_another_has_counted() -> None:
    found = await passed("ooto")
    assert [seconds > 0 for seconds in found] == [True, False]
