"""The jobs: the leases' clock, the trash, the collection, and what else there is to do again and again.

One process runs them, of all servers on one database.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from typing import NamedTuple

from moorage.services.collect import CollectService
from moorage.services.ports import Duty
from moorage.services.storage_records import Collected

EMPTY_EVERY = 20.0
"""Seconds: what has had its time in the trash, or is to go now, is off the disk within a minute."""

LOOK_EVERY = 5.0
"""Seconds: whoever asks for a collection waits no longer."""

RETRY_EVERY = 60.0
"""Seconds before a collection that failed is tried again: what is broken is seldom mended in less."""


class Job(NamedTuple):
    """What is done again and again, after so many seconds."""

    every: float
    run: Callable[[], Awaitable[object]]


class Runner:
    """Runs the jobs until it is cancelled; times in seconds, `collect_every` 0 for never."""

    def __init__(
        self,
        collect: CollectService,
        tick_every: float,
        collect_every: float,
        collected: Callable[[Collected], None],
        failed: Callable[[Exception], None],
        duty: Duty,
        more: Sequence[Job] = (),
    ) -> None:
        self._duty = duty
        self._more = more
        self._collect = collect
        self._tick_every = tick_every
        self._collect_every = collect_every
        self._collected = collected
        self._failed = failed
        self._began = time.monotonic()
        self._not_before = self._began

    async def run(self) -> None:
        """Run every job at its interval; one that fails is reported and runs again the next time."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._every(self._tick_every, self._tick))
            group.create_task(self._every(min(LOOK_EVERY, self._collect_every or LOOK_EVERY), self._collect_if_due))
            if self._collect_every:
                group.create_task(self._every(min(EMPTY_EVERY, self._collect_every), self._empty))
            for job in self._more:
                group.create_task(self._every(job.every, _untimed(job)))

    async def _every(self, seconds: float, job: Callable[[float], Awaitable[None]]) -> None:
        last = time.monotonic() if await self._duty.is_ours() else None
        while True:
            await asyncio.sleep(seconds)
            now = time.monotonic()
            if not await self._duty.is_ours():
                last = None
                continue
            try:
                # Another one counted up to now: what it may have counted is not counted twice.
                await job(0.0 if last is None else now - last)
            except Exception as error:  # noqa: BLE001  a job's failure must not end the others
                self._failed(error)
            last = now

    async def _tick(self, passed: float) -> None:
        await self._collect.tick(passed)

    async def _empty(self, _passed: float) -> None:
        if await self._collect.empty_trash():
            self._collected(await self._collect.collect())

    async def _collect_if_due(self, _passed: float) -> None:
        now = time.monotonic()
        if now < self._not_before or not await self._collect.is_due(self._collect_every, now - self._began):
            return
        self._not_before = now + min(RETRY_EVERY, self._collect_every or RETRY_EVERY)
        self._collected(await self._collect.collect())
        self._not_before = now


def _untimed(job: Job) -> Callable[[float], Awaitable[None]]:
    async def run(_passed: float) -> None:
        await job.run()

    return run
