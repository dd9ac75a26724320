"""What is done once a day, at a time of the day."""

import time
from collections.abc import Awaitable, Callable

DAY = 86_400
LOOK_EVERY = 60.0
"""Seconds after which it is looked whether the time has come."""


class Daily:
    """Runs something when its time has passed and it has not run since, as after a night that no server saw.

    `minutes` are those after midnight, in UTC; `ran_at` tells when it last began, in Unix seconds.
    """

    def __init__(
        self,
        minutes: int,
        ran_at: Callable[[], Awaitable[float]],
        run: Callable[[], Awaitable[object]],
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._minutes = minutes
        self._ran_at = ran_at
        self._run = run
        self._clock = clock

    async def look(self) -> None:
        """Run if it is time."""
        since_midnight = self._minutes * 60
        last = (self._clock() - since_midnight) // DAY * DAY + since_midnight
        if await self._ran_at() < last:
            await self._run()
