"""Of many servers on one database one runs the jobs, no second is counted twice, and what fails is not hurried."""

import asyncio
from collections import defaultdict
from itertools import chain, repeat
from typing import TYPE_CHECKING

import pytest

from moorage.domain.access import Caller
from moorage.jobs import runner as jobs
from moorage.jobs.runner import Runner
from moorage.services.collect import CollectService
from moorage.services.storage_records import Collected

if TYPE_CHECKING:
    from collections.abc import Iterator


class Turns:
    """A duty that is ours as it is told to each job, and no more when nothing is left to tell one; `is_over` then."""

    def __init__(self, turns: str) -> None:
        self._turns: defaultdict[object, Iterator[str | None]] = defaultdict(lambda: chain(turns, repeat(None)))
        self.is_over = asyncio.Event()

    async def is_ours(self) -> bool:
        turn = next(self._turns[asyncio.current_task()])
        if turn is None:
            self.is_over.set()
        return turn == "o"


class Ticks(CollectService):
    """A collection that notes what it is told."""

    def __init__(self) -> None:
        self.passed: list[float] = []

    async def is_due(self, every: float, running: float) -> bool:
        return every < 0 < running

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


class Failing(Ticks):
    """A collection that is always due, and fails."""

    def __init__(self) -> None:
        super().__init__()
        self.tries = 0

    async def is_due(self, every: float, running: float) -> bool:
        return every == 0 < running

    async def collect(self, caller: Caller | None = None) -> Collected:
        self.tries += 1
        raise OSError(caller)


async def test_a_collection_that_failed_waits_before_it_is_tried_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(jobs, "LOOK_EVERY", 0.001)
    duty, collect, failures = Turns("o" * 20), Failing(), list[Exception]()
    running = asyncio.create_task(Runner(collect, 3600, 0, lambda _: None, failures.append, duty).run())
    await duty.is_over.wait()
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    assert (collect.tries, len(failures)) == (1, 1)
