"""The room that is left where blobs are kept, as it was some seconds ago: nobody waits for a disk that hangs."""

import asyncio
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass

from moorage.domain.access import Action, Caller
from moorage.domain.room import Room
from moorage.services.access import Access

FRESH = 10.0
"""Seconds for which an answer is as good as a new one."""

OLDEST = 60.0
"""Seconds after which an answer says nothing any more."""

PATIENCE = 1.0
"""Seconds that somebody who asks waits for a new one."""

LOOK_SECONDS = 0.01


@dataclass(frozen=True, slots=True)
class Place:
    """Where blobs are kept; `room` is None in a bucket, and where the disk does not answer."""

    name: str
    is_bucket: bool
    room: Room | None


class DiskService:
    """The use cases of the place where blobs are. `measure` may take long; None is a place without a known limit."""

    def __init__(
        self,
        name: str,
        measure: Callable[[], Room] | None,
        access: Access,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._name = name
        self._measure = measure
        self._access = access
        self._clock = clock
        self._found: tuple[Room, float] | None = None
        self._measuring: threading.Thread | None = None

    def last(self) -> Room | None:
        """Return what was found last, at once; a new look begins where that is some seconds ago."""
        if self._measure is None:
            return None
        if not self._is_within(FRESH) and (self._measuring is None or not self._measuring.is_alive()):
            # A daemon: one that hangs for ever must not keep the server from ending.
            self._measuring = threading.Thread(target=self._look, args=(self._measure,), name="disk", daemon=True)
            self._measuring.start()
        return self._found[0] if self._found is not None and self._is_within(OLDEST) else None

    async def room(self) -> Room | None:
        """Return it after a new look, if that comes soon."""
        found, until = self.last(), self._clock() + PATIENCE
        while self._measuring is not None and self._measuring.is_alive() and self._clock() < until:
            await asyncio.sleep(LOOK_SECONDS)
            found = self.last()
        return self.last() or found

    async def place(self, caller: Caller) -> Place:
        """Say where blobs are and what room is left there, to administrators."""
        self._access.check_server(caller, Action.ADMINISTER_SERVER)
        return Place(self._name, self._measure is None, await self.room())

    def _is_within(self, seconds: float) -> bool:
        return self._found is not None and self._clock() - self._found[1] < seconds

    def _look(self, measure: Callable[[], Room]) -> None:
        # A disk that gives an error is one that does not answer.
        with suppress(OSError):
            self._found = measure(), self._clock()
