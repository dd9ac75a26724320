"""The job of verification, and its numbers."""

import time
from collections.abc import Callable

from moorage.services.verify import VerifyService
from moorage.services.verify_reading import Found
from moorage.services.verify_records import Verification

LOOK_SECONDS = 5.0
"""How often is looked whether there is something to read; whoever asks for a round waits no longer."""

WATCH_SECONDS = 15.0


class Verifier:
    """Goes on with the round, and tells of what was found damaged."""

    def __init__(self, verify: VerifyService, found: Callable[[Found], None]) -> None:
        self._verify = verify
        self._found = found
        self._worked = time.monotonic()

    async def work(self) -> None:
        """Do what is due by the time that has passed since the last time."""
        before, self._worked = self._worked, time.monotonic()
        for found in await self._verify.work(self._worked - before):
            self._found(found)


class Watcher:
    """Tells the numbers of verification, whoever is at it, and what this process has read."""

    def __init__(self, verify: VerifyService, tell: Callable[[Verification, int], None]) -> None:
        self._verify = verify
        self._tell = tell
        self._told = 0

    async def watch(self) -> None:
        """Tell them, with the bytes read since the last time."""
        read = self._verify.read_bytes
        self._tell(await self._verify.state(), read - self._told)
        self._told = read
