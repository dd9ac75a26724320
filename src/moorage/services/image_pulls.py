"""When images were last pulled, and by whom: noted in memory, and written every few seconds; a pull writes nothing.

Rules count in days. So an image that is pulled all the time is written once an hour by each process, not every time;
once a minute where others pull it, too.
"""

import asyncio
import time

from moorage.domain.digest import Digest
from moorage.domain.name import Repository
from moorage.services.retention_ports import ImagePulls
from moorage.services.retention_records import Pulled

EVERY = 3600.0
"""Seconds within which an image is not written again."""

OTHERS = 60.0
"""Likewise, where somebody else has pulled it."""

ROOM = 100_000
"""Images that are remembered; what a database that is gone for long can't take beyond that is lost."""

Key = tuple[Repository, Digest]


class ImagePullService:
    """Notes pulls until they are written."""

    def __init__(self, pulls: ImagePulls) -> None:
        self._pulls = pulls
        self._waiting: dict[Key, str] = {}
        self._written: dict[Key, tuple[float, str]] = {}

    def note(self, repository: Repository, digest: Digest, by: str) -> None:
        """Note that somebody pulled an image; an empty name is of who is not signed in."""
        key = (repository, digest)
        at, last = self._written.get(key, (None, ""))
        is_known = at is not None and time.monotonic() - at <= (EVERY if by == last else OTHERS)
        if not is_known and (len(self._waiting) < ROOM or key in self._waiting):
            self._waiting[key] = by

    async def flush(self) -> None:
        """Write what was noted; what can't be written is kept for the next time, and the error raised."""
        if not self._waiting:
            return
        waiting, self._waiting = self._waiting, {}
        pulled = tuple(Pulled(*key, by) for key, by in waiting.items())
        writing = asyncio.create_task(self._pulls.append(pulled, time.time()))
        try:
            await asyncio.shield(writing)
        except BaseException:
            # Writing it twice does no harm.
            self._waiting = {**waiting, **self._waiting}
            raise
        if len(self._written) + len(waiting) > ROOM:
            self._written.clear()
        now = time.monotonic()
        self._written |= {key: (now, by) for key, by in waiting.items()}
