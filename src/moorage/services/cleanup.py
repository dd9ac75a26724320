"""How clean-up stands, for administrators, and asking for it: whoever runs the jobs does it (collect.py)."""

import asyncio
import time
from collections.abc import Callable
from contextvars import Context

from moorage.domain.access import Action, Caller
from moorage.domain.activity import Change, Kind
from moorage.services.access import Access
from moorage.services.cleanup_ports import Cleanups
from moorage.services.recording import recorded
from moorage.services.storage_records import Cleaning, OnlyHere

PATIENCE = 1.0
"""Seconds that somebody waits for what is added up anew; then they are told what was, and when."""

ADD_UP_EVERY = 60.0
"""Seconds: what takes a look at every blob is done no more often, and only while somebody wants to know."""


class CleanupService:
    """The use cases of looking at clean-up; `every` is the seconds between its runs, 0 for none by itself."""

    def __init__(
        self, cleanups: Cleanups, every: float, access: Access, clock: Callable[[], float] = time.time
    ) -> None:
        self._cleanups = cleanups
        self._every = every
        self._access = access
        self._clock = clock
        self._adding: asyncio.Task[None] | None = None

    async def ask(self, caller: Caller) -> None:
        """Ask for a run; it begins within seconds."""
        self._access.check_server(caller, Action.ADMINISTER_SERVER)
        with recorded(caller, Change(Kind.COLLECT, "storage")):
            await self._cleanups.ask(caller.name, self._clock())

    async def state(self, caller: Caller) -> Cleaning:
        """Return how it stands."""
        self._access.check_server(caller, Action.ADMINISTER_SERVER)
        asked, last = await self._cleanups.latest()
        next_at = None if last is None or not self._every else max(last.started_at + self._every, self._clock())
        return Cleaning(asked, last, self._every, next_at, await self._cleanups.unfinished())

    async def only_here(self, caller: Caller) -> OnlyHere | None:
        """Return what each registry alone has in use, added up anew if need be; None where that still goes on."""
        self._access.check_server(caller, Action.ADMINISTER_SERVER)
        if self._adding is None or self._adding.done():
            # In nobody's name: it goes on when nobody waits for it any more.
            self._adding = asyncio.create_task(self._cleanups.add_up(self._clock(), ADD_UP_EVERY), context=Context())
        done, _ = await asyncio.wait([self._adding], timeout=PATIENCE)
        for task in done:
            task.result()
        return await self._cleanups.only_here()

    async def ended_at(self) -> float | None:
        """Return when the last run ended, for the server itself."""
        _, last = await self._cleanups.latest()
        return None if last is None else last.ended_at
