"""How clean-up stands, for administrators, and asking for it: whoever runs the jobs does it (collect.py)."""

import time
from collections.abc import Callable

from moorage.domain.access import Action, Caller
from moorage.domain.activity import Change, Kind
from moorage.services.access import Access
from moorage.services.cleanup_ports import Cleanups
from moorage.services.recording import recorded
from moorage.services.storage_records import Cleaning, OnlyHere


class CleanupService:
    """The use cases of looking at clean-up; `every` is the seconds between its runs, 0 for none by itself."""

    def __init__(
        self, cleanups: Cleanups, every: float, access: Access, clock: Callable[[], float] = time.time
    ) -> None:
        self._cleanups = cleanups
        self._every = every
        self._access = access
        self._clock = clock

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
        """Return what each registry alone has in use; None where that was not added up yet."""
        self._access.check_server(caller, Action.ADMINISTER_SERVER)
        return await self._cleanups.only_here()

    async def ended_at(self) -> float | None:
        """Return when the last run ended, for the server itself."""
        _, last = await self._cleanups.latest()
        return None if last is None else last.ended_at
