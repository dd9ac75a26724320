"""The job of every process: what it has counted is written every few seconds, and when it ends."""

import asyncio
from collections.abc import Callable

from moorage.services.activity import ActivityService

SECONDS = 5
"""What a crash may lose of pulls, refusals and sign-ins that open no session."""


class Flusher:
    """Flushes until it is cancelled; a flush that fails is reported, and what it should have written comes next."""

    def __init__(
        self, activity: ActivityService, failed: Callable[[Exception], None], seconds: float = SECONDS
    ) -> None:
        self._activity = activity
        self._failed = failed
        self._seconds = seconds

    async def run(self) -> None:
        """Flush every few seconds."""
        while True:
            await asyncio.sleep(self._seconds)
            await self.end()

    async def end(self) -> None:
        """Flush now."""
        try:
            await self._activity.flush()
        except Exception as error:  # noqa: BLE001  counting must end nothing else
            self._failed(error)
