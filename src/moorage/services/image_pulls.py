"""When images were last pulled: noted in memory, and written every few seconds, so that a pull writes nothing.

Rules count in days. So an image that is pulled all the time is written once an hour by each process, not every time.
"""

import asyncio
import time

from moorage.domain.digest import Digest
from moorage.domain.name import Repository
from moorage.services.retention_ports import ImagePulls

EVERY = 3600.0
"""Seconds within which an image is not written again."""

ROOM = 100_000
"""Images that are remembered; what a database that is gone for long can't take beyond that is lost."""


class ImagePullService:
    """Notes pulls until they are written."""

    def __init__(self, pulls: ImagePulls) -> None:
        self._pulls = pulls
        self._waiting: dict[tuple[Repository, Digest], None] = {}
        self._written: dict[tuple[Repository, Digest], float] = {}

    def note(self, repository: Repository, digest: Digest) -> None:
        """Note that an image was pulled."""
        key = (repository, digest)
        written = self._written.get(key)
        if (written is None or time.monotonic() - written > EVERY) and len(self._waiting) < ROOM:
            self._waiting[key] = None

    async def flush(self) -> None:
        """Write what was noted; what can't be written is kept for the next time, and the error raised."""
        if not self._waiting:
            return
        waiting, self._waiting = self._waiting, {}
        writing = asyncio.create_task(self._pulls.append(tuple(waiting), time.time()))
        try:
            await asyncio.shield(writing)
        except BaseException:
            # Writing it twice does no harm.
            self._waiting = {**waiting, **self._waiting}
            raise
        if len(self._written) + len(waiting) > ROOM:
            self._written.clear()
        self._written |= dict.fromkeys(waiting, time.monotonic())
